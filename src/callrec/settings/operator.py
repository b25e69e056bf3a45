"""Settings for the recorder's operator: the page, the command's way in, and webhooks."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from callrec.settings.kinds import Part, networks


class Webhook(Part):
    """An address that is told of each change of a recording's state, in signed requests."""

    url: str
    secret: SecretStr = Field(min_length=16)

    @field_validator("url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must begin with http:// or https:// and name a host")
        if parts.username or parts.password or parts.fragment:
            raise ValueError("must hold neither a password nor a fragment")
        return value

    @property
    def target(self) -> str:
        """What log and metrics call it: the host alone, as paths may hold secrets."""
        return urlsplit(self.url).netloc


class OperatorSettings(Part):
    """The part of the recorder's settings that concerns its operator."""

    operator_token: SecretStr | None = Field(default=None, min_length=16)
    """What opens ``/operator/``; None: one is made, and kept in ``operator.json``."""
    operator_networks: tuple[str, ...] = ()
    """Networks (CIDR) beside loopback that may use ``/operator/``."""
    webhooks: tuple[Webhook, ...] = ()
    """Who is told of each change of a recording's state."""

    @field_validator("operator_networks")
    @classmethod
    def _are_operators(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return networks(value)

    @field_validator("webhooks")
    @classmethod
    def _addresses_differ(cls, value: tuple[Webhook, ...]) -> tuple[Webhook, ...]:
        urls = [hook.url for hook in value]
        if len(set(urls)) < len(urls):
            raise ValueError("a url is named twice")
        return value
