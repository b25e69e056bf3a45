"""Texts by an HTTP service with OpenAI's form of speech-to-text and chat requests, as many have it."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar

import httpx
import msgspec
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.media_type import EXTENSIONS
from callrec.conversation.transcripts.provider import Abilities, Audio, ProviderFailed
from callrec.settings import ConversationSettings

CONNECT_S = 10.0
MAX_ANSWER_BYTES = 16 << 20
FINAL = frozenset({400, 413, 415, 422})
"""The service understood and does not want it. Any other answer may be better tomorrow, a wrong key too."""
INSTRUCTION = (
    "You get the transcript of a call, made by a machine. Summarize it in its own language: "
    "first what it was about, in a few sentences, then what was decided and who is to do what, as a list. "
    "Add nothing that was not said."
)


class _Transcription(msgspec.Struct):
    text: str


class _Message(msgspec.Struct):
    content: str


class _Choice(msgspec.Struct):
    message: _Message


class _Completion(msgspec.Struct):
    choices: list[_Choice]


S = TypeVar("S", bound=msgspec.Struct)


class HttpProvider:
    """A ``Provider``. It can do what the settings name an address for."""

    def __init__(self, settings: ConversationSettings) -> None:
        self._settings = settings
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(settings.transcript_timeout_s, connect=CONNECT_S), follow_redirects=False
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def abilities(self, _session: AsyncSession) -> Abilities:
        """Say which of the two addresses are set."""
        return Abilities(
            transcribes=self._settings.transcription_url is not None,
            summarizes=self._settings.summary_url is not None,
        )

    async def transcribe(self, audio: Audio) -> str:
        """Send the recording as it is, streamed: ``multipart/form-data`` with ``model`` and ``file``."""
        settings = self._settings
        fields = {"model": settings.transcription_model, "response_format": "json"}
        boundary = secrets.token_hex(16)
        head, tail = _around(boundary, fields, audio)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + audio.size_bytes + len(tail)),
            **_authorization(settings.transcription_key),
        }
        body = _joined(head, audio.pieces, tail)
        answer = await self._post(settings.transcription_url, headers=headers, content=body)
        return _decoded(answer, _Transcription).text

    async def summarize(self, text: str) -> str:
        """Send the text as a chat of one message."""
        settings = self._settings
        chat = {
            "model": settings.summary_model,
            "messages": [
                {"role": "system", "content": INSTRUCTION},
                {"role": "user", "content": text},
            ],
        }
        headers = {"Content-Type": "application/json", **_authorization(settings.summary_key)}
        answer = await self._post(settings.summary_url, headers=headers, content=msgspec.json.encode(chat))
        choices = _decoded(answer, _Completion).choices
        if not choices or not choices[0].message.content.strip():
            raise ProviderFailed("the answer holds no text")
        return choices[0].message.content

    async def _post(self, url: str | None, **request: Any) -> bytes:
        """Return the body of a good answer."""
        if url is None:
            raise ProviderFailed("no address is set")
        try:
            async with asyncio.timeout(self._settings.transcript_timeout_s):
                async with self._client.stream("POST", url, **request) as answer:
                    if answer.status_code != 200:
                        final = answer.status_code in FINAL
                        raise ProviderFailed(f"answered {answer.status_code}", final=final)
                    return await _read(answer)
        except TimeoutError:
            raise ProviderFailed("no answer in time") from None
        except httpx.HTTPError as error:
            raise ProviderFailed(type(error).__name__) from error


async def _read(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise ProviderFailed("the answer is too long")
    return bytes(body)


def _decoded(body: bytes, kind: type[S]) -> S:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ProviderFailed("the answer cannot be read") from None


def _authorization(key: SecretStr | None) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {key.get_secret_value()}"} if key is not None else {}


def _around(boundary: str, fields: Mapping[str, str], audio: Audio) -> tuple[bytes, bytes]:
    """Return what stands before and behind the bytes of the file (RFC 7578). Its own name is not told."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    extension = EXTENSIONS.get(audio.media_type, "bin")
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="recording.{extension}"\r\n'
        f"Content-Type: {audio.media_type}\r\n\r\n"
    )
    return "".join(parts).encode(), f"\r\n--{boundary}--\r\n".encode()


async def _joined(head: bytes, pieces: AsyncIterator[bytes], tail: bytes) -> AsyncIterator[bytes]:
    yield head
    async for piece in pieces:
        yield piece
    yield tail
