"""A process that gets nowhere ends; one that is only slow does not."""

import signal
import subprocess
import sys
import time

import pytest

BEGIN = "import re, time; from callrec.recorder.compose import headway; headway.FRUITLESS_CPU_S = 1; "
BOUND = BEGIN + "headway.expect(); "
"""Two seconds of CPU at most without a step."""
IN_PYTHON = "\nwhile True: pass"
IN_C = "re.match('(a+)+$', 'a' * 60 + 'b')"
"""Takes some thousand years, and lets no other thread of Python run."""
SLOW = "\nwhile time.process_time() < 3: headway.made()"


def ended(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("loop", [IN_PYTHON, IN_C], ids=["in Python", "in a library"])
def test_one_that_loops_ends_and_says_where(loop: str) -> None:
    done = ended(BOUND + loop)
    assert done.returncode == -signal.SIGXCPU
    assert 'File "<string>", line' in done.stderr


def test_one_that_is_slow_goes_on() -> None:
    assert ended(BOUND + SLOW).returncode == 0


def test_who_promised_nothing_is_left_alone() -> None:
    assert ended(BEGIN + SLOW).returncode == 0


def test_a_step_costs_next_to_nothing() -> None:
    from callrec.recorder.compose import headway  # in here nothing is promised either

    begun_s = time.process_time()
    for _ in range(10_000):
        headway.made()
    assert time.process_time() - begun_s < 0.5
