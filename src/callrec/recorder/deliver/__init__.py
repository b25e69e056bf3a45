"""Delivers what was recorded: reports to the backend, and the upload of the film."""
