"""A manifest, a track and a folder as tests need them."""

from pathlib import Path

from callrec import clock
from callrec.recorder.folder.manifest import ActorName, Anchor, Manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.track import PayloadType, Track

ANCHOR = Anchor(wall_s=1_790_000_000.25, monotonic_ns=clock.monotonic_ns(), boot_id=clock.boot_id())

MANIFEST = Manifest(
    recording_id="20260922T120000-00000001",
    backend="https://talk.example",
    token="k3x9p2aa",
    video=True,
    owner="mira",
    actor=ActorName("users", "mira"),
    file_name="Recording 2026-09-22 12-00-00.mp4",
    anchor=ANCHOR,
)


def track(number: int = 0, participant: str = "users/mira") -> Track:
    """Return a camera track: VP8 as 96, its RTX as 97."""
    return Track(
        number=number,
        participant=participant,
        source="camera",
        session="session-1",
        mid="1",
        payload_types={
            96: PayloadType("vp8", 90_000),
            97: PayloadType("rtx", 90_000, apt=96),
        },
        extensions={3: "urn:ietf:params:rtp-hdrext:sdes:mid"},
        ssrcs=[0x11223344],
        rtx_ssrcs={0x55667788: 0x11223344},
    )


def folder(root: Path) -> FolderPaths:
    """Create an empty recording folder."""
    paths = FolderPaths(root)
    paths.create()
    return paths


def rtp(
    sequence: int, payload: bytes = b"payload", *, payload_type: int = 96, ssrc: int = 0x11223344
) -> bytes:
    """Return an RTP packet (RFC 3550 section 5.1)."""
    header = bytes([0x80, payload_type]) + sequence.to_bytes(2, "big") + (sequence * 3000).to_bytes(4, "big")
    return header + ssrc.to_bytes(4, "big") + payload


def sender_report(ssrc: int = 0x11223344) -> bytes:
    """Return an RTCP sender report without report blocks (RFC 3550 section 6.4.1)."""
    return bytes([0x80, 200, 0, 6]) + ssrc.to_bytes(4, "big") + bytes(20)
