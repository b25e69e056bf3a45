"""Which offers change a connection that is there."""

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from callrec.recorder.call.renegotiation import is_renegotiation

HEAD = "v=0\r\na=group:BUNDLE 0 1\r\n"


def section(kind: str, mid: str, ufrag: str = "u", fingerprint: str = "sha-256 AA") -> str:
    credentials = f"a=ice-ufrag:{ufrag}\r\na=ice-pwd:p\r\na=fingerprint:{fingerprint}\r\n"
    return f"m={kind} 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:{mid}\r\n{credentials}"


SOUND, PICTURE = section("audio", "0"), section("video", "1")
REJECTED = "m=audio 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n"
BEFORE = HEAD + SOUND + PICTURE


@pytest.mark.parametrize(
    "offer",
    [
        BEFORE,
        BEFORE + section("video", "2"),
        HEAD + REJECTED + PICTURE,
        HEAD + SOUND + section("video", "1", ufrag="its own, before it was bundled"),
        (HEAD + SOUND + PICTURE).replace("\r\n", "\n"),
    ],
)
def test_the_same_transport_goes_on(offer: str) -> None:
    assert is_renegotiation(BEFORE, offer)


@pytest.mark.parametrize(
    "offer",
    [
        "",
        HEAD + SOUND,
        HEAD + section("audio", "0", ufrag="v") + PICTURE,
        HEAD + section("audio", "0", fingerprint="sha-256 BB") + PICTURE,
        HEAD + SOUND + section("video", "7"),
        HEAD + PICTURE + SOUND,
        HEAD + SOUND.replace("a=ice-ufrag:u\r\n", "") + PICTURE.replace("a=ice-pwd:p\r\n", ""),
    ],
)
def test_another_one_begins_anew(offer: str) -> None:
    assert not is_renegotiation(BEFORE, offer)


def test_without_a_description_before_all_begin_anew() -> None:
    assert not is_renegotiation("", BEFORE) and not is_renegotiation("", "")


def test_credentials_of_the_session_count_for_all_sections() -> None:
    bare = "m=audio 9 x 96\r\na=mid:0\r\n"
    head = HEAD + "a=ice-ufrag:u\r\na=ice-pwd:p\r\na=fingerprint:sha-256 AA\r\n"
    assert is_renegotiation(head + bare, head + bare)
    assert not is_renegotiation(head + bare, head.replace("ufrag:u", "ufrag:v") + bare)


async def test_a_real_offer_on_a_connection_and_one_of_another_connection() -> None:
    sender, receiver, other = (RTCPeerConnection() for _ in range(3))
    try:
        offers = []
        for connection in (sender, sender, other):
            connection.addTransceiver("video", direction="sendonly")
            await connection.setLocalDescription(await connection.createOffer())
            offers.append(connection.localDescription.sdp)
            if len(offers) == 1:
                await receiver.setRemoteDescription(RTCSessionDescription(offers[0], "offer"))
                await receiver.setLocalDescription(await receiver.createAnswer())
                await sender.setRemoteDescription(receiver.localDescription)
        assert is_renegotiation(offers[0], offers[1])
        assert not is_renegotiation(offers[0], offers[2])
    finally:
        for connection in (sender, receiver, other):
            await connection.close()
