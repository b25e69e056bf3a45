"""Makes one file of the chunks, by copying packets."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.stream import Stream

from callrec.recorder.compose import headway
from callrec.recorder.compose.chapters import Chapter
from callrec.recorder.compose.chunk_packets import read_packets
from callrec.recorder.compose.coding import REPEATABLE, SOUND_TIME_BASE, SoundCodec
from callrec.recorder.compose.encode import packets_per_chunk
from callrec.recorder.compose.film import Chunk
from callrec.recorder.compose.formats import format_of
from callrec.recorder.folder.durable import sync_directory

if TYPE_CHECKING:
    from av.container.core import Chapter as MuxedChapter  # known to type checkers only


@dataclass(frozen=True)
class About:
    """What a film's file says of it, beside its title, which is the file's name."""

    begins_at: float | None = None
    """Unix time."""
    people: tuple[str, ...] = ()
    """Names of who took part."""
    chapters: tuple[Chapter, ...] = ()


def join(chunks: Sequence[Chunk], directory: Path, codec: SoundCodec, output: Path, about: About) -> None:
    """Write the film of *chunks*, kept in *directory*, to *output*: all of it or nothing.

    Its extension tells the container.
    """
    temporary = output.with_name(f".{output.name}.tmp")
    form = format_of(output)
    with (
        av.open(chunks[0].path(directory)) as first,
        av.open(temporary, "w", format=form.muxer, options={**form.options, **REPEATABLE}) as film,
    ):
        film.metadata.update(_tags(output.stem, about))
        film.set_chapters([_chapter(number, chapter) for number, chapter in enumerate(about.chapters, 1)])
        streams: dict[bool, Stream] = {
            s.type == "video": film.add_stream_from_template(s)
            for s in (*first.streams.video, *first.streams.audio)
        }
        for packet in _packets(chunks, directory, codec, streams):
            film.mux_one(packet)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(output)
    sync_directory(output.parent)


def _tags(title: str, about: About) -> dict[str, str]:
    """Return tags by the names that FFmpeg translates to each container's own."""
    tags = {"title": title}
    if about.people:
        tags["artist"] = ", ".join(about.people)
    if about.begins_at is not None:
        begins = datetime.fromtimestamp(about.begins_at, UTC)
        tags["date"] = begins.strftime("%Y-%m-%dT%H:%M:%SZ")
        tags["creation_time"] = begins.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return tags


def _chapter(number: int, chapter: Chapter) -> "MuxedChapter":
    return {
        "id": number,
        "start": chapter.from_ms,
        "end": chapter.to_ms,
        "time_base": Fraction(1, 1000),
        "metadata": {"title": chapter.title},
    }


def _packets(
    chunks: Sequence[Chunk], directory: Path, codec: SoundCodec, video_or_sound: Mapping[bool, Stream]
) -> "Iterator[av.Packet[Stream]]":
    """Yield all packets of the film with their times, interleaved as in the chunks."""
    pictures = sounds = 0
    end = sum(chunk.samples for chunk in chunks)
    for chunk in chunks:
        headway.made()
        last = chunk is chunks[-1]
        sounds_to = sounds + packets_per_chunk(chunk, codec) + (1 if last else 0)
        for video, keyframe, data in read_packets(chunk.path(directory)):
            if not video and sounds == sounds_to:
                continue
            packet = av.Packet(data)
            packet.is_keyframe = keyframe
            packet.stream = video_or_sound[video]
            if video:
                packet.time_base = Fraction(1, chunk.fps)
                packet.pts = packet.dts = pictures
                packet.duration = 1
                pictures += 1
            else:
                packet.time_base = SOUND_TIME_BASE
                packet.pts = packet.dts = sounds * codec.frame_samples - codec.priming_samples
                packet.duration = min(codec.frame_samples, end - packet.pts)
                sounds += 1
            yield packet
