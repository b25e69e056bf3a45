"""Forgets the workflows of recordings that are gone: their rows are no use any more."""

from collections.abc import Callable

from dbos import DBOS

from callrec import clock

EVERY_S = 3600.0
MOST = 5000
"""So many workflows are looked at, and so forgotten, at most each time; the next time goes on there."""
AT_ONCE = 200
SETTLED_S = 3600.0
"""They stay so long after their end: a recording that is just coming or going has them counted."""
_ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]


class Pruning:
    """Goes through all ended workflows, a stretch at a time. *is_known*: whether a recording is there."""

    def __init__(self, is_known: Callable[[str], bool]) -> None:
        self._is_known = is_known
        self._offset = 0

    async def prune(self) -> int:
        """Go on; return how many were forgotten. Runs on a loop of DBOS. Raises SQLAlchemyError."""
        pruned = 0
        for _ in range(MOST // AT_ONCE):
            ended = await DBOS.list_workflows_async(
                status=_ENDED, limit=AT_ONCE, offset=self._offset, load_input=False, load_output=False
            )
            before_ms = (clock.wall_s() - SETTLED_S) * 1000
            gone = [
                workflow.workflow_id
                for workflow in ended
                if (workflow.updated_at or 0) < before_ms
                and not self._is_known(workflow.workflow_id.partition("@")[0])
            ]
            if gone:
                await DBOS.delete_workflows_async(gone)
                pruned += len(gone)
            self._offset += len(ended) - len(gone)
            if len(ended) < AT_ONCE:
                self._offset = 0
                break
        return pruned
