"""Users, app config and capabilities."""

import json
from pathlib import Path

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from callrec.conversation import passwords

from .conftest import API1, API4, World, config_for, serving
from .storage import Embedded, Storage

USERS = "/ocs/v2.php/cloud/users"
NOTIFICATIONS = "/ocs/v2.php/apps/notifications/api/v2/notifications"
CONFIG = "/ocs/v2.php/apps/provisioning_api/api/v1/config/apps"


async def test_the_life_of_a_user(world: World) -> None:
    admin = await world.admin()
    mira, ole = await world.user("mira", "Mira M."), await world.user("ole")
    me = await mira.data("GET", "/ocs/v2.php/cloud/user")
    assert (me["id"], me["displayname"], me["display-name"]) == ("mira", "Mira M.", "Mira M.")
    assert "email" in await admin.data("GET", f"{USERS}/mira")
    assert "email" not in await ole.data("GET", f"{USERS}/mira")
    await admin.data("GET", f"{USERS}/nobody", status=404)

    token = await world.room(mira)
    await mira.data("PUT", f"{USERS}/mira", data={"key": "displayname", "value": "Mirabel"})
    people = await mira.data("GET", f"{API4}/room/{token}/participants")
    assert people[0]["displayName"] == "Mirabel"
    history = await mira.data("GET", f"{API1}/chat/{token}", params={"lookIntoFuture": 0})
    assert history[0]["actorDisplayName"] == "Mirabel"
    await ole.data("PUT", f"{USERS}/mira", data={"key": "displayname", "value": "x"}, status=403)
    await mira.data("PUT", f"{USERS}/mira", data={"key": "quota", "value": "1"}, status=400)

    await mira.data("PUT", f"{USERS}/mira", data={"key": "password", "value": "new password"})
    await mira.data("GET", "/ocs/v2.php/cloud/user", status=401)
    again = await world.client("mira", "new password")
    await again.data("GET", "/ocs/v2.php/cloud/user")

    await ole.data("DELETE", f"{USERS}/mira", status=403)
    await admin.data("DELETE", f"{USERS}/mira")
    await again.data("GET", "/ocs/v2.php/cloud/user", status=401)
    await admin.data("GET", f"{API4}/room/{token}", status=404)  # nobody was left in it
    await admin.data("DELETE", f"{USERS}/admin", status=400)


@pytest.mark.parametrize("user_id", ["", " ", "a/b", "..", "ümlaut", "x" * 65, " a", "a\n"])
async def test_user_ids_are_checked(world: World, user_id: str) -> None:
    admin = await world.admin()
    new = {"userid": user_id, "password": "secret-password"}
    assert await admin.data("POST", USERS, json=new, status=400) == {"error": "userid"}


async def test_an_id_is_taken_in_any_case(world: World) -> None:
    admin = await world.admin()
    await world.user("Mira")
    taken = await admin.ocs("POST", USERS, json={"userid": "mira", "password": "secret-password"})
    assert (taken.status_code, taken.json()["ocs"]["meta"]["statuscode"]) == (400, 102)
    lower = await world.client("mira")
    assert (await lower.data("GET", "/ocs/v2.php/cloud/user"))["id"] == "Mira"
    assert await admin.data("POST", USERS, json={"userid": "x"}, status=400) == {"error": "password"}


async def test_what_is_set_wins_over_the_built_in(world: World) -> None:
    admin, guest = await world.admin(), await world.client()
    key = f"{CONFIG}/spreed/recording_servers"

    async def can_record() -> bool:
        capabilities = await guest.data("GET", "/ocs/v2.php/cloud/capabilities")
        return bool(capabilities["capabilities"]["spreed"]["config"]["call"]["recording"])

    async def talk_hash() -> str:
        return (await admin.ocs("GET", f"{API4}/room")).headers["X-Nextcloud-Talk-Hash"]

    assert "127.0.0.1:9" in (await admin.data("GET", key))["data"]
    assert await can_record()
    before = await talk_hash()
    for value in ('{"secret":"x"}', "nonsense", "[]", '{"servers":[{"server":"http://x"}]}'):
        await admin.data("POST", key, data={"value": value})
        assert not await can_record()
    assert await talk_hash() != before
    await admin.data(
        "POST", key, json={"value": json.dumps({"servers": [{"server": "http://x"}], "secret": "s"})}
    )
    assert await can_record()
    await admin.data("POST", f"{CONFIG}/spreed/call_recording", data={"value": "no"})
    assert not await can_record()
    await admin.data("DELETE", f"{CONFIG}/spreed/call_recording")
    await admin.data("POST", f"{CONFIG}/spreed/signaling_mode", data={"value": "internal"})
    assert not await can_record()
    await admin.data("DELETE", f"{CONFIG}/spreed/signaling_mode")
    await admin.data("DELETE", key)
    assert await can_record()
    assert await talk_hash() == before


async def test_app_config_guards(world: World) -> None:
    admin, mira = await world.admin(), await world.user("mira")
    await mira.data("POST", f"{CONFIG}/spreed/x", data={"value": "1"}, status=403)
    await admin.data("POST", f"{CONFIG}/spreed/enabled", data={"value": "1"}, status=403)
    await admin.data("GET", f"{CONFIG}/callrec/ticket_secret", status=403)
    assert await admin.data("GET", f"{CONFIG}/spreed/x", params={"defaultValue": "d"}) == {"data": "d"}


async def test_only_what_works_is_announced(world: World) -> None:
    data = (await (await world.client()).data("GET", "/ocs/v2.php/cloud/capabilities"))["capabilities"]
    admin = await world.admin()
    room = f"/ocs/v2.php/apps/spreed/api/v1/chat/{await world.room(admin)}"
    features = data["spreed"]["features"]
    for feature, path in (
        ("chat-read-marker", "read"),
        ("rich-object-sharing", "share"),
        ("edit-messages", "1"),
    ):
        method = "PUT" if feature == "edit-messages" else "POST"
        is_there = (await admin.ocs(method, f"{room}/{path}")).status_code not in (404, 405)
        assert (feature in features) == is_there, feature
    assert (await admin.http.request("PROPFIND", f"/{data['core']['webdav-root']}/")).status_code == 207
    there = await admin.ocs("POST", f"{NOTIFICATIONS}/exists", json={"ids": []})
    assert (there.status_code, "exists" in data["notifications"]["ocs-endpoints"]) == (200, True)


async def test_capabilities_are_not_sent_twice(world: World) -> None:
    guest = await world.client()
    first = await guest.ocs("GET", "/ocs/v1.php/cloud/capabilities")
    features = first.json()["ocs"]["data"]["capabilities"]["spreed"]["features"]
    assert {"recording-v1", "signaling-v3", "conversation-v4", "chat-v2"} <= set(features)
    again = await guest.ocs(
        "GET", "/ocs/v1.php/cloud/capabilities", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


async def test_a_restart_keeps_everything(storage: Storage, web: Path) -> None:
    storage.create()
    config = config_for(storage.data, web, **storage.settings)
    async with serving(config) as world:
        invitation = await world.conversation.invitation()
        assert invitation.startswith("http://talk.example.net/index.php/call/")
        assert await world.conversation.invitation() == invitation
        mira = await world.user("mira")
        token = await world.room(mira)
        await (await world.admin()).data(
            "PUT", f"{USERS}/admin", data={"key": "password", "value": "changed"}
        )
    async with serving(config) as world:
        assert await world.conversation.invitation() == invitation
        await (await world.client("mira")).data("GET", f"{API4}/room/{token}")
        guest = await world.client()
        await world.join(guest, invitation.rpartition("/")[2])
        await (await world.client("admin", "changed")).data("GET", "/ocs/v2.php/cloud/user")
    if isinstance(storage, Embedded):
        assert b"secret-password" not in (storage.data / "conversation.db").read_bytes()


async def test_passwords_are_stored_at_argon2s_own_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    # The other tests have cheap ones.
    monkeypatch.setattr(passwords, "Argon2Hasher", Argon2Hasher)
    stored = await passwords.Passwords().hash("a good password")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
