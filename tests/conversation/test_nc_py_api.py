"""The client library nc-py-api, unmodified, against a whole server: rooms, chat, notifications, files."""

import io
from collections.abc import AsyncIterator

import httpx
import pytest
from nc_py_api import AsyncNextcloud, NextcloudException
from nc_py_api.files import FilePermissions, ShareType
from nc_py_api.talk import ConversationType, TalkFileMessage

from callrec.wire.checksum import signed_headers

from .conftest import API1, RECORDING_SECRET, World
from .recording_world import OGG

FIVE_MIB = 5 << 20


async def signed_in(world: World, user: str) -> AsyncNextcloud:
    await world.user(user, user.title())
    return AsyncNextcloud(nextcloud_url=world.url, nc_auth_user=user, nc_auth_pass="secret-password")


@pytest.fixture
async def mira(world: World) -> AsyncIterator[AsyncNextcloud]:
    client = await signed_in(world, "mira")
    yield client
    await close(client)


@pytest.fixture
async def ole(world: World) -> AsyncIterator[AsyncNextcloud]:
    client = await signed_in(world, "ole")
    yield client
    await close(client)


async def close(client: AsyncNextcloud) -> None:
    await client._session.adapter.close()
    await client._session.adapter_dav.close()


async def store(world: World, token: str, name: str) -> None:
    """Upload a recording as the recorder does."""
    async with httpx.AsyncClient(base_url=world.url) as recorder:
        answer = await recorder.post(
            f"{API1}/recording/{token}/store",
            headers={"OCS-APIRequest": "true", **signed_headers(RECORDING_SECRET, token.encode())},
            files=[("owner", (None, "mira")), ("file", (name, OGG))],
        )
    assert answer.status_code == 200, answer.text


async def test_from_the_room_to_the_recording(world: World, mira: AsyncNextcloud) -> None:
    assert await mira.user == "mira"
    assert await mira.talk.available
    room = await mira.talk.create_conversation(ConversationType.GROUP, room_name="Standup")
    assert [known.display_name for known in await mira.talk.get_user_conversations()] == ["Standup"]
    sent = await mira.talk.send_message("Hello!", room)
    (heard,) = [m for m in await mira.talk.receive_messages(room) if not m.system_message]
    assert (heard.message_id, heard.message) == (sent.message_id, "Hello!")
    answer = await mira.talk.send_message("Anybody?", room, reply_to_message=sent)
    told = await mira.talk.delete_message(answer, room)
    assert (told.system_message, told.message) == ("message_deleted", "You deleted a message")
    (taken, _) = [m for m in await mira.talk.receive_messages(room) if not m.system_message]
    assert (taken.message_id, taken.message_type) == (answer.message_id, "comment_deleted")
    theme = await mira.theme
    assert theme is not None and theme["name"] == "callrec"

    await store(world, room.token, "Recording 1.ogg")
    (told,) = await mira.notifications.get_all()
    assert (told.app_name, told.object_type, told.object_id) == ("spreed", "recording", room.token)
    number = told.notification_id
    assert await mira.notifications.exists([number, number + 1]) == [number]
    assert (await mira.notifications.get_one(number)).subject == "Call recording now available"
    (found,) = await mira.files.find(["like", "name", "recording%.OGG"])
    assert found.user_path == f"Talk/Recording/{room.token}/Recording 1.ogg"
    assert (found.info.mimetype, found.info.size, found.is_shared) == ("audio/ogg", len(OGG), False)
    assert await mira.files.download(found) == OGG
    stream = io.BytesIO()
    await mira.files.download2stream(found, stream)
    assert stream.getvalue() == OGG
    assert f"/Talk/Recording/{room.token}/Recording 1.ogg" in told.message
    names = [node.name for node in await mira.files.listdir(f"Talk/Recording/{room.token}")]
    assert names == ["Recording 1.ogg"]


async def test_files_of_ones_own(mira: AsyncNextcloud) -> None:
    made = await mira.files.makedirs("a/b/c", exist_ok=True)
    assert made is not None and made.is_dir
    uploaded = await mira.files.upload("a/b/note.md", "# Note")
    by_path = await mira.files.by_path("a/b/note.md")
    by_id = await mira.files.by_id(uploaded)
    assert by_path == by_id == uploaded
    assert by_path is not None and by_path.etag == uploaded.etag and by_path.is_updatable
    replaced = await mira.files.upload("a/b/note.md", b"# Other")
    assert (replaced.file_id, replaced.etag != uploaded.etag) == (uploaded.file_id, True)

    moved = await mira.files.move("a/b/note.md", "a/Größe %41.md")
    assert (moved.user_path, moved) == ("a/Größe %41.md", uploaded)
    copied = await mira.files.copy(moved, "a/b/copy.md")
    assert copied != moved and await mira.files.download(copied) == b"# Other"
    with pytest.raises(NextcloudException) as refused:
        await mira.files.move("a/Größe %41.md", "a/b/copy.md")
    assert refused.value.status_code == 412
    await mira.files.move("a/Größe %41.md", "a/b/copy.md", overwrite=True)
    assert [node.user_path for node in await mira.files.listdir("a")] == ["a/b/"]
    folder = await mira.files.by_path("a")
    assert folder is not None and (folder.is_dir, folder.info.size) == (True, len("# Other"))

    big = bytes(range(256)) * 4096 * 11  # 11 MiB: three chunks
    streamed = await mira.files.upload_stream("a/big.bin", io.BytesIO(big), chunk_size=FIVE_MIB)
    assert await mira.files.download(streamed) == big
    small = await mira.files.upload_stream("a/small.bin", io.BytesIO(big[:100]), chunk_size=30)
    assert await mira.files.download(small) == big[:100]

    found = await mira.files.find(["and", "gt", "size", 50, "like", "mime", "application/%"], path="a")
    assert [node.name for node in found] == ["big.bin", "small.bin"]
    await mira.files.delete("a")
    with pytest.raises(NextcloudException) as gone:
        await mira.files.delete("a")
    assert gone.value.status_code == 404
    await mira.files.delete("a", not_fail=True)
    assert await mira.files.listdir() == []


async def test_a_file_sent_to_a_room(world: World, mira: AsyncNextcloud, ole: AsyncNextcloud) -> None:
    room = await mira.talk.create_conversation(ConversationType.GROUP, room_name="Standup")
    client = await world.client("mira")
    add = {"newParticipant": "ole", "source": "users"}
    await client.data("POST", f"/ocs/v2.php/apps/spreed/api/v4/room/{room.token}/participants", json=add)
    uploaded = await mira.files.upload("plan.txt", "The plan")
    share, reference = await mira.talk.send_file(uploaded, room)
    assert (share.share_type, share.share_with, share.path) == (ShareType.TYPE_ROOM, room.token, "plan.txt")
    assert share.permissions == FilePermissions.PERMISSION_READ

    (message,) = [m for m in await ole.talk.receive_messages(room) if isinstance(m, TalkFileMessage)]
    assert message.reference_id == reference
    node = message.to_fs_node()
    assert node.user_path == "Talk/plan.txt"
    assert await ole.files.download(node) == b"The plan"
    listed = await ole.files.by_path("Talk/plan.txt")
    assert listed is not None and listed.is_shared and not listed.is_updatable and not listed.is_deletable

    assert [s.share_id for s in await mira.files.sharing.get_list()] == [share.share_id]
    assert (await ole.files.sharing.get_by_id(share.share_id)).share_owner == "mira"
    await mira.files.sharing.delete(share.share_id)
    assert await ole.files.by_id(uploaded) is None
