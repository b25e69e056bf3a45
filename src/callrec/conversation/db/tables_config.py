"""What an administrator has set."""

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from callrec.conversation.db.base import Base


class AppConfig(Base):
    """One app config value, such as ``spreed``/``recording_servers``."""

    __tablename__ = "app_config"

    app: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
