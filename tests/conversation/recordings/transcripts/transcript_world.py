"""What is to be made of recordings, and what has been made."""

from typing import Any

from sqlalchemy import select

from callrec.conversation.app_config import TALK
from callrec.conversation.db.tables_recordings import Node, Notification
from callrec.conversation.transcripts import queue, texts
from tests.conversation.far_provider import SPOKEN, SUMMARY
from tests.conversation.recording_world import NOTIFICATIONS, World
from tests.waiting import eventually

RETRIES: dict[str, Any] = {"transcript_retry_first_s": 0.05, "transcript_retry_for_s": 600}
TRANSCRIPT_FILE = f"{SPOKEN}\n\n{texts.TRANSCRIPT_REMARK}\n"
SUMMARY_FILE = f"{SUMMARY}\n\n{texts.SUMMARY_REMARK}\n"


async def want(world: World, *, transcript: str, summary: str) -> None:
    """Set what is to be made of recordings."""
    async with world.core.db.write() as tx:
        await world.core.configuration.set(tx, TALK, "call_recording_transcription", transcript)
        await world.core.configuration.set(tx, TALK, "call_recording_summary", summary)


async def waiting(world: World) -> list[str]:
    return [kind for _, kind in await queue.waiting_jobs(world.core.db)]


async def done(world: World) -> None:
    """Wait until nothing is left to be made."""

    async def nothing_waits() -> bool:
        return not await waiting(world)

    await eventually(nothing_waits)


async def notified(world: World, user: str = "mira") -> list[dict[str, Any]]:
    answer = await (await world.client(user)).get(NOTIFICATIONS)
    found: list[dict[str, Any]] = answer.json()["ocs"]["data"]
    return found


async def subjects(world: World) -> list[str]:
    """Return the subjects of all notifications, oldest first."""
    async with world.core.db.read() as session:
        return list(await session.scalars(select(Notification.subject).order_by(Notification.id)))


async def kept(world: World) -> dict[str, str]:
    """Return the texts in mira's home by path. Nothing but her files is kept."""
    async with world.core.db.read() as session:
        nodes = list(await session.scalars(select(Node).where(Node.blob_id.is_not(None))))
    assert await world.storage.blob_ids() == {node.blob_id for node in nodes}
    mira = await world.client("mira")
    found = {}
    for node in nodes:
        if node.media_type == texts.MEDIA_TYPE:
            answer = await mira.get(f"/remote.php/dav/files/mira/{node.path}")
            assert answer.headers["content-type"].startswith("text/markdown")
            found[node.path] = answer.text
    return found


def folder(world: World) -> str:
    return f"Talk/Recording/{world.token}"
