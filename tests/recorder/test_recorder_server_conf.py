"""The recorder as a process with nothing but a stock server.conf, behind a proxy it trusts."""

from pathlib import Path

import av
import httpx

from callrec.wire.recording import Started, Stop, Stopped
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import SECRET, SIGNALING_SECRET, TOKEN, Control, Lab
from tests.recorder.story import MIRA, VIDEO, call_lasts, recorded_call
from tests.waiting import until


def server_conf(lab: Lab, spool: Path) -> str:
    return f"""
[logs]
level = 10
[app]
trustedproxies = 127.0.0.1
[backend]
allowall = true
secret = {SECRET}
directory = {spool}
videowidth = 640
videoheight = 360
[signaling]
internalsecret = somebody-elses
signalings = lab
[lab]
url = {lab.url.replace("http", "ws", 1)}/signaling/
internalsecret = {SIGNALING_SECRET}
[ffmpeg]
common = ffmpeg -n
[recording]
browser = firefox
[stats]
allowed_ips = 10.2.0.0/16
"""


async def test_a_stock_server_conf_is_enough(
    lab: Lab, recorder_process: RecorderProcess, tmp_path: Path
) -> None:
    conf, spool = tmp_path / "server.conf", tmp_path / "spool"
    conf.write_text(server_conf(lab, spool))
    (recorder_process.data / "callrec.toml").write_text("[recorder]\nretry_first_s = 0.2\n")
    recorder_process.environment["CALLREC_SERVER_CONF"] = str(conf)
    recorder_process.environment["CALLREC_RECORDER__KEEP_DELIVERED_S"] = "0"
    await recorder_process.start()
    control = Control(recorder_process.url, lab.url)
    async with recorded_call(lab, control, VIDEO) as mira:
        (folder,) = (spool / "callrec-recordings").glob("2*")
        await call_lasts(mira, 2)
        assert (await control.send(Stop(MIRA))).status_code == 200
        await lab.wait(lambda: bool(lab.uploads), 120)
    assert lab.reports == [Started(TOKEN, 1, MIRA), Stopped(TOKEN, MIRA)]
    assert lab.uploads[0].file_name.endswith(".webm")
    with av.open(str(lab.uploads[0].path)) as film:
        assert (film.streams.video[0].width, film.streams.video[0].height) == (640, 360)
    await until(lambda: not folder.exists())

    async with httpx.AsyncClient(base_url=recorder_process.url) as client:
        for address, status in (("10.2.3.4", 200), ("10.3.0.1", 403), ("127.0.0.1", 200)):
            answer = await client.get("/metrics", headers={"X-Forwarded-For": address})
            assert answer.status_code == status
        answer = await client.post(f"/api/v1/room/{TOKEN}", headers={"X-Forwarded-For": "10.9.9.9"})
        assert answer.status_code == 403
    log = recorder_process.log.read_text()
    assert log.count("server_conf_not_applicable") == 2
    assert all(f"key={key}" in log for key in ("browser", "common"))
    assert "control_signaling_secret_shared" in log
    assert "client=10.9.9.9" in log
    assert SECRET not in log and SIGNALING_SECRET not in log
