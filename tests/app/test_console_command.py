"""``callrec console`` as a process, beside a server in test mode that runs on the same data directory."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callrec.app import secrets_file
from callrec.conversation.test_mode.testing_app import TESTING
from callrec.settings import ConversationSettings
from tests.conversation.conftest import API4, World, config_for, serving

CALLREC = Path(sys.executable).with_name("callrec")
OCS = "/ocs/v2.php"
RESET = f"{OCS}/apps/spreedcheats/"


def run(data: Path, *arguments: str, test_mode: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLREC_")}
    if test_mode:
        environment["CALLREC_CONVERSATION__TEST_MODE"] = "true"
    return subprocess.run(
        [str(CALLREC), "console", "--data", str(data), *arguments, "--no-ansi"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    secrets_file.load_or_create(tmp_path)
    async with serving(config_for(tmp_path, tmp_path, test_mode=True)) as world:
        yield world


async def test_an_app_is_disabled_beside_the_server(world: World, tmp_path: Path) -> None:
    admin = await world.admin()

    async def apps() -> list[str]:
        listed: list[str] = (await admin.data("GET", f"{OCS}/cloud/apps?filter=enabled"))["apps"]
        return listed

    assert TESTING in await apps()
    done = await asyncio.to_thread(run, tmp_path, "app:disable", TESTING)
    assert (done.returncode, done.stderr) == (0, "")
    assert await apps() == ["spreed", "notifications"]


async def test_what_there_is_not_has_an_exit_code(world: World, tmp_path: Path) -> None:
    unset = await asyncio.to_thread(run, tmp_path, "config:app:get", "core", "nothing")
    assert (unset.returncode, unset.stdout, unset.stderr) == (1, "", "")
    unknown = await asyncio.to_thread(run, tmp_path, "talk:recording:consent", "--token", "abcd1234")
    assert unknown.returncode == 2
    hidden = await asyncio.to_thread(run, tmp_path, "config:app:get", "callrec", "ticket_secret")
    assert hidden.returncode == 2 and "secret" in hidden.stderr


async def test_consents_are_read_as_talk_prints_them(world: World, tmp_path: Path) -> None:
    mira = await world.user("mira")
    admin = await world.admin()
    path = f"{OCS}/apps/provisioning_api/api/v1/config/apps/spreed/recording_consent"
    await admin.data("POST", path, data={"value": "1"})
    token = await world.room(mira)
    await world.join(mira, token)
    await mira.data("POST", f"{API4}/call/{token}", data={"recordingConsent": "1"})
    for filters in (("--token", token), ("--actor-type", "users", "--actor-id", "mira")):
        read = await asyncio.to_thread(run, tmp_path, "talk:recording:consent", "--output", "json", *filters)
        assert (read.returncode, read.stderr) == (0, "")
        (entry,) = json.loads(read.stdout)
        assert (entry["token"], entry["actorType"], entry["actorId"]) == (token, "users", "mira")


async def test_jobs_are_none_where_nothing_was_recorded(world: World, tmp_path: Path) -> None:
    listed = await asyncio.to_thread(run, tmp_path, "background-job:list", "--output=json_pretty")
    assert (listed.returncode, listed.stderr, json.loads(listed.stdout)) == (0, "", [])
    executed = await asyncio.to_thread(run, tmp_path, "background-job:execute", "1")
    assert executed.returncode == 1


def test_there_is_no_console_outside_of_test_mode(tmp_path: Path) -> None:
    refused = run(tmp_path, "background-job:list", test_mode=False)
    assert refused.returncode == 2
    assert "conversation.test_mode" in refused.stderr and "Traceback" not in refused.stderr


async def test_a_reset_wipes_conversations_and_leaves_users(world: World) -> None:
    mira, admin = await world.user("mira"), await world.admin()
    token = await world.room(mira)
    assert (await mira.ocs("DELETE", RESET)).status_code == 403
    assert [room["token"] for room in await mira.data("GET", f"{API4}/room")] == [token]
    for _ in range(2):
        await admin.data("DELETE", RESET)
    assert await mira.data("GET", f"{API4}/room") == []
    await world.room(mira)


async def test_nothing_of_it_is_there_by_default(tmp_path: Path) -> None:
    assert not ConversationSettings().test_mode
    async with serving(config_for(tmp_path, tmp_path)) as world:
        admin = await world.admin()
        unknown = await admin.ocs("DELETE", RESET, params={"format": "json"})
        assert unknown.json()["ocs"]["meta"]["statuscode"] == 998
        assert TESTING not in (await admin.data("GET", f"{OCS}/cloud/apps"))["apps"]
