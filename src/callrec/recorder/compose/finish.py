"""Makes the finished files of what is composed: the film last, so that where it is the others are, too."""

from pathlib import Path

import structlog

from callrec.recorder.compose.about import about_film
from callrec.recorder.compose.film import chunks_of
from callrec.recorder.compose.heard import listen
from callrec.recorder.compose.join import join
from callrec.recorder.compose.overview import overview
from callrec.recorder.compose.people import people_of
from callrec.recorder.compose.plan import Plan
from callrec.recorder.compose.poster import POSTER_SUFFIX, write_poster
from callrec.recorder.compose.speaking_times import speaking_times
from callrec.recorder.compose.tracks_out import write_tracks
from callrec.recorder.folder.durable import replace_file
from callrec.recorder.folder.paths import OVERVIEW_SUFFIX, SPEAKING_TIMES_SUFFIX, beside

_log = structlog.get_logger()


def finish(plan: Plan, duration_ms: int, output: Path, tracks: Path | None = None) -> None:
    """Join the chunks, which are all there, to the film *output*, and write the files that lie beside it.

    *tracks*: the directory to be made of each participant's own sound and pictures; None: none is made.

    Raises:
        ComposeFailed: a chunk's levels are damaged; both are made anew next time.
    """
    reader = plan.reader
    manifest, events, people = reader.manifest(), reader.timeline(), people_of(reader)
    chunks = chunks_of(duration_ms, plan.options.fps)
    heard = listen(chunks, plan.chunks, people, plan.started_ms, duration_ms)
    about = about_film(
        manifest,
        events,
        people,
        started_ms=plan.started_ms,
        duration_ms=duration_ms,
        spoken=[
            (participant, plan.started_ms + begin, plan.started_ms + end)
            for participant, one in heard.items()
            for begin, end in one.spells_ms
        ],
    )
    begins_at = manifest.anchor.wall_s + plan.started_ms / 1000
    times = speaking_times(heard, people.names, about.chapters, round(begins_at * 1000))
    replace_file(beside(output, SPEAKING_TIMES_SUFFIX), times)
    shown = overview(heard, people.names, about.chapters, begins_at=begins_at, duration_ms=duration_ms)
    replace_file(beside(output, OVERVIEW_SUFFIX), shown)
    if plan.video:
        write_poster(chunks, plan.chunks, output.with_suffix(POSTER_SUFFIX))
    if tracks is not None:
        write_tracks(reader, people, tracks, plan.started_ms, duration_ms, video=manifest.video)
    join(chunks, plan.chunks, plan.sound_codec, output, about)
    _log.info("film_joined", chunks=len(chunks), duration_ms=duration_ms)
