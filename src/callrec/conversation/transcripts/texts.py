"""How the files of transcripts and summaries are called, and what stands in them. Pure."""

from callrec.conversation.files_names import MAX_NAME_BYTES
from callrec.conversation.transcripts.provider import ProviderFailed

MEDIA_TYPE = "text/markdown"
MAX_TEXT_CHARS = 4_000_000
"""Some hundred hours of speech: what is longer is none."""
TRANSCRIPT_REMARK = "This transcript was made by a machine and may contain mistakes."
SUMMARY_REMARK = "This summary was made by a machine and may contain mistakes."


def transcript_name(recording: str, *, newer: bool) -> str:
    """Return the file name of the transcript of the file *recording*.

    It is ``{base}.md``, or *newer* as in the newest Talk ``{base} transcript.md``.
    """
    return _beside(recording, " transcript.md" if newer else ".md")


def summary_name(recording: str) -> str:
    """Return the file name of the summary."""
    return _beside(recording, " - summary.md")


def content(text: str, remark: str) -> bytes:
    """Return what stands in the file: *text*, and below it that a machine has made it."""
    return f"{text}\n\n{remark}\n".encode()


def cleaned(text: str) -> str:
    """Return *text* without what no database or file can hold, and without blanks at its ends.

    Raises:
        ProviderFailed: it is too long to be a transcript.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise ProviderFailed("the text is too long", final=True)
    return text.replace("\0", "").encode(errors="replace").decode().strip()


def _beside(recording: str, ending: str) -> str:
    base, dot, _ = recording.rpartition(".")
    room = MAX_NAME_BYTES - len(ending.encode())
    return (base if dot else recording).encode()[:room].decode(errors="ignore").rstrip() + ending
