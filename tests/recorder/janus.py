"""A real media server: Janus of Debian's package, a process on local ports."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets import Subprotocol, WebSocketException
from websockets.sync.client import connect

from tests.ports import free_port
from tests.waiting import wait_until

RTP_PORTS = 200

MAIN = """
general: {{
  configs_folder = "{folder}"
  plugins_folder = "{folder}/plugins"
  transports_folder = "{folder}/transports"
  events_folder = "{folder}/empty"
  loggers_folder = "{folder}/empty"
  interface = "127.0.0.1"
  server_name = "test"
  debug_level = 4
  debug_colors = false
}}
media: {{ rtp_port_range = "{first_port}-{last_port}" }}
nat: {{
  full_trickle = true
  ice_enforce_list = "{address}"
}}
"""
WEBSOCKETS = """
general: {{
  json = "compact"
  ws = true
  ws_ip = "127.0.0.1"
  ws_port = {port}
  wss = false
  ws_acl = "127."
}}
admin: {{ admin_ws = false }}
"""


def own_address() -> str:
    """Return an address of this machine that is not loopback, which Janus never uses; else skip the test."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("a media server needs an address beside loopback: this machine has no route")
        address: str = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("a media server needs an address beside loopback")
    return address


class Janus:
    """The process; ``url`` is the WebSocket address of its API."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("janus")
        if program is None:
            pytest.skip("no media server: install Debian's package janus")
        self._program = program
        self._folder = folder
        self._port = free_port()
        self.url = f"ws://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._write()

    def _write(self) -> None:
        libraries = next(iter(Path("/usr/lib").glob("*/janus")))
        for kind, library in (("plugins", "videoroom"), ("transports", "websockets")):
            (self._folder / kind).mkdir(parents=True)
            name = f"libjanus_{library}.so"
            (self._folder / kind / name).symlink_to(libraries / kind / name)
        (self._folder / "empty").mkdir()
        first = 20_000 + free_port() % 30_000
        main = MAIN.format(
            folder=self._folder, first_port=first, last_port=first + RTP_PORTS, address=own_address()
        )
        (self._folder / "janus.jcfg").write_text(main)
        (self._folder / "janus.transport.websockets.jcfg").write_text(WEBSOCKETS.format(port=self._port))
        (self._folder / "janus.plugin.videoroom.jcfg").write_text("general: { }\n")

    def start(self) -> None:
        """Start it and wait until it takes requests."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    "-C",
                    str(self._folder / "janus.jcfg"),
                    "-F",  # else it reads its plugins' configuration in /etc
                    str(self._folder),
                ],
                stdout=log,
                stderr=log,
            )
        process = self._process
        wait_until(lambda: self._answers() or process.poll() is not None)
        assert process.poll() is None, (self._folder / "log").read_text()

    def _answers(self) -> bool:
        try:
            with connect(self.url, subprotocols=[Subprotocol("janus-protocol")]) as api:
                api.send('{"janus":"info","transaction":"1"}')
                return "janus.plugin.videoroom" in json.loads(api.recv()).get("plugins", {})
        except (OSError, WebSocketException):
            return False

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()


@contextmanager
def running_janus(folder: Path) -> Iterator[Janus]:
    """Run a media server."""
    janus = Janus(folder)
    janus.start()
    try:
        yield janus
    finally:
        janus.kill()
