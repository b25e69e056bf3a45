"""The sentences of system messages, with the "you" form for the one who reads what he did himself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from callrec.conversation.calls import duration_text

MAX_NAMED_USERS = 5
"""So many participants of a call are named, the others counted."""


@dataclass(frozen=True)
class Text:
    """One kind of message: as others read it, as the actor reads it, as the user it is about reads it."""

    others: str
    you: str
    about_you: str | None = None


TEXTS = {
    "conversation_created": Text("{actor} created the conversation", "You created the conversation"),
    "conversation_renamed": Text(
        "{actor} renamed the conversation from “%(oldName)s” to “%(newName)s”",
        "You renamed the conversation from “%(oldName)s” to “%(newName)s”",
    ),
    "guests_allowed": Text("{actor} allowed guests", "You allowed guests"),
    "guests_disallowed": Text("{actor} disallowed guests", "You disallowed guests"),
    "description_set": Text("{actor} set the description", "You set the description"),
    "description_removed": Text("{actor} removed the description", "You removed the description"),
    "password_set": Text("{actor} set a password", "You set a password"),
    "password_removed": Text("{actor} removed the password", "You removed the password"),
    "listable_none": Text(
        "{actor} limited the conversation to its participants",
        "You limited the conversation to its participants",
    ),
    "listable_users": Text(
        "{actor} let registered users find the conversation",
        "You let registered users find the conversation",
    ),
    "listable_all": Text(
        "{actor} let everyone find the conversation", "You let everyone find the conversation"
    ),
    "read_only": Text("{actor} locked the conversation", "You locked the conversation"),
    "read_only_off": Text("{actor} unlocked the conversation", "You unlocked the conversation"),
    "lobby_none": Text(
        "{actor} opened the conversation to everyone", "You opened the conversation to everyone"
    ),
    "lobby_non_moderators": Text(
        "{actor} sent everyone but moderators to the lobby", "You sent everyone but moderators to the lobby"
    ),
    "lobby_timer_reached": Text("The lobby is open now", "The lobby is open now"),
    "message_expiration_enabled": Text(
        "{actor} lets messages disappear after %(seconds)s seconds",
        "You let messages disappear after %(seconds)s seconds",
    ),
    "message_expiration_disabled": Text(
        "{actor} keeps messages from disappearing", "You keep messages from disappearing"
    ),
    "group_added": Text("{actor} added group {group}", "You added group {group}"),
    "user_added": Text("{actor} added {user}", "You added {user}", "{actor} added you"),
    "user_removed": Text("{actor} removed {user}", "You removed {user}", "{actor} removed you"),
    "moderator_promoted": Text(
        "{actor} promoted {user} to moderator",
        "You promoted {user} to moderator",
        "{actor} promoted you to moderator",
    ),
    "moderator_demoted": Text(
        "{actor} demoted {user} from moderator",
        "You demoted {user} from moderator",
        "{actor} demoted you from moderator",
    ),
    "guest_moderator_promoted": Text(
        "{actor} promoted {user} to moderator",
        "You promoted {user} to moderator",
        "{actor} promoted you to moderator",
    ),
    "guest_moderator_demoted": Text(
        "{actor} demoted {user} from moderator",
        "You demoted {user} from moderator",
        "{actor} demoted you from moderator",
    ),
    "call_started": Text("{actor} started a call", "You started a call"),
    "call_joined": Text("{actor} joined the call", "You joined the call"),
    "call_left": Text("{actor} left the call", "You left the call"),
    "call_missed": Text("{actor} called and nobody answered", "You called and nobody answered"),
    "recording_started": Text("{actor} started the video recording", "You started the video recording"),
    "recording_stopped": Text("{actor} stopped the video recording", "You stopped the video recording"),
    "audio_recording_started": Text("{actor} started the audio recording", "You started the audio recording"),
    "audio_recording_stopped": Text("{actor} stopped the audio recording", "You stopped the audio recording"),
    "recording_failed": Text("The recording failed", "The recording failed"),
    "message_deleted": Text("{actor} deleted a message", "You deleted a message"),
}
SILENT_CALL = Text("{actor} started a silent call", "You started a silent call")
SELF_ADDED = Text("{actor} joined the conversation", "You joined the conversation")
SELF_REMOVED = Text("{actor} left the conversation", "You left the conversation")


def deletion(by: tuple[str, str], *, author: tuple[str, str], viewer: tuple[str, str] | None) -> str:
    """Return what stands in place of a message that was deleted *by* somebody, its ``{actor}``."""
    if by == viewer:
        return "Message deleted by you"
    return "Message deleted by author" if by == author else "Message deleted by {actor}"


def sentence(
    key: str, stored: dict[str, Any], *, actor: tuple[str, str], viewer: tuple[str, str] | None
) -> str:
    """Return the text of the system message *key*.

    *stored* are its parameters, *actor* and *viewer* are (type, id). Names of people stay placeholders such
    as ``{actor}``; other values are filled in.
    """
    if key in ("call_ended", "call_ended_everyone"):
        return _ended(key, stored, you=actor == viewer)
    text = TEXTS.get(key)
    if text is None:
        return key
    about = stored.get("user")
    user = (about["type"], about["id"]) if about else None
    if key == "call_started" and stored.get("silent"):
        text = SILENT_CALL
    elif user == actor:
        text = {"user_added": SELF_ADDED, "user_removed": SELF_REMOVED}.get(key, text)
    if viewer == actor:
        chosen = text.you
    elif viewer is not None and viewer == user and text.about_you:
        chosen = text.about_you
    else:
        chosen = text.others
    for name in ("oldName", "newName", "seconds"):
        # Plain replacing: a name is somebody's input and may hold any character.
        chosen = chosen.replace(f"%({name})s", str(stored.get(name, "")))
    return chosen


def _ended(key: str, stored: dict[str, Any], *, you: bool) -> str:
    duration = duration_text(int(stored.get("duration_s", 0)))
    people = _listed(stored.get("users", []))
    if key == "call_ended_everyone":
        who = "You" if you else "{actor}"
        with_whom = f" with {people}" if people else ""
        return f"{who} ended the call{with_whom} (duration {duration})"
    return (
        f"Call with {people} ended (duration {duration})" if people else f"Call ended (duration {duration})"
    )


def _listed(users: Sequence[Any]) -> str:
    named = [f"{{user{number}}}" for number in range(1, min(len(users), MAX_NAMED_USERS) + 1)]
    more = len(users) - len(named)
    if more > 0:
        named.append(f"{more} other" if more == 1 else f"{more} others")
    if len(named) < 2:
        return "".join(named)
    return f"{', '.join(named[:-1])} and {named[-1]}"
