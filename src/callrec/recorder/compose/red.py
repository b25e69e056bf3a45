"""Redundant audio (RFC 2198): each packet repeats what the ones before it carried."""

from collections.abc import Iterator

from callrec.recorder.folder.rtp import RtpPacket


def unpack_red(packet: RtpPacket) -> Iterator[RtpPacket]:
    """Yield the packets that *packet* stands for: first its own, then older ones; nothing if it is malformed.

    The older ones' sequence numbers are guessed: senders repeat the packets right before.
    """
    payload, position = packet.payload, 0
    heads: list[tuple[int, int, int]] = []  # payload type, how long ago in ticks, length
    while position < len(payload) and payload[position] & 0x80:
        offset_and_length = int.from_bytes(payload[position + 1 : position + 4], "big")
        heads.append((payload[position] & 0x7F, offset_and_length >> 10, offset_and_length & 0x3FF))
        position += 4
    start = position + 1
    end = start + sum(length for *_, length in heads)
    if end >= len(payload):
        return
    yield packet._replace(payload_type=payload[position] & 0x7F, payload=payload[end:])
    for number, (payload_type, ticks, length) in enumerate(heads):
        if length:
            yield packet._replace(
                payload_type=payload_type,
                sequence=packet.sequence - (len(heads) - number) & 0xFFFF,
                timestamp=packet.timestamp - ticks & 0xFFFFFFFF,
                payload=payload[start : start + length],
            )
        start += length
