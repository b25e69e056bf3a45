"""Settings: environment over file over default, and errors that name the setting."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from callrec.errors import SettingsError
from callrec.settings import FILE_NAME, Settings, load


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("CALLREC_")]:
        monkeypatch.delenv(name)


def write(data: Path, text: str) -> Path:
    (data / FILE_NAME).write_text(text)
    return data


def test_without_anything_there_are_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path / "not" / "there")
    assert settings.model_dump() == Settings().model_dump()
    assert (settings.public_url, settings.log_level, settings.recorder.backends) == (None, "info", ())
    assert settings.conversation.start_timeout_s == 60


def test_the_file_is_over_the_default_and_the_environment_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        tmp_path,
        """
        log_level = "warning"
        public_url = "https://file.example/"
        [conversation]
        start_timeout_s = 5
        session_timeout_s = 6
        [recorder]
        port = 9000
        """,
    )
    settings = load(tmp_path)
    assert (settings.log_level, settings.public_url) == ("warning", "https://file.example")
    monkeypatch.setenv("CALLREC_PUBLIC_URL", "http://env.example")
    monkeypatch.setenv("CALLREC_CONVERSATION__START_TIMEOUT_S", "7.5")
    monkeypatch.setenv("CALLREC_ADMIN_PASSWORD", "from-the-environment")
    settings = load(tmp_path)
    assert (settings.log_level, settings.public_url) == ("warning", "http://env.example")
    assert settings.conversation.start_timeout_s == 7.5
    assert settings.conversation.session_timeout_s == 6  # the rest of the table stays
    assert settings.recorder.port == 9000
    assert settings.admin_password is not None
    assert settings.admin_password.get_secret_value() == "from-the-environment"
    assert load(tmp_path, log_level="debug").log_level == "debug"


def test_backends_come_from_the_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, '[[recorder.backends]]\nurl = "https://talk.example/"\nsecret = "s3cret"\n')
    (backend,) = load(tmp_path).recorder.backends
    assert (backend.url, backend.secret.get_secret_value()) == ("https://talk.example", "s3cret")
    monkeypatch.setenv("CALLREC_RECORDER__BACKENDS", '[{"url":"http://other.example","secret":"x"}]')
    assert [b.url for b in load(tmp_path).recorder.backends] == ["http://other.example"]


BACKEND = "[[recorder.backends]]\n"


@pytest.mark.parametrize(
    "text, named",
    [
        ("unknown = 1", "unknown"),
        ("[recorder]\nprot = 1", "recorder.prot"),
        ("[conversations]\n", "conversations"),
        ('log_level = "loud"', "log_level"),
        ('public_url = "talk.example"', "public_url: .*http"),
        ("[recorder]\nport = 70000", "recorder.port"),
        ('[recorder]\nport = "http"', "recorder.port"),
        ("[recorder]\nwidth_px = 1001", "recorder.width_px"),
        ("[recorder]\nfps = 30", "recorder.fps"),
        ("[recorder]\nretry_first_s = 0", "recorder.retry_first_s"),
        ("[conversation]\nstart_timeout_s = -1", "conversation.start_timeout_s"),
        ('[conversation]\nmetrics_networks = ["10.0.0.0/8", "office"]', "metrics_networks: .*office"),
        ('[recorder]\nmetrics_networks = ["10.0.0.1/8"]', "metrics_networks: .*10.0.0.1/8"),
        ('[conversation]\ndatabase_url = "mysql://a/b"', "conversation.database_url: .*postgresql"),
        ('[conversation]\ndatabase_url = "postgresql+psycopg://host"', "conversation.database_url"),
        ('[conversation]\nblobs_url = "https://bucket"', "conversation.blobs_url: .*s3://bucket"),
        ('[conversation]\nblobs_url = "s3://"', "conversation.blobs_url"),
        ('[conversation]\nblobs_endpoint = "s3.example"', "conversation.blobs_endpoint: .*http"),
        ('[conversation]\ntranscription_url = "stt.example"', "conversation.transcription_url: .*http"),
        ('[conversation]\nsummary_url = "http://a"', "summary_model must be set"),
        ('[conversation]\nsummary_url = "http://a"\nsummary_model = "m"', "transcription_url must be set"),
        (BACKEND + 'url = "https://talk.example"', r"recorder.backends.0.secret"),
        (BACKEND + 'secret = "x"', r"recorder.backends.0.url"),
        (BACKEND + 'url = "https://talk.example"\nsecret = ""', r"recorder.backends.0.secret"),
        (BACKEND + 'url = "talk.example"\nsecret = "x"', r"recorder.backends.0.url: .*http"),
        (BACKEND + 'url = "https://a"\nsecret = "x"\nconnect_url = "b"', "connect_url"),
        (BACKEND + 'url = "https://a"\nsecret = "x"\nextension_video = "/../x"', "extension_video"),
        ("[recorder\n", FILE_NAME),
        ("log_level = ", FILE_NAME),
    ],
)
def test_a_wrong_file_is_one_line_that_names_the_setting(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named) as caught:
        load(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_several_errors_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, 'log_level = "loud"\n[recorder]\nport = -1\n'))
    assert "log_level" in str(caught.value) and "recorder.port" in str(caught.value)


@pytest.mark.parametrize(
    "name, value, named",
    [
        ("CALLREC_LOG_LEVEL", "loud", "log_level"),
        ("CALLREC_RECORDER__PORT", "many", "recorder.port"),
        ("CALLREC_RECORDER__BACKENDS", "not json", "environment: .*recorder"),
        ("CALLREC_RECORDER__PROT", "1", "recorder.prot"),
    ],
)
def test_a_wrong_variable_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, named: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=named):
        load(tmp_path)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=FILE_NAME):
        load(tmp_path)


def test_a_file_that_cannot_be_read_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "")
    real_open = Path.open

    def refuse(self: Path, *args: object, **kwargs: object) -> object:
        if self.name == FILE_NAME:
            raise PermissionError(13, "Permission denied")
        return real_open(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr("builtins.open", lambda path, *a, **k: refuse(Path(path), *a, **k))
    with pytest.raises(SettingsError, match="Permission denied"):
        load(tmp_path)


def test_secrets_are_in_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLREC_ADMIN_PASSWORD", "hunter22")
    text = BACKEND + 'url = "https://a"\nsecret = "hunter23"\nsignaling_secret = "hunter24"\n'
    text += '[conversation]\ndatabase_url = "postgresql://u:hunter26@h/n"\n'
    text += 'blobs_secret_access_key = "hunter27"\n'
    settings = load(write(tmp_path, text))
    for hidden in ("hunter22", "hunter23", "hunter24", "hunter26", "hunter27"):
        assert hidden not in repr(settings) + str(settings) + settings.model_dump_json()
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, text + "secrets = 1\nport = 'hunter25'\n"))
    assert "hunter" not in str(caught.value)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().log_level = "debug"
