"""Every declared route, asked anything by anybody: never a 500, never a traceback, and as described.

``CALLREC_FUZZ_EXAMPLES`` asks for more requests per route, then at random (docs/operating.md, Measured).
"""

import ast
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrec.conversation import routes

from .described_answers import check
from .every_route import EXAMPLES, Operation, Target, described, drawn, operations, requests, running_target
from .storage import Embedded, Services

ROUTES = Path(routes.__file__).parent
DOCUMENT = described()
OPERATIONS = operations(DOCUMENT)
GET_ROOM = next(each for each in OPERATIONS if str(each) == "GET /apps/spreed/api/v4/room/{token}")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with running_target(Embedded(tmp_path_factory.mktemp("server"))) as target:
        yield target


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_anything_is_answered_as_described(target: Target, operation: Operation) -> None:
    ask_anything(target, operation, EXAMPLES or 10)


def test_a_walk_over_all_routes_on_the_other_storage(services: Services) -> None:
    with running_target(services) as target:
        for operation in OPERATIONS:
            ask_anything(target, operation, 2)


def ask_anything(target: Target, operation: Operation, examples: int) -> None:
    """Send *examples* drawn requests and check the answers."""
    if not target.is_whole():
        target.refresh()

    @drawn(examples)
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        sent = data.draw(requests(operation, target))
        # Another address each time, or the throttle would answer everything.
        headers = {"X-Forwarded-For": f"10.{random.randrange(256)}.{random.randrange(256)}.7"}
        headers["Accept"] = data.draw(st.sampled_from(["application/json", "application/json", "*/*"]))
        if sent.content_type is not None:
            headers["Content-Type"] = sent.content_type
        answer = target.clients[sent.caller].request(
            operation.method,
            f"/ocs/v2.php{sent.path}?{sent.query}",
            headers={name.encode(): value.encode() for name, value in headers.items()},
            content=sent.body,
        )
        check(operation, answer)

    ask()


@pytest.mark.parametrize(
    ("status", "data"),
    [(418, None), (200, []), (200, {"token": "abcd"}), (500, []), (304, {})],
    ids=["status", "kind", "keys", "500", "304"],
)
def test_an_answer_that_is_not_described_is_seen(status: int, data: Any) -> None:
    made = {"ocs": {"meta": {"status": "ok", "statuscode": status, "message": "OK"}, "data": data}}
    with pytest.raises(AssertionError):
        check(GET_ROOM, httpx.Response(status, json=made))


def test_what_is_described_passes() -> None:
    room = dict.fromkeys(GET_ROOM.answers[200]["required"], 1)
    made = {"ocs": {"meta": {"status": "ok", "statuscode": 200, "message": "OK"}, "data": room}}
    check(GET_ROOM, httpx.Response(200, json=made))


def test_the_served_document_describes_every_route(target: Target) -> None:
    served = target.clients["stranger"].get("/ocs/openapi.json")
    assert served.status_code == 200
    assert served.json() == DOCUMENT
    assert len(OPERATIONS) > 40


@pytest.mark.parametrize("module", sorted(ROUTES.glob("*.py")), ids=lambda path: path.stem)
def test_what_a_handler_reads_is_declared(module: Path) -> None:
    for function in ast.parse(module.read_text()).body:
        if not isinstance(function, ast.AsyncFunctionDef):
            continue
        declarations = [ast.unparse(decorator) for decorator in function.decorator_list]
        for node in ast.walk(function):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) != "ocs.read":
                continue
            struct = ast.unparse(node.args[0])
            undeclared = [text for text in declarations if f"reads={struct}" not in text]
            assert not undeclared, f"{module.name}: {function.name} reads {struct}: say reads={struct}"
