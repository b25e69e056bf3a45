"""The reset by which Talk's integration tests begin and end each scenario."""

import structlog

from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.recording_side import RecordingSide
from callrec.conversation.test_mode.reset import forget_everything

log = structlog.get_logger()
router: OcsRouter[RecordingSide] = OcsRouter("/apps/spreedcheats")


@router.route("DELETE", "/", access=Access.ADMIN)
async def reset(side: RecordingSide, _ocs: OcsRequest) -> Answer:
    """Forget all conversations; users stay."""
    await forget_everything(side.core.db, side.blobs)
    log.warning("test_mode_reset")
    return Answer()
