"""Correctly signed requests of a recorder and a signaling server, with any body: nothing by halves.

Each answer is one that the API's document knows, and after a refused request everything that people see is as
it was. ``CALLREC_FUZZ_EXAMPLES`` asks for more requests, then at random (docs/operating.md, Measured).
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrec.wire.checksum import SIGNALING_CHECKSUM, SIGNALING_RANDOM, checksum, new_random, signed_headers

from . import recorder_bodies
from .conftest import API1, API3, API4, RECORDING_SECRET
from .described_answers import check
from .every_route import EXAMPLES, Target, described, drawn, operations, running_target
from .recorder_bodies import Body
from .recording_world import NOTIFICATIONS, OGG
from .storage import Embedded, Services

SIGNALING_SECRET = "the signaling secret"
SIGNALING_SERVERS = "/ocs/v2.php/apps/provisioning_api/api/v1/config/apps/spreed/signaling_servers"
OPERATIONS = {str(each): each for each in operations(described())}
SEEN_BY = ("mira", "ole")
PASSING = ("lastPing", "sessionId")
"""Of a room: they change by themselves."""
FAILED = "Failed to upload call recording"

Step = Callable[[Target, st.DataObject], httpx.Response]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with running_target(Embedded(tmp_path_factory.mktemp("server"))) as target:
        configure(target)
        yield target


def configure(target: Target) -> None:
    servers = {"servers": [{"server": "http://talk.example.net/signaling"}], "secret": SIGNALING_SECRET}
    answer = target.clients["admin"].post(SIGNALING_SERVERS, json={"value": json.dumps(servers)})
    assert answer.status_code == 200
    for name in ("admin", *SEEN_BY):  # checking a password takes longer than all else
        client = target.clients[name]
        token = client.get("/ocs/v2.php/core/getapppassword").json()["ocs"]["data"]["apppassword"]
        client.auth = (name, token)
    target.refresh()


def seen(target: Target) -> dict[str, Any]:
    """Return the rooms, files and notifications that people see."""
    everything: dict[str, Any] = {}
    for name in SEEN_BY:
        client = target.clients[name]
        rooms = client.get(f"{API4}/room").json()["ocs"]["data"]
        files = client.request("PROPFIND", f"/remote.php/dav/files/{name}/", headers={"Depth": "infinity"})
        assert files.status_code == 207
        told = client.get(NOTIFICATIONS).json()["ocs"]["data"]
        kept = [{key: value for key, value in room.items() if key not in PASSING} for room in rooms]
        everything[name] = {
            "rooms": sorted(kept, key=lambda room: str(room["token"])),
            "files": sorted(re.findall(r"<d:response>.*?</d:response>", files.text, re.DOTALL)),
            "told": {each["notification_id"]: each["subject"] for each in told},
        }
    return everything


def sent(target: Target, path: str, body: Body, headers: dict[str, str]) -> httpx.Response:
    kind = {} if body.content_type is None else {"Content-Type": body.content_type}
    return target.clients["stranger"].post(path, content=body.data, headers={**headers, **kind})


def report(target: Target, data: st.DataObject) -> httpx.Response:
    body = data.draw(recorder_bodies.reports(target.tokens))
    return sent(target, f"{API1}/recording/backend", body, signed_headers(RECORDING_SECRET, body.data))


def store(target: Target, data: st.DataObject) -> httpx.Response:
    return over_token(target, data, "store", data.draw(recorder_bodies.stores()))


def request_upload(target: Target, data: st.DataObject) -> httpx.Response:
    return over_token(target, data, "request-upload", data.draw(recorder_bodies.uploads()))


def finish(target: Target, data: st.DataObject) -> httpx.Response:
    return over_token(target, data, "store", data.draw(recorder_bodies.finishes()))


def over_token(target: Target, data: st.DataObject, what: str, body: Body) -> httpx.Response:
    token = data.draw(st.sampled_from([*target.tokens * 4, "zzzz9999"]))
    return sent(
        target, f"{API1}/recording/{token}/{what}", body, signed_headers(RECORDING_SECRET, token.encode())
    )


def call_back(target: Target, data: st.DataObject) -> httpx.Response:
    mira = target.clients["mira"]
    people = mira.get(f"{API4}/room/{target.tokens[0]}/participants").json()["ocs"]["data"]
    sessions = [session for person in people for session in person["sessionIds"]]
    ticket = mira.get(f"{API3}/signaling/settings").json()["ocs"]["data"]["ticket"]
    body = data.draw(recorder_bodies.callbacks(target.tokens, sessions, ticket))
    random = new_random()
    signed = checksum(SIGNALING_SECRET, random, body.data)
    headers = {SIGNALING_RANDOM: random, SIGNALING_CHECKSUM: signed}
    return sent(target, f"{API3}/signaling/backend", body, headers)


STEPS: dict[str, tuple[Step, str]] = {
    "report": (report, "POST /apps/spreed/api/v1/recording/backend"),
    "store": (store, "POST /apps/spreed/api/v1/recording/{token}/store"),
    "finish": (finish, "POST /apps/spreed/api/v1/recording/{token}/store"),
    "request-upload": (request_upload, "POST /apps/spreed/api/v1/recording/{token}/request-upload"),
    "callback": (call_back, "POST /apps/spreed/api/v3/signaling/backend"),
}


@pytest.mark.parametrize("name", STEPS)
def test_any_body_is_answered_and_nothing_happens_by_halves(target: Target, name: str) -> None:
    reached = send_anything(target, name, EXAMPLES or 30)
    assert "accepted" in reached, "nothing got through: only the outermost checks were tried"
    assert len(reached) > 1, "nothing was refused"


def test_any_body_on_the_other_storage(services: Services) -> None:
    with running_target(services) as target:
        configure(target)
        for name in STEPS:
            send_anything(target, name, 6)


def test_the_document_says_how_to_sign_and_what_to_send() -> None:
    paths = described()["paths"]
    report = paths["/apps/spreed/api/v1/recording/backend"]["post"]
    assert report["security"] == [{"Talk-Recording-Random": [], "Talk-Recording-Checksum": []}]
    messages = report["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    assert [each["properties"]["type"]["const"] for each in messages] == ["started", "stopped", "failed"]
    store = paths["/apps/spreed/api/v1/recording/{token}/store"]["post"]
    parts = store["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert parts["required"] == ["owner"] and parts["properties"]["file"]["format"] == "binary"
    start = paths["/apps/spreed/api/v1/recording/{token}"]["post"]
    wanted = start["requestBody"]["content"]["application/json"]["schema"]
    assert wanted["required"] == ["status"] and wanted["properties"]["status"]["enum"] == [1, 2]
    assert "500" in start["responses"]


def test_a_report_that_is_too_long_is_an_invalid_request(target: Target) -> None:
    body = Body(b" " * (64 * 1024 + 1))
    answer = sent(target, f"{API1}/recording/backend", body, signed_headers(RECORDING_SECRET, body.data))
    assert (answer.status_code, refusal(answer)) == (400, "invalid_request")


def send_anything(target: Target, name: str, examples: int) -> set[str]:
    """Send *examples* drawn requests, check the answers, and return what they said."""
    step, described_as = STEPS[name]
    reached: set[str] = set()
    last: list[dict[str, Any]] = []
    """What was seen after the last request, if nothing was asked since."""

    @drawn(examples)
    @given(st.data())
    def send(data: st.DataObject) -> None:
        if name == "callback" and not target.is_whole():  # one has taken somebody out of the call
            target.refresh()
            last.clear()
        if name == "report":
            target.clients["mira"].post(f"{API1}/recording/{target.tokens[0]}", json={"status": 1})
            last.clear()
        if name == "finish" and not data.draw(st.booleans()):
            upload(target, data.draw(recorder_bodies.NAMES), data.draw(recorder_bodies.CONTENTS))
        before = last.pop() if last else seen(target)
        answer = step(target, data)
        check(OPERATIONS[described_as], answer)
        word = refusal(answer)
        reached.add(word or "accepted")
        if word is not None:
            last.append(seen(target))
            assert_unchanged(before, last[0], may_tell=word in ("invalid_file", "size"))

    send()
    return reached


def refusal(answer: httpx.Response) -> str | None:
    """Return the word of a refusal; a signaling server's is inside of a success."""
    data = answer.json()["ocs"]["data"]
    error = data.get("error") if isinstance(data, dict) else None
    if answer.status_code == 200 and error is None:
        return None
    return str(error["code"] if isinstance(error, dict) else error or answer.status_code)


def assert_unchanged(before: dict[str, Any], after: dict[str, Any], *, may_tell: bool) -> None:
    """Fail if anything has changed, but for one owner who may be told of a recording that is lost."""
    told = [
        subject
        for name in SEEN_BY
        for number, subject in after[name]["told"].items()
        if number not in before[name]["told"]
    ]
    assert told == [] or (may_tell and told == [FAILED]), told
    for name in SEEN_BY:
        assert set(before[name]["told"]) <= set(after[name]["told"])
        assert after[name]["rooms"] == before[name]["rooms"]
        assert after[name]["files"] == before[name]["files"]


def upload(target: Target, name: str, content: bytes) -> None:
    """Upload a file in one chunk, if its name is taken, for a store that may come."""
    token = target.tokens[0]
    http, signed = target.clients["stranger"], signed_headers(RECORDING_SECRET, token.encode())
    wanted = {"owner": "mira", "fileName": name}
    answer = http.post(f"{API1}/recording/{token}/request-upload", json=wanted, headers=signed)
    if answer.status_code != 200:
        return
    link = answer.json()["ocs"]["data"]
    with httpx.Client(base_url=target.url, auth=(link["token"], link["password"]), timeout=20) as client:
        put = client.put(f"/public.php/dav/files/{link['token']}/{quote(link['fileName'])}", content=content)
    assert put.status_code in (201, 204), put.text


def test_a_change_by_halves_would_be_seen(target: Target) -> None:
    before = seen(target)
    assert_unchanged(before, seen(target), may_tell=False)
    parts = [recorder_bodies.part("owner", None, b"mira"), recorder_bodies.part("file", "seen.ogg", OGG)]
    body = Body(b"".join(parts) + recorder_bodies.END, recorder_bodies.MULTIPART)
    path, token = f"{API1}/recording/{target.tokens[0]}/store", target.tokens[0]
    assert sent(target, path, body, signed_headers(RECORDING_SECRET, token.encode())).status_code == 200
    with pytest.raises(AssertionError):
        assert_unchanged(before, seen(target), may_tell=True)
