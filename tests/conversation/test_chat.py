"""The chat: writing, pages, waiting, read markers, and how messages read for whom."""

import asyncio
import time

import httpx
import pytest

from callrec.conversation.system_texts import TEXTS, sentence
from tests.waiting import until

from .conftest import API1, API4, Client, World

OLE, MIRA = ("users", "ole"), ("users", "mira")


async def say(client: Client, token: str, text: str) -> int:
    message = await client.data("POST", f"{API1}/chat/{token}", json={"message": text}, status=201)
    return int(message["id"])


async def test_pages_of_history(world: World) -> None:
    mira, ole = await world.user("mira"), await world.user("ole")
    token = await world.room(mira)
    ids = [await say(mira, token, f"message {number}") for number in range(5)]
    path = f"{API1}/chat/{token}"
    page = await mira.ocs("GET", path, params={"lookIntoFuture": 0, "limit": 2})
    assert [m["id"] for m in page.json()["ocs"]["data"]] == [ids[4], ids[3]]
    assert page.headers["X-Chat-Last-Given"] == str(ids[3])
    older = {"lookIntoFuture": 0, "limit": 2, "lastKnownMessageId": ids[3]}
    assert [m["id"] for m in await mira.data("GET", path, params=older)] == [ids[2], ids[1]]
    with_known = {**older, "includeLastKnown": 1}
    assert [m["id"] for m in await mira.data("GET", path, params=with_known)] == [ids[3], ids[2]]
    newer = {"lookIntoFuture": 1, "lastKnownMessageId": ids[2], "limit": 1}
    assert [m["id"] for m in await mira.data("GET", path, params=newer)] == [ids[3]]
    nothing = await mira.ocs("GET", path, params={"lookIntoFuture": 0, "lastKnownMessageId": 1})
    assert (nothing.status_code, nothing.content) == (304, b"")
    assert await mira.data("GET", path, status=400) == {"error": "lookIntoFuture"}
    await ole.data("GET", path, params={"lookIntoFuture": 0}, status=404)


async def test_what_a_message_looks_like(world: World) -> None:
    mira = await world.user("mira", "Mira M.")
    token = await world.room(mira)
    world.pushes.take()
    sent = {"message": "  Grüße {actor} <b>  ", "referenceId": "abc", "silent": "true"}
    message = await mira.data("POST", f"{API1}/chat/{token}", data=sent, status=201)
    assert message == {
        "id": message["id"],
        "token": token,
        "actorType": "users",
        "actorId": "mira",
        "actorDisplayName": "Mira M.",
        "timestamp": message["timestamp"],
        "message": "Grüße {actor} <b>",
        "messageParameters": [],
        "systemMessage": "",
        "messageType": "comment",
        "isReplyable": True,
        "referenceId": "abc",
        "reactions": {},
        "expirationTimestamp": 0,
        "markdown": True,
        "threadId": message["id"],
        "silent": True,
    }
    assert world.pushes.take_kinds() == ["chat"]


@pytest.mark.parametrize(
    ("sent", "status", "error"),
    [
        ({"message": " \n"}, 400, "message"),
        ({"message": "ü" * 32001}, 413, "message"),
        ({}, 400, "message"),
        ({"message": "x", "replyTo": 7}, 400, "reply-to"),
        ({"message": "x", "referenceId": "y" * 65}, 400, "reference-id"),
    ],
)
async def test_what_cannot_be_said(world: World, sent: dict[str, object], status: int, error: str) -> None:
    mira = await world.user("mira")
    token = await world.room(mira)
    assert await mira.data("POST", f"{API1}/chat/{token}", json=sent, status=status) == {"error": error}


def polls_waiting() -> int:
    """Return how many long polls wait at the server: it runs on this loop."""
    return sum("disconnected" in repr(task.get_coro()) for task in asyncio.all_tasks())


async def test_a_poll_is_woken_by_a_message(world: World) -> None:
    mira, guest = await world.user("mira"), await world.client()
    token = await world.room(mira, kind=3)
    await world.join(guest, token)
    last = await say(mira, token, "before")
    future = {"lookIntoFuture": 1, "lastKnownMessageId": last, "timeout": 30}
    polls = [
        asyncio.create_task(client.ocs("GET", f"{API1}/chat/{token}", params=future))
        for client in (mira, guest, mira)
    ]
    await until(lambda: polls_waiting() == len(polls))
    assert not any(poll.done() for poll in polls)
    began = time.monotonic()
    said = await say(guest, token, "now")
    for poll in polls:
        response = await poll
        assert [m["id"] for m in response.json()["ocs"]["data"]] == [said]
        assert response.headers["X-Chat-Last-Given"] == str(said)
    assert time.monotonic() - began < 15  # not at their end


async def test_a_poll_without_news_ends(world: World) -> None:
    mira = await world.user("mira")
    token = await world.room(mira)
    last = await say(mira, token, "before")
    future = {"lookIntoFuture": 1, "lastKnownMessageId": last, "timeout": 1}
    began = time.monotonic()
    response = await mira.ocs("GET", f"{API1}/chat/{token}", params=future)
    assert (response.status_code, response.content) == (304, b"")
    assert 0.9 < time.monotonic() - began < 15


async def test_polls_hold_no_connection_and_end_with_their_client(world: World) -> None:
    mira = await world.user("mira")
    token = await world.room(mira)
    last = await say(mira, token, "before")
    future = {"lookIntoFuture": 1, "lastKnownMessageId": last, "timeout": 30}
    limits = httpx.Limits(max_connections=None)
    headers = {"OCS-APIRequest": "true"}
    async with httpx.AsyncClient(
        base_url=world.url, auth=("mira", "secret-password"), limits=limits, timeout=40
    ) as many:
        # More than the database's pool holds.
        polls = [
            asyncio.create_task(many.get(f"{API1}/chat/{token}", params=future, headers=headers))
            for _ in range(40)
        ]
        assert (await mira.data("GET", f"{API4}/room/{token}"))["token"] == token
        await until(lambda: polls_waiting() == len(polls))
        await mira.data("GET", f"{API4}/room/{token}")
        for poll in polls[:20]:
            poll.cancel()
        await asyncio.gather(*polls[:20], return_exceptions=True)
        await until(lambda: polls_waiting() <= 20)
        world.conversation.release_waiting()
        for poll in polls[20:]:
            assert (await poll).status_code == 304


async def test_read_markers(world: World) -> None:
    mira, ole = await world.user("mira"), await world.user("ole")
    token = await world.room(mira)
    await mira.data("POST", f"{API4}/room/{token}/participants", data={"newParticipant": "ole"})
    first, last = await say(mira, token, "one"), await say(mira, token, "two")

    async def unread() -> int:
        return int((await ole.data("GET", f"{API4}/room/{token}"))["unreadMessages"])

    assert await unread() == 2
    future = {"lookIntoFuture": 1, "lastKnownMessageId": first - 1, "limit": 1}
    await ole.data("GET", f"{API1}/chat/{token}", params={**future, "setReadMarker": 0})
    assert await unread() == 2
    await ole.data("GET", f"{API1}/chat/{token}", params=future)
    assert await unread() == 1
    polled = {"lookIntoFuture": 1, "lastKnownMessageId": last, "timeout": 0, "lastCommonReadId": first}
    response = await ole.ocs("GET", f"{API1}/chat/{token}", params=polled)
    assert (response.status_code, response.json()["ocs"]["data"]) == (200, [])
    assert response.headers["X-Chat-Last-Common-Read"] == str(last)
    assert await unread() == 0
    room = await mira.data("GET", f"{API4}/room/{token}")
    assert room["lastCommonReadMessage"] == last


async def test_system_messages_read_for_whom(world: World) -> None:
    mira, ole, admin = await world.user("mira", "Mira"), await world.user("ole", "Ole"), await world.admin()
    token = await world.room(mira)
    for user in ("ole", "admin"):
        await mira.data("POST", f"{API4}/room/{token}/participants", data={"newParticipant": user})

    async def texts(client: Client) -> list[str]:
        history = await client.data("GET", f"{API1}/chat/{token}", params={"lookIntoFuture": 0})
        return [message["message"] for message in history]

    assert await texts(mira) == ["You added {user}", "You added {user}", "You created the conversation"]
    assert (await texts(ole))[1] == "{actor} added you"
    assert (await texts(admin))[1] == "{actor} added {user}"
    history = await ole.data("GET", f"{API1}/chat/{token}", params={"lookIntoFuture": 0})
    assert list(history[1]["messageParameters"].items()) == [
        ("actor", {"type": "user", "id": "mira", "name": "Mira", "mention-id": "mira"}),
        ("user", {"type": "user", "id": "ole", "name": "Ole", "mention-id": "ole"}),
    ]


def test_every_text_names_only_placeholders_it_has() -> None:
    for key in TEXTS:
        for viewer in (MIRA, OLE, None):
            user = {"type": "users", "id": "ole", "name": "Ole"}
            stored = {"user": user, "oldName": "{user} 100%", "newName": "b"}
            text = sentence(key, stored, actor=MIRA, viewer=viewer)
            assert text
            assert "%(" not in text


def test_the_end_of_a_call_names_people() -> None:
    users = [{"type": "users", "id": str(n), "name": str(n)} for n in range(7)]

    def ended(count: int, key: str = "call_ended") -> str:
        return sentence(key, {"users": users[:count], "duration_s": 61}, actor=MIRA, viewer=OLE)

    assert ended(0) == "Call ended (duration 1:01)"
    assert ended(1) == "Call with {user1} ended (duration 1:01)"
    assert ended(3) == "Call with {user1}, {user2} and {user3} ended (duration 1:01)"
    assert ended(6).startswith("Call with {user1}, {user2}, {user3}, {user4}, {user5} and 1 other ended")
    assert ended(1, "call_ended_everyone") == "{actor} ended the call with {user1} (duration 1:01)"
