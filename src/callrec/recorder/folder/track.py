"""``track.json``: what one track's packets are, as negotiated in its session description."""

from pathlib import Path
from typing import Literal

import msgspec

from callrec.errors import FolderDamaged
from callrec.recorder.folder.durable import replace_file, sync_directory
from callrec.recorder.folder.small_file import read_small_file

Source = Literal["microphone", "camera", "screen", "screen_audio"]

COLOUR_SPACE_URI = "http://www.webrtc.org/experiments/rtp-hdrext/color-space"
"""The RTP header extension of a picture's colour space. Composition reads it from the log; senders put
it in only where capture agreed on it."""


class PayloadType(msgspec.Struct, frozen=True, omit_defaults=True):
    """One RTP payload type: ``apt`` names the payload type that an RTX (RFC 4588) one retransmits."""

    codec: str
    """Encoding name in lower case: ``opus``, ``vp8``, ``rtx`` …"""
    clock_rate_hz: int
    channels: int = 1
    fmtp: dict[str, str] = {}
    apt: int | None = None


class Track(msgspec.Struct, frozen=True, omit_defaults=True):
    """One media section of one peer connection: everything that arrives for it is one track."""

    number: int
    participant: str
    """Stable key of the person: ``users/<id>``, ``guests/<id>``, or ``session/<id>`` while unknown.

    A later ``track`` event of the timeline overrules it.
    """
    source: Source
    session: str
    mid: str
    payload_types: dict[int, PayloadType]
    extensions: dict[int, str] = {}
    """RTP header extension id to its URI."""
    ssrcs: list[int] = []
    """Media SSRCs that the session description names; others may follow."""
    rtx_ssrcs: dict[int, int] = {}
    """RTX SSRC to the media SSRC that it repairs."""

    @property
    def kind(self) -> Literal["audio", "video"]:
        """Audio or video."""
        return "audio" if self.source in ("microphone", "screen_audio") else "video"

    def covers(self, later: "Track") -> bool:
        """Tell whether this description holds for all that comes by *later*, of the same media section."""
        same_place = (self.source, self.session, self.mid) == (later.source, later.session, later.mid)
        return (
            same_place
            and self.payload_types.items() >= later.payload_types.items()
            and self.extensions.items() >= later.extensions.items()
            and self.rtx_ssrcs.items() >= later.rtx_ssrcs.items()
        )


def create_track(directory: Path, track: Track) -> None:
    """Write ``track.json`` into the new *directory* durably.

    Raises FileExistsError when it is there, FileNotFoundError when the recording folder is not.
    """
    directory.parent.mkdir(exist_ok=True)
    directory.mkdir()
    replace_file(directory / "track.json", msgspec.json.format(msgspec.json.encode(track), indent=1))
    sync_directory(directory.parent)


def read_track(directory: Path) -> Track:
    """Read ``track.json``.

    Raises:
        FolderDamaged: missing, not of this format, or of another track.
    """
    try:
        track = msgspec.json.decode(read_small_file(directory / "track.json"), type=Track)
    except FolderDamaged as error:
        raise FolderDamaged(f"tracks/{directory.name}/{error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FolderDamaged(f"tracks/{directory.name}/track.json: {error}") from error
    if str(track.number) != directory.name:
        raise FolderDamaged(f"tracks/{directory.name}/track.json: describes track {track.number}")
    return track
