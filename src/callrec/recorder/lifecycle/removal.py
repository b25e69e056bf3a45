"""Folders on their way into a home of recordings, and out of it."""

import os
import shutil
from pathlib import Path

import structlog

from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.states import KEPT

NEW, REMOVED_NAME = ".new-", ".removed-"
"""Folders that are not recordings yet, or not any more: what a crash leaves of them is removed."""
SET_ASIDE = ".elsewhere-"
"""Folders with which another recorder of the pool goes on: kept for the operator for a time."""

log = structlog.get_logger()


def set_aside(manifest: Manifest, removed: Path) -> None:
    """Keep the folder *removed* under another name, where it may hold what the other recorder lacks."""
    if manifest.state in (*KEPT, "delivered", "discarded"):
        return  # the backend has it, or nobody wants it
    aside = removed.with_name(SET_ASIDE + manifest.recording_id)
    shutil.rmtree(aside, ignore_errors=True)
    removed.rename(aside)
    log.warning("recording_set_aside", recording=manifest.recording_id, folder=str(aside))


def delete(recording_id: str, folder: Path) -> bool:
    """Delete *folder*, as much as can be; return whether nothing is left."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink(missing_ok=True)  # whatever it leads to is not ours
    shutil.rmtree(folder, ignore_errors=True)
    if not os.path.lexists(folder):
        return True
    log.error("recording_not_all_removed", recording=recording_id, folder=str(folder))
    return False
