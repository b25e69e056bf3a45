"""Tests of the conversation server."""
