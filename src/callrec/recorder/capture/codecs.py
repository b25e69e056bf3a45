"""Which of the codecs that somebody offers are captured: those that composition can read. Pure.

Redundant audio (RFC 2198) goes before plain Opus: audio is not retransmitted, and each packet then carries
the one before it, too, for twice the bitrate. Browsers send it only to who puts it first. Our own offers do
not have it.
"""

import copy
import dataclasses

from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import ParametersDict, RTCRtcpFeedback, RTCRtpCodecParameters

RTX = "rtx"
RED = "audio/red"

_VIDEO: tuple[tuple[str, ParametersDict], ...] = (
    ("VP8", {}),
    ("H264", {"level-asymmetry-allowed": "1", "packetization-mode": "1", "profile-level-id": "42e01f"}),
    ("H264", {"level-asymmetry-allowed": "1", "packetization-mode": "1", "profile-level-id": "42001f"}),
    ("VP9", {"profile-id": "0"}),
    ("AV1", {"profile": "0"}),
)
"""What is liked best comes first: senders use the first codec of an answer that they can."""
_FIRST_PAYLOAD_TYPE = 97
_FEEDBACK = (("nack", ""), ("nack", "pli"), ("goog-remb", ""))
_DYNAMIC_PAYLOAD_TYPES = frozenset([*range(35, 64), *range(96, 128)])
"""Browsers have used up those from 96 on (RFC 3551 section 3); 64 to 95 may look like RTCP (RFC 5761)."""


def own_codecs() -> dict[str, list[RTCRtpCodecParameters]]:
    """Return the codecs of our own offers per kind of media, in the order of our liking."""
    video: list[RTCRtpCodecParameters] = []
    for number, (name, parameters) in enumerate(_VIDEO):
        payload_type = _FIRST_PAYLOAD_TYPE + 2 * number
        feedback = [RTCRtcpFeedback(kind, parameter or None) for kind, parameter in _FEEDBACK]
        video += [
            RTCRtpCodecParameters(f"video/{name}", 90_000, None, payload_type, feedback, dict(parameters)),
            RTCRtpCodecParameters(
                f"video/{RTX}", 90_000, None, payload_type + 1, parameters={"apt": payload_type}
            ),
        ]
    return {"video": video, "audio": [RTCRtpCodecParameters("audio/opus", 48_000, 2, 96)]}


def agreed_codecs(
    own: list[RTCRtpCodecParameters], offered: list[RTCRtpCodecParameters]
) -> list[RTCRtpCodecParameters]:
    """Return those of the *offered* that are among our *own*, as offered, each followed by its RTX.

    What an answer repeats, its sender may send at any time: profiles and packetisation stay as offered.
    """
    agreed: dict[int, tuple[tuple[int, bool], RTCRtpCodecParameters]] = {}
    for codec in offered:
        rank = next((i for i, mine in enumerate(own) if _same(mine, codec)), None)
        payload_type = codec.payloadType
        if rank is None or payload_type not in _DYNAMIC_PAYLOAD_TYPES or payload_type in agreed:
            continue
        assert payload_type is not None, "it is one of the dynamic ones"
        if _readable(codec):
            agreed[payload_type] = (rank, _packetisation(codec) != "1"), _answer(own[rank], codec)
    result = []
    for _, codec in sorted(agreed.values(), key=lambda ranked: ranked[0]):
        result += [codec, *_repairing(codec, offered, {*agreed})]
    redundant = [codec for codec in offered if _repeats(codec, {*agreed})]
    return [*(dataclasses.replace(codec, rtcpFeedback=[]) for codec in redundant[:1]), *result]


def _repairing(
    codec: RTCRtpCodecParameters, offered: list[RTCRtpCodecParameters], taken: set[int]
) -> list[RTCRtpCodecParameters]:
    """Return the RTX of *codec*, if there is one."""
    free = _DYNAMIC_PAYLOAD_TYPES - taken
    found = (
        copy.deepcopy(repair)
        for repair in offered
        if is_rtx(repair)
        and repair.parameters.get("apt") == codec.payloadType
        and repair.clockRate == codec.clockRate
        and repair.payloadType in free
    )
    return list(found)[:1]


def _repeats(codec: RTCRtpCodecParameters, taken: set[int]) -> bool:
    """Tell whether *codec* is redundant audio of what is taken."""
    if codec.mimeType.lower() != RED or codec.payloadType not in _DYNAMIC_PAYLOAD_TYPES - taken:
        return False
    repeated = {number for key in codec.parameters for number in key.strip().split("/")}
    return bool(repeated) and repeated <= {str(number) for number in taken}


def _same(mine: RTCRtpCodecParameters, offered: RTCRtpCodecParameters) -> bool:
    same_name = mine.mimeType.lower() == offered.mimeType.lower()
    return same_name and mine.clockRate == offered.clockRate and not is_rtx(mine)


def _readable(codec: RTCRtpCodecParameters) -> bool:
    if codec.name.lower() == "h264":
        return _packetisation(codec) in ("0", "1")  # 2 sends NAL units in another order
    if codec.name.lower() == "vp9":
        return _told(codec).get("profile-id", "0") == "0"
    return True


def _packetisation(codec: RTCRtpCodecParameters) -> str:
    return _told(codec).get("packetization-mode", "0")


def _told(codec: RTCRtpCodecParameters) -> dict[str, str]:
    return {key.strip(): str(value) for key, value in codec.parameters.items()}


def _answer(mine: RTCRtpCodecParameters, offered: RTCRtpCodecParameters) -> RTCRtpCodecParameters:
    answer = copy.deepcopy(mine)
    answer.payloadType = offered.payloadType
    answer.rtcpFeedback = [feedback for feedback in mine.rtcpFeedback if feedback in offered.rtcpFeedback]
    if answer.mimeType.startswith("video"):
        # Of Opus nothing is repeated: a receiver says by it what it wants sent (RFC 7587 section 7), and
        # in-band FEC costs quality that our decoder cannot bring back.
        answer.parameters = dict(offered.parameters)
    return answer
