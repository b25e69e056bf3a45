"""callrec records calls: conversation server, embedded signaling server and recording server."""

__version__ = "0.1.0"
