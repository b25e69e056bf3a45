"""By which address this machine reaches what listens here."""

ALL_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - what the operator asks for
"""Hosts that stand for all addresses, with the loopback address that is one of them."""


def reachable(host: str, port: int) -> str:
    """Return the URL by which this machine reaches what listens on *host*: loopback for all addresses."""
    own = ALL_ADDRESSES.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{own}:{port}"
