"""Where the process listens that children are forked from, and what clears up behind one that was killed."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

BEGIN = """
import multiprocessing, sys, tempfile, time
from pathlib import Path
from callrec.recorder.lifecycle import nursery
nursery._LOADED = []
nursery.forkserver_context(Path(sys.argv[1]))
nursery.sweep(Path(sys.argv[1]))
child = nursery.forkserver_context().Process(target=time.sleep, args=(0,))
child.start()
child.join()
print(child.exitcode, tempfile.gettempdir(), flush=True)
sys.stdin.read()
"""


def begun(data: Path, temporary: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert process.stdout is not None
    assert process.stdout.readline().split() == ["0", str(temporary)], "all else stays where it was"
    return process


def killed(process: "subprocess.Popen[str]") -> None:
    process.kill()
    assert process.wait(30) == -signal.SIGKILL
    assert process.stdout is not None and process.stdin is not None
    process.stdout.close()
    process.stdin.close()


def left(directory: Path) -> int:
    return len(list(directory.glob("pymp-*")))


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory for sockets, whose paths must be short: pytest's own are too long."""
    with tempfile.TemporaryDirectory(prefix="callrec-") as directory:
        yield Path(directory)


@pytest.fixture
def temporary(short: Path) -> Path:
    directory = short / "tmp"
    directory.mkdir()
    return directory


def test_what_a_killed_one_leaves_goes_with_the_next_start(short: Path, temporary: Path) -> None:
    data = short / "data"
    data.mkdir()
    killed(begun(data, temporary))
    assert left(data / "run") == 1 and left(temporary) == 0
    again = begun(data, temporary)
    assert left(data / "run") == 1
    again.communicate("", 30)
    assert left(data / "run") == 0, "one that ends in order leaves nothing"


@pytest.mark.parametrize("why", ["too long", "full"])
def test_elsewhere_where_it_cannot_be_there(tmp_path: Path, temporary: Path, why: str) -> None:
    data = tmp_path / ("x" * 100 if why == "too long" else "data")
    data.mkdir()
    if why == "full":
        (data / "run").write_text("a file, so nothing can be made in it")
    process = begun(data, temporary)
    assert left(temporary) == 1
    process.communicate("", 30)
    assert left(temporary) == 0
