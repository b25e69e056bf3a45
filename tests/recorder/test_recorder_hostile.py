"""What a participant who means harm cannot do: end, freeze or fill somebody else's recording."""

import asyncio
import struct

import pytest

from callrec.wire.recording import Start, Stop, Stopped
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import TOKEN, Control, Lab
from tests.recorder.publisher import Publisher
from tests.recorder.story import MIRA, call_lasts
from tests.waiting import PATIENCE_S

SSRCS = 400
"""More than one RTCP report can name (31), and than aiortc can count in a byte."""


async def flood(publisher: Publisher, kind: str) -> None:
    """Send packets of very many invented SSRCs."""
    peer = next(iter(publisher._peers.values()))
    transceiver = next(t for t in peer.getTransceivers() if t.kind == kind)
    payload_type = transceiver._codecs[0].payloadType
    for number in range(SSRCS):
        header = struct.pack("!BBHII", 0x80, payload_type, number, 0, 1_000_000 + number)
        await transceiver.sender.transport._send_rtp(header + b"\x10\x00\x00\x00")
        await asyncio.sleep(0)


@pytest.mark.parametrize("kind", ["video", "audio"])
async def test_invented_ssrcs_neither_end_the_capture_nor_keep_it_from_stopping(
    lab: Lab, control: Control, recorder_process: RecorderProcess, kind: str
) -> None:
    async with (
        Publisher(lab, "mira", 200, 440) as mira,
        Publisher(lab, "evil", 40, 660) as evil,
    ):
        await lab.set_call(mira=7, evil=7)
        assert (await control.send(Start(1, "mira", MIRA))).status_code == 200
        await lab.wait(lambda: bool(lab.reports))
        await asyncio.wait_for(evil.offered.wait(), PATIENCE_S)
        await call_lasts(mira, 1)
        await flood(evil, kind)
        await call_lasts(mira, 3)  # reports and bitrate messages were sent meanwhile
        assert (await control.send(Stop(MIRA))).status_code == 200
        await lab.wait(lambda: Stopped(TOKEN, MIRA) in lab.reports)
        await lab.wait(lambda: bool(lab.uploads))
    log = recorder_process.log.read_text()
    assert "capture_crashed" not in log and "capture_does_not_stop" not in log
