"""The recorder's part of a story, and a film for it to deliver."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import httpx
import msgspec
import numpy as np

from callrec.wire.checksum import signed_headers
from callrec.wire.recording import Actor, Report, encode_report
from callrec.wire.speaking_times import SpeakingTimes

ADMIN = Actor("users", "admin")


@dataclass
class Recorder:
    """The recorder's requests to the conversation server about one room."""

    base_url: str
    secret: str
    token: str
    client: httpx.AsyncClient

    async def report(self, report: Report) -> None:
        body = encode_report(report)
        answer = await self.client.post(
            self._url("backend"), content=body, headers=signed_headers(self.secret, body)
        )
        assert answer.status_code == 200

    async def store_with(self, file: Path, times: SpeakingTimes) -> None:
        """Deliver a film with its speaking times, in chunked form (docs/wire.md, Chunked store)."""
        link = await self._signed("request-upload", json={"owner": ADMIN.id, "fileName": file.name})
        sent = {file.name: file.read_bytes(), "times.json": msgspec.json.encode(times)}
        for name, content in sent.items():
            answer = await self.client.put(
                f"{self.base_url}public.php/dav/files/{link['token']}/{name}",
                content=content,
                auth=(link["token"], link["password"]),
            )
            assert answer.status_code == 201
        body = {"owner": ADMIN.id, "fileName": file.name, "intervalsFileName": "times.json"}
        await self._signed("store", json=body)

    async def _signed(self, what: str, **body: Any) -> Any:
        headers = signed_headers(self.secret, self.token.encode())
        answer = await self.client.post(self._url(f"{self.token}/{what}"), headers=headers, **body)
        assert answer.status_code == 200
        return answer.json()["ocs"]["data"]

    async def store(self, file: Path) -> None:
        files = {"file": (file.name, file.read_bytes())}
        await self._signed("store", data={"owner": ADMIN.id}, files=files)

    def _url(self, path: str) -> str:
        return f"{self.base_url}ocs/v2.php/apps/spreed/api/v1/recording/{path}"


def write_film(path: Path) -> Path:
    """Two seconds of a picture that grows brighter."""
    with av.open(path, "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(50):
            picture = av.VideoFrame.from_ndarray(np.full((180, 320, 3), number * 5, np.uint8), "rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path
