"""Makes one file of the chunks, by copying packets."""

import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.stream import Stream

from callrec.recorder.compose.encode import SOUND_TIME_BASE, SoundCodec, packets_per_chunk
from callrec.recorder.compose.film import Chunk
from callrec.recorder.folder.durable import sync_directory

CONTAINERS: dict[str, tuple[str, dict[str, str]]] = {
    ".mp4": ("mp4", {"movflags": "+faststart"}),
    ".mkv": ("matroska", {}),
    ".ogg": ("ogg", {}),
}
"""By the file's extension; the first with its index in front, so that a browser can begin at once."""


def join(chunks: Sequence[Chunk], directory: Path, codec: SoundCodec, output: Path) -> None:
    """Write the film of *chunks*, kept in *directory*, to *output*: all of it or nothing.

    Its extension tells the container. The title is the file's name.
    """
    temporary = output.with_name(f".{output.name}.tmp")
    kind, options = CONTAINERS[output.suffix]
    with (
        av.open(chunks[0].path(directory)) as first,
        av.open(temporary, "w", format=kind, options=options) as film,
    ):
        film.metadata["title"] = output.stem
        streams = {
            s.type: film.add_stream_from_template(s) for s in (*first.streams.video, *first.streams.audio)
        }
        for packet in _packets(chunks, directory, codec):
            packet.stream = streams[packet.stream.type]
            film.mux_one(packet)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(output)
    sync_directory(output.parent)


def _packets(chunks: Sequence[Chunk], directory: Path, codec: SoundCodec) -> "Iterator[av.Packet[Stream]]":
    """Yield all packets of the film with their times, interleaved as in the chunks."""
    pictures = sounds = 0
    end = sum(chunk.samples for chunk in chunks)
    for chunk in chunks:
        last = chunk is chunks[-1]
        sounds_to = sounds + packets_per_chunk(chunk, codec) + (1 if last else 0)
        with av.open(chunk.path(directory)) as container:
            for packet in container.demux():
                if not packet.size:
                    continue
                if packet.stream.type == "video":
                    packet.time_base = Fraction(1, chunk.fps)
                    packet.pts = packet.dts = pictures
                    packet.duration = 1
                    pictures += 1
                    yield packet
                elif sounds < sounds_to:
                    packet.time_base = SOUND_TIME_BASE
                    packet.pts = packet.dts = sounds * codec.frame_samples - codec.priming_samples
                    packet.duration = min(codec.frame_samples, end - packet.pts)
                    sounds += 1
                    yield packet
