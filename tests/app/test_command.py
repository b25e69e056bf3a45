"""The command ``callrec`` as a process: its errors are one line, and its children end with it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from callrec import __version__
from callrec.app.addresses import reachable
from callrec.app.programs import RecorderProgram, ServerProgram, own_backend
from callrec.app.serve import Welcome, _recorder_port, _secure_context
from callrec.settings import ConversationSettings, RecorderSettings
from tests.ports import free_port
from tests.waiting import wait_until

CALLREC = Path(sys.executable).with_name("callrec")
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("CALLREC_")}
BACKEND = '[[recorder.backends]]\nurl = "http://127.0.0.1:9"\nsecret = "a-secret-of-the-test"\n'


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(CALLREC), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=ENVIRONMENT, check=False)


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    """Return the error of a command that failed as it should."""
    assert result.returncode == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("callrec: ")
    return line


def test_the_version() -> None:
    result = run("--version")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{__version__}\n", "")


def test_an_unknown_key_of_the_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "callrec.toml").write_text("[recorder]\nprot = 8000\n")
    assert "recorder.prot" in one_line(run("recorder", "--data", tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["callrec.toml"]


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = one_line(run("serve", "--data", tmp_path, "--port", port))
    assert port in line and "in use" in line


def test_a_port_of_the_recorder_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "callrec.toml").write_text(f"[recorder]\nport = {port}\n")
        line = one_line(run("serve", "--data", tmp_path, "--port", str(free_port())))
    assert str(port) in line and "in use" in line and "CALLREC_RECORDER__PORT" in line


def test_the_recorders_port_is_fixed_unless_any_will_do() -> None:
    assert _recorder_port(RecorderSettings(), 8081) == 8081
    assert _recorder_port(RecorderSettings(port=9000), 8081) == 9000
    assert _recorder_port(RecorderSettings(port=9000), 8081, 9001) == 9001
    assert _recorder_port(RecorderSettings(port=0), 8081) not in (0, 8081)


def test_a_recorder_without_backends_is_one_line(tmp_path: Path) -> None:
    assert "recorder.backends" in one_line(run("recorder", "--data", tmp_path))


def test_a_data_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    data = tmp_path / "file" / "data"
    assert str(data) in one_line(run("recorder", "--data", data))


class Recorder:
    """``callrec recorder`` in a session of its own."""

    def __init__(self, data: Path) -> None:
        (data / "callrec.toml").write_text(BACKEND)
        self.port = free_port()
        self.log = (data / "log.txt").open("wb")
        self.process = subprocess.Popen(
            [str(CALLREC), "recorder", "--data", str(data), "--port", str(self.port)],
            stderr=self.log,
            stdout=self.log,
            start_new_session=True,
            env=ENVIRONMENT,
        )

    def answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/api/v1/welcome").status_code == 200
        except httpx.HTTPError:
            return False

    def family(self) -> dict[int, str]:
        """Return the living processes of the session, supervisor included, with their command lines."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, _, session = stat.read_text().rsplit(")", 1)[1].split()[:4]
                command = (stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if int(session) == self.process.pid and state != "Z":
                found[int(stat.parent.name)] = command
        return found

    def close(self) -> None:
        for pid in self.family():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder(tmp_path)
    yield recorder
    recorder.close()
    print((tmp_path / "log.txt").read_text())


def test_a_killed_supervisor_takes_all_with_it(recorder: Recorder) -> None:
    wait_until(recorder.answers)
    commands = recorder.family().values()
    assert len(commands) > 1
    assert not [command for command in commands if "a-secret-of-the-test" in command]
    os.kill(recorder.process.pid, signal.SIGKILL)
    recorder.process.wait()
    wait_until(lambda: not recorder.family())


def test_sigterm_ends_everything_in_order(recorder: Recorder, tmp_path: Path) -> None:
    wait_until(recorder.answers)
    recorder.process.terminate()
    assert recorder.process.wait(30) == 0
    wait_until(lambda: not recorder.family())
    log = (tmp_path / "log.txt").read_text()
    assert "supervisor_stopped" in log and "supervisor_killed" not in log
    assert "Traceback" not in log


def test_a_recorders_files_are_for_their_owner_alone(recorder: Recorder, tmp_path: Path) -> None:
    wait_until(recorder.answers)
    wait_until(lambda: any(tmp_path.rglob("*.sqlite")))
    written = {path for path in tmp_path.rglob("*") if path.name not in ("callrec.toml", "log.txt")}
    assert not [path for path in written if path.stat().st_mode & 0o077]


def server_says(data: Path, *options: str) -> str:
    """Run ``callrec server`` until it has said that it is ready; return what it printed."""
    port = str(free_port())
    out = data.parent / "out.txt"
    with out.open("wb") as printed, (data.parent / "err.txt").open("wb") as log:
        process = subprocess.Popen(
            [str(CALLREC), "server", "--data", str(data), "--port", port, *options],
            stdout=printed,
            stderr=log,
            env=ENVIRONMENT,
        )
        try:
            wait_until(lambda: process.poll() is not None or out.read_bytes().endswith(b"\n\n"))
        finally:
            process.terminate()
            process.wait(30)
    return out.read_text()


def test_the_first_password_is_printed_while_it_is_right(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    first = server_says(data, "--host", "0.0.0.0")
    password = json.loads((data / "secrets.json").read_bytes())["admin_password"]
    assert f"Sign in as            admin, first password {password}\n" in first
    assert "set CALLREC_PUBLIC_URL" in first
    later = server_says(data)
    assert "Sign in as            admin, with the password of the first start (secrets.json" in later
    assert password not in later
    assert "CALLREC_PUBLIC_URL" not in later
    assert not [path for path in data.rglob("*") if path.stat().st_mode & 0o077]


def test_secrets_are_in_no_repr_of_what_children_are_given(tmp_path: Path) -> None:
    backend = own_backend("http://public", "http://127.0.0.1:1", "secret-one", "secret-two")
    assert backend.extension_video == ".mp4"  # every browser plays it, and our own server takes it
    server = ServerProgram(
        data=tmp_path,
        host="127.0.0.1",
        port=1,
        public_url="http://public",
        settings=ConversationSettings(),
        recording_secret="secret-one",
        signaling_secret="secret-two",
        admin_password="secret-three",
        recorder_url=None,
        log_level="info",
        log_json=False,
        ready=None,  # type: ignore[arg-type]
    )
    settings = RecorderSettings(backends=(backend,))
    recorder = RecorderProgram(tmp_path, "127.0.0.1", 1, settings, "info", False)
    welcome = Welcome("http://public", "secret-three", "http://public/call/x", True, False)
    text = f"{backend!r}{server!r}{recorder!r}{welcome!r}{settings}"
    assert not [secret for secret in ("secret-one", "secret-two", "secret-three") if secret in text]


def test_all_addresses_are_reached_by_loopback() -> None:
    assert reachable("0.0.0.0", 1) == "http://127.0.0.1:1"
    assert reachable("::", 1) == "http://[::1]:1"
    assert reachable("::1", 1) == "http://[::1]:1"
    assert reachable("10.0.0.7", 1) == "http://10.0.0.7:1"
    assert reachable("localhost", 1) == "http://localhost:1"


def test_where_browsers_give_camera_and_microphone() -> None:
    secure = ["https://talk.example", "http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:1"]
    assert all(map(_secure_context, secure))
    assert not any(
        map(_secure_context, ["http://talk.example", "http://10.0.0.7:8080", "http://localhost.evil"])
    )
