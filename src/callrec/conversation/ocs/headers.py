"""Header names: any case, ``_`` and ``-`` alike, as clients of a PHP server may send them."""

from starlette.datastructures import Headers


def header(headers: Headers, name: str) -> str | None:
    """Return the value of the header *name*, however it is spelled."""
    value = headers.get(name)
    if value is not None:
        return value
    wanted = name.lower()
    return next((v for k, v in headers.items() if k.lower().replace("_", "-") == wanted), None)


def is_unchanged(headers: Headers, etag: str) -> bool:
    """Tell whether ``If-None-Match`` names *etag* (RFC 9110, section 13.1.2); unquoted ones count as well."""
    given = header(headers, "If-None-Match") or ""
    named = {part.strip().removeprefix("W/").strip('"') for part in given.split(",")}
    return etag.strip('"') in named or given.strip() == "*"
