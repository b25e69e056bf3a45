"""What operators see of a running program: request ids, access log, metrics, health."""
