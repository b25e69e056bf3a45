"""The page: static ES modules that a browser runs as they are, without a build step."""

from pathlib import Path

STATIC = Path(__file__).parent / "static"
"""Served under ``/static``; its ``index.html`` is also the answer to ``/`` and to every invitation link."""
