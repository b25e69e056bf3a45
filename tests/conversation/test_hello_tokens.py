"""Tokens of the hello 2.0, and the servers for media that settings name."""

import base64
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from callrec.conversation.hello_tokens import HelloTokens, new_private_key
from callrec.conversation.ice_servers import stun_servers, turn_servers
from callrec.wire.signaling import SignalingRefusal

from .conftest import API3, World, config_for, serving
from .storage import Storage

SETTINGS = f"{API3}/signaling/settings"
CAPABILITIES = "/ocs/v2.php/cloud/capabilities"
CONFIG = "/ocs/v2.php/apps/provisioning_api/api/v1/config/apps/spreed"


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def claims_of(token: str, public_key: str) -> dict[str, Any]:
    """Check a token as a signaling server does, and return what it claims."""
    header, claims, signature = token.split(".")
    assert json.loads(decoded(header)) == {"typ": "JWT", "alg": "ES256"}
    key = serialization.load_pem_public_key(public_key.encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    raw = decoded(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.verify(der, f"{header}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    result: dict[str, Any] = json.loads(decoded(claims))
    return result


async def public_key(world: World) -> str:
    data = await (await world.client()).data("GET", CAPABILITIES)
    key: str = data["capabilities"]["spreed"]["config"]["signaling"]["hello-v2-token-key"]
    return key


async def test_settings_hold_a_token(world: World) -> None:
    mira, guest = await world.user("mira", "Mira M."), await world.client()
    key = await public_key(world)
    backend = world.conversation.signaling_backend
    token = (await mira.data("GET", SETTINGS))["helloAuthParams"]["2.0"]["token"]
    claims = claims_of(token, key)
    assert (claims["iss"], claims["sub"]) == ("http://talk.example.net/", "mira")
    assert claims["userdata"] == {"displayname": "Mira M."}
    assert 60 <= claims["exp"] - claims["iat"] <= 70
    assert (await backend.authenticate_token(token)).display_name == "Mira M."
    token = (await guest.data("GET", SETTINGS))["helloAuthParams"]["2.0"]["token"]
    assert not {"sub", "userdata"} & set(claims_of(token, key))
    assert (await backend.authenticate_token(token)).user_id == ""


async def test_the_key_survives_a_restart(storage: Storage, web: Any) -> None:
    storage.prepare()
    keys = []
    for _ in range(2):
        async with serving(config_for(storage.data, web, **storage.settings)) as world:
            keys.append(await public_key(world))
            admin = await world.admin()
            # The private half is nobody's business.
            await admin.data("GET", f"{CONFIG}/../callrec/hello_v2_private_key", status=403)
    assert keys[0] == keys[1]


def forged(token: str, header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None) -> str:
    """Return *token* with another header or other claims under the old signature."""
    parts = token.split(".")
    for index, value in ((0, header), (1, claims)):
        if value is not None:
            parts[index] = base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    return ".".join(parts)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: "",
        lambda token: "a.b",
        lambda token: token[:-2],
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token + ".x",
        lambda token: f"ü{token}",
        lambda token: forged(token, header={"alg": "none"}),
        lambda token: forged(token, header={"alg": "HS256"}),
        lambda token: forged(token, header={}),
        lambda token: forged(token, claims={"sub": "admin", "iat": 0, "exp": 1 << 40}),
        lambda token: HelloTokens("http://talk.example.net").issue("admin"),
    ],
)
def test_tokens_of_others(spoil: Callable[[str], str]) -> None:
    tokens = HelloTokens("http://talk.example.net")
    token = tokens.issue("mira")
    assert tokens.check(token) == ("mira", "")
    with pytest.raises(SignalingRefusal) as refused:
        tokens.check(spoil(token))
    assert refused.value.code == "invalid_token"


def test_tokens_grow_old(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = HelloTokens("http://talk.example.net")
    tokens.use_key(new_private_key())
    now_s = 1_800_000_000.0
    monkeypatch.setattr("callrec.conversation.hello_tokens.wall_s", lambda: now_s)
    token = tokens.issue("mira")
    for later_s, expected in ((119, None), (121, "token_expired"), (-70, "token_not_valid_yet")):
        monkeypatch.setattr("callrec.conversation.hello_tokens.wall_s", lambda s=later_s: now_s + s)
        if expected is None:
            assert tokens.check(token) == ("mira", "")
            continue
        with pytest.raises(SignalingRefusal) as refused:
            tokens.check(token)
        assert refused.value.code == expected


def test_another_key_does_not_fit() -> None:
    token = HelloTokens("http://talk.example.net").issue("mira")
    with pytest.raises(InvalidSignature):
        claims_of(token, HelloTokens("http://talk.example.net").public_key)


async def test_servers_for_media(world: World) -> None:
    admin, guest = await world.admin(), await world.client()
    turn = {"schemes": "turn,turns", "server": "turn.example:3478", "secret": "s", "protocols": "udp,tcp"}
    for key, value in (("stun_servers", ["stun.example:443"]), ("turn_servers", [turn])):
        await admin.data("POST", f"{CONFIG}/{key}", json={"value": json.dumps(value)})
    settings = await guest.data("GET", SETTINGS)
    assert settings["stunservers"] == [{"urls": ["stun:stun.example:443"]}]
    (server,) = settings["turnservers"]
    assert server["urls"] == [
        f"{scheme}:turn.example:3478?transport={protocol}"
        for scheme in ("turn", "turns")
        for protocol in ("udp", "tcp")
    ]
    expected = base64.b64encode(hmac.digest(b"s", server["username"].encode(), "sha1")).decode()
    assert server["credential"] == expected


def test_what_their_config_may_hold() -> None:
    good = {"schemes": "turn", "server": "t:1", "secret": "s", "protocols": "udp"}
    entries = [good, *({**good, key: ""} for key in ("schemes", "server", "protocols")), "x", {}]
    (server,) = turn_servers(json.dumps(entries), 1000.5)
    assert server["urls"] == ["turn:t:1?transport=udp"]
    assert server["username"].startswith("87400:")
    for nonsense in (None, "", "{", "{}", "[]", '[1, ""]'):
        assert stun_servers(nonsense) == []
        assert turn_servers(nonsense, 0) == []
