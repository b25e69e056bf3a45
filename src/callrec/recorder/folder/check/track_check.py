"""Examines the directory of one track."""

import itertools

from callrec.errors import FolderDamaged
from callrec.recorder.folder.check.entries import Entry, entries, expect, report_unknown
from callrec.recorder.folder.check.findings import Findings, cut
from callrec.recorder.folder.check.packets import PacketCounter
from callrec.recorder.folder.check.report import TrackReport
from callrec.recorder.folder.paths import SEGMENT_SUFFIX, FolderPaths, number_in
from callrec.recorder.folder.rtpdump import HEADER_BYTES, has_header, read_records, torn_tail
from callrec.recorder.folder.track import Track, read_track


def check_track(paths: FolderPaths, number: int, findings: Findings, *, closed: bool) -> TrackReport | None:
    """Return what is in track *number*, None without a track.json that can be read.

    *closed*: capture writes no more, so the newest segment must be whole, too.
    """
    where = f"tracks/{number}"
    found = entries(paths.track(number), where, findings)
    described = "track.json" in found
    if not described:
        size_bytes = sum(entry.size_bytes for entry in found.values())
        findings.add("track_json_missing", where, f"passed over with {size_bytes} bytes in it")
        return None
    if not expect(found, "track.json", "file", f"{where}/track.json", findings):
        return None
    try:
        track = read_track(paths.track(number))
    except FolderDamaged as error:
        findings.add("track_json", f"{where}/track.json", str(error))
        return None
    return _TrackCheck(paths, track, findings).run(found, closed=closed)


class _TrackCheck:
    def __init__(self, paths: FolderPaths, track: Track, findings: Findings) -> None:
        self._paths = paths
        self._findings = findings
        self._where = f"tracks/{track.number}"
        self._packets = PacketCounter(track)
        self._report = TrackReport(
            track.number,
            cut(track.participant),
            track.source,
            sorted({cut(kind.codec) for kind in track.payload_types.values() if kind.codec != "rtx"}),
        )

    def run(self, found: dict[str, Entry], *, closed: bool) -> TrackReport:
        """Read the segments and return the report."""
        indices = self._indices(found)
        self._report.segments = len(indices)
        for index in indices:
            try:
                self._segment(index, may_grow=index == indices[-1] and not closed)
            except OSError as error:
                self._findings.add("unreadable", self._name(index), str(error.strerror), fatal=True)
        report_unknown(found, f"{self._where}/", self._findings)
        self._sum_up()
        return self._report

    def _name(self, index: int) -> str:
        return f"{self._where}/{index}{SEGMENT_SUFFIX}"

    def _indices(self, found: dict[str, Entry]) -> list[int]:
        """Return the numbers of the segments that can be read; take all segments out of *found*."""
        names = {
            index: name
            for name in found
            if name.endswith(SEGMENT_SUFFIX)
            and (index := number_in(name.removesuffix(SEGMENT_SUFFIX))) is not None
        }
        for before, after in itertools.pairwise([-1, *sorted(names)]):
            if after - before > 1:
                text = f"{after - before - 1} missing, passed over"
                self._findings.add("segment_missing", self._name(before + 1), text)
        return [
            index
            for index in sorted(names)
            if expect(found, names[index], "file", self._name(index), self._findings)
        ]

    def _segment(self, index: int, *, may_grow: bool) -> None:
        path, name, report = self._paths.segment(self._report.number, index), self._name(index), self._report
        position, backwards, first_back = HEADER_BYTES, 0, HEADER_BYTES
        for record, end in read_records(path):
            if report.last_ms is not None and record.offset_ms < report.last_ms:
                first_back = first_back if backwards else position
                backwards += 1
            position = end
            report.first_ms = record.offset_ms if report.first_ms is None else report.first_ms
            report.last_ms = max(report.last_ms or 0, record.offset_ms)
            if record.rtcp:
                self._packets.rtcp(record.packet)
            else:
                self._packets.rtp(record.offset_ms, record.packet)
        report.size_bytes += path.stat().st_size
        tail = torn_tail(path, position)
        if tail is not None and may_grow:
            report.unfinished_bytes = tail.size_bytes
        elif tail is not None:
            text = f"{tail.reason}; {tail.size_bytes} bytes are not read"
            self._findings.add("torn_tail", f"{name} at byte {tail.position}", text)
        if (tail is None or tail.position) and not has_header(path):
            self._findings.add("segment_header", name, "does not begin as an rtpdump file")
        if backwards:
            text = f"{backwards} records arrived before the one above them"
            self._findings.add("record_order", f"{name} at byte {first_back}", text)

    def _sum_up(self) -> None:
        report, packets = self._report, self._packets
        report.codecs = sorted(map(cut, packets.codecs)) or report.codecs
        report.ssrcs = packets.ssrcs
        report.packets, report.retransmissions = packets.packets, packets.retransmissions
        report.sender_reports = packets.sender_reports
        report.expected, report.missing = packets.expected, packets.missing
        if report.missing:
            text = f"{report.missing} of {report.expected} sequence numbers never came"
            self._findings.add("packets_missing", self._where, f"{text} ({report.missing_percent:.2f} %)")
        if packets.damaged:
            self._findings.add("packets_damaged", self._where, f"{packets.damaged} packets are no RTP")
        if packets.foreign:
            text = f"{packets.foreign} packets have a payload type that track.json does not name"
            self._findings.add("packets_foreign", self._where, text)
        if packets.unnamed_ssrcs:
            text = f"more than {len(packets.ssrcs)} SSRCs; packets_missing may be too high"
            self._findings.add("too_many", self._where, text)
