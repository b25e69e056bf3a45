"""What each of many publishers sent lies in the folder byte for byte, in mesh and through a media server."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiortc.rtp import RtpPacket

from callrec.wire.recording import Actor, Start
from tests.recorder.captured import folder_of, media, missing, packets
from tests.recorder.conftest import RecorderProcess
from tests.recorder.janus import Janus
from tests.recorder.lab import Control, Lab, running_lab
from tests.recorder.publisher import Publisher
from tests.recorder.standalone_lab import standalone_lab
from tests.recorder.wire import Wire
from tests.waiting import until

VIDEO = Start(1, "user0", Actor("users", "user0"))
PICTURES, SOUNDS = 75, 100
"""At least so many packets of each: three seconds, and some less as the two do not begin together."""


@pytest.fixture
async def lab(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Lab]:
    """The lab with a media server or without."""
    async with AsyncExitStack() as stack:
        if request.param == "mesh":
            yield await stack.enter_async_context(running_lab())
        else:
            janus: Janus = request.getfixturevalue("janus")
            yield await stack.enter_async_context(standalone_lab(tmp_path, janus.url))


@asynccontextmanager
async def published(lab: Lab, people: int) -> AsyncIterator[dict[str, Publisher]]:
    """Let so many people send, each through a wire of their own."""
    async with AsyncExitStack() as stack:
        publishers = {}
        for number in range(people):
            user = f"user{number}"
            publisher = Publisher(lab, user, 40 + 160 * (number % 2), 300 + 50 * number)
            publisher.wire = Wire()
            publishers[user] = await stack.enter_async_context(publisher)
        await lab.set_call(**dict.fromkeys(publishers, 7))
        yield publishers


def streams(wire: Wire) -> list[list[bytes]]:
    """Return the payloads of each stream that was sent."""
    found: dict[int, list[bytes]] = {}
    for data in wire.sent:
        packet = RtpPacket.parse(data)
        found.setdefault(packet.ssrc, []).append(packet.payload)
    return list(found.values())


def sent(publisher: Publisher, payloads: Mapping[int, bytes]) -> list[bytes]:
    """Return the stream that these packets are of: a media server gives it other numbers."""
    assert publisher.wire is not None
    first = next(iter(payloads.values()))
    (stream,) = (stream for stream in streams(publisher.wire) if first in stream)
    return stream


def fewest_packets(recorder: RecorderProcess, publishers: Mapping[str, Publisher], source: str) -> int:
    """Return how many packets there are of the publisher who has the fewest."""
    return min(packets(recorder, f"users/{user} {source}") for user in publishers)


@pytest.mark.parametrize(
    ("lab", "people"),
    [
        ("mesh", 8),
        pytest.param("media server", 1, marks=pytest.mark.hpb),
        pytest.param("media server", 8, marks=pytest.mark.hpb),
    ],
    indirect=["lab"],
)
async def test_every_packet_of_everybody(
    lab: Lab, people: int, control: Control, recorder_process: RecorderProcess
) -> None:
    async with published(lab, people) as publishers:
        assert (await control.send(VIDEO)).status_code == 200
        await lab.wait(lambda: bool(lab.reports))
        await until(
            lambda: fewest_packets(recorder_process, publishers, "camera") >= PICTURES, 100, every_s=0.1
        )
        for publisher in publishers.values():
            publisher.fall_silent()
        for user, publisher in publishers.items():
            for source, enough in (("camera", PICTURES), ("microphone", SOUNDS)):
                await is_whole(recorder_process, publisher, f"users/{user} {source}", enough)


async def is_whole(recorder: RecorderProcess, publisher: Publisher, source: str, enough: int) -> None:
    """Wait for the last packet that was sent; from the first one that came none is missing, or changed."""
    captured: dict[int, bytes] = {}
    stream: list[bytes] = []
    deadline_s = time.monotonic() + 30
    # All are compared: packets of an even tone may be alike, so the last one alone tells nothing.
    while not captured or (
        list(captured.values()) != stream[-len(captured) :] and time.monotonic() < deadline_s
    ):
        await asyncio.sleep(0.1)
        captured = media(folder_of(recorder), source)
        stream = sent(publisher, captured) if captured else []
    assert len(captured) >= enough, source
    assert missing(captured) == [], source
    assert list(captured.values()) == stream[-len(captured) :], source
    if not publisher.by_media_server:
        assert len(captured) == len(stream), source  # it was sent to the recorder alone
