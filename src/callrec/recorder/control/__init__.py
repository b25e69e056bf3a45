"""The recording server's HTTP API, and what its requests decide."""
