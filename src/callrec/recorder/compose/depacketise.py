"""From the packets of one SSRC, in any order, to whole frames and packets of sound in order."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from callrec.recorder.compose.av1 import Av1
from callrec.recorder.compose.colour import ColourSpace, parse_colour_space
from callrec.recorder.compose.h264 import H264
from callrec.recorder.compose.payload import Assembler
from callrec.recorder.compose.vp8 import Vp8
from callrec.recorder.compose.vp9 import Vp9
from callrec.recorder.folder.rtp import RtpPacket, Unwrapper, extension_element

VIDEO_CODECS: Mapping[str, Callable[[], Assembler]] = {"vp8": Vp8, "h264": H264, "vp9": Vp9, "av1": Av1}
"""By name in lower case, as track.json has it."""


class Unit(NamedTuple):
    """A whole frame of video or one packet of sound. ``timestamp`` is in RTP ticks and does not wrap."""

    timestamp: int
    data: bytes
    keyframe: bool
    follows_loss: bool
    """Something that was sent right before it never arrived."""
    codec: str
    colour: ColourSpace | None = None
    """None where nothing was said beside the picture."""


class Reorder:
    """Collects packets and releases units in the order of their timestamps.

    Of video only whole frames are released, and after a loss none before the next keyframe: what is released
    can always be decoded, from keyframe to keyframe. That holds for a change of the codec, too.
    """

    def __init__(self, codecs: Mapping[int, str], *, colour_id: int | None = None) -> None:
        """*codecs*: name for each payload type that is given to ``add``.

        *colour_id*: of the header extension that tells the colour space, if it was agreed on.
        """
        self._codecs = codecs
        self._codec = ""
        self._assembler: Assembler | None = None
        self._colour_id = colour_id
        self._colour: ColourSpace | None = None
        self._sequence = Unwrapper(16)
        self._timestamp = Unwrapper(32)
        self._waiting: dict[int, dict[int, RtpPacket]] = {}
        self._newest: dict[int, RtpPacket] | None = None  # where the packet added last waits
        self._released_to: int | None = None
        self._next_sequence: int | None = None
        self._broken = True  # nothing can be decoded before the first keyframe

    def add(self, packet: RtpPacket, *, retransmitted: bool = False) -> int:
        """Take one packet (duplicates do not matter) and return its timestamp, unwrapped.

        A retransmission never moves the counters on: its numbers are old by nature.
        """
        if retransmitted:
            sequence = self._sequence.near(packet.sequence)
            timestamp = self._timestamp.near(packet.timestamp)
        else:
            sequence, timestamp = self._sequence(packet.sequence), self._timestamp(packet.timestamp)
        group = None
        if self._released_to is None or timestamp >= self._released_to:
            group = self._waiting.setdefault(timestamp, {})
            group.setdefault(sequence, packet)
        if not retransmitted:
            self._newest = group
        return timestamp

    def add_more(self, packet: RtpPacket) -> None:
        """Take one more packet with the timestamp of the one before it, neither retransmitted: quicker."""
        sequence = self._sequence(packet.sequence)
        if self._newest is not None:
            self._newest.setdefault(sequence, packet)

    def unwrap_timestamp(self, timestamp: int) -> int:
        """Return *timestamp* (of a sender report) as it stands among the packets'."""
        return self._timestamp.near(timestamp)

    def waits_before(self, timestamp: float) -> bool:
        """Tell whether anything before *timestamp* was not released yet."""
        return any(waiting < timestamp for waiting in self._waiting)

    def release(self, before_timestamp: float) -> list[Unit]:
        """Return what lies before *before_timestamp*; what comes later and belongs before it is dropped."""
        due = sorted(t for t in self._waiting if t < before_timestamp)
        units = []
        for timestamp in due:
            group = self._waiting.pop(timestamp)
            if group is self._newest:
                self._newest = None
            unit = self._unit(timestamp, group)
            if unit is not None:
                units.append(unit)
        if due:
            self._released_to = due[-1] + 1
        return units

    def _unit(self, timestamp: int, group: dict[int, RtpPacket]) -> Unit | None:
        first = min(group)
        follows_loss = self._next_sequence is not None and first != self._next_sequence
        self._next_sequence = max(group) + 1
        codec = self._codecs[group[first].payload_type]
        if codec != self._codec:
            new = VIDEO_CODECS.get(codec)
            self._codec, self._assembler, self._broken = codec, new() if new else None, True
        if self._assembler is not None:
            return self._frame(timestamp, group, self._assembler, follows_loss=follows_loss)
        payload = group[first].payload
        return Unit(timestamp, payload, True, follows_loss, codec) if payload else None

    def _frame(
        self, timestamp: int, group: dict[int, RtpPacket], assembler: Assembler, *, follows_loss: bool
    ) -> Unit | None:
        # Packets of padding only carry the timestamp of the frame before them and count as received.
        pieces, whole = _up_to_gap(group)
        if not pieces:
            self._broken |= follows_loss or not whole
            return None
        if follows_loss and not assembler.continues(pieces[0].payload):
            self._broken = True
            assembler = self._assembler = VIDEO_CODECS[self._codec]()  # what it remembers may have changed
        cut = not whole or not pieces[-1].marker
        coded = assembler.assemble([piece.payload for piece in pieces], cut=cut)
        if coded is None:
            self._broken = True
            return None
        if not coded.data or (self._broken and not coded.keyframe):
            return None
        self._broken = False
        self._colour = self._told_colour(pieces, keyframe=coded.keyframe)
        return Unit(timestamp, coded.data, coded.keyframe, follows_loss, self._codec, self._colour)

    def _told_colour(self, pieces: list[RtpPacket], *, keyframe: bool) -> ColourSpace | None:
        """Return a frame's colour space. It is told with keyframes and changes, and holds until told anew."""
        if self._colour_id is None:
            return None
        # With the last packet; of a keyframe in several layers that is the last one of the lowest.
        for piece in reversed(pieces) if keyframe else pieces[-1:]:
            told = extension_element(piece.extension, self._colour_id)
            if told is not None:
                return parse_colour_space(told)
        return None if keyframe else self._colour


def _up_to_gap(group: dict[int, RtpPacket]) -> tuple[list[RtpPacket], bool]:
    """Return the packets with payload, in order until one is missing, and whether none is."""
    first = min(group)
    if max(group) - first + 1 == len(group):
        return [piece for _, piece in sorted(group.items()) if piece.payload], True
    pieces: list[RtpPacket] = []
    expected = first
    for sequence, packet in sorted(group.items()):
        if sequence != expected:
            return pieces, False
        expected += 1
        if packet.payload:
            pieces.append(packet)
    return pieces, True
