"""The alert rules as Prometheus itself reads them; skipped where its promtool is not installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

RULES = Path(__file__).parents[3] / "docs" / "alerts.yml"
CASES = Path(__file__).with_name("alerts.yml")
PROMTOOL = shutil.which("promtool")

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")


@pytest.mark.parametrize("asked", [("check", "rules", RULES), ("test", "rules", CASES)])
def test_promtool_finds_nothing(asked: tuple[str | Path, ...]) -> None:
    command = [str(PROMTOOL), *map(str, asked)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
