"""Sessions that lose their socket, and come back."""

import pytest

from tests.signaling.client import PATIENCE_S

from .person import Person, bye, refusal
from .place import Place, embedded, room_message


async def cut(person: Person, watcher: Person) -> None:
    """Close the socket from outside, and let the server notice."""
    person.client.socket.close_timeout = PATIENCE_S  # it answers the close when it has seen it
    await person.client.socket.close()
    person.closed = True
    await watcher.quiet()


async def resumed(place: Place, lost: Person) -> Person:
    """Resume the session of *lost* on a new socket."""
    again = await place.connect(lost.name)
    answer = await again.say_hello({"version": "1.0", "resumeid": lost.client.resume_id})
    assert answer["hello"]["sessionid"] == f"<{lost.name}>", answer
    assert answer["hello"]["resumeid"] == f"<secret of {lost.name}>"
    again.room, again.present = lost.room, lost.present
    return again


async def test_what_was_missed_is_delivered(place: Place) -> None:
    mira, tom = await place.user("mira", "room1"), await place.user("tom", "room1")
    await cut(mira, tom)
    refresh = {"type": "chat", "chat": {"refresh": True}}
    recording = {"type": "recording", "recording": {"status": 1}}
    for data in (refresh, recording, refresh):
        await place.push("message", data=data)
        await tom.hears(room_message(data))
    await tom.tell({"type": "session", "sessionid": mira.session})
    await tom.quiet()
    again = await resumed(place, mira)
    sender = {"type": "session", "sessionid": "<tom>", "userid": "tom"}
    missed = {"type": "message", "message": {"sender": sender, "data": "x"}}
    # Ours: one refresh is enough.
    refreshes = [room_message(refresh)] * (1 if place.embedded else 2)
    await again.hears(*refreshes, room_message(recording), missed)
    await again.tell({"type": "room"})
    sender = {"type": "room", "sessionid": "<mira>", "userid": "mira"}
    await tom.hears({"type": "message", "message": {"sender": sender, "data": "x"}})
    assert place.conversation.left == []


async def test_a_resumed_client_sees_the_call(place: Place) -> None:
    mira, tom = await place.user("mira", "room1"), await place.user("tom", "room1")
    entry = {"sessionId": "nc-tom", "inCall": 7}
    await cut(mira, tom)
    await place.push("incall", incall=7, changed=[entry], users=[entry])
    await tom.sees(tom=7)
    again = await resumed(place, mira)
    await again.sees(tom=7)


async def test_a_resumed_recorder_sees_the_call(place: Place) -> None:
    tom, rec = await place.user("tom", "room1"), await place.recorder("room1", says_in_call=False)
    entry = {"sessionId": "nc-tom", "inCall": 7}
    await place.push("incall", incall=7, changed=[entry], users=[entry])
    await rec.sees(tom=7, rec=3)
    await cut(rec, tom)
    again = await resumed(place, rec)
    await again.sees(tom=7, rec=3)


async def test_a_resumed_session_leaves_its_old_socket(place: Place) -> None:
    mira = await place.user("mira", "room1")
    again = await resumed(place, mira)
    mira.room = ""
    await mira.is_put_off(bye("session_resumed"))
    third = await resumed(place, again)
    again.room = ""
    await again.is_put_off(bye("session_resumed"))
    await third.send("room", {"roomid": ""}, "1")
    await third.hears({"id": "1", "type": "room", "room": {"roomid": ""}})
    third.room = ""


@pytest.mark.parametrize("impatient", [embedded], indirect=True)  # the standalone server waits for 30 s
async def test_a_session_that_does_not_come_back_leaves(impatient: Place) -> None:
    mira, tom = await impatient.user("mira", "room1"), await impatient.user("tom", "room1")
    await cut(mira, tom)
    await tom.hears({"left": "<mira>"})
    late = await impatient.connect("late")
    answer = await late.say_hello({"version": "1.0", "resumeid": mira.client.resume_id})
    assert answer == refusal("no_such_session", "hello")
    await impatient.conversation.until(lambda: impatient.conversation.left == [("room1", "mira", "nc-mira")])
