"""What follows from being told of a stored recording: sharing it with the room, or dismissing it."""

from callrec.conversation import files, notifications, shares
from callrec.conversation.core import Core
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.ocs.errors import refusal
from callrec.conversation.participants import Participant


async def share_to_chat(
    core: Core, tx: WriteSession, moderator: Participant, user_id: str, file_id: int | None
) -> None:
    """Share a file of the user's own with the room, once, and take its notification back.

    Raises:
        OcsError: 400 ``fileId`` when none is named, ``file`` when it is no file of his own.
    """
    if file_id is None:
        raise refusal("fileId")
    entry = await files.find_by_id(tx, user_id, file_id)
    if entry is None or entry.shared or entry.is_folder:
        raise refusal("file")
    row = await shares.share(tx, moderator.room.id, entry.node.id)
    if row is not None:
        kind = shares.message_type(entry.node.media_type)
        parameters = {"messageType": kind, "shareId": row.id}
        await core.chat.file(tx, moderator.room, moderator.actor, parameters)
    await notifications.dismiss_file(tx, user_id, entry.node.id)


async def dismiss(tx: WriteSession, moderator: Participant, user_id: str, timestamp_s: int | None) -> None:
    """Take back what the user was told at that second (Unix time) about stored files of the room.

    Raises:
        OcsError: 400 ``timestamp`` when none is given.
    """
    if timestamp_s is None:
        raise refusal("timestamp")
    await notifications.dismiss(tx, user_id, moderator.room.id, timestamp_s)
