"""Every packet that was sent is in the folder, byte for byte; what the network loses is asked for again."""

from aiortc.rtp import RtpPacket

from callrec.recorder.folder.reader import TrackReader
from callrec.recorder.folder.track import Track
from tests.recorder.captured import flowing, folder_of, silent
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import Control, Lab
from tests.recorder.publisher import Publisher
from tests.recorder.story import VIDEO
from tests.recorder.wire import Wire, original

Payloads = dict[tuple[int, int], bytes]
"""By SSRC and sequence number."""


def captured(recorder: RecorderProcess, source: str) -> tuple[Track, list[bytes]]:
    """Return the one track of a source and its RTP packets in the order of their arrival."""
    reader = folder_of(recorder)
    (track,) = (t for t in reader.tracks() if f"{t.participant} {t.source}" == source)
    records = TrackReader(reader.paths, track).poll()
    return track, [bytes(record.packet) for record in records if not record.rtcp]


async def a_call(lab: Lab, control: Control, recorder: RecorderProcess, wire: Wire, packets: int) -> None:
    """Let mira send through *wire*, then fall silent, until retransmissions have come."""
    async with Publisher(lab, "ole", 40, 660), Publisher(lab, "mira", 200, 440) as mira:
        mira.wire = wire
        await lab.set_call(mira=7, ole=7)
        assert (await control.send(VIDEO)).status_code == 200
        await flowing(recorder, "users/mira camera", within_s=60, more=packets)
        mira.fall_silent()
        await silent(recorder, "users/mira camera")


async def test_a_good_network_loses_nothing(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    wire = Wire()
    await a_call(lab, control, recorder_process, wire, 400)
    for source in ("microphone", "camera"):
        _, packets = captured(recorder_process, f"users/mira {source}")
        ssrcs = {RtpPacket.parse(data).ssrc for data in packets}
        assert packets == [data for data in wire.sent if RtpPacket.parse(data).ssrc in ssrcs]
        assert len(packets) > 100


async def test_a_bad_network_loses_next_to_nothing(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    wire = Wire(loss=0.05, jitter_s=0.05)
    await a_call(lab, control, recorder_process, wire, 800)
    track, packets = captured(recorder_process, "users/mira camera")
    arrived = dict(original(track, data) for data in packets)
    media = next(ssrc for ssrc, _ in arrived)
    sent: Payloads = {}
    for data in wire.sent:
        packet = RtpPacket.parse(data)
        if packet.ssrc == media:
            sent[media, packet.sequence_number] = packet.payload
    assert wire.lost > 30
    assert all(sent[key] == payload for key, payload in arrived.items())
    missing = len(sent) - len(arrived)
    assert missing <= len(sent) / 1000, f"{missing} of {len(sent)} packets, {wire.lost} were lost on the way"
