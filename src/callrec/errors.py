"""Errors of the product.

    CallrecError
    ├── SettingsError        a setting is missing or wrong: the text names it
    ├── AccountError         a user cannot be made or changed so: the text says why
    ├── RecordingError       a recording cannot go on
    │   ├── StartRefused     there is no room for another recording now
    │   ├── JoinRefused      the call could not be joined
    │   ├── FolderDamaged    a recording folder is not readable
    │   ├── NothingToCompose no media in the folder
    │   ├── StillCaptured    the folder is being written
    │   └── ComposeFailed    the film could not be made
    ├── OperatorRefused      what an operator asks for cannot be done: the word says why
    ├── PoolAway             what recorders of a pool share cannot be reached now
    │   ├── LedgerAway       the database
    │   ├── MirrorAway       the blob storage
    │   └── HoldLost         … for so long that another one may go on with a recording
    └── BackendError         the conversation server did not take what we sent
        ├── BackendAway      retryable: no connection, time-out, 408, 423, 429, 5xx, not its own word
        └── BackendRefused   it understood and said no
            └── NeverTaken   … and will say so for ever

Each class says what to do about it.
"""


class CallrecError(Exception):
    """Base of every error that callrec raises on purpose."""


class SettingsError(CallrecError):
    """Correct the named setting and start again."""


class AccountError(CallrecError):
    """Choose another name or password, as the text says; or look at the database that it names."""


class RecordingError(CallrecError):
    """A recording cannot go on. ``cause`` is a stable word for logs, metrics and reports."""

    cause = "recording_error"


class StartRefused(RecordingError):
    """Make room, or start more recorders: the cause says what is short."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class JoinRefused(RecordingError):
    """Check signaling secret and URL of the recorder, and whether the room still exists."""

    cause = "join_refused"


class FolderDamaged(RecordingError):
    """Look at the recording folder: the text names the file."""

    cause = "folder_damaged"


class NothingToCompose(RecordingError):
    """Nobody sent audio or video while the recording ran, or its time was zero."""

    cause = "nothing_to_compose"


class StillCaptured(RecordingError):
    """Wait until the recording has ended: its capture process writes there."""

    cause = "still_captured"


class ComposeFailed(RecordingError):
    """Mend what the text says, then compose again: it goes on with what is finished."""

    cause = "compose_failed"


class OperatorRefused(CallrecError):
    """Look at the recording's state: the text says what it would have to be. ``word`` is stable."""

    def __init__(self, word: str, text: str) -> None:
        super().__init__(f"{word}: {text}")
        self.word = word
        self.text = text


class PoolAway(CallrecError):
    """Nothing to do: it is tried again until it is there."""


class LedgerAway(PoolAway):
    """The database of a pool of recorders cannot be reached."""


class MirrorAway(PoolAway):
    """The shared blob storage of a pool of recorders cannot be reached."""


class HoldLost(PoolAway):
    """This recorder was cut off, or stood still: it must ask again whose the recording is."""


class BackendError(CallrecError):
    """The conversation server did not take what the recorder sent. ``status`` is its HTTP status, if any.

    ``retry_after_s``: it asks for so long a wait. ``word``: the error word of its answer, if any.
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        *,
        retry_after_s: float | None = None,
        word: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.word = word
        self.retry_after_s = retry_after_s


class BackendAway(BackendError):
    """Nothing to do: it is tried again until it works."""


class BackendRefused(BackendError):
    """Read the answer in the log: secret, room or owner do not fit."""


class NeverTaken(BackendRefused):
    """Nothing will make it take this: the room is gone, or it does not know the kind of file."""
