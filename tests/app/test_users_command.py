"""``callrec users`` beside a server that runs on the same data directory."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callrec.app import secrets_file
from tests.conversation.conftest import ADMIN_PASSWORD, World, config_for, serving

CALLREC = Path(sys.executable).with_name("callrec")
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("CALLREC_")}


async def users(*arguments: str | Path, password: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command while the server goes on."""
    return await asyncio.to_thread(run, *arguments, password=password)


def run(*arguments: str | Path, password: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(CALLREC), "users", *map(str, arguments)]
    if password is not None:
        command.append("--password-stdin")
    return subprocess.run(
        command,
        input=None if password is None else f"{password}\n",
        stdin=subprocess.DEVNULL if password is None else None,
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT,
        check=False,
    )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    secrets_file.load_or_create(tmp_path)
    async with serving(config_for(tmp_path, tmp_path)) as world:
        yield world


async def test_a_user_made_beside_the_server_signs_in(world: World, tmp_path: Path) -> None:
    made = await users(
        "add", "mira", "--data", tmp_path, "--display-name", "Mira Lund", password="a first password"
    )
    assert (made.returncode, made.stderr) == (0, ""), made.stderr
    client = await world.client("mira", "a first password")
    shown = await client.data("GET", "/ocs/v2.php/cloud/user")
    assert (shown["id"], shown["displayname"], shown["groups"]) == ("mira", "Mira Lund", [])
    added = await users("add", "root", "--admin", "--data", tmp_path, password="another password")
    assert added.returncode == 0
    root = await world.client("root", "another password")
    assert await root.data("GET", "/ocs/v2.php/cloud/users/mira")
    listed = await users("list", "--data", tmp_path, "--output", "json")
    assert [(user["id"], user["is_admin"]) for user in json.loads(listed.stdout)] == [
        ("admin", True),
        ("mira", False),
        ("root", True),
    ]
    assert "Mira Lund" in (await users("list", "--data", tmp_path)).stdout


async def test_a_new_password_counts_at_once_and_ends_what_the_old_one_opened(
    world: World, tmp_path: Path
) -> None:
    old = await world.admin()
    token = (await old.data("GET", "/ocs/v2.php/core/getapppassword"))["apppassword"]
    changed = await users("password", "admin", "--data", tmp_path, password="a new password")
    assert changed.returncode == 0, changed.stderr
    await (await world.client("admin", "a new password")).data("GET", "/ocs/v2.php/cloud/user")
    for password in (ADMIN_PASSWORD, token):
        client = await world.client("admin", password)
        await client.data("GET", "/ocs/v2.php/cloud/user", status=401)


async def test_what_cannot_be_is_one_line(world: World, tmp_path: Path) -> None:
    for arguments, password, text in (
        (("add", "admin"), "x", "exists"),
        (("add", "a/b"), "x", "the name may hold"),
        (("add", "ole"), "", "the password must have"),
        (("password", "nobody"), "x", "does not exist"),
        (("add", "ole"), None, "--password-stdin"),
    ):
        refused = await users(*arguments, "--data", tmp_path, password=password)
        assert refused.returncode == 2
        (line,) = refused.stderr.splitlines()
        assert line.startswith("callrec: ") and text in line


def test_without_a_server_there_is_nothing_to_change(tmp_path: Path) -> None:
    refused = run("list", "--data", tmp_path / "none")
    assert refused.returncode == 2
    assert "callrec serve" in refused.stderr and "Traceback" not in refused.stderr
    assert not (tmp_path / "none").exists()
