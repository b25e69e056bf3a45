"""The queue of events: in order for each recording, durable, bounded."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from callrec.recorder.deliver import webhook_queue
from callrec.recorder.deliver.webhook_queue import WebhookQueue

A, B = "https://a.example/hook", "https://b.example/hook"
NOW_S = 1_800_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "webhooks.sqlite"


@pytest.fixture
def queue(path: Path) -> Iterator[WebhookQueue]:
    queue = WebhookQueue(path)
    yield queue
    queue.close()


def put(queue: WebhookQueue, recording: str, state: str | None, *urls: str, now_s: float = NOW_S) -> None:
    queue.put(urls or (A,), recording, state, f"{recording} {state}".encode(), now_s)


def drain(queue: WebhookQueue, url: str = A, now_s: float = NOW_S) -> list[str]:
    bodies = []
    while (event := queue.next(url, now_s)) is not None:
        bodies.append(event.body.decode())
        queue.done(event.id)
    return bodies


def test_each_address_gets_all_in_order(queue: WebhookQueue) -> None:
    for state in ("accepted", "joining", "capturing"):
        put(queue, "one", state, A, B)
    assert queue.waiting() == {A: 3, B: 3}
    expected = ["one accepted", "one joining", "one capturing"]
    assert drain(queue) == expected
    assert drain(queue, B) == expected
    assert queue.waiting() == {}


def test_one_that_is_refused_holds_up_only_its_recording(queue: WebhookQueue) -> None:
    put(queue, "one", "accepted")
    put(queue, "two", "accepted")
    put(queue, "one", "joining")
    refused = queue.next(A, NOW_S)
    assert refused is not None and refused.attempts == 0
    queue.postpone(refused.id, NOW_S + 60)
    assert drain(queue) == ["two accepted"]
    assert queue.next_due_s(A) == NOW_S + 60
    again = queue.next(A, NOW_S + 60)
    assert again is not None and (again.body, again.attempts) == (b"one accepted", 1)
    assert drain(queue, now_s=NOW_S + 60) == ["one accepted", "one joining"]
    assert queue.next_due_s(A) is None


def test_a_restart_loses_nothing(queue: WebhookQueue, path: Path) -> None:
    assert queue.is_new
    put(queue, "one", "accepted")
    put(queue, "two", "accepted")
    put(queue, "two", None)
    put(queue, "two", None)
    put(queue, "one", "accepted")
    queue.close()
    reopened = WebhookQueue(path)
    assert not reopened.is_new
    assert reopened.told() == {"one": "accepted"}
    assert drain(reopened) == ["one accepted", "two accepted", "two None"]
    reopened.close()


def test_what_is_old_too_much_or_for_nobody_is_dropped(
    queue: WebhookQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_queue, "MAX_EVENTS", 5)
    put(queue, "old", "accepted", now_s=NOW_S - webhook_queue.MAX_AGE_S - 1)
    put(queue, "elsewhere", "accepted", B)
    for number in range(6):
        put(queue, f"n{number}", "accepted")
    assert queue.drop([A], NOW_S) == {A: 2, B: 1}
    assert drain(queue) == [f"n{number} accepted" for number in range(1, 6)]
    assert queue.drop([A], NOW_S) == {}


def test_10_000_events_are_handled_quickly(queue: WebhookQueue) -> None:
    import time

    begun_s = time.thread_time()
    with queue._transaction() as connection:
        connection.executemany(
            "INSERT INTO events (url, recording, body, queued_s, due_s) VALUES (?, ?, 'x', ?, ?)",
            [(A, f"r{n % 500}", NOW_S, NOW_S + 10) for n in range(10_000)],
        )
    assert queue.next(A, NOW_S) is None
    assert queue.next_due_s(A) == NOW_S + 10
    assert queue.drop([A], NOW_S) == {}
    assert time.thread_time() - begun_s < 1.0


def test_a_damaged_file_is_begun_anew(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)
    queue = WebhookQueue(path)
    assert queue.is_new
    (aside,) = path.parent.glob("*.damaged-*")
    assert aside.read_bytes().startswith(b"no database")
    put(queue, "one", "accepted")
    assert drain(queue) == ["one accepted"]
    queue.close()
    with pytest.raises(sqlite3.Error):
        queue.waiting()


def test_what_cannot_be_opened_now_is_no_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = WebhookQueue(path)
    put(queue, "one", "accepted")
    queue.close()
    opened = webhook_queue._open

    def full(_path: Path) -> sqlite3.Connection:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    monkeypatch.setattr(webhook_queue, "_open", full)
    queue = WebhookQueue(path)
    with pytest.raises(sqlite3.OperationalError):
        queue.waiting()
    monkeypatch.setattr(webhook_queue, "_open", opened)
    put(queue, "one", "joining")
    assert not queue.is_new and drain(queue) == ["one accepted", "one joining"]
    queue.close()
