"""Agreeing to be recorded: when it is asked for, what is logged, and how the log is read."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from callrec.app import secrets_file
from callrec.conversation.consent import Consent, find_consents, parsed_rule

from .conftest import API4, Client, World, config_for, serving

CONFIG = "/ocs/v2.php/apps/provisioning_api/api/v1/config/apps/spreed"


async def rule(world: World, value: int) -> None:
    await (await world.admin()).data("POST", f"{CONFIG}/recording_consent", data={"value": str(value)})


async def set_consent(client: Client, token: str, value: int, status: int = 200) -> Any:
    path = f"{API4}/room/{token}/recording-consent"
    return await client.data("PUT", path, data={"recordingConsent": str(value)}, status=status)


async def join_call(client: Client, token: str, consent: int | None, status: int = 200) -> Any:
    data = {} if consent is None else {"recordingConsent": str(consent)}
    return await client.data("POST", f"{API4}/call/{token}", data=data, status=status)


async def test_the_server_requires_it(world: World) -> None:
    mira = await world.user("mira")
    token = await world.room(mira)
    before = (await mira.ocs("GET", f"{API4}/room")).headers["X-Nextcloud-Talk-Hash"]
    await rule(world, 1)
    after = (await mira.ocs("GET", f"{API4}/room")).headers["X-Nextcloud-Talk-Hash"]
    assert before != after
    talk = (await mira.data("GET", "/ocs/v2.php/cloud/capabilities"))["capabilities"]["spreed"]
    assert talk["config"]["call"]["recording-consent"] == 1
    assert "recording-consent" in talk["features"]
    # It comes before the question whether he has joined the room.
    assert await join_call(mira, token, None, 400) == {"error": "consent"}
    assert (await world.join(mira, token))["recordingConsent"] == 1
    for given in (None, 0):
        assert await join_call(mira, token, given, 400) == {"error": "consent"}
    assert not (await mira.data("GET", f"{API4}/room/{token}"))["hasCall"]
    await join_call(mira, token, 1)
    await join_call(mira, token, None)  # not asked again in the call
    assert await consents(world) == [(token, "users", "mira")]


async def test_moderators_decide(world: World) -> None:
    mira, ole = await world.user("mira"), await world.user("ole")
    token = await world.room(mira)
    await mira.data("POST", f"{API4}/room/{token}/participants", data={"newParticipant": "ole"})
    await rule(world, 2)
    await world.join(mira, token)
    await join_call(mira, token, None)
    assert await set_consent(mira, token, 1, 400) == {"error": "call"}
    assert await set_consent(mira, token, 2, 400) == {"error": "value"}
    assert (await set_consent(mira, token, 0))["recordingConsent"] == 0
    await mira.data("DELETE", f"{API4}/call/{token}")
    world.pushes.take()
    assert (await set_consent(mira, token, 1))["recordingConsent"] == 1
    assert world.pushes.take_kinds() == []
    assert await join_call(mira, token, 0, 400) == {"error": "consent"}
    await join_call(mira, token, 1)
    assert (await set_consent(mira, token, 0))["recordingConsent"] == 0  # allowed during the call
    await mira.data("DELETE", f"{API4}/call/{token}")
    await set_consent(ole, token, 1, 403)
    await set_consent(await world.user("eve"), token, 1, 404)
    await set_consent(await world.client(), token, 1, 401)
    # Who agrees without being asked is logged as well.
    await join_call(mira, token, 1)
    assert await consents(world) == [(token, "users", "mira")] * 2


async def test_nothing_is_asked_when_nothing_can_be_recorded(world: World) -> None:
    mira = await world.user("mira")
    token = await world.room(mira)
    await rule(world, 1)
    await (await world.admin()).data("POST", f"{CONFIG}/call_recording", data={"value": "no"})
    assert await set_consent(mira, token, 1, 412) == {"error": "config"}
    assert (await world.join(mira, token))["recordingConsent"] == 0
    await join_call(mira, token, 1)
    assert await consents(world) == []


async def test_the_log_goes_with_its_room_and_its_people(world: World) -> None:
    mira, ole, admin = await world.user("mira"), await world.user("ole"), await world.admin()
    await rule(world, 1)
    tokens = [await world.room(mira, kind=3) for _ in range(2)]
    for token in tokens:
        for client in (mira, ole):
            await world.join(client, token)
            await join_call(client, token, 1)
    await admin.data("DELETE", "/ocs/v2.php/cloud/users/ole")
    assert await consents(world) == [(token, "users", "mira") for token in tokens]
    await mira.data("DELETE", f"{API4}/room/{tokens[0]}")
    assert await consents(world) == [(tokens[1], "users", "mira")]


async def consents(world: World) -> list[tuple[str, str, str]]:
    """Return the whole log, read by the command's functions."""
    core = world.conversation._core
    found: list[Consent] = []
    async with core.db.read() as session:
        for user in ("mira", "ole"):
            found += await find_consents(session, actor=("users", user))
    return [(each.token, each.actor_type, each.actor_id) for each in found]


async def command(data: Path, *arguments: str) -> tuple[int, str]:
    """Run ``callrec consent list`` and return its exit code and output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from callrec.cli import main; main()",
        "consent",
        "list",
        "--data",
        str(data),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


async def test_the_command_reads_the_log(tmp_path: Path, web: Path) -> None:
    data = tmp_path / "data"
    async with serving(config_for(data, web)) as world:
        secrets_file.load_or_create(data)
        mira = await world.user("mira")
        await rule(world, 1)
        token = await world.room(mira)
        await world.join(mira, token)
        await join_call(mira, token, 1)
        codes = {
            ("--actor-type", "users"): 1,
            ("--actor-id", "mira", "--token", token): 1,
            ("--token", "nosuchroom"): 2,
            (): 3,
        }
        for arguments, code in codes.items():
            assert await command(data, *arguments) == (code, "")
        for arguments in (("--token", token), ("--actor-type", "users", "--actor-id", "mira")):
            code, out = await command(data, "--output", "json", *arguments)
            (entry,) = json.loads(out)
            assert code == 0
            assert list(entry) == ["token", "actorType", "actorId", "timestamp"]
            assert (entry["token"], entry["actorType"], entry["actorId"]) == (token, "users", "mira")
        code, out = await command(data, "--token", token)
        assert (code, token in out) == (0, True)
        both = ("--token", token, "--actor-type", "users", "--actor-id", "ole", "--output", "json")
        assert await command(data, *both) == (0, "[]\n")


@pytest.mark.parametrize(("value", "meant"), [(None, 0), ("1", 1), ("2", 2), ("3", 0), ("yes", 0)])
def test_rules(value: str | None, meant: int) -> None:
    assert parsed_rule(value) == meant


async def test_administrators_read_the_log(world: World) -> None:
    admin, mira, ole = await world.admin(), await world.user("mira"), await world.user("ole")
    await admin.data("POST", f"{CONFIG}/recording_consent", json={"value": "1"})
    token, other = await world.room(mira, kind=3), await world.room(mira)
    for client, room in ((mira, token), (ole, token), (mira, other)):
        await world.join(client, room)
        await client.data("POST", f"{API4}/call/{room}", json={"recordingConsent": True})
    log = "/ocs/v2.php/apps/callrec/api/v1/consents"

    async def found(**which: str) -> list[tuple[str, str]]:
        entries = await admin.data("GET", log, params=which)
        assert all(set(e) == {"token", "actorType", "actorId", "timestamp"} for e in entries)
        return [(entry["token"], entry["actorId"]) for entry in entries]

    assert await found(token=token) == [(token, "mira"), (token, "ole")]
    assert await found(actorType="users", actorId="mira") == [(token, "mira"), (other, "mira")]
    assert await found(token=other, actorType="users", actorId="ole") == []
    assert await admin.data("GET", log, status=400) == {"error": "token"}
    assert await admin.data("GET", log, params={"actorId": "x"}, status=400) == {"error": "actorType"}
    assert await admin.data("GET", log, params={"actorType": "x"}, status=400) == {"error": "actorId"}
    assert await admin.data("GET", log, params={"token": "zzzz"}, status=404) == {"error": "token"}
    await mira.data("GET", log, params={"token": token}, status=403)
