"""The conversation server: rooms, calls, chat and recordings over Talk's OCS API."""
