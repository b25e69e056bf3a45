"""All settings, and where they are read from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import (
    SettingsError as SourceError,
)

from callrec.errors import SettingsError
from callrec.settings.conversation import ConversationSettings
from callrec.settings.kinds import web_url
from callrec.settings.recorder import RecorderSettings

FILE_NAME = "callrec.toml"


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="CALLREC_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    public_url: str | None = None
    """The one base URL by which people and recorders reach the server, without trailing slash."""
    admin_password: SecretStr | None = None
    """Presets the password of the user ``admin``."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_json: bool = False
    conversation: ConversationSettings = ConversationSettings()
    recorder: RecorderSettings = RecorderSettings()

    @field_validator("admin_password")
    @classmethod
    def _not_empty(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value():
            raise ValueError("must not be empty")
        return value

    @field_validator("public_url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        return web_url(value)


def load(data: Path, below: Mapping[str, Any] | None = None, **overrides: Any) -> Settings:
    """Read the settings for the data directory *data*; those of *below* count where no other says anything.

    Raises:
        SettingsError: a value is missing, unknown or wrong; the text names the setting.
    """

    class _FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=data / FILE_NAME)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            file = TomlConfigSettingsSource(settings_cls)
            return init_settings, env_settings, file, InitSettingsSource(settings_cls, dict(below or {}))

    try:
        return _FromFile(**overrides)
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise SettingsError("; ".join(lines)) from None
    except SourceError as error:  # a variable whose JSON does not parse
        raise SettingsError(f"environment: {error}") from error
    except (ValueError, OSError) as error:  # TOML that does not parse, or a file that cannot be read
        raise SettingsError(f"{data / FILE_NAME}: {error}") from error
