"""Everything one capture process writes: the timeline and the track logs of a recording folder."""

import asyncio
import fcntl
import os
import threading
from collections.abc import Iterable
from typing import Any

import structlog

from callrec import clock
from callrec.errors import RecordingError
from callrec.recorder.capture.timebase import TimeBase
from callrec.recorder.capture.track_log import TrackLog
from callrec.recorder.folder import sign_of_life
from callrec.recorder.folder.manifest import Anchor
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.standing import standing
from callrec.recorder.folder.timeline import Event, EventType, TimelineWriter, read_timeline
from callrec.recorder.folder.track import Track

FLUSH_INTERVAL_S = 0.1
"""A killed process loses at most this much of what had arrived (and never more than 200 ms)."""
FLUSH_WITH_PACKET_MS = 75
"""So long after the first packet that waits, the next one flushes: no timer has to wake the process."""
SYNC_INTERVAL_S = 2.0
"""A power failure loses at most this much."""
HEARTBEAT_INTERVAL_S = 10.0

MAX_SSRCS = 64
"""Whose sender reports are sorted, per transport: a sender may invent any number."""

log = structlog.get_logger()


class FolderBusy(RecordingError):
    """Another capture process still writes here; it ends within moments of its parent: try again."""

    cause = "folder_busy"


class CaptureLog:
    """The writing side of one recording folder. One process at a time (flock)."""

    def __init__(self, paths: FolderPaths, anchor: Anchor) -> None:
        """Lock the folder and begin a new stretch of the timeline. Raises FolderBusy, OSError."""
        self._lock = os.open(paths.lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise FolderBusy(f"{paths.root.name}: another capture process holds the lock") from error
        self._paths = paths
        self._anchor = anchor
        self.time = TimeBase(anchor, read_timeline(paths.timeline))
        before = standing(read_timeline(paths.timeline))
        self.present_before = frozenset(before.present)
        """Participants who were in the call when an earlier capture process ended."""
        resumed_after_ms = (
            sign_of_life.last_ms(paths, anchor.wall_s) if sign_of_life.has_begun(paths) else None
        )
        self._timeline = TimelineWriter(paths.timeline)
        self._tracks: list[TrackLog] = []
        self._syncing = threading.Lock()
        """Held while a thread syncs: closing must not pull the files from under it."""
        self._next_track = max(paths.track_numbers(), default=-1) + 1
        self.media_seen = asyncio.Event()
        """Set with the first packet."""
        self.broken = asyncio.Event()
        """Set when the disk refuses; what was written before is safe."""
        self.flush_at_ms = -1
        """From then on a packet has to be ``added``; before, what waits is flushed in time anyway."""
        self._flushing: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.event("capture", boot_id=clock.boot_id())
        if self.time.moved:
            self._anchor_here()
        if resumed_after_ms is not None:
            self.event("gap", from_ms=resumed_after_ms)
        for ending in before.endings(self.time.now_ms()):
            self._write(ending)

    def _anchor_here(self) -> None:
        """Tell the time line's base to later processes of this boot."""
        now_ms = self.time.now_ms()
        self._write(Event(now_ms, "anchor", boot_id=clock.boot_id(), monotonic_ns=self.time.at_ns(now_ms)))

    def event(self, kind: EventType, **fields: Any) -> None:
        """Append a timeline event of this moment; see timeline.Event for the fields."""
        self._write(Event(self.time.now_ms(), kind, **fields))

    def _write(self, event: Event) -> None:
        try:
            self._timeline.write(event)
        except OSError as error:
            self.disk_failed(error)

    def reserve_track_number(self) -> int:
        """Return the next free track number."""
        number = self._next_track
        self._next_track += 1
        return number

    def open_track(self, track: Track) -> TrackLog:
        """Create the track durably. Slow: call it in a thread. Raises OSError."""
        track_log = TrackLog(self._paths, track, self._anchor.wall_s)
        self._tracks.append(track_log)
        return track_log

    def close_track(self, track_log: TrackLog) -> None:
        """End the track: late packets are passed over, its files are closed with the next sync."""
        try:
            track_log.end()
        except OSError as error:
            self.disk_failed(error)

    def disk_failed(self, error: OSError) -> None:
        """Note that the disk refuses. Receiving goes on; whoever owns this log ends the recording."""
        if not self.broken.is_set():
            log.error("capture_disk_failed", error=str(error))
            self.broken.set()

    async def run(self) -> None:
        """Flush, sync and give signs of life until cancelled."""
        self._loop = asyncio.get_running_loop()
        self._flush()  # what came before
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._beat_again_and_again())
                group.create_task(self._sync_again_and_again())
        finally:
            self._loop = None
            self._flush()

    def added(self, now_ms: int) -> None:
        """Note that a track log has taken a packet: it is flushed in time."""
        if self._loop is None:
            return
        if self._flushing is None:
            self.flush_at_ms = now_ms + FLUSH_WITH_PACKET_MS
            self._flushing = self._loop.call_later(FLUSH_INTERVAL_S, self._flush)
        elif now_ms >= self.flush_at_ms:
            self._flush()

    def _flush(self) -> None:
        self.flush_at_ms = -1
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        try:
            for track in list(self._tracks):
                track.flush()
        except OSError as error:
            self.disk_failed(error)

    async def _beat_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_INTERVAL_S)
            self.event("heartbeat")

    async def _sync_again_and_again(self) -> None:
        """Beside the flushes: a slow disk must not hold up what a killed process would lose."""
        while True:
            await asyncio.sleep(SYNC_INTERVAL_S)
            try:
                await asyncio.to_thread(self._sync)
            except OSError as error:
                self.disk_failed(error)

    def _sync(self) -> None:
        with self._syncing:
            self._timeline.sync()
            for track in list(self._tracks):
                track.sync()
                if track.ended:
                    self._tracks.remove(track)

    def close(self, cause: str) -> None:
        """Write the last event, make everything durable, release the folder."""
        self.event("closed", cause=cause)
        with self._syncing:
            for closing in [track.close for track in self._tracks] + [self._timeline.close]:
                try:
                    closing()
                except OSError as error:
                    self.disk_failed(error)
        os.close(self._lock)


class TrackSink:
    """Sorts the packets of one transport into track logs. Never raises (see seams)."""

    def __init__(self, owner: CaptureLog, tracks: Iterable[TrackLog]) -> None:
        self._owner = owner
        self._by_payload_type: dict[int, TrackLog] = {}
        self._by_ssrc: dict[bytes, TrackLog] = {}
        self.last_ms: int | None = None
        """When the last RTP packet came, on the recording's time line."""
        self.turn_to(tracks)

    def turn_to(self, tracks: Iterable[TrackLog]) -> None:
        """Sort into *tracks* from now on; what is of none of them goes where it went before."""
        self._by_ssrc.clear()
        for track in tracks:
            self._by_payload_type.update(dict.fromkeys(track.track.payload_types, track))
            self._by_ssrc.update((ssrc.to_bytes(4, "big"), track) for ssrc in track.track.ssrcs)

    def rtp(self, packet: bytes) -> None:
        """Log one RTP packet by its SSRC, while unknown by its payload type (RFC 8843 section 9.2)."""
        if len(packet) < 12:
            return
        payload_type, ssrc = packet[1] & 0x7F, packet[8:12]
        track = self._by_ssrc.get(ssrc)
        if track is None or payload_type not in track.track.payload_types:
            track = self._by_payload_type.get(payload_type)
            if track is None:
                return
            self._by_ssrc[ssrc] = track
            if len(self._by_ssrc) > MAX_SSRCS:
                del self._by_ssrc[next(iter(self._by_ssrc))]
        now_ms = self._owner.time.now_ms()
        if self.last_ms is None:
            self._owner.media_seen.set()
        self.last_ms = now_ms
        try:
            track.add(now_ms, packet)
        except OSError as error:
            self._owner.disk_failed(error)
        if now_ms >= self._owner.flush_at_ms:
            self._owner.added(now_ms)

    def rtcp(self, compound: bytes) -> None:
        """Log one RTCP compound for every track whose sender reports it holds (RFC 3550 section 6.4.1)."""
        for ssrc in sender_report_ssrcs(compound):
            track = self._by_ssrc.get(ssrc)
            if track is None:
                continue
            now_ms = self._owner.time.now_ms()
            try:
                track.add(now_ms, compound, rtcp=True)
            except OSError as error:
                self._owner.disk_failed(error)
            self._owner.added(now_ms)


def sender_report_ssrcs(compound: bytes) -> list[bytes]:
    """Return the SSRCs (4 bytes each) of the sender reports in an RTCP compound packet."""
    found = []
    position = 0
    while position + 8 <= len(compound):
        if compound[position + 1] == 200:  # SR
            found.append(compound[position + 4 : position + 8])
        position += 4 * (int.from_bytes(compound[position + 2 : position + 4], "big") + 1)
    return found
