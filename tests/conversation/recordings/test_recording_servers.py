"""Which recording server is asked, and that clients are told the same before they ask."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from callrec.conversation.recording_servers import recording_servers
from tests.conversation.certificates import certified
from tests.conversation.far_recorder import far_recorder
from tests.conversation.recording_world import SECRET, World, open_world

from .recording_steps import data, queued, start


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ([{"server": "https://r/"}], ("https://r", False)),
        ([{"server": "https://r", "verify": True}], ("https://r", True)),
        ([{"server": "https://r", "verify": 1}], ("https://r", True)),
        ([{"server": "https://r", "verify": 0}], ("https://r", False)),
        ([{"server": "https://r", "verify": "0"}], ("https://r", False)),
        ([{"server": "https://r", "verify": [2]}], ("https://r", True)),
        ([{"server": "wss://r//", "verify": False}], ("https://r", False)),
        ([{"server": "WS://r:1/a"}, {"server": "http://x"}], ("http://r:1/a", False)),
        ([{"server": "https://r"}, "junk"], ("https://r", False)),
        (["junk", {"server": "https://r"}], None),  # the first one is asked, no other
        ([{"server": "file:///r"}], None),
        ([{"server": "r.example"}], None),
        ([{"server": "http://"}], None),
        ([{"server": "http://[::1"}], None),
        ([{"server": "http://r:port"}], None),
        ([{"server": "http://r/?a=b"}], None),
        ([{"server": "http://r\0"}], None),
        ([{"server": 7}], None),
        ([{}], None),
        ([], None),
        ("https://r", None),
        (None, None),
    ],
)
def test_which_server_is_asked(servers: Any, expected: tuple[str, bool] | None) -> None:
    found = recording_servers({"servers": servers, "secret": "s3cret"})
    assert (found.used and (found.used.url, found.used.verify_tls)) == expected
    assert "s3cret" not in repr(found)
    assert recording_servers({"servers": servers, "secret": 7}).used is None
    assert recording_servers({"servers": servers}).used is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "[]",
        "no JSON",
        json.dumps({"secret": SECRET}),
        json.dumps({"secret": SECRET, "servers": ["junk"]}),
        json.dumps({"secret": SECRET, "servers": [{"server": "http://[::1"}]}),
    ],
)
async def test_what_names_no_server_is_not_configured(world: World, value: str) -> None:
    async with world.core.db.write() as tx:
        await world.core.configuration.set(tx, "spreed", "recording_servers", value)
        assert not await world.core.configuration.recording_enabled(tx)
    answer = await start(world, await world.client("mira"))
    assert (answer.status_code, data(answer)) == (400, {"error": "config"})
    assert await world.status() == 0


@pytest.mark.parametrize(("verify", "status"), [({}, 200), ({"verify": False}, 200), ({"verify": True}, 500)])
async def test_tls_is_verified_where_it_is_asked_for(
    world: World, tmp_path: Path, verify: dict[str, bool], status: int
) -> None:
    async with far_recorder(SECRET, tls=certified(tmp_path)) as recorder:
        await world.set_config({"servers": [{"server": recorder.url, **verify}], "secret": SECRET})
        with capture_logs() as logs:
            assert (await start(world, await world.client("mira"))).status_code == status
        assert len(recorder.take()) == (status == 200)
    causes = [entry["cause"] for entry in logs if entry["event"] == "recorder_failed"]
    assert ["certificate verify failed" in cause for cause in causes] == [True] * (status == 500)
    assert await world.status() == (3 if status == 200 else 0)
    assert await queued(world) == []
