"""One recording, from the start to the notification, with one kill of its own."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from callrec.errors import FolderDamaged
from callrec.recorder.folder.manifest import Manifest, read_manifest
from callrec.recorder.lifecycle.states import AT_REST
from tests.chaos.kills import Kill, Killer, Victim
from tests.chaos.person import Person, in_call
from tests.chaos.verdict import Evidence, judge
from tests.e2e.caller import API, HEADERS, PASSWORD, Client, client_of
from tests.e2e.serve_process import ADMIN_PASSWORD

USERS = "/ocs/v2.php/cloud/users"
VIDEO, OFF, FAILED = 1, 0, 5
CALL_S = (6.0, 10.0)
PHASES = {"start": (1, 3.0), "call": (2, 6.0), "end": (2, 4.0)}
"""When the kill comes: weight, and within how many seconds after the phase has begun. ``start`` begins with
the press, ``call`` when the room shows that it is recorded, ``end`` with the press on stop."""
PATIENCE_S = 120.0
"""For anything, on a busy machine. What it takes is in the table, not in an assertion."""
STARTS = 4
"""A recording that ends before the backend has agreed is shown as failed: it is started again, so often."""
LOG_LINES = 80
"""Of the log, of a run that failed."""
_POLL_S = 0.2


@dataclass
class Told:
    """What a run came to."""

    seed: str
    plan: str
    """Who is to be killed, and when."""
    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    kill: Kill | None = None
    delivered: int = 0
    failed: int = 0
    """Ended before the backend had agreed, and shown so."""
    away_s: float | None = None
    """From the kill until sound and pictures came to a recorder again."""
    delivered_after_s: float | None = None
    """From the stop to the notification."""

    def say(self, text: str) -> None:
        """Add a line to the story."""
        self.lines.append(f"{time.time():.2f} {text}")


class Story:
    """Plays a run in a house; everything by chance comes from the seed."""

    def __init__(self, killer: Killer, seed: str, victim: Victim, folder: Path) -> None:
        self._killer = killer
        self._serve = killer.serve
        self._folder = folder
        rng = random.Random(seed)
        self._victim = victim
        self._phase = rng.choices(list(PHASES), [weight for weight, _ in PHASES.values()])[0]
        self._after_s = rng.uniform(0, PHASES[self._phase][1])
        self._call_s = rng.uniform(*CALL_S)
        if (self._phase, victim) == ("end", "capture"):  # it ends at once: the stop is to meet a dead one
            self._phase, self._after_s = "call", self._call_s - rng.uniform(0, 0.5)
        elif (self._phase, victim) == ("start", "compose"):  # it begins when the room shows the recording
            self._phase = "call"
        self._hue, self._tone_hz = rng.choice((40, 120, 200)), rng.choice((440, 550, 660, 880))
        self._token = ""
        self._others: set[str] = set()
        """Recordings of other rooms."""
        self.told = Told(
            seed, f"{self._victim}, {self._after_s:.1f} s into {self._phase}, call of {self._call_s:.1f} s"
        )

    async def play(self) -> Told:
        """Play it; whatever does not hold is among the problems."""
        begun_s = time.time()
        try:
            async with asyncio.timeout(4 * PATIENCE_S):
                await self._play()
        except Exception as error:  # the root of a run: the others go on
            self.told.problems.append(f"{type(error).__name__}: {error}")
        if self.told.problems:
            self.told.lines += [
                f"  {kill.at_s:.2f} killed {kill.victim} of {kill.recording}"
                for kill in self._killer.kills
                if kill.at_s > begun_s
            ]
            ids = [m.recording_id for m in self._recordings()]
            self.told.lines += [
                line
                for line in self._serve.log_text().splitlines()
                if any(i in line for i in ids) or (self._token and self._token in line)
            ][-LOG_LINES:]
        return self.told

    async def _play(self) -> None:
        name = "u" + "".join(c for c in self.told.seed if c.isalnum())
        await self._patiently(lambda: self._make_user(name))
        async with client_of(self._serve.url, name) as owner:
            room = await self._patiently(
                lambda: self._ocs(owner, "POST", f"{API}/v4/room", roomType=3, roomName="Chaos")
            )
            self._token = room["token"]
            async with in_call(owner, self._token, self._hue, self._tone_hz) as person:
                await self._until(lambda: self._in_call(owner), "is in the call")
                evidence = await self._record(owner, person)
            await self._until(self._all_at_rest, "everything came to rest")
            await self._look(owner, evidence)

    async def _record(self, owner: Client, person: Person) -> Evidence:
        for _ in range(STARTS):
            pressed_s = time.time()
            killing = asyncio.create_task(self._kill("start"))
            await self._until(lambda: self._press_start(owner), "start was taken")
            try:
                shown = await self._until(lambda: self._shown(owner, VIDEO, FAILED), "the room was told")
            finally:
                await killing
            shown_s = time.time()
            self.told.say(f"the room shows {shown}")
            if shown == VIDEO:
                break
        else:
            raise AssertionError("it never began")
        killing = asyncio.create_task(self._kill("call"))
        await asyncio.sleep(self._call_s)
        await killing
        stop_s = time.time()
        killing = asyncio.create_task(self._kill("end"))
        await self._until(lambda: self._press_stop(owner), "stop was taken")
        await self._until(lambda: self._shown(owner, OFF, FAILED), "the room shows the end")
        await killing
        self.told.say("the room shows no recording")
        return Evidence(pressed_s, shown_s, stop_s, time.time(), person.connections, self._hue, self._tone_hz)

    async def _kill(self, phase: str) -> None:
        """Kill if it is time: as soon as there is somebody to kill, while it still makes sense."""
        if phase != self._phase or self.told.kill is not None:
            return
        await asyncio.sleep(self._after_s)
        deadline_s = time.monotonic() + 3
        while self.told.kill is None and time.monotonic() < deadline_s:
            mine = [m.recording_id for m in self._recordings()]
            if mine or self._victim in ("recorder", "server", "postgresql"):
                self.told.kill = await asyncio.to_thread(
                    self._killer.kill, self._victim, max(mine, default="")
                )
            await asyncio.sleep(0.02)
        self.told.say(f"killed {self._victim}" if self.told.kill else f"there was no {self._victim} to kill")

    async def _look(self, owner: Client, evidence: Evidence) -> None:
        """Compare what arrived with what was recorded."""
        manifests = self._recordings()
        delivered = [m for m in manifests if m.delivered_at is not None]
        for lost in (m for m in manifests if m.delivered_at is None):
            if lost.acknowledged_at is not None:
                self.told.problems.append(f"{lost.recording_id} was agreed to, and is {lost.state}")
        self.told.delivered = len(delivered)
        self.told.failed = len(manifests) - len(delivered)
        told = await self._patiently(owner.notifications)
        paths = [p for p in await self._patiently(owner.file_paths) if p.endswith(".mp4")]
        if not len(told) == len(paths) == len(delivered) == 1:
            counts = f"{len(delivered)} delivered, {len(paths)} files, {len(told)} notifications"
            self.told.problems.append(f"not exactly once: {counts} {paths}")
        if self.told.problems:
            return
        (manifest,) = delivered
        assert manifest.delivered_at is not None
        self.told.delivered_after_s = manifest.delivered_at - evidence.stop_s
        url = f"/remote.php/dav/files/{owner.user}/{paths[0]}"
        content = (await self._patiently(lambda: owner.http.get(url))).content
        film = self._folder / f"{manifest.recording_id}.mp4"
        film.write_bytes(content)
        kills = [kill for kill in self._killer.kills if kill.hits(manifest.recording_id)]
        over = self._serve.events("signaling_session_over", recording=manifest.recording_id)
        sessions_over_s = [datetime.fromisoformat(event["timestamp"]).timestamp() for event in over]
        verdict = await asyncio.to_thread(judge, film, manifest, evidence, kills, sessions_over_s)
        self.told.problems += verdict.problems
        if self.told.kill is not None and self.told.kill.hits(manifest.recording_id):
            self.told.away_s = evidence.away_s(self.told.kill)
        for note in verdict.notes:
            self.told.say(note)
        if not verdict.problems:
            film.unlink()

    def _recordings(self) -> list[Manifest]:
        """Return the manifests of this room's recordings."""
        found = []
        for folder in (self._serve.data / "recorder" / "recordings").glob("[!.]*"):
            if folder.name in self._others:
                continue
            try:
                manifest = read_manifest(folder / "manifest.json")
            except FolderDamaged:
                continue  # it has just been removed
            if manifest.token == self._token:
                found.append(manifest)
            else:
                self._others.add(folder.name)
        return found

    async def _all_at_rest(self) -> bool:
        return all(m.state in AT_REST for m in self._recordings())

    async def _in_call(self, owner: Client) -> bool:
        room = await self._ocs(owner, "GET", f"{API}/v4/room/{self._token}")
        return bool(room["hasCall"])

    async def _press_start(self, owner: Client) -> bool:
        answer = await owner.http.post(
            f"{API}/v1/recording/{self._token}", json={"status": VIDEO}, headers=HEADERS
        )
        return answer.is_success or "recording" in answer.text.partition('"error":')[2][:12]

    async def _press_stop(self, owner: Client) -> bool:
        answer = await owner.http.delete(f"{API}/v1/recording/{self._token}", headers=HEADERS)
        return answer.is_success

    async def _shown(self, owner: Client, *wanted: int) -> int | str:
        room = await self._ocs(owner, "GET", f"{API}/v4/room/{self._token}")
        shown = int(room["callRecording"])
        return str(shown) if shown == OFF and OFF in wanted else shown if shown in wanted else ""

    async def _make_user(self, name: str) -> None:
        async with client_of(self._serve.url, "admin", ADMIN_PASSWORD) as admin:
            with contextlib.suppress(AssertionError):  # a server that died may have made him
                await admin.ocs("POST", USERS, userid=name, password=PASSWORD, displayName=name)
        async with client_of(self._serve.url, name) as user:
            await user.notifications()

    async def _ocs(self, client: Client, method: str, path: str, **parameters: object) -> Any:
        return await client.ocs(method, path, **parameters)

    async def _patiently(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Ask until there is an answer: the server may be dead, or still starting."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(httpx.HTTPError, AssertionError):
                    return await ask()
                await asyncio.sleep(_POLL_S)

    async def _until(self, condition: Callable[[], Awaitable[Any]], what: str) -> Any:
        """Ask until the answer is something; return it."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    with contextlib.suppress(httpx.HTTPError, AssertionError):
                        if answer := await condition():
                            self.told.say(what)
                            return answer
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise AssertionError(f"not within {PATIENCE_S:.0f} s: {what}") from None
