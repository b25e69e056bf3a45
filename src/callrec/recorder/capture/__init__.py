"""Capture: every packet, as it left SRTP, goes to the recording folder; nothing is decoded."""
