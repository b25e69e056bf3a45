"""A film to be delivered."""

from pathlib import Path

import pytest

from callrec.recorder.deliver.upload import Film
from tests.recorder.deliver.cloud import CONTENT, NAME


@pytest.fixture
def film(tmp_path: Path) -> Film:
    path = tmp_path / "film.webm"
    path.write_bytes(CONTENT)
    return Film("20260301", "k3x9p2aa", "mira", path, NAME)
