"""Single messages of the chat: answers, taking back, what stands around; read markers; guests' names."""

from typing import Any

from callrec.conversation.db.tables_chat import ChatMessage

from .conftest import API1, API4, Client, World

DELETED = {"messageType": "comment_deleted", "deleted": True, "isReplyable": False, "systemMessage": ""}


async def say(client: Client, token: str, text: str, **more: Any) -> dict[str, Any]:
    sent = {"message": text, **more}
    message: dict[str, Any] = await client.data("POST", f"{API1}/chat/{token}", json=sent, status=201)
    return message


async def history(client: Client, token: str) -> list[dict[str, Any]]:
    """Return what was said and shared, newest first."""
    shown = await client.data("GET", f"{API1}/chat/{token}", params={"lookIntoFuture": 0})
    return [message for message in shown if not message["systemMessage"]]


async def two_in_a_room(world: World, kind: int = 2) -> tuple[Client, Client, str]:
    mira, ole = await world.user("mira", "Mira"), await world.user("ole", "Ole")
    token = await world.room(mira, kind=kind)
    await mira.data("POST", f"{API4}/room/{token}/participants", data={"newParticipant": "ole"})
    return mira, ole, token


async def test_answers(world: World) -> None:
    mira, ole, token = await two_in_a_room(world)
    first = await say(mira, token, "Who records?")
    answer = await say(ole, token, "I do", replyTo=first["id"])
    assert (answer["parent"], answer["threadId"]) == (first, first["id"])
    second = await say(mira, token, "Thanks", replyTo=str(answer["id"]))
    assert second["threadId"] == first["id"]
    assert second["parent"] == {key: value for key, value in answer.items() if key != "parent"}
    assert (await history(ole, token))[0] == second

    elsewhere = await world.room(mira)
    system = (await mira.data("GET", f"{API1}/chat/{token}", params={"lookIntoFuture": 0}))[-1]
    for odd in (await say(mira, elsewhere, "x"), system, {"id": 99999}):
        sent = {"message": "x", "replyTo": odd["id"]}
        refused = await mira.data("POST", f"{API1}/chat/{token}", json=sent, status=400)
        assert refused == {"error": "reply-to"}


async def test_taking_back(world: World) -> None:
    mira, ole, token = await two_in_a_room(world)
    said, more = await say(ole, token, "a secret"), await say(ole, token, "another")
    answer = await say(mira, token, "oh", replyTo=said["id"])
    one = f"{API1}/chat/{token}/{said['id']}"
    world.pushes.take()
    told = await ole.data("DELETE", one)
    assert (told["systemMessage"], told["message"]) == ("message_deleted", "You deleted a message")
    assert (
        told["parent"].items() >= {**DELETED, "id": said["id"], "message": "Message deleted by you"}.items()
    )
    assert world.pushes.take_kinds() == ["chat"]
    for client, text in ((ole, "Message deleted by you"), (mira, "Message deleted by author")):
        shown = {message["id"]: message for message in await history(client, token)}
        assert shown[said["id"]].items() >= {**DELETED, "message": text, "actorId": "ole"}.items()
        assert shown[answer["id"]]["parent"] == shown[said["id"]]
    everything = await mira.ocs("GET", f"{API1}/chat/{token}", params={"lookIntoFuture": 0})
    assert "a secret" not in everything.text

    assert await ole.data("DELETE", one, status=405) == {"error": "message"}
    mine = f"{API1}/chat/{token}/{answer['id']}"
    assert await ole.data("DELETE", mine, status=403) == {"error": "message"}
    assert await ole.data("DELETE", f"{API1}/chat/{token}/99999", status=404) == {"error": "message"}
    await mira.data("DELETE", f"{API1}/chat/{token}/{more['id']}")  # she is the room's owner
    assert (await history(ole, token))[1]["message"] == "Message deleted by {actor}"
    assert (await history(ole, token))[1]["messageParameters"]["actor"]["id"] == "mira"
    await mira.data("PUT", f"{API4}/room/{token}/read-only", json={"state": 1})
    assert await mira.data("DELETE", mine, status=403) == []


async def test_of_two_each_takes_back_his_own(world: World) -> None:
    mira, ole = await world.user("mira"), await world.user("ole")
    new = {"roomType": 1, "invite": "ole"}
    token = (await mira.data("POST", f"{API4}/room", json=new, status=201))["token"]
    said = await say(mira, token, "hello")
    await ole.data("DELETE", f"{API1}/chat/{token}/{said['id']}", status=403)
    await mira.data("DELETE", f"{API1}/chat/{token}/{said['id']}")


async def test_an_answer_outlives_what_it_answers(world: World) -> None:
    mira, _, token = await two_in_a_room(world)
    said = await say(mira, token, "gone soon")
    await say(mira, token, "an answer", replyTo=said["id"])
    async with world.core.db.write() as tx:
        message = await tx.get_one(ChatMessage, said["id"])
        await tx.delete(message)
    (answer,) = await history(mira, token)
    assert answer["parent"] == {"id": said["id"], "deleted": True}


async def test_what_stands_around(world: World) -> None:
    mira, ole, token = await two_in_a_room(world)
    ids = [(await say(mira, token, str(number)))["id"] for number in range(7)]
    path = f"{API1}/chat/{token}/{ids[3]}/context"
    answer = await ole.ocs("GET", path, params={"limit": 2})
    assert [message["id"] for message in answer.json()["ocs"]["data"]] == ids[1:6]
    assert answer.headers["X-Chat-Last-Given"] == str(ids[5])
    assert [m["id"] for m in await ole.data("GET", path)][-7:] == ids
    await ole.data("GET", f"{API1}/chat/{token}/99999/context", status=404)
    await (await world.user("ida")).data("GET", path, status=404)


async def test_read_markers_as_one_sets_them(world: World) -> None:
    mira, ole, token = await two_in_a_room(world)
    ids = [(await say(mira, token, str(number)))["id"] for number in range(3)]
    path = f"{API1}/chat/{token}/read"
    answer = await ole.ocs("POST", path, json={"lastReadMessage": ids[0]})
    room = answer.json()["ocs"]["data"]
    assert (room["lastReadMessage"], room["unreadMessages"]) == (ids[0], 2)
    assert answer.headers["X-Chat-Last-Common-Read"] == str(ids[0])
    assert (await ole.data("POST", path))["unreadMessages"] == 0
    unread = await ole.data("DELETE", path)
    assert (unread["lastReadMessage"], unread["unreadMessages"]) == (ids[1], 1)
    assert (await ole.data("POST", path, json={"lastReadMessage": 1 << 60}))["lastReadMessage"] == ids[2]
    assert (await ole.data("POST", path, json={"lastReadMessage": 0}))["unreadMessages"] == 3
    await (await world.user("ida")).data("POST", path, status=404)

    await ole.data("POST", f"{API1}/settings/user", json={"key": "read_status_privacy", "value": "1"})
    assert "X-Chat-Last-Common-Read" not in (await ole.ocs("POST", path)).headers
    polled = await ole.ocs("GET", f"{API1}/chat/{token}", params={"lookIntoFuture": 0})
    assert "X-Chat-Last-Common-Read" not in polled.headers


async def test_a_room_in_which_nobody_spoke_has_nothing_unread(world: World) -> None:
    _mira, ole, token = await two_in_a_room(world)
    assert (await ole.data("DELETE", f"{API1}/chat/{token}/read"))["unreadMessages"] == 0


async def test_a_guest_says_what_he_is_called(world: World) -> None:
    mira, guest = await world.user("mira", "Mira"), await world.client()
    token = await world.room(mira, kind=3)
    await world.join(guest, token)
    assert (await say(guest, token, "hi", actorDisplayName=" Gus "))["actorDisplayName"] == "Gus"
    assert (await say(mira, token, "hi", actorDisplayName="Not Mira"))["actorDisplayName"] == "Mira"
    sent = {"message": "x", "actorDisplayName": "n" * 65}
    assert await guest.data("POST", f"{API1}/chat/{token}", json=sent, status=400) == {
        "error": "actorDisplayName"
    }


async def test_strangers_learn_nothing_from_their_mistakes(world: World) -> None:
    ole = await world.user("ole")
    for method, path in (("POST", ""), ("GET", ""), ("GET", "/share"), ("DELETE", "/1"), ("POST", "/read")):
        assert await ole.data(method, f"{API1}/chat/abcd2345{path}", status=404) == []
