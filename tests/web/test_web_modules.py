"""The page's modules load as they are: no bare import, no missing file, nothing that its policy forbids."""

import re
from pathlib import Path

import pytest

from callrec.web import STATIC

IMPORT = re.compile(r"""(?:\bfrom\s*|\bimport\s*\(?\s*)["']([^"']+)["']""")
MODULES = sorted(STATIC.rglob("*.js"))
MAX_LINES = 350


def imports(module: Path) -> list[str]:
    return IMPORT.findall(module.read_text())


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(STATIC)))
def test_every_import_is_a_relative_path_to_a_file_of_ours(module: Path) -> None:
    for name in imports(module):
        assert name.startswith(("./", "../")), f"bare import {name!r}"
        target = (module.parent / name).resolve()
        assert target.is_relative_to(STATIC)
        assert target.is_file(), f"{name!r} is not there"


def test_the_search_for_imports_finds_them() -> None:
    assert imports(STATIC / "vendor/hooks.js") == ["./preact.js"]
    assert "../vendor/preact.js" in imports(STATIC / "js/main.js")


def test_every_library_keeps_its_licence() -> None:
    vendor = STATIC / "vendor"
    for line in (vendor / "VERSIONS").read_text().splitlines():
        name = line.split(" ")[0].replace("@", "").replace("/", "-")
        assert "Copyright" in (vendor / f"LICENSE.{name}").read_text()
        for file in line.split(": ")[1].split(", "):
            assert (vendor / file).is_file()


def test_every_module_is_used() -> None:
    used = {(module.parent / name).resolve() for module in MODULES for name in imports(module)}
    assert set(MODULES) - used == {STATIC / "js/main.js", STATIC / "js/recording.js"}


@pytest.mark.parametrize("page", ["index.html", "recording.html"])
def test_a_page_has_nothing_inline_and_only_files_that_exist(page: str) -> None:
    html = (STATIC / page).read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", html)
    for name in re.findall(r'(?:href|src)="static/([^"]+)"', html):
        assert (STATIC / name).is_file()


def test_no_source_file_is_long() -> None:
    ours = [*(STATIC / "js").rglob("*.js"), *(STATIC / "style").glob("*.css")]
    assert {file.name for file in ours if len(file.read_text().splitlines()) > MAX_LINES} == set()
