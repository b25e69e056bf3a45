"""What a recorder of this machine is asked for its operator."""

import re
from pathlib import Path
from typing import Any

import httpx

from callrec.app import data_lock, operator_file
from callrec.errors import OperatorRefused
from callrec.settings import Settings

RECORDER_AWAY = "recorder_away"
NO_SUCH_RECORDING = "no_such_recording"
TIMEOUT_S = 30.0

_ID = re.compile(r"\w[\w.-]*", re.ASCII)


class OperatorClient:
    """Asks one recorder. All methods raise OperatorRefused."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_S,
            trust_env=False,  # it is on this machine, whatever proxies there are
        )

    def list(self) -> list[dict[str, Any]]:
        """Return all recordings."""
        entries: list[dict[str, Any]] = self._ask("GET", "")["recordings"]
        return entries

    def show(self, recording_id: str) -> dict[str, Any]:
        """Return all that is known of one."""
        return self._ask("GET", _one(recording_id))

    def retry(self, recording_id: str) -> dict[str, Any]:
        """Try now what waits or is parked."""
        entry: dict[str, Any] = self._ask("POST", f"{_one(recording_id)}/retry")["recording"]
        return entry

    def park(self, recording_id: str) -> dict[str, Any]:
        """Let it rest."""
        entry: dict[str, Any] = self._ask("POST", f"{_one(recording_id)}/park")["recording"]
        return entry

    def delete(self, recording_id: str) -> dict[str, Any]:
        """Remove it with all its files; return what became of it."""
        return self._ask("DELETE", _one(recording_id))

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        try:
            answer = self._client.request(method, f"{self._url}/operator/api/recordings{path}")
            body: dict[str, Any] = answer.json()
            if not answer.is_success:
                raise OperatorRefused(str(body["error"]), str(body["text"]))
        except httpx.HTTPError as error:
            text = f"{self._url} does not answer: {error or type(error).__name__}"
            raise OperatorRefused(RECORDER_AWAY, text) from error
        except (ValueError, KeyError, TypeError) as error:
            text = f"{self._url} does not answer as a recorder does"
            raise OperatorRefused(RECORDER_AWAY, text) from error
        return body


def _one(recording_id: str) -> str:
    if not _ID.fullmatch(recording_id):  # a slash, however it is quoted, would make another path
        raise OperatorRefused(NO_SUCH_RECORDING, "there is none with this id")
    return f"/{recording_id}"


def recorder_data(data: Path) -> Path:
    """Return the recorder's own directory below *data*: ``serve`` gives it one."""
    own = data / "recorder"
    return own if own.is_dir() else data


def connect(data: Path, settings: Settings) -> OperatorClient | None:
    """Return a client of the recorder that runs in *data*, None where none does.

    Raises:
        SettingsError: its file cannot be read.
        OperatorRefused: nobody told us its token.
    """
    own = recorder_data(data)
    # The lock, not the file: after a crash a stranger may listen where the recorder did, and hear the token.
    if not data_lock.is_held(own / data_lock.RECORDER):
        return None
    said = operator_file.read(own)
    if said is None:
        return None
    configured = settings.recorder.operator_token
    token = configured.get_secret_value() if configured else said.token
    if token is None:
        text = "the recorder was given a token: set CALLREC_RECORDER__OPERATOR_TOKEN here, too"
        raise OperatorRefused("token_refused", text)
    return OperatorClient(said.url, token)
