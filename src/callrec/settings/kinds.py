"""What the settings' parts have in common: how a part is made, and kinds of values."""

from ipaddress import ip_network

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A group of settings; unknown names are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def web_url(value: str | None) -> str | None:
    """Check a base URL; return it without trailing slash. Raises ValueError."""
    if value is None:
        return None
    if not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return value.rstrip("/")


def networks(values: tuple[str, ...]) -> tuple[str, ...]:
    """Check networks (CIDR). Raises ValueError."""
    for value in values:
        ip_network(value)  # its error names the value
    return values
