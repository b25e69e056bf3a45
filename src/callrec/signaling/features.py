"""What this server is and can (docs/wire.md, Signaling features). No MCU: clients talk peer to peer."""

from callrec import __version__

VERSION = __version__

FEATURES = ("hello-v2", "incall-all", "join-features", "recipient-call", "welcome")

FEATURES_HEADER = "X-Spreed-Signaling-Features"
