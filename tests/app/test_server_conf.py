"""The stock recorder's server.conf: what each key becomes, what is said of the others, and its errors."""

from pathlib import Path

import pytest

from callrec.app.server_conf import mapping
from callrec.app.server_conf.mapping import ServerConf
from callrec.errors import SettingsError
from callrec.settings import FILE_NAME, Settings, load

BACKEND = "[backend]\nbackends = one\n[one]\nurl = https://talk.example/\nsecret = s3cret-one\n"
MP4 = "[ffmpeg]\nextensionvideo = .mp4\n"
WHOLE = """
[logs]
level = 30
[http]
listen = [::1]:8100
[app]
trustedproxies = 10.0.0.1, 10.1.0.0/16
[backend]
backends = one, two
skipverify = true
maxmessagesize = 2048
videowidth = 1280
videoheight = 720
directory = /var/spool/recordings
[one]
url = https://talk.example/
secret = s3cret-one
[two]
url = https://cloud.example/nc
secret = s3cret-two
skipverify = false
maxmessagesize = 4096
videowidth = 640
videoheight = 360
directory = /srv/two
[signaling]
internalsecret = common-internal
signalings = hpb
[hpb]
url = wss://hpb.example/
internalsecret = own-internal
[ffmpeg]
extensionvideo = .mp4
extensionaudio = .ogg
[stats]
allowed_ips = 10.2.0.0/16
"""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("CALLREC_")]:
        monkeypatch.delenv(name)


def read(folder: Path, text: str) -> ServerConf:
    path = folder / "server.conf"
    path.write_text(text)
    return mapping.read(path)


def settings_of(folder: Path, text: str) -> Settings:
    return load(folder, below=read(folder, text).settings)


def said(conf: ServerConf) -> list[tuple[str, ...]]:
    """Return the notices: event, then section, key and the like."""
    return [
        (n.event.removeprefix("server_conf_"), *(v for k, v in n.fields.items() if k != "because"))
        for n in conf.notices
    ]


def test_a_whole_file(tmp_path: Path) -> None:
    conf = read(tmp_path, WHOLE)
    assert said(conf) == []
    settings = load(tmp_path, below=conf.settings)
    recorder = settings.recorder
    assert settings.log_level == "warning"
    assert (recorder.host, recorder.port) == ("::1", 8100)
    assert recorder.trusted_proxies == ("10.0.0.1", "10.1.0.0/16")
    assert recorder.metrics_networks == ("10.2.0.0/16",)
    assert (recorder.width_px, recorder.height_px, recorder.max_message_bytes) == (1280, 720, 2048)
    assert recorder.directory == Path("/var/spool/recordings")
    one, two = recorder.backends
    assert (one.url, one.secret.get_secret_value()) == ("https://talk.example", "s3cret-one")
    assert (one.skip_verify, one.width_px, one.extension_video) == (True, None, ".mp4")
    assert (two.skip_verify, two.max_message_bytes, two.width_px, two.height_px) == (False, 4096, 640, 360)
    assert two.directory == Path("/srv/two")
    assert recorder.any_backend is None
    assert recorder.signaling_secret is not None
    assert recorder.signaling_secret.get_secret_value() == "common-internal"
    (server,) = recorder.signalings
    assert (server.url, server.secret.get_secret_value()) == ("https://hpb.example", "own-internal")


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    assert settings_of(tmp_path, "").model_dump() == Settings().model_dump()
    assert said(read(tmp_path, "")) == []


def test_the_stock_recorders_container_is_the_default(tmp_path: Path) -> None:
    assert said(read(tmp_path, BACKEND)) == []
    assert settings_of(tmp_path, BACKEND).recorder.backends[0].extension_video == ".webm"


def test_with_allowall_the_common_secret_counts_for_everybody(tmp_path: Path) -> None:
    text = (
        "[backend]\nallowall = true\nsecret = common\nskipverify = true\nvideowidth = 640\nbackends = one\n"
    )
    recorder = settings_of(
        tmp_path, text + "[one]\nurl = http://a\nsecret = own\nvideowidth = 800\n"
    ).recorder
    assert recorder.any_backend is not None
    assert recorder.any_backend.secret.get_secret_value() == "common"
    assert recorder.any_backend.skip_verify and recorder.width_px == 640
    (one,) = recorder.backends
    assert (one.secret.get_secret_value(), one.width_px) == ("common", 800)
    assert settings_of(tmp_path, text.replace("true", "false")).recorder.any_backend is None


def test_our_own_settings_count_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = read(tmp_path, WHOLE).settings
    (tmp_path / FILE_NAME).write_text('log_level = "error"\n[recorder]\nwidth_px = 320\nheight_px = 180\n')
    monkeypatch.setenv("CALLREC_RECORDER__HEIGHT_PX", "240")
    settings = load(tmp_path, below=conf)
    assert settings.log_level == "error"
    assert (settings.recorder.width_px, settings.recorder.height_px, settings.recorder.port) == (
        320,
        240,
        8100,
    )
    assert len(settings.recorder.backends) == 2
    backends = '[[recorder.backends]]\nurl = "http://b"\nsecret = "x"\n'
    (tmp_path / FILE_NAME).write_text(backends)
    assert [b.url for b in load(tmp_path, below=conf).recorder.backends] == ["http://b"]


def test_upload_chunks_are_never_under_5_mib(tmp_path: Path) -> None:
    text = BACKEND.replace("[one]", "uploadchunksize = 20000000\n[one]\nuploadchunksize = 6")
    recorder = settings_of(tmp_path, text).recorder
    assert recorder.upload_chunk_bytes == 20_000_000
    assert recorder.backends[0].upload_chunk_bytes == 5 << 20


def test_what_does_not_apply_is_said_once_each(tmp_path: Path) -> None:
    text = BACKEND + (
        "[ffmpeg]\ncommon = ffmpeg -n\noutputvideo = -crf 10%\n"
        "extensionaudio = .mp3\nextensionvideo = .avi\n"
        "[recording]\nbrowser = firefox\ndriverPath = /x\n[Surprise]\na = 1\n[stats]\nallowed = 1\n"
    )
    assert sorted(said(read(tmp_path, text))) == [
        ("not_applicable", "ffmpeg", "common"),
        ("not_applicable", "ffmpeg", "extensionaudio", ".ogg"),
        ("not_applicable", "ffmpeg", "extensionvideo", ".webm"),
        ("not_applicable", "ffmpeg", "outputvideo"),
        ("not_applicable", "recording", "browser"),
        ("not_applicable", "recording", "driverpath"),
        ("unknown", "Surprise"),
        ("unknown", "stats", "allowed"),
    ]


def test_the_containers(tmp_path: Path) -> None:
    for said_, written in ((".mp4", ".mp4"), (".mkv", ".mkv"), (".webm", ".webm"), (".avi", ".webm")):
        text = BACKEND + f"[ffmpeg]\nextensionvideo = {said_}\n"
        assert settings_of(tmp_path, text).recorder.backends[0].extension_video == written


def test_a_backend_or_signaling_server_without_its_secret_is_left_out(tmp_path: Path) -> None:
    text = BACKEND.replace("= one", "= one, half, gone")
    text += "[half]\nurl = http://half\n[signaling]\nsignalings = hpb\n[hpb]\nurl = http://hpb\n"
    conf = read(tmp_path, text + MP4)
    assert said(conf) == [
        ("left_out", "half", "secret"),
        ("left_out", "gone", "url, secret"),
        ("left_out", "hpb", "internalsecret"),
    ]
    assert all(notice.is_error for notice in conf.notices)
    assert [b.url for b in load(tmp_path, below=conf.settings).recorder.backends] == ["https://talk.example"]


def test_of_repeated_urls_sections_and_keys_the_last_counts(tmp_path: Path) -> None:
    text = "[backend]\nbackends = one, two\n[one]\nurl = https://a/\nsecret = first\n"
    text += "[two]\nurl = https://a\nsecret = x\nsecret = last\n"
    text += "[signaling]\nsignalings = h, i\n[h]\nurl = wss://h/\ninternalsecret = y\n"
    text += "[i]\nurl = https://h\ninternalsecret = z\n[backend]\nvideowidth = 640\n"
    conf = read(tmp_path, text + MP4)
    assert said(conf) == [
        ("left_out", "one", "two"),
        ("left_out", "h", "i"),
        ("repeated", "two", "secret"),
    ]
    recorder = load(tmp_path, below=conf.settings).recorder
    assert [b.secret.get_secret_value() for b in recorder.backends] == ["last"]
    assert [s.secret.get_secret_value() for s in recorder.signalings] == ["z"]
    assert recorder.width_px == 640


@pytest.mark.parametrize(
    "text, named",
    [
        ("[logs]\nlevel = loud\n", r"\[logs\] level"),
        ("[http]\nlisten = 8000\n", r"\[http\] listen"),
        ("[http]\nlisten = ::1:8000\n", r"\[http\] listen"),
        ("[http]\nlisten = 127.0.0.1:70000\n", r"\[http\] listen"),
        ("[app]\ntrustedproxies = 10.0.0.1, proxy\n", r"\[app\] trustedproxies: proxy"),
        ("[stats]\nallowed_ips = 10.0.0.1/8\n", r"\[stats\] allowed_ips"),
        ("[backend]\nallowall = yes\n", r"\[backend\] allowall"),
        ("[backend]\nallowall = true\n", r"\[backend\] secret"),
        ("[backend]\nmaxmessagesize = 1k\n", r"\[backend\] maxmessagesize"),
        ("[backend]\nmaxmessagesize = 0\n", r"\[backend\] maxmessagesize"),
        ("[backend]\nvideowidth = 641\n", r"\[backend\] videowidth"),
        (BACKEND + "videoheight = 100\n", r"\[one\] videoheight"),
        (BACKEND + "skipverify = 1\n", r"\[one\] skipverify"),
        (BACKEND.replace("https:", "ftp:"), r"\[one\] url"),
        (BACKEND.replace("s3cret-one", "100%"), r"\[one\] secret.*percent"),
        ("listen = 1\n", "line 1: before the first"),
        ("[http]\ns3cret\n", "line 2: neither"),
    ],
)
def test_what_is_malformed_is_one_line_that_names_section_and_key(
    tmp_path: Path, text: str, named: str
) -> None:
    with pytest.raises(SettingsError, match=named) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value) and "s3cret" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe[logs]"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "server.conf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"server\.conf"):
        mapping.read(path)


@pytest.mark.parametrize(
    "number, name", [(0, "debug"), (10, "debug"), (20, "info"), (25, "warning"), (40, "error"), (50, "error")]
)
def test_the_log_levels_of_python(tmp_path: Path, number: int, name: str) -> None:
    assert settings_of(tmp_path, f"[logs]\nlevel = {number}\n").log_level == name


def test_no_secret_is_shown(tmp_path: Path) -> None:
    conf = read(tmp_path, WHOLE)
    settings = load(tmp_path, below=conf.settings)
    assert "s3cret" not in repr(settings) and "internal'" not in repr(settings)
    assert "s3cret" not in repr(conf.notices)


@pytest.mark.parametrize(
    "text, away",
    [
        (BACKEND + "[signaling]\ninternalsecret = i\n", False),
        (BACKEND.replace("= one", "= one, two") + "[two]\nurl = http://b\nsecret = y\n", False),
        (
            BACKEND.replace("= one", "= one, two")
            + "[two]\nurl = http://b\nsecret = y\n[signaling]\ninternalsecret = i\n",
            True,
        ),
        ("[backend]\nallowall = true\nsecret = x\n[signaling]\ninternalsecret = i\n", True),
        (
            "[backend]\nallowall = true\nsecret = x\n[signaling]\nsignalings = h\n"
            "[h]\nurl = http://h\ninternalsecret = i\n",
            False,
        ),
    ],
)
def test_when_the_common_internal_secret_is_given_away(tmp_path: Path, text: str, away: bool) -> None:
    assert settings_of(tmp_path, text).recorder.gives_signaling_secret_away is away
