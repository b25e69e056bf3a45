"""The documents keep their promises: cited sections exist, links resolve, every setting is described."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from callrec.settings import BackendSettings, PoolSettings, Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SOURCES = sorted(
    path
    for folder in ("src", "tests", "benchmarks")
    for pattern in ("*.py", "*.js", "*.css", "*.html")
    for path in (ROOT / folder).rglob(pattern)
)
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted(DOCS.glob("*.md"))]

# "docs/page.md", or with sections as in "(docs/page.md, One section, Another)".
_CITATION = re.compile(r"docs/([\w-]+\.md)(?:, ([^.;:()\"`]+))?")
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """Return the text of *page* without its code blocks."""
    return _FENCE.sub("", page.read_text())


def headings(page: Path) -> set[str]:
    return {match[1].strip() for match in re.finditer(r"^#+ (.+)$", prose(page), re.MULTILINE)}


def anchors(page: Path) -> set[str]:
    """Return the fragments by which the headings of *page* are reached."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(page)}


def citations(path: Path) -> Iterator[tuple[str, str]]:
    """Yield page and section of what *path* cites; the section is empty where the whole page is meant."""
    text = re.sub(r"\s*\n[\s#*]*", " ", path.read_text())  # a citation may be wrapped
    for match in _CITATION.finditer(text):
        for section in (match[2] or "").split(","):
            yield match[1], section.strip()


def test_every_cited_section_exists() -> None:
    known = {page.name: headings(page) for page in DOCS.glob("*.md")}
    cited = 0
    missing = []
    for path in SOURCES:
        if path == Path(__file__):
            continue
        for page, section in citations(path):
            cited += 1
            if page not in known or (section and section not in known[page]):
                missing.append(f"{path.relative_to(ROOT)}: docs/{page}, {section}")
    assert not missing, "\n".join(missing)
    assert cited > 40, "citations are not found any more"


def test_links_between_documents_resolve() -> None:
    broken = []
    for page in PAGES:
        for target in _LINK.findall(prose(page)):
            if "://" in target or target.startswith("mailto:"):
                continue
            name, _, fragment = target.partition("#")
            file = page.parent / name if name else page
            lost = fragment and file.suffix == ".md" and file.exists() and fragment not in anchors(file)
            if not file.exists() or lost:
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken, "\n".join(broken)


def described_defaults(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each setting's TOML name and its default as the page writes it."""
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from described_defaults(type(field.default), f"{prefix}{name}.")
        else:
            yield prefix + name, "needed" if field.is_required() else written(field.default)


def written(default: Any) -> str:
    if default is None or default == ():
        return "–"
    return str(default).lower() if isinstance(default, bool) else str(default)


def rows(page: Path) -> dict[str, list[str]]:
    """Return the tables' rows by the name in backticks in their first cell."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.read_text().splitlines()
        if line.startswith("| `")
    ]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_every_setting_is_described_with_environment_name_and_default() -> None:
    described = rows(DOCS / "settings.md")
    expected = {
        name: [f"`CALLREC_{name.replace('.', '__').upper()}`", default]
        for name, default in described_defaults(Settings)
    }
    parts = {
        name: [default]
        for part in (BackendSettings, PoolSettings)
        for name, default in described_defaults(part)
    }
    assert {name: row[:2] for name, row in described.items() if name in expected} == expected
    assert {name: row[:1] for name, row in described.items() if name not in expected} == parts
