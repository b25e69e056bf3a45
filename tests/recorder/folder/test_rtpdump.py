"""Segments: golden bytes, and what a reader makes of torn ones."""

import ipaddress
import os
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrec.recorder.folder.rtpdump import (
    HEADER_BYTES,
    MAX_PACKET_BYTES,
    Record,
    SegmentWriter,
    read_records,
    torn_tail,
)
from tests.recorder.folder.samples import rtp, sender_report

WALL_S = 1_790_000_000.25
RECORDS = [
    Record(0, False, rtp(1, b"")),
    Record(7, False, rtp(2, b"x" * 90)),
    Record(7, True, sender_report()),
    Record(70_000, False, rtp(3)),
]


def write(path: Path, records: list[Record]) -> bytes:
    writer = SegmentWriter(path, WALL_S)
    for record in records:
        writer.add(record.offset_ms, record.packet, rtcp=record.rtcp)
    writer.close()
    return path.read_bytes()


def read(path: Path, start: int = HEADER_BYTES) -> list[Record]:
    return [record for record, _ in read_records(path, start)]


def test_golden_bytes(tmp_path: Path) -> None:
    content = write(
        tmp_path / "0.rtpdump", [Record(1, False, b"ABCDEFGHIJKL"), Record(258, True, b"\x80\xc9")]
    )
    assert content == (
        b"#!rtpplay1.0 0.0.0.0/9\n"
        + struct.pack("!II", 1_790_000_000, 250_000)
        + b"\x00\x00\x00\x00\x00\x09\x00\x00"
        + b"\x00\x14\x00\x0c\x00\x00\x00\x01ABCDEFGHIJKL"
        + b"\x00\x0a\x00\x00\x00\x00\x01\x02\x80\xc9"  # RTCP: plen 0
    )
    assert len(content) == HEADER_BYTES + 20 + 10


def test_a_segment_is_what_rtptools_and_wireshark_take(tmp_path: Path) -> None:
    """By the format alone: text line, RD_hdr_t, and a RD_packet_t before each packet."""
    content = write(tmp_path / "0.rtpdump", RECORDS)
    line, _, rest = content.partition(b"\n")
    head = re.fullmatch(rb"#!rtpplay1\.0 (\d+(?:\.\d+){3})/(\d+)", line)
    assert head is not None
    seconds, microseconds, address, port, padding = struct.unpack_from("!IIIHH", rest)
    assert seconds + microseconds / 1e6 == WALL_S
    # Both are the source: Wireshark takes no port 0, and other numbers here for another address.
    assert int(head[2]) == port != 0 and padding == 0
    assert ipaddress.IPv4Address(head[1].decode()) == ipaddress.IPv4Address(address)
    position, got = 16, []
    while position < len(rest):
        length, plen, offset_ms = struct.unpack_from("!HHI", rest, position)
        packet = rest[position + 8 : position + length]
        assert len(packet) == length - 8 and plen in (0, length - 8)
        got.append(Record(offset_ms, plen == 0, packet))
        position += length
    assert got == RECORDS


def test_what_keeps_a_segment_from_being_read_on_is_told(tmp_path: Path) -> None:
    path = tmp_path / "0.rtpdump"
    content = write(path, RECORDS)
    assert torn_tail(path, len(content)) is None
    assert torn_tail(path, HEADER_BYTES) is None, "a whole record"
    for torn, reason in (
        (b"\x00", "within its header"),
        (struct.pack("!HHI", 7, 0, 0), "length 7 is shorter"),
        (struct.pack("!HHI", 20, 11, 0) + bytes(12), "length 20 cannot hold a packet of 11"),
        (struct.pack("!HHI", 20, 12, 0) + bytes(11), "20 bytes passes the end"),
    ):
        path.write_bytes(content + torn)
        tail = torn_tail(path, len(content))
        assert tail is not None and (tail.position, tail.size_bytes) == (len(content), len(torn))
        assert reason in tail.reason
    path.write_bytes(content[: HEADER_BYTES - 1])
    assert torn_tail(path, HEADER_BYTES) == (0, "the file ends within its header", HEADER_BYTES - 1)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path / "0.rtpdump", RECORDS)
    assert read(tmp_path / "0.rtpdump") == RECORDS


def test_positions_lead_to_the_next_record(tmp_path: Path) -> None:
    path = tmp_path / "0.rtpdump"
    content = write(path, RECORDS)
    positions = [position for _, position in read_records(path)]
    assert positions[-1] == len(content)
    for number, position in enumerate(positions, start=1):
        assert read(path, position) == RECORDS[number:]


def test_every_torn_tail_gives_the_whole_records_before_it(tmp_path: Path) -> None:
    content = write(tmp_path / "whole", RECORDS)
    ends = [position for _, position in read_records(tmp_path / "whole")]
    path = tmp_path / "torn"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert read(path) == RECORDS[: sum(end <= length for end in ends)], length


@pytest.mark.parametrize(
    "header",
    [
        struct.pack("!HHI", 7, 0, 0),  # shorter than its own header
        struct.pack("!HHI", 0, 0, 0),
        struct.pack("!HHI", 20, 11, 0),  # RTP: length is not plen + 8
        struct.pack("!HHI", 20, 13, 0),
        struct.pack("!HHI", 0xFFFF, 0xFFFF - 8, 0),  # past the end
    ],
)
def test_a_wrong_record_ends_the_segment(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "0.rtpdump"
    content = write(path, RECORDS[:2])
    path.write_bytes(content + header + bytes(100))
    assert read(path) == RECORDS[:2]


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read(tmp_path_factory: pytest.TempPathFactory, garbage: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage.rtpdump"
    path.write_bytes(bytes(HEADER_BYTES) + garbage)
    records = list(read_records(path))
    assert sum(len(record.packet) + 8 for record, _ in records) <= len(garbage)


def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=r"no regular file: .*pipe"):
        read(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    with pytest.raises(OSError, match="symbolic links"):
        read(tmp_path / "link")


def test_a_segment_is_never_appended_to(tmp_path: Path) -> None:
    content = write(tmp_path / "0.rtpdump", RECORDS)
    with pytest.raises(FileExistsError):
        SegmentWriter(tmp_path / "0.rtpdump", WALL_S)
    assert (tmp_path / "0.rtpdump").read_bytes() == content


def test_records_reach_the_kernel_with_flush_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "0.rtpdump"
    writer = SegmentWriter(path, WALL_S)
    writer.add(1, rtp(1))
    assert read(path) == []
    writer.flush()
    assert read(path) == [Record(1, False, rtp(1))]
    writer.close()


def test_the_largest_packet_fits_and_a_larger_one_does_no_harm(tmp_path: Path) -> None:
    largest = Record(1, False, bytes(MAX_PACKET_BYTES))
    write(tmp_path / "0.rtpdump", [largest, Record(2, False, bytes(MAX_PACKET_BYTES + 1)), RECORDS[0]])
    assert read(tmp_path / "0.rtpdump") == [largest, RECORDS[0]]


def test_a_full_disk_keeps_what_was_collected(tmp_path: Path) -> None:
    (tmp_path / "0.rtpdump").symlink_to("/dev/full")  # opened below without "x", which would refuse it
    writer = SegmentWriter(tmp_path / "real.rtpdump", WALL_S)
    writer.add(1, rtp(1))
    real, writer._file = writer._file, (tmp_path / "0.rtpdump").open("wb", buffering=0)
    with pytest.raises(OSError, match="No space left"):
        writer.flush()
    writer._file.close()
    writer._file = real
    writer.close()
    assert read(tmp_path / "real.rtpdump") == [Record(1, False, rtp(1))]
