"""Clients of the servers that the conversation server talks to."""
