"""What a track's description says, and of what later ones it already says all."""

from typing import Any

import msgspec
import pytest

from callrec.recorder.folder.track import PayloadType
from tests.recorder.folder.samples import track

VP8, RTX, VP9 = (
    PayloadType("vp8", 90_000),
    PayloadType("rtx", 90_000, apt=96),
    PayloadType("vp9", 90_000, fmtp={"profile-id": "0"}),
)


@pytest.mark.parametrize(
    ("later", "covered"),
    [
        ({}, True),
        ({"number": 7, "participant": "guests/kim", "ssrcs": [5]}, True),
        ({"payload_types": {97: RTX, 96: VP8}}, True),
        ({"payload_types": {96: VP8}}, True),
        ({"payload_types": {96: VP8, 97: RTX, 98: VP9}}, False),
        ({"payload_types": {96: VP9}}, False),
        ({"extensions": {}}, True),
        ({"extensions": {3: "urn:other"}}, False),
        ({"rtx_ssrcs": {}}, True),
        ({"rtx_ssrcs": {6: 5}}, False),
        ({"mid": "2"}, False),
        ({"session": "session-2"}, False),
        ({"source": "screen"}, False),
    ],
)
def test_what_a_description_covers(later: dict[str, Any], covered: bool) -> None:
    assert track().covers(msgspec.structs.replace(track(), **later)) is covered
