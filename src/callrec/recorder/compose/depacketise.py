"""From the packets of one SSRC, in any order, to whole frames (VP8) and packets of sound (Opus) in order."""

from typing import NamedTuple

from callrec.recorder.compose.colour import FILM, ColourSpace, parse_colour_space
from callrec.recorder.compose.payload import parse_vp8
from callrec.recorder.folder.rtp import RtpPacket, Unwrapper, extension_element


class Unit(NamedTuple):
    """A whole VP8 frame or one Opus packet. ``timestamp`` is in RTP ticks and does not wrap."""

    timestamp: int
    data: bytes
    keyframe: bool
    follows_loss: bool
    """Something that was sent right before it never arrived."""
    colour: ColourSpace = FILM


class Reorder:
    """Collects packets and releases units in the order of their timestamps.

    Of video only whole frames are released, and after a loss none before the next keyframe: what is released
    can always be decoded.
    """

    def __init__(self, *, video: bool, colour_id: int | None = None) -> None:
        """*colour_id*: of the header extension that tells the colour space, if it was agreed on."""
        self._video = video
        self._colour_id = colour_id
        self._colour = FILM
        self._sequence = Unwrapper(16)
        self._timestamp = Unwrapper(32)
        self._waiting: dict[int, dict[int, RtpPacket]] = {}
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
        if self._released_to is None or timestamp >= self._released_to:
            self._waiting.setdefault(timestamp, {}).setdefault(sequence, packet)
        return timestamp

    def unwrap_timestamp(self, timestamp: int) -> int:
        """Return *timestamp* (of a sender report) as it stands among the packets'."""
        return self._timestamp.near(timestamp)

    def release(self, before_timestamp: float) -> list[Unit]:
        """Return what lies before *before_timestamp*; what comes later and belongs before it is dropped."""
        due = sorted(t for t in self._waiting if t < before_timestamp)
        units = []
        for timestamp in due:
            group = self._waiting.pop(timestamp)
            unit = self._frame(timestamp, group) if self._video else self._sound(timestamp, group)
            if unit is not None:
                units.append(unit)
        if due:
            self._released_to = due[-1] + 1
        return units

    def _sound(self, timestamp: int, group: dict[int, RtpPacket]) -> Unit | None:
        sequence = min(group)
        payload = group[sequence].payload
        follows_loss = self._next_sequence is not None and sequence != self._next_sequence
        self._next_sequence = max(group) + 1
        return Unit(timestamp, payload, True, follows_loss) if payload else None

    def _frame(self, timestamp: int, group: dict[int, RtpPacket]) -> Unit | None:
        first, last = min(group), max(group)
        follows_loss = self._next_sequence is not None and first != self._next_sequence
        self._next_sequence = last + 1
        whole = last - first + 1 == len(group)
        if follows_loss or not whole:
            self._broken = True
        # Packets of padding only carry the timestamp of the frame before them and count as received.
        pieces = [packet for _, packet in sorted(group.items()) if packet.payload]
        if not pieces or not whole:
            return None
        parsed = [parse_vp8(piece.payload) for piece in pieces]
        head = parsed[0]
        if head is None or not head.begins_frame or not pieces[-1].marker:
            self._broken = True
            return None
        if self._broken and not head.keyframe:
            return None
        self._broken = False
        data = b"".join(piece.data for piece in parsed if piece is not None)
        self._colour = self._told_colour(pieces[-1], keyframe=head.keyframe)
        return Unit(timestamp, data, head.keyframe, follows_loss, self._colour)

    def _told_colour(self, last_piece: RtpPacket, *, keyframe: bool) -> ColourSpace:
        """Return a frame's colour space. It is told with keyframes and changes, and holds until told anew."""
        if self._colour_id is None:
            return FILM
        told = extension_element(last_piece.extension, self._colour_id)
        if told is not None:
            return parse_colour_space(told)
        return FILM if keyframe else self._colour
