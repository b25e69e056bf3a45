"""Embedded signaling server: the standalone server's protocol (docs/wire.md, Signaling), mesh, in process."""
