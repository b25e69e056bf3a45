"""The private places of aiortc: that they exist, and that an upgrade that moves one is told by its name."""

import aiortc.rtcpeerconnection
import pytest
from aioice.ice import StunProtocol
from aiortc import RTCPeerConnection
from aiortc.codecs import CODECS
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpreceiver import RTCRtpReceiver

from callrec.recorder.capture import seams
from callrec.recorder.capture.codecs import agreed_codecs

TRANSPORT_FIELDS = {"_connection", "_protocols", "_queue", "_state", "_rtp_router", "_rx_srtp"}


@pytest.mark.parametrize("cls, names", seams.REQUIRED.items(), ids=lambda v: getattr(v, "__name__", ""))
def test_every_method_that_is_replaced_or_called_exists(cls: type, names: tuple[str, ...]) -> None:
    moved = [name for name in names if not callable(getattr(cls, name, None))]
    assert not moved, f"aiortc moved {cls.__name__}: {moved}"


async def test_every_private_field_that_is_read_exists(transport: seams.CaptureDtlsTransport) -> None:
    fields = vars(seams.CaptureReceiver("video", transport))
    moved = [name for name in seams.PRIVATE_FIELDS if f"_RTCRtpReceiver__{name}" not in fields]
    assert not moved, f"aiortc moved the fields of RTCRtpReceiver: {moved}"


async def test_the_private_names_of_a_transceiver_exist() -> None:
    connection = RTCPeerConnection()
    transceiver = connection.addTransceiver("video")
    moved = [name for name in ("_codecs", "_headerExtensions") if not hasattr(transceiver, name)]
    assert not moved, f"aiortc moved the fields of RTCRtpTransceiver: {moved}"
    await connection.close()


async def test_the_private_names_on_the_way_to_the_socket_exist(
    transport: seams.CaptureDtlsTransport,
) -> None:
    ice = transport.transport._connection
    holders = {"_connection": transport.transport, "_protocols": ice, "_rtp_router": transport}
    holders["_rx_srtp"] = transport
    holders |= {"_queue": ice, "_state": transport}
    assert holders.keys() == TRANSPORT_FIELDS
    moved = [name for name, holder in holders.items() if not hasattr(holder, name)]
    assert not moved, f"aiortc or aioice moved: {moved}"


def test_the_function_that_agrees_on_codecs_is_there_and_called_in_the_same_way() -> None:
    import inspect

    theirs = getattr(aiortc.rtcpeerconnection, seams.FIND_CODECS, None)
    assert callable(theirs), f"aiortc moved {seams.FIND_CODECS}"
    assert len(inspect.signature(theirs).parameters) == len(inspect.signature(agreed_codecs).parameters)
    caller = inspect.getsource(RTCPeerConnection.setRemoteDescription)
    call = f"{seams.FIND_CODECS}(CODECS[media.kind], media.rtp.codecs)"
    assert call in caller, f"aiortc no longer calls {call}"


def test_all_private_names_in_the_code_are_among_the_guarded_ones() -> None:
    import ast
    from pathlib import Path

    tree = ast.parse(Path(seams.__file__).read_text())
    used = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr.startswith("_")}
    own = {"_private", "_video", "_fault", "_ask_for", "_hear", "_heard", "__init__", "__name__"}
    own |= {"_media", "_take", "_go_direct", "_hand_media_to", "_agreed"}
    own |= {"_head", "_repairs", "_streams", "_last_ssrc"}
    guarded = {name for names in seams.REQUIRED.values() for name in names}
    assert used - own <= guarded | {"_codecs", "_headerExtensions"} | TRANSPORT_FIELDS


def test_the_handlers_have_the_signatures_that_are_overridden() -> None:
    import inspect

    for base, cls in (
        (StunProtocol, seams.CaptureProtocol),
        (RTCDtlsTransport, seams.CaptureDtlsTransport),
        (RTCRtpReceiver, seams.CaptureReceiver),
    ):
        for name in seams.REQUIRED[base]:
            if name in vars(cls):
                ours, theirs = (list(inspect.signature(getattr(c, name)).parameters) for c in (cls, base))
                assert ours == theirs, f"aiortc changed {base.__name__}.{name}"


def test_an_upgrade_that_moves_a_method_stops_install_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(seams.REQUIRED, RTCRtpReceiver, ("receive", "_gone"))
    before = vars(aiortc.rtcpeerconnection)["RTCRtpReceiver"]
    with pytest.raises(RuntimeError, match=r"RTCRtpReceiver\._gone"):
        seams.install()
    assert before is vars(aiortc.rtcpeerconnection)["RTCRtpReceiver"]


def test_a_function_that_moved_stops_install_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(aiortc.rtcpeerconnection, seams.FIND_CODECS)
    before = list(CODECS["video"])
    with pytest.raises(RuntimeError, match=seams.FIND_CODECS):
        seams.install()
    assert CODECS["video"] == before
