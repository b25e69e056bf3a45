"""Which conversation servers may order recordings, and the clients that talk to them."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from callrec.recorder.deliver.backend import BackendClient
from callrec.settings import BackendSettings, RecorderSettings

MAX_URL_LENGTH = 255


class Backends:
    """The configured backends, and with ``any_backend`` whatever other knows its secret."""

    def __init__(self, settings: RecorderSettings) -> None:
        self._configured = {backend.url: backend for backend in settings.backends}
        self._any = settings.any_backend
        self._chunk_bytes = settings.upload_chunk_bytes

    def __iter__(self) -> Iterator[str]:
        """Yield the URLs of those that are configured."""
        return iter(self._configured)

    def get(self, url: str) -> BackendSettings | None:
        """Return the backend at exactly *url* (without trailing slash), None for a stranger.

        With ``any_backend`` nobody is a stranger: the signature alone decides.
        """
        backend = self._configured.get(url)
        if backend is None and self._any is not None and _is_base_url(url):
            return BackendSettings(url=url, **self._any.model_dump())
        return backend

    def chunk_bytes(self, backend: BackendSettings) -> int:
        """Return how much of a film is sent to *backend* in one request."""
        return backend.upload_chunk_bytes or self._chunk_bytes


class BackendClients:
    """One client for each backend, made when it is first needed."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._clients: dict[str, BackendClient] = {}

    def get(self, url: str) -> BackendClient | None:
        """Return the client of the backend at *url*, None where that is no backend of ours any more."""
        client = self._clients.get(url)
        if client is None:
            backend = self._backends.get(url)
            if backend is None:
                return None
            client = self._clients[url] = BackendClient(backend, self._backends.chunk_bytes(backend))
        return client

    async def close(self) -> None:
        """Close their connections."""
        for client in self._clients.values():
            await client.close()


def _is_base_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return (
        len(url) <= MAX_URL_LENGTH
        and url.isascii()
        and url.isprintable()
        and " " not in url
        and parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and has_port
        and not (parts.username or parts.password or parts.query or parts.fragment)
        and not url.endswith("/")
    )
