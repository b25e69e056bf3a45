"""Offers with dead sections, as media servers and odd clients send them, and what aiortc makes of them."""

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from callrec.recorder.call.offer_repair import rejecting_dead_sections, without_dead_sections

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
        told = rejecting_dead_sections(answer, sdp, KNOWN)
        assert told.count("m=") == 2 and "\r\nm=video 0 " in told and "\r\nm=audio 9 " not in told
        assert "a=group:BUNDLE 0\r\n" in told  # not more than a browser has offered
        assert told.split("m=video")[0].split("m=audio")[1] == answer.split("m=video")[0].split("m=audio")[1]
    finally:
        await receiver.close()


async def test_a_first_section_that_was_stopped_stays_the_one_whose_transport_carries_all() -> None:
    sdp = await an_offer()
    head, audio, video = sdp.partition("m=audio")[0], "m=audio 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n", ""
    video = "m=video" + sdp.split("m=video")[1]
    repaired = without_dead_sections(head.replace("BUNDLE 0 1", "BUNDLE 1") + audio + video, KNOWN)
    assert "a=group:BUNDLE 0 1\r\n" in repaired


async def test_a_section_that_is_only_bundled_is_alive() -> None:
    sdp = await an_offer()
    head, video = sdp.split("m=video ")
    bundled = head + "m=video 0 " + video.split(" ", 1)[1] + "a=bundle-only\r\n"
    assert without_dead_sections(bundled, KNOWN) == bundled
    assert rejecting_dead_sections(sdp, bundled, KNOWN) == sdp


@pytest.mark.parametrize("sdp", ["", "v=0", "m=", "m=video 0 x\nm=audio 0 y", "m=video 0 RTP 96\r\n"])
def test_nonsense_is_left_to_the_parser(sdp: str) -> None:
    assert without_dead_sections(sdp, KNOWN) == sdp
