"""Proxies that the environment names (``HTTP_PROXY`` …) lead to far sides, never to this machine."""

import os

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def spare_loopback() -> None:
    """Except loopback from the proxies of this process and of those that it starts.

    Server and recorder of one machine speak by loopback: a proxy would look for them at itself.
    """
    excepted = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    # The lower-case name wins where both are there.
    os.environ["no_proxy"] = ",".join(filter(None, [excepted, *LOOPBACK]))
