"""What a capture's end means: outcome, report, film. Pure."""

from typing import Any

import msgspec
import pytest

from callrec.recorder.call import reports
from callrec.recorder.folder.manifest import ActorName, Manifest
from callrec.recorder.lifecycle.capture_end import outcome_of
from callrec.recorder.lifecycle.causes import ALL, REFUSED, WITHDRAWN
from callrec.recorder.lifecycle.orders import stop_means
from callrec.recorder.lifecycle.stages import end_report
from callrec.recorder.lifecycle.states import has_film
from callrec.wire.recording import Actor, Failed, Stopped
from tests.recorder.folder.samples import MANIFEST

ENDED_EARLY = (reports.STOPPED, reports.CALL_ENDED, reports.CALL_EMPTY, reports.ROOM_GONE)


def manifest(**fields: Any) -> Manifest:
    return msgspec.structs.replace(MANIFEST, **fields)


ACKNOWLEDGED = manifest(started_ms=2000, acknowledged_at=1.0)
ANNOUNCED = manifest(started_ms=2000)


@pytest.mark.parametrize("cause", ALL)
def test_an_acknowledged_recording_is_always_kept(cause: str) -> None:
    withdrawn = cause in (WITHDRAWN, reports.ROOM_GONE)
    assert outcome_of(ACKNOWLEDGED, cause) == ("withdrawn" if withdrawn else "captured")


@pytest.mark.parametrize("cause", ALL)
@pytest.mark.parametrize("not_acknowledged", [MANIFEST, ANNOUNCED], ids=["joining", "announced"])
def test_what_was_never_acknowledged_is_never_delivered(not_acknowledged: Manifest, cause: str) -> None:
    outcome = outcome_of(not_acknowledged, cause)
    assert outcome not in ("captured", "withdrawn")
    if cause == REFUSED:
        assert outcome == "refused"
    elif cause in ENDED_EARLY and not_acknowledged is MANIFEST:
        assert outcome == "never"  # over while it joined: nothing was announced
    else:
        assert outcome == "failed"
    assert not has_film(manifest(outcome=outcome, started_ms=0, stop_ms=10_000))


@pytest.mark.parametrize("cause", ALL)
def test_a_refusal_that_came_first_stays_one(cause: str) -> None:
    refused = msgspec.structs.replace(ANNOUNCED, cause=REFUSED)
    assert outcome_of(refused, cause) == "refused"


@pytest.mark.parametrize(
    "started_ms, stop_ms, film",
    [
        (0, 1, True),
        (2000, 9000, True),
        (2000, 2000, False),
        (2000, 1999, False),
        (None, 9, False),
        (0, None, False),
    ],
)
@pytest.mark.parametrize("outcome", ["captured", "withdrawn"])
def test_a_film_needs_time(outcome: str, started_ms: int | None, stop_ms: int | None, film: bool) -> None:
    assert has_film(manifest(outcome=outcome, started_ms=started_ms, stop_ms=stop_ms)) is film


@pytest.mark.parametrize("outcome", ["never", "refused", "failed", None])
def test_without_agreement_there_is_no_film(outcome: str | None) -> None:
    assert not has_film(manifest(outcome=outcome, started_ms=0, stop_ms=9000))


def test_the_end_is_reported_with_who_stopped_it() -> None:
    ole = ActorName("users", "ole")
    stopped = manifest(outcome="captured", cause=reports.STOPPED, stop_actor=ole)
    assert end_report(stopped) == Stopped(MANIFEST.token, Actor("users", "ole"))
    ended = manifest(outcome="captured", cause=reports.CALL_ENDED, stop_actor=ole)
    assert end_report(ended) == Stopped(MANIFEST.token)
    never = manifest(outcome="never", cause=reports.STOPPED)
    assert end_report(never) == Stopped(MANIFEST.token)
    failed = manifest(outcome="failed", cause=reports.JOIN_REFUSED, stop_actor=ole)
    assert end_report(failed) == Failed(MANIFEST.token)


def test_a_stop_tells_the_end_again_until_it_was_told_or_the_backend_made_it() -> None:
    for untold in ({"outcome": "captured"}, {"outcome": "withdrawn", "state": "uploading"}):
        assert stop_means(manifest(**{"state": "retained", **untold})) == "tell_again"
    for over in ({"outcome": "captured", "end_reported": True}, {"outcome": "withdrawn"}):
        assert stop_means(manifest(state="retained", **over)) == "nothing"
