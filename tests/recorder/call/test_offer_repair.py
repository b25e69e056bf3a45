"""Offers with dead sections, as media servers and odd clients send them, and what aiortc makes of them."""

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from callrec.recorder.call.offer_repair import without_dead_sections

KNOWN = {"audio": {"opus"}, "video": {"vp8"}}


async def an_offer() -> str:
    sender = RTCPeerConnection()
    try:
        for kind in ("audio", "video"):
            sender.addTransceiver(kind, direction="sendonly")
        await sender.setLocalDescription(await sender.createOffer())
        return sender.localDescription.sdp
    finally:
        await sender.close()


def rejected(sdp: str) -> str:
    """Return the offer as a media server forwards it that could not take the camera's codec."""
    head, video = sdp.split("m=video ")
    kept = [
        line
        for line in video.split("\r\n")[1:]
        if not line.startswith(("a=ice-", "a=fingerprint", "a=setup", "a=candidate", "a=end-of"))
    ]
    bundle = head.replace("BUNDLE 0 1", "BUNDLE 0")
    return bundle + "m=video 0 UDP/TLS/RTP/SAVPF 97\r\n" + "\r\n".join(kept)


def foreign(sdp: str) -> str:
    """Return the offer with a camera in codecs of which nobody has heard."""
    head, video = sdp.split("m=video ")
    lines = [line for line in video.split("\r\n") if not line.startswith(("a=rtpmap", "a=fmtp", "a=rtcp-fb"))]
    lines[0] = "9 UDP/TLS/RTP/SAVPF 98"
    lines.insert(1, "a=rtpmap:98 FILM/90000")
    return head + "m=video " + "\r\n".join(lines)


async def test_a_whole_offer_stays_as_it_is() -> None:
    sdp = await an_offer()
    assert without_dead_sections(sdp, KNOWN) == sdp


@pytest.mark.parametrize("spoil", [rejected, foreign])
async def test_the_living_sections_are_answered(spoil) -> None:  # type: ignore[no-untyped-def]
    sdp = spoil(await an_offer())
    receiver = RTCPeerConnection()
    try:
        with pytest.raises(Exception):  # noqa: B017 - whatever it is: the repair is needed
            await receiver.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
    finally:
        await receiver.close()
    receiver = RTCPeerConnection()
    try:
        repaired = without_dead_sections(sdp, KNOWN)
        await receiver.setRemoteDescription(RTCSessionDescription(repaired, "offer"))
        await receiver.setLocalDescription(await receiver.createAnswer())
        answer = receiver.localDescription.sdp
        assert answer.count("m=") == 2 and "a=inactive" in answer.split("m=video")[1]
        assert "a=recvonly" in answer.split("m=video")[0]
    finally:
        await receiver.close()


@pytest.mark.parametrize("sdp", ["", "v=0", "m=", "m=video 0 x\nm=audio 0 y", "m=video 0 RTP 96\r\n"])
def test_nonsense_is_left_to_the_parser(sdp: str) -> None:
    assert without_dead_sections(sdp, KNOWN) == sdp
