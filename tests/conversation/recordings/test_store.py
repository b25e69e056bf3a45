"""Storing recordings over HTTP: checks in order, nothing twice, nothing halfway."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import delete, select

from callrec.conversation import store
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.tables_recordings import Node, RecordingStart
from callrec.conversation.db.tables_rooms import Attendee
from callrec.conversation.db.tables_users import User
from callrec.errors import SettingsError
from callrec.wire.checksum import signed_headers
from callrec.wire.constants import ParticipantType
from tests.conversation.recording_world import (
    API,
    HEADERS,
    NOTIFICATIONS,
    OGG,
    SECRET,
    World,
    add_guest,
    open_world,
)
from tests.conversation.storage import Embedded, Services

from .multipart_bytes import CONTENT_TYPE, END, field, file
from .recording_steps import stored


async def told(world: World, user: str = "mira") -> list[str]:
    """Return the kinds of the notifications of a user, newest first."""
    answer = await (await world.client(user)).get(NOTIFICATIONS)
    return [item["object_type"] for item in answer.json()["ocs"]["data"]]


def refused(answer: httpx.Response, word: str) -> bool:
    return (answer.status_code, answer.json()["ocs"]["data"]) == (400, {"error": word})


async def test_stored_and_announced(world: World) -> None:
    answer = await world.store(name="Recording 2026-03-01 14-05-09.ogg")
    assert (answer.status_code, answer.json()["ocs"]["data"]) == (200, None)
    assert await stored(world) == [f"mira:Talk/Recording/{world.token}/Recording 2026-03-01 14-05-09.ogg"]
    assert await told(world) == ["recording"]
    assert await world.status() == 0


async def test_the_same_upload_again_does_nothing_for_ever(world: World) -> None:
    client = await world.client("mira")
    for n in range(3):
        assert (await world.store()).status_code == 200
        assert len(await stored(world)) == 1
        assert await told(world) == ([] if n else ["recording"])
        await client.delete(NOTIFICATIONS)
    async with world.core.db.write() as tx:
        await tx.execute(delete(Node).where(Node.blob_id.is_not(None)))
    assert (await world.store()).status_code == 200
    assert await told(world) == []


async def test_parallel_uploads_of_the_same_file(world: World) -> None:
    answers = await asyncio.gather(*(world.store() for _ in range(5)))
    assert [answer.status_code for answer in answers] == [200] * 5
    assert len(await stored(world)) == 1
    assert await told(world) == ["recording"]


async def test_other_content_of_the_same_name_is_kept_beside(world: World) -> None:
    other = OGG + b"other"
    for data in (OGG, other, OGG, other):
        assert (await world.store(data)).status_code == 200
    folder = f"mira:Talk/Recording/{world.token}"
    assert await stored(world) == [f"{folder}/a.ogg", f"{folder}/a (2).ogg"]
    assert await told(world) == ["recording"] * 2


async def test_hostile_names_stay_in_the_folder(world: World) -> None:
    for name in ("../../../x.ogg", "/etc/cron.d/y.ogg", "..\\z.ogg", "u\u0308.ogg", "x" * 300 + ".ogg"):
        assert (await world.store(OGG + name.encode(), name)).status_code == 200
    folder = f"mira:Talk/Recording/{world.token}"
    names = ["x.ogg", "y.ogg", "z.ogg", "ü.ogg", "x" * 251 + ".ogg"]
    assert await stored(world) == [f"{folder}/{name}" for name in names]


async def test_names_that_say_little_or_cannot_be_read_are_taken_all_the_same(world: World) -> None:
    for n, name in enumerate((".ogg", "..ogg", "%2e%2e%2fz.ogg")):
        assert (await world.store(OGG + b"%d" % n, name)).status_code == 200
    # Latin-1, where UTF-8 is meant (RFC 7578, section 5.1).
    part = file(OGG, "Gr??e.ogg").replace(b"??", "öß".encode("latin-1"), 1)
    headers = {**HEADERS, **signed_headers(SECRET, world.token.encode()), "Content-Type": CONTENT_TYPE}
    async with httpx.AsyncClient(base_url=world.url) as client:
        address = f"{API}/recording/{world.token}/store"
        answer = await client.post(address, content=field("owner", "mira") + part + END, headers=headers)
    assert answer.status_code == 200, answer.text
    folder = f"mira:Talk/Recording/{world.token}"
    names = ("Recording.ogg", "Recording (2).ogg", "%2e%2e%2fz.ogg", "Gre.ogg")
    assert await stored(world) == [f"{folder}/{name}" for name in names]


async def test_the_signature_and_the_room_come_first(world: World) -> None:
    answer = await world.store(token="nosuchroom")
    assert (answer.status_code, answer.json()["ocs"]["data"]) == (404, [])
    answer = await world.store(secret="another")
    assert answer.status_code == 401
    assert answer.json()["ocs"]["data"]["error"]["code"] == "invalid_request"
    other = await world.make_room("mira")
    async with httpx.AsyncClient(base_url=world.url) as client:
        answer = await client.post(
            f"{API}/recording/{world.token}/store",
            headers={"OCS-APIRequest": "true", **signed_headers(SECRET, other.encode())},
        )
        assert answer.status_code == 401
        answer = await client.post(
            f"{API}/recording/{world.token}/store", headers=signed_headers(SECRET, world.token.encode())
        )
        assert answer.status_code == 412
    assert await stored(world) == []
    assert await told(world) == []


async def test_a_well_signed_upload_passes_however_many_bad_ones_came(world: World) -> None:
    codes = [(await world.store(secret="another")).status_code for _ in range(12)]
    assert codes == [401] * 10 + [429] * 2
    assert (await world.store()).status_code == 200


async def test_room_tokens_cannot_be_guessed(world: World) -> None:
    codes = [(await world.store(token=f"nosuch{n:02}", secret="another")).status_code for n in range(11)]
    assert codes == [404] * 10 + [429]
    # Now a room that is there answers no differently.
    assert (await world.store(secret="another")).status_code == 429
    # What a recorder signs is never counted: it does not know when a room goes.
    codes = [(await world.store(token=f"nosuch{n:02}")).status_code for n in range(12)]
    assert codes == [404] * 12
    assert (await world.store()).status_code == 200


async def test_refusals_win_in_order(world: World) -> None:
    await world.add_user("zoe")
    assert refused(await world.store(b"", "x.exe", owner="zoe"), "owner_participant")
    assert refused(await world.store(b"", "x.exe"), "empty_file")
    assert refused(await world.store(b"text", "x.exe"), "file_mimetype")
    assert refused(await world.store(OGG, "x.exe"), "file_extension")
    assert refused(await world.store(OGG, "x.ogv"), "file_extension")
    assert await told(world) == []
    assert refused(await world.store(b"12345", "x.exe", before={"MAX_FILE_SIZE": "1"}), "invalid_file")
    assert await told(world) == ["recording_information"]
    assert await stored(world) == []


async def test_an_owner_must_be_a_user_who_takes_part(world: World) -> None:
    await add_guest(world)
    await world.add_user("ole", ParticipantType.USER)
    assert refused(await world.store(owner="g1"), "owner_participant")
    assert refused(await world.store(owner="Mira"), "owner_participant")
    assert (await world.store(owner="ole")).status_code == 200
    assert await told(world, "ole") == ["recording"]
    async with world.core.db.write() as tx:
        await tx.execute(delete(User).where(User.id == "ole"))
        ole = Attendee.actor_id == "ole"
        assert await tx.scalar(select(Attendee.id).where(ole)) is not None
    assert refused(await world.store(OGG + b"2", owner="ole"), "owner_invalid")


@pytest.mark.parametrize("name", ["..", "folder/", " "])
async def test_names_that_are_none(world: World, name: str) -> None:
    assert refused(await world.store(name=name), "invalid_file")
    assert await told(world) == ["recording_information"]


async def test_without_a_file(world: World) -> None:
    assert refused(await world.store(None), "invalid_file")
    assert await told(world) == ["recording_information"]


async def test_a_failed_upload_is_told_once_for_each_recording(world: World) -> None:
    mira = await world.client("mira")
    for _ in range(2):
        await mira.post(f"{API}/recording/{world.token}", json={"status": 1})
        for _ in range(3):
            assert refused(await world.store(before={"MAX_FILE_SIZE": "1"}), "invalid_file")
        await world.set_status(0)
    assert await told(world) == ["recording_information"] * 2
    # Once is once: also when it has been read and put away.
    await mira.delete(NOTIFICATIONS)
    assert refused(await world.store(before={"MAX_FILE_SIZE": "1"}), "invalid_file")
    assert await told(world) == []


@pytest.mark.parametrize("owner", [None, ""])
async def test_without_owner_the_starter_is_told(world: World, owner: str | None) -> None:
    assert refused(await world.store(owner=owner), "size")
    assert await told(world) == []
    await (await world.client("mira")).post(f"{API}/recording/{world.token}", json={"status": 2})
    for _ in range(2):
        assert refused(await world.store(owner=owner, before={"MAX_FILE_SIZE": "1"}), "size")
    assert await told(world) == ["recording_information"]
    # An upload with an owner ends it, even a refused one.
    assert refused(await world.store(owner="zoe"), "owner_participant")
    async with world.core.db.read() as session:
        assert await session.scalar(select(RecordingStart.pending_owner)) is None


@pytest.mark.parametrize(
    ("content_type", "body", "word"),
    [
        ("application/json", json.dumps({"owner": "mira", "fileName": "a.ogg"}).encode(), "invalid_file"),
        ("application/x-www-form-urlencoded", b"owner=mira", "invalid_file"),
        ("application/json", b"{}", "size"),
        ("", b"", "size"),
        ("multipart/form-data", b"", "size"),
        (CONTENT_TYPE, field("owner", "mira") + field("cut", "off"), "invalid_file"),
        (CONTENT_TYPE, b"rubbish", "size"),
    ],
)
async def test_other_bodies_of_a_store(world: World, content_type: str, body: bytes, word: str) -> None:
    headers = {**HEADERS, **signed_headers(SECRET, world.token.encode())}
    async with httpx.AsyncClient(base_url=world.url) as client:
        answer = await client.post(
            f"{API}/recording/{world.token}/store",
            content=body,
            headers={**headers, "Content-Type": content_type},
        )
    assert refused(answer, word)


async def test_all_or_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(store, "add_file", broken)
        answer = await world.store()
    assert (answer.status_code, answer.json()["ocs"]["meta"]["statuscode"]) == (500, 996)
    assert await told(world) == []
    # The bytes wait for the sweep of the next start; the recorder sends again.
    assert len(await world.storage.blob_ids()) == 1
    await world.side.blobs.sweep(frozenset(), older_than=utc_now() + timedelta(minutes=1))
    assert (await world.store()).status_code == 200
    assert len(await stored(world)) == 1


async def test_a_restart_sweeps_what_a_crash_left(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await world.store()
        (tmp_path / "files" / "incoming" / "half").write_bytes(b"half")
        (tmp_path / "files" / "blobs" / ("0" * 32)).write_bytes(b"renamed, never committed")
    async with open_world(tmp_path, new=False) as world:
        assert len(await stored(world)) == 1
        assert await told(world) == ["recording"]


async def test_a_restart_leaves_what_another_server_is_about_to_commit(services: Services) -> None:
    async with open_world(services) as world:
        async with world.side.blobs.receive() as incoming:
            await incoming.write(b"no row yet")
            arrived = await incoming.finish()
        async with open_world(services, new=False):
            assert await services.blob_ids() == {arrived}


async def test_a_new_database_does_not_sweep_the_files_of_the_old_one(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await world.store()
    before = await Embedded(tmp_path).blob_ids()
    with pytest.raises(SettingsError, match="another database"):
        async with open_world(tmp_path):
            pass
    assert await Embedded(tmp_path).blob_ids() == before
