"""A recorder that uploads in chunks, and what there is afterwards."""

from typing import Any
from urllib.parse import quote

import httpx
from sqlalchemy import select

from callrec.conversation.db.tables_recordings import Node
from callrec.conversation.db.tables_uploads import ArrivedFile, ChunkedUpload, UploadChunk, UploadLink
from callrec.wire.checksum import signed_headers
from tests.conversation.recording_world import API, NOTIFICATIONS, SECRET, World

NAME = "Recording 2026-03-01 14-05-09.ogg"


class Recorder:
    """A recorder that uploads in chunks: Basic auth with the link's password, no cookie, no OCS header."""

    def __init__(self, world: World, http: httpx.AsyncClient) -> None:
        self.world = world
        self.http = http
        self.link = ""
        self.password = ""

    async def signed(
        self, what: str, *, token: str = "", secret: str = SECRET, **body: Any
    ) -> httpx.Response:
        token = token or self.world.token
        headers = {"OCS-ApiRequest": "true", **signed_headers(secret, token.encode())}
        return await self.http.post(f"{API}/recording/{token}/{what}?format=json", headers=headers, **body)

    async def request_upload(self, name: str = NAME, owner: str = "mira") -> str:
        answer = await self.signed("request-upload", json={"owner": owner, "fileName": name})
        assert answer.status_code == 200, answer.text
        data = answer.json()["ocs"]["data"]
        self.link, self.password = data["token"], data["password"]
        return str(data["fileName"])

    async def dav(self, method: str, path: str, **options: Any) -> int:
        options.setdefault("auth", (self.link, self.password))
        return (await self.http.request(method, f"/public.php/dav/{path}", **options)).status_code

    def to(self, name: str = NAME, **headers: str) -> dict[str, str]:
        address = f"{self.world.core.config.public_url}/public.php/dav/files/{self.link}/{quote(name)}"
        return {"Destination": address, **headers}

    async def upload(self, chunks: dict[int, bytes], name: str = NAME, upload: str = "u1") -> int:
        """Upload in chunks in the order of *chunks*, and return the status of the last step."""
        total = str(sum(len(chunk) for chunk in chunks.values()))
        headers = self.to(name, **{"OC-Total-Length": total})
        place = f"uploads/{self.link}/{upload}"
        assert await self.dav("MKCOL", place, headers=headers) == 201
        for number, chunk in chunks.items():
            assert await self.dav("PUT", f"{place}/{number}", content=chunk, headers=headers) == 201
        return await self.dav("MOVE", f"{place}/.file", headers=headers)

    async def store(self, name: str = NAME, owner: str | None = "mira", times: str | None = None) -> str:
        """Finish, and return the error word, or "ok"."""
        body = {"owner": owner, "fileName": name, "intervalsFileName": times}
        answer = await self.signed(
            "store", json={key: value for key, value in body.items() if value is not None}
        )
        data = answer.json()["ocs"]["data"]
        return "ok" if answer.status_code == 200 and data is None else str(data.get("error"))


async def files(world: World) -> dict[str, int]:
    """Return the files of all homes with their sizes; the storage holds their blobs and those on the way."""
    async with world.core.db.read() as session:
        nodes = list(await session.scalars(select(Node).where(Node.blob_id.is_not(None)).order_by(Node.id)))
        known = {node.blob_id for node in nodes}
        for column in (ArrivedFile.blob_id, UploadChunk.blob_id):
            known |= set(await session.scalars(select(column)))
    assert await world.storage.blob_ids() == known
    return {f"{node.owner_id}:{node.path}": node.size_bytes for node in nodes}


async def told(world: World) -> int:
    client = await world.client("mira")
    return len((await client.get(NOTIFICATIONS)).json()["ocs"]["data"])


async def nothing_on_the_way(world: World) -> bool:
    async with world.core.db.read() as session:
        rows = [
            await session.scalar(select(table).limit(1)) for table in (UploadLink, ChunkedUpload, ArrivedFile)
        ]
    return rows == [None, None, None]
