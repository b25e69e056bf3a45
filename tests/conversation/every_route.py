"""Arbitrary and near-valid requests for every declared OCS route, and a server that takes them."""

import asyncio
import importlib
import json
import os
import pkgutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote, urlencode

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from callrec.conversation import routes
from callrec.conversation.ocs.openapi import document
from callrec.conversation.ocs.router import Gate, OcsRouter, declared

from .conftest import ADMIN_PASSWORD, API4, RECORDING_SECRET, World, config_for, serving
from .far_recorder import far_recorder
from .storage import Storage

EXAMPLES = int(os.environ.get("CALLREC_FUZZ_EXAMPLES", "0"))
PASSWORD = "secret-password"
CALLERS = ("admin", "mira", "ole", "guest", "stranger")
"""An administrator, the rooms' owner, a member, a guest with a session, a guest without."""
VICTIM = "vera"
"""Whom requests may delete or rename: never a caller."""
RECORDERS = "/ocs/v2.php/apps/provisioning_api/api/v1/config/apps/spreed/recording_servers"
"""The one setting that requests name, and which other requests need."""


def described() -> dict[str, Any]:
    """Return the OpenAPI document of all routers that there are in ``routes``."""
    app = Starlette()
    for module in pkgutil.iter_modules(routes.__path__):
        for router in vars(importlib.import_module(f"{routes.__name__}.{module.name}")).values():
            if isinstance(router, OcsRouter):
                router.install(app, None, Gate(*[cast(Any, None)] * 3))
    return document(declared(app))


def drawn(examples: int) -> settings:
    """Return the settings of a test that draws *examples* requests: the same ones each time, or at random."""
    return settings(
        max_examples=examples,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


MAX_QUERY_CHARS = 30_000
"""More than fits into the head of a request is refused before any of our code."""


@dataclass(frozen=True)
class Operation:
    """One route as the document describes it. Fields: name → schema."""

    method: str
    path: str
    variables: dict[str, Any] = field(repr=False)
    fields: dict[str, Any] = field(repr=False)
    answers: dict[int, dict[str, Any]] = field(repr=False)
    """HTTP status → schema of the data; of any data it is empty."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def operations(openapi: dict[str, Any]) -> list[Operation]:
    """Return all operations of the document."""
    found = []
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            parameters = operation["parameters"]
            fields = {p["name"]: p["schema"] for p in parameters if p["in"] == "query"}
            if "requestBody" in operation:
                for content in operation["requestBody"]["content"].values():
                    schema = content["schema"]
                    if "$ref" in schema:
                        schema = openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
                    fields |= schema.get("properties", {})
            variables = {p["name"]: p["schema"] for p in parameters if p["in"] == "path"}
            answers = {
                int(status): _data_of(answer)
                for status, answer in operation["responses"].items()
                if status != "default"  # stands for any, and so says nothing
            }
            found.append(Operation(method.upper(), path, variables, fields, answers))
    return found


def _data_of(answer: dict[str, Any]) -> dict[str, Any]:
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    for part in schema.get("allOf", []):
        data: dict[str, Any] | None = (
            part.get("properties", {}).get("ocs", {}).get("properties", {}).get("data")
        )
        if data is not None:
            return data
    return {}


@dataclass
class Target:
    """The running server and what is there to be named in requests."""

    url: str
    clients: dict[str, httpx.Client]
    tokens: list[str] = field(default_factory=list)
    recorders: str = ""

    def is_whole(self) -> bool:
        """Tell whether everything is there that requests name: the setting, the rooms, the people."""
        admin, mira = self.clients["admin"], self.clients["mira"]
        if admin.get(f"/ocs/v2.php/cloud/users/{VICTIM}").status_code != 200:
            return False
        if admin.get(RECORDERS).text != self.recorders:
            return False
        return bool(self.tokens) and all(self._is_whole_room(mira, token) for token in self.tokens)

    def _is_whole_room(self, owner: httpx.Client, token: str) -> bool:
        answer = owner.get(f"{API4}/room/{token}/participants")
        if answer.status_code != 200:
            return False
        people = answer.json()["ocs"]["data"]
        inside = {person["actorId"] for person in people if person["sessionIds"]}
        return {"mira", "ole"} <= inside and any(person["inCall"] for person in people)

    def refresh(self) -> None:
        """Make again what earlier requests have taken away: settings, rooms, members, the guest's session."""
        admin, mira, guest = self.clients["admin"], self.clients["mira"], self.clients["guest"]
        admin.delete(RECORDERS)
        self.recorders = admin.get(RECORDERS).text
        admin.post("/ocs/v2.php/cloud/users", json={"userid": VICTIM, "password": PASSWORD})
        if not self.tokens or any(mira.get(f"{API4}/room/{t}").status_code != 200 for t in self.tokens):
            self.tokens = []
            for kind in (3, 2):
                room = mira.post(f"{API4}/room", json={"roomType": kind, "roomName": "Weekly"}).json()
                self.tokens.append(room["ocs"]["data"]["token"])
        for token in self.tokens:
            new = {"newParticipant": "ole", "source": "users"}
            mira.post(f"{API4}/room/{token}/participants", json=new)
            for client in (mira, self.clients["ole"], guest):
                client.post(f"{API4}/room/{token}/participants/active")
            mira.post(f"{API4}/call/{token}", json={"flags": 7})


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
WORDS = st.sampled_from(
    [
        "users",
        "guests",
        "groups",
        "mira",
        "ole",
        VICTIM,
        "nobody",
        "1",
        "0",
        "yes",
        "name",
        "Weekly",
        "",
        "../x",
    ]
)
NUMBERS = st.integers(-2, 300) | st.sampled_from([2**31, 2**63 - 1, 2**63, -(2**63), 10**30])
TEXT = WORDS | st.text(max_size=40) | st.text(min_size=1, max_size=3).map(lambda text: text * 9000)
TEXT_OF_FORMS = st.text(st.characters(codec="utf-8"), max_size=40)


def near(name: str, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return values near what *schema* wants."""
    if name == "timeout":
        return st.sampled_from([0, "0", -7])  # a long poll would only make the test slow
    kinds = {part.get("type") for part in schema.get("anyOf", [schema])}
    strategies: list[st.SearchStrategy[Any]] = [WORDS]
    if "integer" in kinds:
        strategies = [NUMBERS, NUMBERS.map(str)]
    elif "boolean" in kinds:
        strategies = [st.booleans(), st.sampled_from(["0", "1", "true", "false", 0, 1])]
    elif "string" in kinds:
        strategies = [TEXT]
    elif "array" in kinds:
        strategies = [st.lists(TEXT | NUMBERS, max_size=3)]
    elif "object" in kinds:
        strategies = [st.dictionaries(WORDS, st.lists(WORDS, max_size=3), max_size=3)]
    return st.one_of(*strategies, *strategies, JUNK)


@dataclass(frozen=True)
class Sent:
    """One drawn request."""

    caller: str
    path: str
    query: str
    content_type: str | None
    body: bytes


@st.composite
def requests(draw: st.DrawFn, operation: Operation, target: Target) -> Sent:
    """Draw a request for *operation*."""
    path = operation.path
    for name, schema in operation.variables.items():
        path = path.replace(f"{{{name}}}", quote(draw(_path_value(name, schema, target)), safe=""), 1)
    known = {
        name: draw(near(name, schema))
        for name, schema in operation.fields.items()
        if name == "timeout" or draw(st.integers(0, 4)) > 0
    }
    caller = draw(st.sampled_from(CALLERS))
    form = draw(st.sampled_from(["json", "json", "form", "query", "multipart", "broken", "any"]))
    if form == "query" or operation.method in ("GET", "DELETE"):
        return Sent(caller, path, _form(known), None, b"")
    if form == "json":
        return Sent(caller, path, "", "application/json", json.dumps(known).encode())
    if form == "form":
        return Sent(caller, path, "", "application/x-www-form-urlencoded", _form(known).encode())
    if form == "multipart":
        parts = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in known.items()
        )
        body = f"{parts}--b--\r\n".encode(errors="replace")
        return Sent(caller, path, "", "multipart/form-data; boundary=b", body)
    kinds = ["application/json", "multipart/form-data; boundary=b", "multipart/form-data", "text/x;=", "ü"]
    kind = draw(st.sampled_from(kinds))
    body = json.dumps(draw(JUNK)).encode() if form == "any" else draw(st.binary(max_size=60))
    return Sent(caller, path, "", kind, body)


def _path_value(name: str, schema: dict[str, Any], target: Target) -> st.SearchStrategy[str]:
    if name == "token":
        return st.sampled_from([*target.tokens, *target.tokens, "zzzz9999", "a" * 30, "A", "abc"])
    if schema.get("type") == "integer":
        return st.integers(0, 30).map(str) | st.sampled_from([str(2**63), "9" * 40, "x"])
    safe = TEXT_OF_FORMS.filter(lambda text: text not in (".", ".."))
    return st.sampled_from([VICTIM, "nobody", "spreed", "recording_servers", "1", "7"]) | safe.map(
        lambda text: text or "x"
    )


def _form(values: dict[str, Any]) -> str:
    flat = {
        name: value if isinstance(value, (str, int, float, list)) else json.dumps(value)
        for name, value in values.items()
    }
    return urlencode(flat, doseq=True, errors="replace")[:MAX_QUERY_CHARS]


@contextmanager
def running_target(storage: Storage) -> Iterator[Target]:
    """Run a server on *storage* in a thread with a loop of its own, with a recorder at its far side."""
    ready = threading.Event()
    found: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, World]] = []

    async def serve() -> None:
        over = asyncio.Event()
        async with far_recorder(RECORDING_SECRET) as recorder:
            storage.prepare()
            config = config_for(storage.data, storage.data, **storage.settings)
            config = type(config)(**{**vars(config), "recorder_url": recorder.url})
            async with serving(config) as world:
                await world.user("mira")
                await world.user("ole")
                found.append((asyncio.get_running_loop(), over, world))
                ready.set()
                await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(30)
    loop, over, world = found[0]
    headers = {"OCS-APIRequest": "true", "Accept": "application/json"}
    passwords = {"admin": ADMIN_PASSWORD, "mira": PASSWORD, "ole": PASSWORD}
    clients = {
        name: httpx.Client(
            base_url=world.url,
            headers=headers,
            auth=(name, passwords[name]) if name in passwords else None,
            timeout=20,
        )
        for name in CALLERS
    }
    try:
        yield Target(world.url, clients)
    finally:
        for client in clients.values():
            client.close()
        loop.call_soon_threadsafe(over.set)
        thread.join()
