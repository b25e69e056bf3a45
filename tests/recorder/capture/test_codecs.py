"""Which codecs of an offer are taken, and in which order: on what Chromium offers."""

from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.sdp import SessionDescription

from callrec.recorder.capture.codecs import agreed_codecs, own_codecs

HEAD = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
AUDIO = [
    "111 opus/48000/2 minptime=10;useinbandfec=1",
    "63 red/48000/2 111/111",
    "9 G722/8000",
    "0 PCMU/8000",
    "110 telephone-event/48000",
]
VIDEO = [
    "98 VP9/90000 profile-id=0",
    "99 rtx/90000 apt=98",
    "100 VP9/90000 profile-id=2",
    "101 rtx/90000 apt=100",
    "45 AV1/90000 level-idx=5;profile=0;tier=0",
    "46 rtx/90000 apt=45",
    "104 H264/90000 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f",
    "107 rtx/90000 apt=104",
    "116 H264/90000 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f",
    "117 rtx/90000 apt=116",
    "108 H264/90000 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
    "109 rtx/90000 apt=108",
    "96 VP8/90000",
    "97 rtx/90000 apt=96",
    "49 H265/90000 level-id=93",
    "118 red/90000",
    "119 rtx/90000 apt=118",
    "120 ulpfec/90000",
]
"""Chromium's, in another order: ours is to count."""


def offered(kind: str, codecs: list[str]) -> list[RTCRtpCodecParameters]:
    """Return the codecs of a media section."""
    lines = [f"m={kind} 9 UDP/TLS/RTP/SAVPF " + " ".join(codec.split()[0] for codec in codecs), "a=mid:0"]
    for codec in codecs:
        number, name, *parameters = codec.split(" ", 2)
        feedback = ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"] if kind == "video" else []
        lines += [f"a=rtpmap:{number} {name}", *(f"a=rtcp-fb:{number} {kind}" for kind in feedback)]
        lines += [f"a=fmtp:{number} {told}" for told in parameters]
    (section,) = SessionDescription.parse(HEAD + "\r\n".join(lines) + "\r\n").media
    return section.rtp.codecs


def agreed(kind: str, codecs: list[str]) -> list[int]:
    """Return the payload types that an answer has, in its order."""
    return [codec.payloadType or 0 for codec in agreed_codecs(own_codecs()[kind], offered(kind, codecs))]


def test_all_that_can_be_read_is_taken_each_with_its_retransmissions() -> None:
    vp8, h264_mode_1, h264_mode_0 = [96, 97], [116, 117, 108, 109], [104, 107]
    vp9, av1 = [98, 99], [45, 46]
    assert agreed("video", VIDEO) == vp8 + h264_mode_1 + h264_mode_0 + vp9 + av1


def test_an_answer_repeats_what_was_offered() -> None:
    theirs = {codec.payloadType: codec for codec in offered("video", VIDEO)}
    ours = agreed_codecs(own_codecs()["video"], list(theirs.values()))
    for codec in ours:
        assert codec.parameters == theirs[codec.payloadType].parameters
        told = [(f.type, f.parameter) for f in codec.rtcpFeedback]
        if codec.name != "rtx":
            assert sorted(told, key=str) == [("goog-remb", None), ("nack", "pli"), ("nack", None)]


def test_redundant_sound_comes_first_and_in_band_correction_is_not_asked_for() -> None:
    assert agreed("audio", AUDIO) == [63, 111]
    red, opus = agreed_codecs(own_codecs()["audio"], offered("audio", AUDIO))
    assert (red.parameters, opus.parameters) == ({"111/111": None}, {})


def test_redundant_sound_of_something_else_is_left_out() -> None:
    for red in ("63 red/48000/2 111/0", "63 red/48000/2", "63 red/48000/2 x", "111 red/48000/2 111/111"):
        assert agreed("audio", [AUDIO[0], red]) == [111]
    assert agreed("audio", [AUDIO[1]]) == []


def test_what_cannot_be_read_is_not_taken() -> None:
    for codec in (
        "9 G722/8000",
        "96 VP8/48000",
        "80 VP8/90000",  # its packets with marker look like RTCP
        "100 VP9/90000 profile-id=2",
        "102 H264/90000 packetization-mode=2;profile-level-id=42e01f",
        "49 H265/90000",
        "97 rtx/90000 apt=96",
    ):
        assert agreed("video", [codec]) == []


def test_spaces_in_parameters_do_not_matter() -> None:
    told = "102 H264/90000 profile-level-id=42e01f; packetization-mode=2"
    assert agreed("video", [told, "100 VP9/90000 x=1; profile-id=2"]) == []


def test_payload_types_that_are_used_twice_count_once() -> None:
    assert agreed("video", ["96 VP8/90000", "96 H264/90000 packetization-mode=1", "96 rtx/90000 apt=96"]) == [
        96
    ]
    assert agreed("video", ["96 VP8/90000", "97 rtx/90000 apt=96", "98 rtx/90000 apt=96"]) == [96, 97]


def test_our_own_offer_has_all_codecs_with_numbers_of_their_own() -> None:
    codecs = own_codecs()["video"]
    assert [c.name for c in codecs[::2]] == ["VP8", "H264", "H264", "VP9", "AV1"]
    assert len({c.payloadType for c in codecs}) == len(codecs)
    assert all(c.parameters == {"apt": codecs[2 * i].payloadType} for i, c in enumerate(codecs[1::2]))
    assert agreed_codecs(codecs, codecs) == codecs
