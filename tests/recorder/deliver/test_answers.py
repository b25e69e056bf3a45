"""What an answer of a backend means."""

import pytest

from callrec.recorder.deliver.answers import AT_LINK, Answer, Request, Verdict, read_answer, verdict


@pytest.mark.parametrize("request_kind", ["report", "request-upload", "store", "finish"])
def test_only_an_envelope_that_says_200_is_an_acknowledgement(request_kind: Request) -> None:
    assert verdict(request_kind, Answer(200, 200)) == "done"
    assert verdict(request_kind, Answer(200)) == "later"
    assert verdict(request_kind, Answer(200, 997)) == "later"
    assert verdict(request_kind, Answer(201, 200)) == "later"


@pytest.mark.parametrize("status", [301, 302, 408, 429, 500, 502, 503, 504, 507, 599])
@pytest.mark.parametrize("request_kind", ["report", "request-upload", "store", "finish"])
def test_what_passes_is_tried_again(request_kind: Request, status: int) -> None:
    assert verdict(request_kind, Answer(status, status)) == "later"


@pytest.mark.parametrize(
    "request_kind, answer, expected",
    [
        # the room was deleted, said by Talk; a proxy's 404 says nothing
        ("store", Answer(404, 404), "never"),
        ("finish", Answer(404, 404), "never"),
        ("store", Answer(404), "later"),
        ("report", Answer(404, 404), "refused"),
        ("report", Answer(400, 400, "unknown_type"), "refused"),
        ("report", Answer(403, 403, "invalid_request"), "refused"),
        ("request-upload", Answer(404, 998), "directly"),
        # the secret, the owner, the quota: an operator can mend it
        ("store", Answer(401, 401), "refused"),
        ("store", Answer(403, 403), "refused"),
        ("store", Answer(400, 400, "owner_participant"), "refused"),
        ("store", Answer(400, 400, "owner_permission"), "refused"),
        ("store", Answer(400, 400, "invalid_file"), "refused"),
        ("store", Answer(413, 413), "refused"),
        ("store", Answer(409, 409), "refused"),
        ("store", Answer(423), "later"),
        # the kind of file
        ("store", Answer(400, 400, "file_extension"), "never"),
        ("finish", Answer(400, 400, "file_mimetype"), "never"),
        # no links
        ("request-upload", Answer(404), "directly"),
        ("request-upload", Answer(404, 404), "directly"),
        ("request-upload", Answer(400, 400, "sharing_disabled"), "directly"),
        ("request-upload", Answer(405), "directly"),
        ("request-upload", Answer(401, 401), "refused"),
        # the answer to an earlier finish was lost, and the link is gone
        ("finish", Answer(400, 400, "invalid_file"), "anew"),
        # at the link
        ("folder", Answer(201), "done"),
        ("folder", Answer(401), "directly"),
        ("folder", Answer(403), "directly"),
        ("folder", Answer(405), "directly"),
        ("folder", Answer(404), "anew"),
        ("folder", Answer(409), "anew"),
        ("chunk", Answer(401), "anew"),
        ("chunk", Answer(404), "anew"),
        ("chunk", Answer(413), "smaller"),
        ("chunk", Answer(423), "later"),
        ("chunk", Answer(429), "later"),
        ("chunk", Answer(507), "later"),
        ("assemble", Answer(204), "done"),
        ("assemble", Answer(400), "anew"),
        ("assemble", Answer(409), "anew"),
        ("assemble", Answer(413), "refused"),
        ("assemble", Answer(423), "later"),
        ("times", Answer(403), "refused"),
        ("times", Answer(413), "refused"),
        ("times", Answer(503), "later"),
    ],
)
def test_each_reaction(request_kind: Request, answer: Answer, expected: Verdict) -> None:
    assert verdict(request_kind, answer) == expected


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 412, 413, 418])
@pytest.mark.parametrize("request_kind", ["report", "store", "finish"])
def test_what_a_proxy_says_in_the_backends_place_decides_nothing(request_kind: Request, status: int) -> None:
    assert verdict(request_kind, Answer(status)) == "later"


@pytest.mark.parametrize("request_kind", ["report", "store", "finish"])
def test_a_server_whose_talk_is_switched_off_has_not_lost_the_room(request_kind: Request) -> None:
    assert verdict(request_kind, Answer(404, 998)) == "later"


@pytest.mark.parametrize("request_kind", sorted(AT_LINK))
def test_webdav_needs_no_envelope(request_kind: Request) -> None:
    assert verdict(request_kind, Answer(201)) == "done"
    assert verdict(request_kind, Answer(302)) in ("later", "refused")


def test_the_envelope_is_read() -> None:
    body = {"ocs": {"meta": {"statuscode": 400}, "data": {"error": "owner_participant"}}}
    assert read_answer(400, body, None, 0) == Answer(400, 400, "owner_participant")
    body["ocs"]["data"] = {"error": {"code": "invalid_request"}}
    assert read_answer(400, body, None, 0).word == "invalid_request"


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"ocs": []},
        {"ocs": {"meta": []}},
        {"ocs": {"meta": {"statuscode": "200"}}},
        {"ocs": {"meta": {"statuscode": True}}},
    ],
)
def test_what_is_no_envelope_is_none(body: object) -> None:
    assert read_answer(200, body, None, 0) == Answer(200)


@pytest.mark.parametrize(
    "header, seconds",
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 +999999999999999999999", None),
        ("Wed, 21 Oct 99999999999 07:28:00 GMT", None),
        ("9" * 30, None),
        (None, None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert read_answer(503, None, header, 100.0).retry_after_s == seconds
