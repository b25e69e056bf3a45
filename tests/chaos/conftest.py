"""The product as a process, as for calls in browsers."""

from tests.e2e.conftest import serve

__all__ = ["serve"]  # a fixture
