"""``callrec serve`` for all situations: a new room and a new recording for each."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from callrec.errors import FolderDamaged
from callrec.recorder.folder.manifest import read_manifest
from callrec.recorder.folder.paths import FolderPaths
from tests.conversation.standalone_server import StandaloneServer
from tests.e2e.caller import API, PASSWORD, Client, client_of
from tests.e2e.serve_process import ADMIN_PASSWORD, ServeProcess
from tests.ports import free_port
from tests.recorder.janus import running_janus
from tests.recorder.situations.member import Member
from tests.recorder.situations.recording import Recording, until
from tests.recorder.situations.sending import ClipConnection, Clips, Sending

EMPTY_TIMEOUT_S = 2
"""Far shorter than the pauses in which people are there and send nothing."""
SETTINGS = {
    "CALLREC_RECORDER__EMPTY_TIMEOUT_S": str(EMPTY_TIMEOUT_S),
    "CALLREC_RECORDER__WIDTH_PX": "320",
    "CALLREC_RECORDER__HEIGHT_PX": "180",
}
USERS = ("mira", "ole", "cem")
BOTH, SOUND, NOTHING = 7, 3, 1
"""In-call flags."""
VIDEO_RECORDING = 1
SIGNALING_SECRET = "signaling-secret-of-the-house-0123456789"


@asynccontextmanager
async def running_house(folder: Path) -> AsyncIterator[ServeProcess]:
    """Run it, with its users."""
    serve = ServeProcess(folder / "data", settings=SETTINGS)
    try:
        await serve.start()
        async with client_of(serve.url, "admin", ADMIN_PASSWORD) as admin:
            for user in USERS:
                more = {"userid": user, "password": PASSWORD, "displayName": user.title()}
                await admin.ocs("POST", "/ocs/v2.php/cloud/users", **more)
        yield serve
        assert serve.stop() == 0, serve.log_text()[-4000:]
    finally:
        serve.kill()


@asynccontextmanager
async def running_house_with_media_server(folder: Path) -> AsyncIterator[ServeProcess]:
    """Run it with the real signaling server and a real media server."""
    with running_janus(folder / "janus") as janus:
        async with running_house(folder) as serve, _signaling(folder, serve, janus.url):
            yield serve


@asynccontextmanager
async def _signaling(folder: Path, serve: ServeProcess, media_server: str) -> AsyncIterator[None]:
    """Run the real signaling server for the house."""
    own = json.loads((serve.data / "secrets.json").read_text())
    signaling = StandaloneServer(
        folder,
        free_port(),
        backend_url=serve.url,
        secret=SIGNALING_SECRET,
        internal_secret=own["signaling_internal"],
        media_server=media_server,
    )
    await signaling.start()
    try:
        value = {"servers": [{"server": signaling.url}], "secret": SIGNALING_SECRET}
        setting = "/ocs/v2.php/apps/provisioning_api/api/v1/config/apps/spreed/signaling_servers"
        async with client_of(serve.url, "admin", ADMIN_PASSWORD) as admin:
            await admin.ocs("POST", setting, value=json.dumps(value))
        yield
    finally:
        await signaling.kill()


class Room:
    """Mira's room. Who is let in leaves at the end."""

    def __init__(self, serve: ServeProcess, owner: Client, token: str, stack: AsyncExitStack) -> None:
        self.token = token
        self.serve = serve
        self._owner = owner
        self._stack = stack
        self._clips = [(200, 440), (40, 660), (120, 550)]
        """Hue and tone of those who come next, over and over."""

    async def user(self, name: str, sends: Sequence[str] = ("audio", "video")) -> Member[ClipConnection]:
        """Let a session of a user in."""
        client = await self._stack.enter_async_context(client_of(self.serve.url, name))
        return await self._enter(client, await self._next_clips(), sends)

    async def guest(self, name: str, sends: Sequence[str] = ("audio", "video")) -> Member[ClipConnection]:
        """Let a guest in."""
        return await self._enter(await self._guest_client(), await self._next_clips(), sends, name)

    async def guest_by(self, sending: Sending, name: str) -> Member[Any]:
        """Let a guest in who sends by something else."""
        return await self._enter(await self._guest_client(), sending, ("audio", "video"), name)

    async def _guest_client(self) -> Client:
        http = httpx.AsyncClient(base_url=self.serve.url, timeout=30)
        return Client(await self._stack.enter_async_context(http), "")

    async def _next_clips(self) -> Clips:
        self._clips.append(self._clips.pop(0))
        # In a thread: encoding takes seconds, and those who are there already go on sending.
        return await asyncio.to_thread(Clips, *self._clips[-1])

    async def _enter(
        self, client: Client, sending: Sending, sends: Sequence[str], guest_name: str = ""
    ) -> Member[Any]:
        member: Member[Any] = Member(client, self.token, sending, sends)
        self._stack.push_async_callback(member.vanish)
        await member.enter()
        if guest_name:
            await client.ocs("POST", f"{API}/v1/guest/{self.token}/name", displayName=guest_name)
        return member

    async def record(self) -> Recording:
        """Let Mira start a recording, and wait until it has begun to capture."""
        await self._owner.ocs("POST", f"{API}/v1/recording/{self.token}", status=VIDEO_RECORDING)
        await until(self._begun, "the recording")
        recording = Recording(self._folders()[0])
        self._stack.push_async_callback(self._stop)
        return recording

    async def _stop(self) -> None:
        await self._owner.ocs("DELETE", f"{API}/v1/recording/{self.token}")

    def _folders(self) -> list[Path]:
        found = []
        for root in (self.serve.data / "recorder/recordings").glob("[!.]*"):
            try:
                manifest = read_manifest(FolderPaths(root).manifest)
            except FolderDamaged:
                continue  # the folder of another room, which is just being removed
            if manifest.token == self.token:
                found.append(root)
        return found

    def _begun(self) -> bool:
        return any(FolderPaths(root).timeline.exists() for root in self._folders())

    def publishers_gone(self) -> int:
        """Return of how many publishers the signaling server has noticed that they are gone."""
        return (self.serve.data.parent / "signaling-server.log").read_text().count(" destroyed\n")

    async def publisher_has_gone(self, after: int) -> None:
        """Wait until that is noticed of one more than *after*: an offer before would be taken for its."""
        await until(lambda: self.publishers_gone() > after, "the end of a publisher")

    def captures(self) -> int:
        """Return the pid of the process that captures."""
        (root,) = self._folders()
        lock = FolderPaths(root).lock
        for pid in self.serve.left_over():
            try:
                if any(link.resolve() == lock for link in Path(f"/proc/{pid}/fd").iterdir()):
                    return pid
            except OSError:
                continue  # it has just ended
        raise AssertionError("nobody captures")


@asynccontextmanager
async def room_in(serve: ServeProcess) -> AsyncIterator[Room]:
    """Make a public room of Mira's."""
    async with client_of(serve.url, "mira") as owner, AsyncExitStack() as stack:
        made = await owner.ocs("POST", f"{API}/v4/room", roomType=3, roomName="Situation")
        yield Room(serve, owner, made["token"], stack)
