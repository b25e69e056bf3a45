"""The seams of capture, installed in the tests' own process and taken out again."""

import aioice.ice
import aiortc.rtcpeerconnection
import pytest

from callrec.recorder.capture import seams


def install_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the seams until *monkeypatch* puts the originals back."""
    module = vars(aiortc.rtcpeerconnection)
    for name in ("RTCDtlsTransport", "RTCRtpReceiver", seams.FIND_CODECS):
        monkeypatch.setitem(module, name, module[name])
    monkeypatch.setattr(aioice.ice, "StunProtocol", aioice.ice.StunProtocol)
    seams.install()
