"""Joins a call: signaling client, who is there, one peer connection per publisher."""
