"""A recording folder that is written, and a transport that is not connected."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiortc.rtcdtlstransport import RTCCertificate
from aiortc.rtcicetransport import RTCIceGatherer, RTCIceTransport

from callrec.recorder.capture import seams
from callrec.recorder.capture.log import CaptureLog
from callrec.recorder.folder.paths import FolderPaths
from tests.recorder.folder.samples import ANCHOR, folder


@pytest.fixture
def paths(tmp_path: Path) -> FolderPaths:
    return folder(tmp_path / "recording")


@pytest.fixture
def capture_log(paths: FolderPaths) -> Iterator[CaptureLog]:
    log = CaptureLog(paths, ANCHOR)
    yield log
    with contextlib.suppress(ValueError):  # the test has closed it
        log.close("stopped")


@pytest.fixture
async def transport() -> AsyncIterator[seams.CaptureDtlsTransport]:
    gatherer = RTCIceGatherer()
    transport = seams.CaptureDtlsTransport(RTCIceTransport(gatherer), [RTCCertificate.generateCertificate()])
    yield transport
    await transport.stop()
