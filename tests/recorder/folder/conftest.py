"""A recording folder without a fault, and copies to damage."""

import shutil
from pathlib import Path

import pytest

from callrec.recorder.folder.paths import FolderPaths
from tests.recorder.folder.checked import ANNE, CEMAL, record


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To be read only."""
    return record(tmp_path_factory.mktemp("whole"), ANNE, CEMAL).root


@pytest.fixture
def damaged(whole: Path, tmp_path: Path) -> FolderPaths:
    """A whole folder that a test may damage."""
    return FolderPaths(shutil.copytree(whole, tmp_path / "damaged", symlinks=True))
