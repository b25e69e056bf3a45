"""Who is in the call: what the conversation server pushes, merged, as each client sees it."""

from typing import Any

from .place import Place


def entry(session: str, in_call: int, **more: Any) -> dict[str, Any]:
    return {"sessionId": session, "nextcloudSessionId": session, "inCall": in_call, **more}


async def test_sessions_are_translated_and_permissions_hidden(place: Place) -> None:
    mira, guest = await place.user("mira", "room1"), await place.user("guest", "room1", user="")
    people = [
        entry("nc-mira", 7, userId="mira", lastPing=5, participantType=1, displayName="Mira"),
        entry("nc-guest", 3, actorType="guests", actorId="a1", participantPermissions=254),
    ]
    pushed = [{**person, "permissions": ["publish-audio"]} for person in people]
    absent = [entry("nc-gone", 7), entry("0", 0)]
    await place.push("participants", changed=pushed, users=[*pushed, *absent])
    for client in (mira, guest):
        await client.sees(mira=7, guest=3)
        seen = [{**person, "sessionId": f"<{person['sessionId'][3:]}>"} for person in people]
        del seen[0]["lastPing"]
        assert client.call == {"<mira>": seen[0], "<guest>": seen[1]}


async def test_pushes_are_merged(place: Place) -> None:
    mira, tom = await place.user("mira", "room1"), await place.user("tom", "room1")
    names = [entry("nc-mira", 0, displayName="Mira"), entry("nc-tom", 0, displayName="Tom")]
    await place.push("participants", changed=[], users=names)
    for changed, users, seen in (
        ([entry("nc-mira", 7)], [entry("nc-mira", 7)], {"mira": 7}),
        ([entry("nc-tom", 1)], [entry("nc-mira", 7), entry("nc-tom", 1)], {"mira": 7, "tom": 1}),
        ([entry("nc-tom", 5)], [entry("nc-mira", 7), entry("nc-tom", 5)], {"mira": 7, "tom": 5}),
        # Who leaves the call is named once, and no more among the users.
        ([entry("nc-mira", 0)], [entry("nc-tom", 5)], {"tom": 5}),
        ([entry("nc-tom", 0)], [], {}),
    ):
        await place.push("incall", incall=7, changed=changed, users=users)
        for client in (mira, tom):
            await client.sees(**seen)


async def test_a_push_about_nobody_here_is_not_told(place: Place) -> None:
    mira = await place.user("mira", "room1")
    await place.push("incall", incall=7, changed=[entry("nc-gone", 7)], users=[entry("nc-gone", 7)])
    await place.push("incall", incall=7, changed=[], users=[])
    await mira.quiet()
    assert mira.call == {}


async def test_a_recorder_that_joins_is_told_who_is_in_the_call(place: Place) -> None:
    mira, tom = await place.user("mira", "room1"), await place.user("tom", "room1")
    await place.push("incall", incall=7, changed=[entry("nc-mira", 7)], users=[entry("nc-mira", 7)])
    await tom.sees(mira=7)
    rec = await place.recorder("room1", says_in_call=False)
    for client in (mira, tom, rec):
        await client.sees(mira=7, rec=3)  # one that does not say it counts as in the call with audio
        assert client.call["<rec>"] == {"sessionId": "<rec>", "inCall": 3, "internal": True}


async def test_a_recorder_says_whether_it_is_in_the_call(place: Place) -> None:
    mira, rec = await place.user("mira", "room1"), await place.recorder()
    in_call = {"type": "incall", "incall": {"incall": 1}}
    await rec.send("internal", in_call)
    await place.enter(rec, "room1", None)
    for client in (mira, rec):
        await client.sees(rec=1)
    await rec.send("internal", {"type": "incall", "incall": {"incall": 0}})
    for client in (mira, rec):
        await client.sees()
    await rec.send("internal", in_call)
    await rec.send("internal", in_call)  # nothing new
    for client in (mira, rec):
        await client.sees(rec=1)
    await mira.send("internal", {"type": "incall", "incall": {"incall": 7}})  # not for users
    await mira.quiet()
    await rec.quiet()
    assert rec.in_call == {"<rec>": 1}


async def test_a_user_that_joins_gets_the_list_from_us_at_once(place: Place) -> None:
    mira = await place.user("mira", "room1")
    await place.push("incall", incall=7, changed=[entry("nc-mira", 7)], users=[entry("nc-mira", 7)])
    await mira.sees(mira=7)
    tom = await place.user("tom", "room1")
    if place.embedded:
        await tom.sees(mira=7)
        return
    await tom.quiet()
    assert tom.call == {}  # the standalone server waits for the next push
    await place.push("incall", incall=7, changed=[], users=[entry("nc-mira", 7)])
    await tom.sees(mira=7)


async def test_the_call_ends_for_everybody(place: Place) -> None:
    mira, rec = await place.user("mira", "room1"), await place.recorder("room1")
    await place.push("incall", incall=7, changed=[entry("nc-mira", 7)], users=[entry("nc-mira", 7)])
    await rec.sees(mira=7)
    await place.push("incall", incall=0, all=True)
    for client in (mira, rec):
        await client.sees()
    late = await place.recorder("room1", name="late", says_in_call=False)
    for client in (mira, rec, late):
        # Ours forgets who was in the call; the standalone server still has the list.
        await client.sees(late=3, **({} if place.embedded else {"mira": 7}))


async def test_who_leaves_the_room_is_out_of_the_call(place: Place) -> None:
    mira, tom = await place.user("mira", "room1"), await place.user("tom", "room1")
    both = [entry("nc-mira", 7), entry("nc-tom", 7)]
    await place.push("incall", incall=7, changed=both, users=both)
    await mira.sees(mira=7, tom=7)
    await place.leave(tom)
    await mira.sees(mira=7)
    rec = await place.recorder("room1")
    await rec.sees(mira=7)
    # The standalone server keeps whoever has gone in the list until the next push.
    assert ("<tom>" in rec.call) is not place.embedded


async def test_a_reload_in_the_call(place: Place) -> None:
    """The conversation session lives on with a second socket, and so does its place in the call."""
    old, tom = await place.user("old", "room1", user="mira"), await place.user("tom", "room1")
    await place.push("incall", incall=7, changed=[entry("nc-old", 7)], users=[entry("nc-old", 7)])
    await tom.sees(old=7)
    new = await place.user("new", user="mira")
    await place.take_over(old, new, "mira")
    if not place.embedded:  # it waits for the push with which the conversation server follows every join
        await place.push("incall", incall=7, changed=[entry("nc-old", 7)], users=[entry("nc-old", 7)])
    await tom.sees(new=7)
    await new.sees(new=7)
