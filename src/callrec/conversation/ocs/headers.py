"""Header names: any case, ``_`` and ``-`` alike, as clients of a PHP server may send them."""

from starlette.datastructures import Headers


def header(headers: Headers, name: str) -> str | None:
    """Return the value of the header *name*, however it is spelled."""
    value = headers.get(name)
    if value is not None:
        return value
    wanted = name.lower()
    return next((v for k, v in headers.items() if k.lower().replace("_", "-") == wanted), None)
