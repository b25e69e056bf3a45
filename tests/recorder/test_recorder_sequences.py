"""Random sequences of start, stop, leave and kill against a recorder with real processes.

The thousand sequences of tests/recorder/sequences go deeper; these show that the processes are as they are
played there. Only what is sent comes from the seed, not how the processes take turns.
"""

import asyncio
import contextlib
import os
import random
import signal
from pathlib import Path

import httpx

from callrec.wire.recording import Failed, Start, Started, Stop, Stopped
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import Control, Lab
from tests.recorder.story import MIRA
from tests.waiting import until

ROOMS = [f"room{number}" for number in range(6)]
SEQUENCES_PER_ROOM = 5
MAX_STEPS = 5
SEED = 20_261_126
ANNOUNCED_WITHIN_S = 5
SETTLED_WITHIN_S = 60


class RealRoom:
    """One room, and what is done to it."""

    def __init__(self, lab: Lab, control: Control, recorder: RecorderProcess, token: str) -> None:
        self.token = token
        self._lab = lab
        self._control = control
        self._recorder = recorder
        self._rng = random.Random(f"{SEED} {token}")

    async def play(self) -> None:
        """Do all sequences, each until nothing is left that could be stopped."""
        for _ in range(SEQUENCES_PER_ROOM):
            for _ in range(self._rng.randint(1, MAX_STEPS)):
                actions = (self._start, self._stop, self._leave, self._kill)
                await self._rng.choices(actions, (5, 4, 1, 2))[0]()
                # Before, while and after a process starts (0.1 s), sometimes when it has announced itself.
                wait_s = self._rng.choice((0, 0, 0.1, 0.3, ANNOUNCED_WITHIN_S))
                await (self._report() if wait_s == ANNOUNCED_WITHIN_S else asyncio.sleep(wait_s))
            await self._stop()

    async def _report(self) -> None:
        """Wait for the next report of the room, if one comes."""
        known = self._reports()
        with contextlib.suppress(TimeoutError):
            await self._lab.wait(lambda: self._reports() > known, ANNOUNCED_WITHIN_S)

    def _reports(self) -> int:
        return sum(report.token == self.token for report in self._lab.reports)

    async def _start(self) -> None:
        await self._send(Start(self._rng.choice((1, 2)), self._rng.choice(("mira", "ole")), MIRA))

    async def _stop(self) -> None:
        await self._send(Stop(MIRA))

    async def _leave(self) -> None:
        assert self._lab.push is not None
        await self._lab.push({"type": "incall", "incall": {"incall": 0, "all": True}}, self.token)

    async def _kill(self) -> None:
        """kill -9 of one process that captures or composes, whosever it is."""
        if children := workers(self._recorder):
            os.kill(self._rng.choice(children), signal.SIGKILL)

    async def _send(self, request: Start | Stop) -> None:
        while True:
            try:
                answer = await self._control.send(request, self.token)
            except httpx.TransportError:
                await asyncio.sleep(0.1)  # control is being killed: a conversation server asks again
                continue
            assert answer.status_code == 200 or (isinstance(request, Stop) and answer.status_code == 404)
            return


def workers(recorder: RecorderProcess) -> list[int]:
    """Return the pids of the processes forked from the recorder's fork server."""
    forked = recorder.children("forkserver")
    return [pid for pid in forked if parent_of(pid) in forked]


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0  # it has ended meanwhile


async def test_nothing_is_left_of_random_sequences(lab: Lab, recorder_process: RecorderProcess) -> None:
    print(f"seed {SEED}")
    lab.tokens.update(ROOMS)
    recorder_process.environment["CALLREC_RECORDER__KEEP_FAILED_S"] = "0.1"
    await recorder_process.start()
    control = Control(recorder_process.url, lab.url)
    rooms = [RealRoom(lab, control, recorder_process, token) for token in ROOMS]
    async with asyncio.TaskGroup() as group:
        for room in rooms:
            group.create_task(room.play())
        group.create_task(killed_in_the_middle(recorder_process))
    folders = recorder_process.data / "recordings"
    await until(
        lambda: not any(folders.iterdir()) and not workers(recorder_process), SETTLED_WITHIN_S, every_s=0.1
    )
    for room in rooms:
        assert (await control.send(Stop(MIRA), room.token)).status_code == 404
        told = [report for report in lab.reports if report.token == room.token]
        assert not told or isinstance(told[-1], Stopped | Failed), (room.token, told)
    assert any(isinstance(report, Started) for report in lab.reports)
    names = [upload.file_name for upload in lab.uploads]
    print(f"{len(lab.reports)} reports, {len(names)} films")


async def killed_in_the_middle(recorder: RecorderProcess) -> None:
    """kill -9 of the recorder with all its children, while the sequences are played."""
    await asyncio.sleep(4)  # somewhere in their midst
    recorder.kill_everything()
    await recorder.start()
