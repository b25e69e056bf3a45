"""Metrics, health and readiness: who may read them, and what they say."""

from collections.abc import Mapping

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from callrec.observe.endpoints import AllowedNetworks, observe


@pytest.mark.parametrize(
    "host, allowed",
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.7", False),
        ("192.0.2.9", True),
        ("192.0.3.9", False),
        ("::ffff:192.0.2.9", True),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("fe80::1%eth0", False),
        ("localhost", False),
        ("", False),
        (None, False),
    ],
)
def test_loopback_and_the_named_networks_are_allowed(host: str | None, allowed: bool) -> None:
    assert AllowedNetworks(["192.0.2.0/24", "2001:db8::/32"]).allow(host) is allowed


def client(problems: Mapping[str, str], host: str = "127.0.0.1") -> httpx.AsyncClient:
    async def ready() -> Mapping[str, str]:
        return problems

    app = Starlette()
    registry = CollectorRegistry()
    observe(app, registry, failure_events=[("error", "it_broke")], networks=[], ready=ready)
    transport = httpx.ASGITransport(app, client=(host, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://server")


async def test_metrics_are_for_allowed_networks_only() -> None:
    assert (await client({}, "10.0.0.7").get("/metrics")).status_code == 403
    answer = await client({}).get("/metrics")
    assert answer.status_code == 200
    assert 'callrec_failures_total{event="it_broke",level="error"} 0.0' in answer.text
    assert "process_resident_memory_bytes" in answer.text
    assert "_created" not in answer.text


async def test_ready_says_what_is_not() -> None:
    assert (await client({"disk": "full"}, "10.0.0.7").get("/healthz")).json() == {"status": "ok"}
    answer = await client({"disk": "full"}, "10.0.0.7").get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "problems": {"disk": "full"}})
    assert (await client({}).get("/readyz")).json() == {"status": "ready"}
