"""The stock recording server's ``server.conf``, read for our recorder."""
