"""Why a change of files is refused."""


class Refused(Exception):
    """The change cannot be made, and nothing was changed. ``status`` is what WebDAV answers (RFC 4918)."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
