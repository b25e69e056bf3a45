"""What an answer of a backend means for an upload. Pure; the table stands in docs/operating.md, Delivery."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal, NamedTuple

from callrec.wire import ocs

Request = Literal[
    "report", "request-upload", "store", "finish", "folder", "chunk", "assemble", "times", "discard"
]
"""store: with the film; finish: of what was uploaded by a link. At the link: folder, chunk, assemble, times,
discard (MKCOL, PUT, MOVE, the PUT of the speaking times, DELETE)."""

Verdict = Literal["done", "later", "refused", "never", "directly", "anew", "smaller"]
"""done: acknowledged. later: unknown or temporary. refused: understood and declined; an operator can mend it.
never: nothing will mend it. directly: send the film as one request. anew: ask for another link and begin
again. smaller: begin again with smaller chunks."""

NEVER_WORDS = frozenset({"file_extension", "file_mimetype", "empty_file", "file_name"})
"""Error words of *store* that are about the file itself."""
AT_LINK = frozenset({"folder", "chunk", "assemble", "times", "discard"})
_TEMPORARY = frozenset({408, 423, 425, 429})
_LINK_ENDED = frozenset({404, 409, 410, 412})


class Answer(NamedTuple):
    """An HTTP answer, as far as it matters."""

    status: int
    ocs_status: int | None = None
    """``ocs.meta.statuscode``; None without an OCS envelope: then it is a proxy's answer, or WebDAV's."""
    word: str = ""
    """The error word in the envelope."""
    retry_after_s: float | None = None


def verdict(request: Request, answer: Answer) -> Verdict:
    """Decide what *answer* to *request* means."""
    return _at_link(request, answer) if request in AT_LINK else _by_ocs(request, answer)


def _by_ocs(request: Request, answer: Answer) -> Verdict:
    status = answer.status
    if status == 200:
        # A proxy's friendly page is no acknowledgement.
        return "done" if answer.ocs_status == 200 else "later"
    if request == "request-upload" and status in (400, 404, 405, 501):
        # Unknown route, links switched off, or a name that only this way refuses: the store decides.
        return "directly"
    if not ocs.refuses(status, answer.ocs_status):
        return "later"
    if request == "finish" and answer.word == "invalid_file":
        return "anew"  # it is not there, perhaps because the answer to an earlier one was lost
    if request == "report":
        return "refused"
    is_final = ocs.is_gone(status, answer.ocs_status) or answer.word in NEVER_WORDS
    return "never" if is_final else "refused"


def _at_link(request: Request, answer: Answer) -> Verdict:
    status = answer.status
    if 200 <= status < 300:
        return "done"
    if request == "times":
        return "later" if status in _TEMPORARY or status >= 500 else "refused"
    if status == 413:
        return "smaller" if request == "chunk" else "refused"
    if status in (401, 403, 405) and request == "folder":
        return "directly"  # servers whose links take no uploads in chunks
    if status in _LINK_ENDED or status in (400, 401, 403):
        return "anew"  # the link ended, or what was sent of the file is gone
    return "later" if status in _TEMPORARY or not 400 <= status < 500 else "refused"


def read_answer(status: int, body: Any, retry_after: str | None, now_s: float) -> Answer:
    """Return the answer with *status*, decoded JSON *body* (None: it is none) and the header Retry-After."""
    word = ""
    if isinstance(body, dict) and isinstance(envelope := body.get("ocs"), dict):
        data = envelope.get("data")
        error = data.get("error") if isinstance(data, dict) else None
        if isinstance(error, dict):
            error = error.get("code")
        word = error[:80] if isinstance(error, str) else ""
    return Answer(status, ocs.statuscode(body), word, _seconds(retry_after, now_s))


def _seconds(retry_after: str | None, now_s: float) -> float | None:
    """Read Retry-After (RFC 9110 §10.2.3): seconds, or a date."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return max(0.0, (at - datetime.fromtimestamp(now_s, UTC)).total_seconds())
    except (ValueError, OverflowError):  # the latter: years and zones that no clock has
        return None
