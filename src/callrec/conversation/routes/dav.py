"""What all WebDAV routes share: who is calling, where a path leads, and how a refusal looks."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import Response

from callrec.conversation.blobs.store import BlobFailed
from callrec.conversation.core import Core
from callrec.conversation.files_dav import MEDIA_TYPE, error_body
from callrec.conversation.files_paths import below, clean_path, destination
from callrec.conversation.files_refused import Refused
from callrec.conversation.ocs.authentication import may_use_cookie
from callrec.conversation.ocs.errors import OcsError

CHALLENGE = {"WWW-Authenticate": 'Basic realm="callrec"'}
FILES = ("remote.php", "dav", "files")
WEBDAV = ("remote.php", "webdav")
"""The older address of a home: the caller's own, whoever that is."""
HOMES = (f"/{'/'.join(FILES)}/{{user}}", f"/{'/'.join(WEBDAV)}")
"""The paths of a home, as routes."""

log = structlog.get_logger()

Endpoint = Callable[[Any, Request], Awaitable[Response]]


class NotSignedIn(Refused):
    """Nobody, or with a wrong password."""

    def __init__(self) -> None:
        super().__init__(401, "a name and its password are needed")


def refusing(endpoint: Endpoint) -> Endpoint:
    """Let *endpoint* raise Refused for an answer, OcsError as the authentication does, and BlobFailed."""

    async def wrapped(self: Any, request: Request) -> Response:
        try:
            return await endpoint(self, request)
        except NotSignedIn as error:
            return refusal_response(error, CHALLENGE)
        except Refused as error:
            return refusal_response(error)
        except OcsError as error:
            return Response(status_code=error.status, headers=error.headers)
        except BlobFailed as error:
            log.error("files_away", error=str(error))
            return refusal_response(Refused(507, "the place for files refuses"))

    return wrapped


def refusal_response(error: Refused, headers: dict[str, str] | None = None) -> Response:
    """Return the answer for a refusal."""
    return Response(error_body(error.text), error.status, headers=headers, media_type=MEDIA_TYPE)


async def signed_in(core: Core, request: Request) -> str:
    """Return the user who is calling.

    Raises:
        NotSignedIn: nobody.
        OcsError: 429 after too many wrong passwords.
    """
    caller = await core.authenticator.identify(request, cookie=may_use_cookie(request))
    if caller.user_id is None:
        raise NotSignedIn
    return caller.user_id


async def own(core: Core, request: Request) -> str:
    """Return the user who is calling, if the path names the same one, or none.

    Raises:
        Refused: 401 nobody, 404 somebody else's.
    """
    user_id = await signed_in(core, request)
    if request.path_params.get("user", user_id) != user_id:
        raise Refused(404, "nothing is there")
    return user_id


def home_address(core: Core, request: Request, user_id: str) -> str:
    """Return the path of the caller's home from the host's root, as the request calls it, with a slash."""
    older = below(request.url.path, *WEBDAV) is not None
    names = WEBDAV if older else (*FILES, quote(user_id, safe=""))
    return f"{urlsplit(core.config.public_url).path}/{'/'.join(names)}/"


def path_in_home(request: Request, *, missing: int = 404) -> str:
    """Return the path in the home that the request is about.

    Raises:
        Refused: *missing* (a status) for a path that nothing can have.
    """
    path = clean_path(request.path_params.get("path", ""))
    if path is None:
        raise Refused(missing, "no file can have this name")
    return path


def destination_in_home(core: Core, request: Request, user_id: str) -> str:
    """Return where in the home of *user_id* the ``Destination`` of the request is.

    Raises:
        Refused: as :func:`destination_below`.
    """
    return destination_below(core, request, (*FILES, user_id), WEBDAV)


def destination_below(core: Core, request: Request, *folders: tuple[str, ...]) -> str:
    """Return where below one of the addresses *folders* the ``Destination`` of the request is.

    Raises:
        Refused: 400 there is none, or no file can have its name; 403 it is outside.
    """
    header = request.headers.get("destination")
    if not header:
        raise Refused(400, "the Destination header is missing")
    public = urlsplit(core.config.public_url)
    hosts = {public.netloc.lower(), request.headers.get("host", "").lower()}
    address = destination(header, base_path=public.path, hosts=hosts)
    inside = next(
        (
            found
            for folder in folders
            if address is not None and (found := below(address, *folder)) is not None
        ),
        None,
    )
    if inside is None:
        raise Refused(403, "the destination is outside")
    path = clean_path(inside)
    if not path:
        raise Refused(400, "no file can have this name")
    return path


def overwrites(request: Request) -> bool:
    """Tell whether something at the destination may be replaced (RFC 4918, section 10.6)."""
    return request.headers.get("overwrite", "T").strip().upper() != "F"
