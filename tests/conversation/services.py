"""A PostgreSQL cluster and an S3 server of the tests' own, each started once for all tests."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
MOTO = ROOT / ".venv-services/bin/moto_server"
BUCKET = "callrec"
START_S = 60
UNSAFE_AND_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")
"""The cluster is thrown away: nobody asks whether it survives a power loss."""


def missing(service: str) -> None:
    """Skip the test because *service* is not installed; in CI that is a failure."""
    reason = f"{service} is not installed: scripts/install-test-services"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _postgresql_programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    on_path = shutil.which("initdb")
    program = found[-1] if found else Path(on_path).resolve() if on_path else None
    return program.parent if program else None


@contextlib.contextmanager
def ended_with_us(*stop: str, **options: Any) -> Iterator[None]:
    """Run the command *stop* when the context ends, or when this process is gone, even by kill -9."""
    # Its input ends with us. In a session of its own Ctrl-C does not reach it.
    watch = subprocess.Popen(
        ["sh", "-c", 'cat; exec "$@"', "sh", *stop], stdin=subprocess.PIPE, start_new_session=True, **options
    )
    assert watch.stdin is not None
    try:
        yield
    finally:
        watch.stdin.close()
        watch.wait()


def _as_postgresql(folder: Path) -> dict[str, Any]:
    """Return the options of a subprocess in *folder*: PostgreSQL refuses to run as root."""
    options: dict[str, Any] = {
        "cwd": folder,
        "stdout": subprocess.DEVNULL,
        "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
    }
    if os.geteuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return options


@contextlib.contextmanager
def postgresql_cluster(settings: Sequence[str] = UNSAFE_AND_FAST) -> Iterator[str]:
    """Run a cluster; yields its address without the name of a database."""
    programs = _postgresql_programs()
    if programs is None:
        missing("PostgreSQL")
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="callrec-postgresql-"))
    options = _as_postgresql(folder)
    if "user" in options:
        os.chown(folder, options["user"], options["group"])
    port = free_port()
    cluster = str(folder / "cluster")
    server = f"-h 127.0.0.1 -p {port} -c unix_socket_directories='' "
    server += " ".join(f"-c {setting}" for setting in settings)
    # A collation that is not by bytes, as most installations have.
    locale = ("--encoding=UTF8", "--locale-provider=icu", "--icu-locale=en-US")
    initdb = (str(programs / "initdb"), "-D", cluster, "-U", "callrec", "-A", "trust", "--no-sync", *locale)
    control = (str(programs / "pg_ctl"), "-D", cluster, "-w", "-s")
    try:
        subprocess.run(initdb, check=True, **options)
        subprocess.run([*control, "-l", str(folder / "log"), "-o", server, "start"], check=True, **options)
        with ended_with_us(*control, "-m", "immediate", "stop", **options):
            yield f"postgresql+psycopg://callrec:not-asked@127.0.0.1:{port}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def restart_postgresql(url: str) -> None:
    """Let a running cluster die as by a crash, and start it again."""
    with psycopg.connect(f"{url.replace('+psycopg', '')}/postgres") as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    programs = _postgresql_programs()
    assert row is not None and programs is not None
    cluster = Path(row[0])
    command = [str(programs / "pg_ctl"), "-D", str(cluster), "-w", "-s", "-m", "immediate", "restart"]
    log = str(cluster.parent / "log")
    subprocess.run([*command, "-l", log], check=True, **_as_postgresql(cluster.parent))


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """Run an S3 server with the bucket ``callrec``; yields its address."""
    program = MOTO if MOTO.exists() else shutil.which("moto_server")
    if program is None:
        missing("moto")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [str(program), "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"]},
    )
    with ended_with_us("kill", str(server.pid)):
        deadline_s = time.monotonic() + START_S
        while True:
            try:
                httpx.put(f"{url}/{BUCKET}").raise_for_status()
                break
            except httpx.TransportError:
                assert server.poll() is None and time.monotonic() < deadline_s, "moto does not start"
                time.sleep(0.05)
        yield url
    server.wait()
