"""kill -9 at random moments, with real parts: whatever dies, each accepted recording arrives exactly once.

    .venv/bin/python -m tests.chaos [--runs 200] [--side-by-side 4] [--postgresql] [--seed N] [--first N]

A run is one recording of a call in a room of its own. Each brings one kill at a moment that its seed chooses,
and suffers those of the runs beside it, which share its server.
"""
