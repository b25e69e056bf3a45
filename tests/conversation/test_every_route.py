"""Every declared route, asked anything by anybody: never a 500, never a traceback, and as described.

``CALLREC_FUZZ_EXAMPLES`` asks for more requests per route, then at random.
"""

import os
import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .every_route import Operation, Target, described, operations, requests, running_target

EXAMPLES = int(os.environ.get("CALLREC_FUZZ_EXAMPLES", "0"))
DOCUMENT = described()
OPERATIONS = operations(DOCUMENT)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with running_target(tmp_path_factory.mktemp("server")) as target:
        yield target


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_anything_is_answered_as_described(target: Target, operation: Operation) -> None:
    target.refresh()

    @settings(
        max_examples=EXAMPLES or 15,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        sent = data.draw(requests(operation, target))
        headers = {"X-Forwarded-For": f"10.{random.randrange(256)}.{random.randrange(256)}.7"}
        if sent.content_type is not None:
            headers["Content-Type"] = sent.content_type
        answer = target.clients[sent.caller].request(
            operation.method,
            f"/ocs/v2.php{sent.path}?{sent.query}",
            headers={name: value.encode() for name, value in headers.items()},
            content=sent.body,
        )
        status = str(answer.status_code)
        assert answer.status_code < 500 or status in operation.answers, answer.text
        assert "Traceback" not in answer.text
        if answer.status_code < 400:
            assert status in operation.answers, "a success that the document does not know"
        if "json" in answer.headers.get("Content-Type", ""):  # what no route takes is XML
            meta = answer.json()["ocs"]["meta"]
            assert meta["status"] == ("ok" if answer.status_code < 400 else "failure")
            assert meta["statuscode"] != 996

    ask()


def test_the_served_document_describes_every_route(target: Target) -> None:
    served = target.clients["stranger"].get("/ocs/openapi.json")
    assert served.status_code == 200
    assert served.json() == DOCUMENT
    assert len(OPERATIONS) > 40
