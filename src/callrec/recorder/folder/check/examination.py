"""Examines a whole recording folder."""

import re
from pathlib import Path

from callrec.errors import FolderDamaged
from callrec.recorder.folder.check.entries import Entry, entries, expect, report_unknown
from callrec.recorder.folder.check.findings import Findings, cut
from callrec.recorder.folder.check.report import FileReport, Report, State, Stretch
from callrec.recorder.folder.check.timeline_check import NAME as TIMELINE
from callrec.recorder.folder.check.timeline_check import TimelineCheck
from callrec.recorder.folder.check.track_check import check_track
from callrec.recorder.folder.manifest import Manifest, read_manifest
from callrec.recorder.folder.paths import OVERVIEW_SUFFIX, SPEAKING_TIMES_SUFFIX, FolderPaths, number_in

MAX_TRACKS = 10_000
_FILM = re.compile(r"[\w.+-]+-[0-9a-f]{8}", re.ASCII)
_CHUNK = re.compile(r"\d{6,}-\d+\.(?:mkv|levels)", re.ASCII)
_BESIDE = (".jpg", SPEAKING_TIMES_SUFFIX, OVERVIEW_SUFFIX)
"""What takes the place of the film's extension in the names of the files beside it."""


def check_folder(root: Path) -> Report:
    """Read the folder *root* through and return what is in it and what is wrong with it. Changes nothing.

    Raises:
        FolderDamaged: it is no recording folder at all.
    """
    findings = Findings()
    if not root.is_dir():
        raise FolderDamaged(f"{root}: no such directory")
    found = entries(root, ".", findings)
    if not {"manifest.json", TIMELINE, "tracks"} & set(found) and not findings.fatal:
        raise FolderDamaged(f"{root}: no recording folder: neither manifest.json nor {TIMELINE} nor tracks")
    return _Examination(FolderPaths(root), findings).run(found)


class _Examination:
    def __init__(self, paths: FolderPaths, findings: Findings) -> None:
        self._paths = paths
        self._findings = findings
        self._report = Report(str(paths.root))
        self._manifest: Manifest | None = None

    def run(self, found: dict[str, Entry]) -> Report:
        report, findings = self._report, self._findings
        self._read_manifest(found)
        closed = self._manifest is None or self._manifest.closed_at is not None
        timeline = TimelineCheck(findings, closed=closed)
        has_timeline = expect(found, TIMELINE, "file", TIMELINE, findings)
        if has_timeline:
            timeline.read(self._paths.timeline)
        report.timeline = timeline.report
        if expect(found, "tracks", "directory", "tracks", findings):
            self._tracks(timeline.owners, closed=closed)
        if not has_timeline and report.tracks:
            findings.add("timeline_missing", TIMELINE, "there are tracks, but nobody is known to have come")
        self._describe(begun=has_timeline or bool(report.tracks))
        if has_timeline and closed:
            self._check_end()
        self._composed(found)
        for name in ("capture.lock", "upload.json"):
            expect(found, name, "file", name, findings)
        report_unknown(found, "", findings)
        report.findings = list(findings)
        report.finding_counts = dict(findings.counts)
        report.usable = not findings.fatal
        return report

    def _read_manifest(self, found: dict[str, Entry]) -> None:
        found.pop("manifest.json", None)
        try:
            self._manifest = read_manifest(self._paths.manifest)
        except FolderDamaged as error:
            self._findings.add("manifest", "manifest.json", str(error), fatal=True)

    def _describe(self, *, begun: bool) -> None:
        report, manifest = self._report, self._manifest
        if manifest is None:
            return
        report.format_version = manifest.format_version
        report.recording_id, report.backend = cut(manifest.recording_id), cut(manifest.backend)
        report.token, report.kind = cut(manifest.token), "video" if manifest.video else "audio"
        report.state = _state(manifest, begun=begun)
        report.acknowledged = manifest.acknowledged_at is not None
        report.outcome, report.cause = manifest.outcome, cut(manifest.cause) if manifest.cause else None
        if manifest.started_ms is not None:
            report.begins_at = manifest.anchor.wall_s + manifest.started_ms / 1000
        if manifest.stop_ms is not None:
            report.ends_at = manifest.anchor.wall_s + manifest.stop_ms / 1000
        if manifest.started_ms is None or manifest.stop_ms is None:
            return
        if manifest.stop_ms < manifest.started_ms:
            text = f"stop_ms {manifest.stop_ms} lies before started_ms {manifest.started_ms}"
            self._findings.add("manifest_values", "manifest.json", text)
        else:
            report.film = Stretch(manifest.started_ms, manifest.stop_ms)

    def _tracks(self, owners: dict[int, str], *, closed: bool) -> None:
        found = entries(self._paths.tracks, "tracks", self._findings)
        numbers = sorted(number for name in found if (number := number_in(name)) is not None)
        if len(numbers) > MAX_TRACKS:
            text = f"{len(numbers)} tracks; the first {MAX_TRACKS} are looked at"
            self._findings.add("too_many", "tracks", text)
        for index, number in enumerate(numbers):
            where = f"tracks/{number}"
            if not expect(found, str(number), "directory", where, self._findings) or index >= MAX_TRACKS:
                continue
            track = check_track(self._paths, number, self._findings, closed=closed)
            if track is not None:
                track.participant = cut(owners.get(number, track.participant))
                self._report.tracks.append(track)
        report_unknown(found, "tracks/", self._findings)

    def _check_end(self) -> None:
        """Nothing was captured between the last sign of life of a process that died and the film's end."""
        timeline = self._report.timeline
        if timeline.closed:
            return
        last_ms = max([timeline.last_ms or 0, *(track.last_ms or 0 for track in self._report.tracks)])
        text = f"the last capture process has not closed; its last sign of life is at {last_ms} ms"
        self._findings.add("capture_died", TIMELINE, text)
        film = self._report.film
        if film is not None and film.to_ms > last_ms:
            timeline.gaps.append(Stretch(last_ms, film.to_ms))
            text = f"nothing was captured from {last_ms} to {film.to_ms} ms, where the film ends"
            self._findings.add("gap", TIMELINE, text)

    def _composed(self, found: dict[str, Entry]) -> None:
        report, findings = self._report, self._findings
        if expect(found, "chunks", "directory", "chunks", findings):
            films = entries(self._paths.chunks, "chunks", findings)
            for name in [name for name in films if _FILM.fullmatch(name)]:
                if expect(films, name, "directory", f"chunks/{name}", findings):
                    self._chunks(name)
            report_unknown(films, "chunks/", findings)
        if expect(found, "output", "directory", "output", findings):
            output = entries(self._paths.output, "output", findings)
            film = self._manifest.file_name if self._manifest else ""
            for name in (film, *(film.rpartition(".")[0] + ending for ending in _BESIDE)):
                size_bytes = output[name].size_bytes if name in output else 0
                if expect(output, name, "file", f"output/{name}", findings):
                    report.output.append(FileReport(cut(name), size_bytes))
            report_unknown(output, "output/", findings)

    def _chunks(self, film: str) -> None:
        where = f"chunks/{film}"
        chunks = entries(self._paths.chunks / film, where, self._findings)
        for name in [name for name in chunks if _CHUNK.fullmatch(name)]:
            size_bytes = chunks[name].size_bytes
            if expect(chunks, name, "file", f"{where}/{name}", self._findings) and name.endswith(".mkv"):
                self._report.chunks += 1
                self._report.chunk_bytes += size_bytes
        report_unknown(chunks, f"{where}/", self._findings)


def _state(manifest: Manifest, *, begun: bool) -> State:
    if manifest.closed_at is not None:
        return "closed"
    if manifest.stop_ms is not None or manifest.stop_requested_at is not None:
        return "stopping"
    return "open" if begun else "ordered"
