"""Several recorders behind one address: distribution, refusal, takeover."""

import asyncio
import os
import signal
from pathlib import Path

import av

from callrec.wire.recording import Actor, Start, Started, Stop, Stopped
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import TOKEN, Control, Lab
from tests.recorder.publisher import Publisher

from .conftest import Pool

MIRA = Actor("users", "mira")
VIDEO = Start(1, "mira", MIRA)
AUDIO = Start(2, "mira", MIRA)
PATIENT = {"CALLREC_RECORDER__EMPTY_TIMEOUT_S": "300"}


def folders(recorder: RecorderProcess) -> list[Path]:
    home = recorder.data / "recordings"
    return [path for path in home.iterdir() if not path.name.startswith(".")] if home.exists() else []


def writes(recorder: RecorderProcess) -> bool:
    """Tell whether a process of *recorder* has a file of a recording open."""
    home = str(recorder.data / "recordings" / "2")
    links = [link for pid in recorder.children("") for link in Path(f"/proc/{pid}/fd").iterdir()]
    return any(os.readlink(link).startswith(home) for link in links if os.path.lexists(link))


async def until(condition: object, seconds: float = 30) -> None:
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)  # files of other processes


async def test_starts_and_stops_may_reach_any_of_them(pool: Pool, lab: Lab) -> None:
    one, two = await asyncio.gather(
        pool.add(**PATIENT, CALLREC_RECORDER__MAX_RECORDINGS="2"),
        pool.add(**PATIENT, CALLREC_RECORDER__MAX_RECORDINGS="2"),
    )
    tokens = [f"room{number}" for number in range(4)]
    lab.tokens.update(tokens)
    first, second = Control(one.url, lab.url), Control(two.url, lab.url)
    for token in tokens:
        assert (await first.send(AUDIO, token)).status_code == 200
        started = Started(token, 2, MIRA)
        await lab.wait(lambda started=started: started in lab.reports)  # type: ignore[misc]
    assert len(folders(one)) == len(folders(two)) == 2
    full = await second.send(AUDIO, TOKEN)
    assert (full.status_code, full.json()) == (503, {"error": "too_many_recordings"})
    assert (await second.send(AUDIO, "room0")).status_code == 200  # that one runs
    for token in tokens:
        assert (await second.send(Stop(MIRA), token)).status_code == 200
    await lab.wait(lambda: sum(isinstance(report, Stopped) for report in lab.reports) == 4)
    await lab.wait(lambda: len(lab.uploads) == 4, 60)
    await until(lambda: not folders(one) and not folders(two))
    assert (await first.send(Stop(MIRA), "room0")).status_code == 404


async def test_one_that_dies_in_the_call_is_taken_over(pool: Pool, lab: Lab) -> None:
    one = await pool.add()
    async with Publisher(lab, "mira", 200, 440) as mira:
        await lab.set_call(mira=7)
        control = Control(one.url, lab.url)
        assert (await control.send(VIDEO)).status_code == 200
        await lab.wait(lambda: bool(lab.reports))
        begun = mira.video.sent
        two = await pool.add()
        await until(lambda: mira.video.sent > begun + 50)
        loop = asyncio.get_running_loop()
        (folder,) = folders(one)
        one.kill_everything()
        died_s = loop.time()
        await until(lambda: folders(two))
        (taken,) = folders(two)
        assert taken.name == folder.name
        await until(lambda: list(taken.glob("tracks/*/*.rtpdump")))
        print(f"taken over and captured again after {loop.time() - died_s:.1f} s")
        again = mira.video.sent
        await until(lambda: mira.video.sent > again + 50)
        assert (await Control(two.url, lab.url).send(Stop(MIRA))).status_code == 200
        await lab.wait(lambda: bool(lab.uploads), 60)
    assert lab.reports[-1] == Stopped(TOKEN, MIRA)
    assert lab.reports.count(Stopped(TOKEN, MIRA)) == 1
    # What the first one wrote down must not be delivered a second time.
    await one.start()
    await until(lambda: not folders(one) and not folders(two), 60)
    assert len(lab.uploads) == 1
    with av.open(str(lab.uploads[0].path)) as film:
        assert film.duration is not None and film.duration / av.time_base > 8


async def test_one_that_dies_while_it_delivers_is_taken_over(pool: Pool, lab: Lab) -> None:
    one = await pool.add()
    lab.hold_store = asyncio.Event()
    async with Publisher(lab, "mira", 200, 440) as mira:
        await lab.set_call(mira=7)
        control = Control(one.url, lab.url)
        assert (await control.send(AUDIO)).status_code == 200
        await lab.wait(lambda: bool(lab.reports))
        begun = mira.audio.sent
        await until(lambda: mira.audio.sent > begun + 150)
        assert (await control.send(Stop(MIRA))).status_code == 200
        two = await pool.add()
        await asyncio.wait_for(lab.store_begun.wait(), 60)
    one.kill_everything()
    lab.hold_store.set()
    await lab.wait(lambda: bool(lab.uploads), 60)
    await until(lambda: not folders(two), 60)
    # Sent twice, perhaps: the first outcome is unknown. The same film both times, by name.
    assert len({upload.file_name for upload in lab.uploads}) == 1
    with av.open(str(lab.uploads[-1].path)) as film:
        assert film.duration is not None and abs(film.duration / av.time_base - 3) < 1.5


async def test_one_that_is_stopped_hands_over_at_once(pool: Pool, lab: Lab) -> None:
    one = await pool.add()
    async with Publisher(lab, "mira", 200, 440) as mira:
        await lab.set_call(mira=7)
        assert (await Control(one.url, lab.url).send(AUDIO)).status_code == 200
        await lab.wait(lambda: bool(lab.reports))
        two = await pool.add()
        begun = mira.audio.sent
        await until(lambda: mira.audio.sent > begun + 100)
        await asyncio.to_thread(one.terminate)
        await until(lambda: folders(two), 15)
        # What had been captured has come with it: nothing but the time between is missing.
        (taken,) = folders(two)
        assert list(taken.glob("tracks/0/0.rtpdump"))
        assert (await Control(two.url, lab.url).send(Stop(MIRA))).status_code == 200
        await lab.wait(lambda: bool(lab.uploads), 60)
    assert len(lab.uploads) == 1


async def test_one_that_hangs_lets_go_when_it_goes_on(pool: Pool, lab: Lab) -> None:
    one = await pool.add()
    async with Publisher(lab, "mira", 200, 440) as mira:
        await lab.set_call(mira=7)
        assert (await Control(one.url, lab.url).send(AUDIO)).status_code == 200
        await lab.wait(lambda: bool(lab.reports))
        begun = mira.audio.sent
        two = await pool.add()
        await until(lambda: mira.audio.sent > begun + 100)
        assert writes(one)
        one.signal_everything(signal.SIGSTOP)
        await until(lambda: folders(two), 30)
        one.signal_everything(signal.SIGCONT)
        await until(lambda: not folders(one), 30)
        await until(lambda: not writes(one), 30)
        assert (await Control(two.url, lab.url).send(Stop(MIRA))).status_code == 200
        await lab.wait(lambda: bool(lab.uploads), 60)
        await until(lambda: not folders(two), 30)
    assert len(lab.uploads) == 1
    assert lab.reports.count(Stopped(TOKEN, MIRA)) == 1 and isinstance(lab.reports[-1], Stopped)


async def test_without_the_database_nothing_is_promised(pool: Pool, lab: Lab) -> None:
    one = await pool.add()
    pool.services.remove()
    answer = await Control(one.url, lab.url).send(AUDIO)
    assert (answer.status_code, answer.json()) == (503, {"error": "pool_away"})
