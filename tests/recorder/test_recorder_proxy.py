"""A proxy that answers in the backend's place while a recording runs."""

from starlette.responses import HTMLResponse, PlainTextResponse

from callrec.wire.recording import Start, Started, Stop, Stopped
from tests.recorder.conftest import RecorderProcess
from tests.recorder.cut import cut_here
from tests.recorder.lab import TOKEN, Control, Lab
from tests.recorder.publisher import Publisher
from tests.recorder.story import MIRA, call_lasts, delivered_once
from tests.waiting import until


def _is_back(recorder: RecorderProcess) -> bool:
    log = recorder.log.read_text()
    return "signaling_resumed" in log or "signaling_session_over" in log


async def test_its_pages_while_signaling_is_reconnected_end_no_recording(
    lab: Lab, control: Control, recorder_process: RecorderProcess
) -> None:
    async with cut_here(lab) as cut, Publisher(lab, "mira", 200, 440) as mira:
        await lab.set_call(mira=7)
        assert (await control.send(Start(2, "mira", MIRA))).status_code == 200
        await lab.wait(lambda: bool(lab.reports))
        lab.settings_pages = [
            PlainTextResponse("404 page not found\n", 404),
            HTMLResponse("<html>Be patient</html>", 200),
            HTMLResponse("<html>Forbidden</html>", 403),
        ]
        cut()
        await until(lambda: _is_back(recorder_process))
        assert not lab.settings_pages
        await call_lasts(mira, 1)
        assert (await control.send(Stop(MIRA))).status_code == 200
        await delivered_once(lab, recorder_process)
    assert lab.reports == [Started(TOKEN, 2, MIRA), Stopped(TOKEN, MIRA)]
