"""``GET /metrics``, ``/healthz`` and ``/readyz``, alike in all programs."""

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from callrec.observe import failures
from callrec.observe.requests import RequestLog, RequestMetrics

LOOPBACK = ("127.0.0.0/8", "::1/128")
Readiness = Callable[[], Awaitable[Mapping[str, str]]]
"""Returns what is not ready: name → reason in plain words; empty when all is."""

_NO_STORE = {"Cache-Control": "no-store"}


class AllowedNetworks:
    """Who may read metrics: loopback, and the *networks* (CIDR) beside it."""

    def __init__(self, networks: Sequence[str]) -> None:
        """Raises ValueError for what is no network."""
        self._networks = [ipaddress.ip_network(network) for network in (*LOOPBACK, *networks)]

    def allow(self, host: str | None) -> bool:
        """Tell whether the client at *host* may."""
        try:
            address = ipaddress.ip_address((host or "").partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


def observe(
    app: Starlette,
    registry: CollectorRegistry,
    *,
    failure_events: Sequence[tuple[str, str]],
    networks: Sequence[str],
    ready: Readiness,
) -> None:
    """Add the endpoints, request ids, the access log and the common metrics to *app*.

    *failure_events* are the (level, event) of the program's own warnings and errors.
    """
    failures.announce(registry, failure_events)
    ProcessCollector(registry=registry)
    allowed = AllowedNetworks(networks)

    async def metrics(request: Request) -> Response:
        if not allowed.allow(request.client.host if request.client else None):
            return Response(status_code=403)
        return Response(generate_latest(registry), headers=_NO_STORE, media_type=CONTENT_TYPE_LATEST)

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers=_NO_STORE)

    async def readyz(_request: Request) -> Response:
        problems = await ready()
        if problems:
            return JSONResponse({"status": "not ready", "problems": dict(problems)}, 503, _NO_STORE)
        return JSONResponse({"status": "ready"}, headers=_NO_STORE)

    for endpoint in (metrics, healthz, readyz):
        app.add_route(f"/{endpoint.__name__}", endpoint, methods=["GET"])
    app.add_middleware(RequestLog, metrics=RequestMetrics(registry))
