"""The environment's proxies and the programs of one machine."""

import http.server
import threading

import httpx
import pytest

from callrec.app.proxies import spare_loopback


@pytest.mark.parametrize("named", [None, "intra.example"])
def test_loopback_is_reached_directly(monkeypatch: pytest.MonkeyPatch, named: str | None) -> None:
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # where nobody is
    if named:
        monkeypatch.setenv("NO_PROXY", named)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
        spare_loopback()
        assert httpx.get(url).status_code == 501  # its answer to everything
        with pytest.raises(httpx.ConnectError):
            httpx.get("http://talk.example/")
        server.shutdown()
