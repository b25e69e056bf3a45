"""Opening users' homes: a home, and the folder of shared files, are made when they are first looked at."""

from callrec.conversation import files
from callrec.conversation.blobs.store import BlobStore
from callrec.conversation.db.engine import Database
from callrec.conversation.files_arrival import discard
from callrec.conversation.files_changes import Content, add_file
from callrec.conversation.files_folders import attachment_folder, make_folder

WELCOME_NAME = "welcome.txt"
WELCOME = b"Welcome! Recordings of your calls will appear in the folder Talk.\n"


class Homes:
    """Makes what every home has. With *welcome* a new one gets a text file."""

    def __init__(self, db: Database, blobs: BlobStore, *, welcome: bool) -> None:
        self._db = db
        self._blobs = blobs
        self._welcome = welcome

    async def open(self, user_id: str) -> None:
        """Make the home of *user_id*, and its attachment folder when a room shares something with him.

        Raises:
            BlobFailed: the welcome text cannot be stored; nothing was made.
        """
        async with self._db.read() as session:
            home = await files.find(session, user_id, "")
            folder = await attachment_folder(session, user_id)
            has_folder = await files.find(session, user_id, folder) is not None
            if home and (has_folder or not await files.shared_with(session, user_id)):
                return
        text = await self._text() if self._welcome and home is None else None
        async with self._db.write() as tx:
            if text is not None and await files.find(tx, user_id, "") is None:
                await add_file(tx, owner_id=user_id, folder="", name=WELCOME_NAME, content=text)
                text = None
            shared = await files.shared_with(tx, user_id)
            await make_folder(tx, user_id, await attachment_folder(tx, user_id) if shared else "")
        if text is not None:  # somebody else was faster
            await discard(self._blobs, [text.blob_id])

    async def _text(self) -> Content:
        async with self._blobs.receive(expected_bytes=len(WELCOME)) as incoming:
            await incoming.write(WELCOME)
            return Content(await incoming.finish(), len(WELCOME), "text/plain")
