"""The rules of the house, asserted over the sources: who may import whom, sizes, what no file may hold."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src"
MAX_LINES = 350

MODULES = {
    ".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SOURCES.rglob("*.py"))
}

GROUND = {"settings", "errors", "clock", "logs", "observe"}
"""The ground floor beside wire: everybody may use it."""

MAY_IMPORT = {
    "wire": set(),
    "errors": set(),
    "clock": set(),
    "logs": set(),
    "observe": set(),
    "settings": {"errors"},
    "web": set(),
    "conversation": {"wire", *GROUND},
    "signaling": {"wire", *GROUND},
    "recorder": {"wire", *GROUND},
}
"""Rooms of callrec and what they may import beside themselves; app and cli know all."""
KNOW_ALL = {"app", "cli"}

RECORDER_MAY_IMPORT = {
    "folder": set(),
    "capture": {"folder"},
    "call": {"capture", "folder"},
    "compose": {"folder"},
    "deliver": {"folder"},
    "lifecycle": {"call", "compose", "deliver", "folder", "capture.timebase"},
    "pool": {"lifecycle", "folder"},
    "control": {"pool", "lifecycle", "deliver", "folder"},
}
"""Rooms of the recorder; build is its composition root and knows all."""


def imports(path: Path, package: str) -> Iterator[str]:
    """Yield the full names of what a module imports from callrec, at any depth of its code."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "callrec")
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
            if base.split(".")[0] == "callrec":
                for alias in node.names:
                    full = f"{base}.{alias.name}"
                    yield full if full in MODULES else base


def package_of(name: str) -> str:
    return name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]


IMPORTS = {name: sorted(set(imports(path, package_of(name)))) for name, path in MODULES.items()}


def room(name: str, depth: int) -> str:
    """Return the part of a dotted name that says in which room it lies; "" for the house itself."""
    parts = name.split(".")
    return parts[depth] if len(parts) > depth else ""


def test_the_sources_are_found() -> None:
    assert len(MODULES) > 50
    assert "callrec.recorder.folder.reader" in MODULES
    assert "callrec.recorder.folder.paths" in IMPORTS["callrec.recorder.folder.reader"]


def test_every_room_of_the_house_has_a_rule() -> None:
    rooms = {room(name, 1) for name in MODULES} - {""}
    assert rooms == set(MAY_IMPORT) | KNOW_ALL
    inner = {room(name, 2) for name in MODULES if name.startswith("callrec.recorder.")}
    assert inner == set(RECORDER_MAY_IMPORT) | {"build"}


@pytest.mark.parametrize("name", [n for n in MODULES if room(n, 1) in MAY_IMPORT])
def test_rooms_import_only_whom_they_may(name: str) -> None:
    own = room(name, 1)
    wrong = [i for i in IMPORTS[name] if room(i, 1) not in MAY_IMPORT[own] | {own, ""}]
    assert not wrong, f"{name} must not import {wrong}"
    if own in {"wire", *GROUND}:
        assert "callrec" not in IMPORTS[name]


@pytest.mark.parametrize(
    "name", [n for n in MODULES if room(n, 1) == "recorder" and room(n, 2) not in ("", "build")]
)
def test_rooms_of_the_recorder_import_only_whom_they_may(name: str) -> None:
    own = room(name, 2)
    allowed = RECORDER_MAY_IMPORT[own] | {own}
    inside = [i.removeprefix("callrec.recorder.") for i in IMPORTS[name] if i.startswith("callrec.recorder")]
    wrong = [i for i in inside if not any(i == a or i.startswith(f"{a}.") for a in allowed)]
    assert not wrong, f"{name} must not import {wrong}"


def test_only_the_composition_roots_know_the_recorders_root() -> None:
    knowing = {room(n, 1) for n, used in IMPORTS.items() if "callrec.recorder.build" in used}
    assert knowing <= KNOW_ALL


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_small_and_say_what_they_are(name: str) -> None:
    text = MODULES[name].read_text()
    assert text.count("\n") <= MAX_LINES
    assert ast.get_docstring(ast.parse(text)), "a module says in its first line what it is"


def test_tests_are_small_and_say_what_they_show() -> None:
    tests = {path.relative_to(ROOT): path.read_text() for path in (ROOT / "tests").rglob("*.py")}
    assert not [path for path, text in tests.items() if text.count("\n") > MAX_LINES]
    assert not [path for path, text in tests.items() if text and not ast.get_docstring(ast.parse(text))]


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "common", "misc"}
    assert not [name for name in MODULES if name.rpartition(".")[2] in drawers]


@pytest.mark.parametrize("name", MODULES)
def test_broad_excepts_have_a_reason(name: str) -> None:
    lines = MODULES[name].read_text().splitlines()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if not isinstance(node, ast.ExceptHandler):
            continue
        assert node.type is not None, f"{name}:{node.lineno}: bare except"
        caught = [n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)]
        if {"Exception", "BaseException"} & set(caught):
            around = lines[max(0, node.lineno - 2) : node.body[0].lineno]
            assert any("#" in line for line in around), f"{name}:{node.lineno}: broad except without a reason"


def test_the_script_that_children_import_again_is_light() -> None:
    """Under spawn and forkserver each child imports what the ``callrec`` script imports, before it works."""
    names = "import sys; from callrec.cli import main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", names], capture_output=True, text=True, check=True)
    heavy = {"typer", "sqlalchemy", "fastapi", "aiortc", "av", "callrec.cli.commands"}
    assert not heavy & set(loaded.stdout.split())


def tracked() -> list[Path]:
    """Return the files that are or would be committed; outside of a checkout all that is not hidden."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no checkout: what is tracked is not known")
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


TRACKED = tracked()

# From pieces, so that this file does not hold what it looks for.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("conda", "anaconda", "org"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
        ("index", "docker", "io"),
    )
]
REGISTRY = re.compile("|".join(re.escape(host) for host in REGISTRIES), re.IGNORECASE)
MACHINE_PATH = re.compile(
    "(?<![A-Za-z0-9_.$}~-])/(?:"
    + "|".join(("home/[a-z]", "Users/[A-Za-z]", "root" + "/", "work" + "/(?:main|shared)"))
    + ")"
)


def test_the_patterns_find_what_they_look_for() -> None:
    assert REGISTRY.search("https://files." + "pythonhosted" + ".org/packages/x.whl")
    assert REGISTRY.search("registry." + "npmjs" + ".org")
    assert MACHINE_PATH.search("open('/" + "home/mira/x')")
    assert MACHINE_PATH.search("/" + "root/.pyenv")
    assert not MACHINE_PATH.search("https://talk.example/" + "home/mira")


def test_no_file_names_a_package_registry() -> None:
    naming = [str(p.relative_to(ROOT)) for p in TRACKED if REGISTRY.search(p.read_text(errors="ignore"))]
    assert not naming


def test_no_lock_file_records_download_addresses() -> None:
    locks = {"uv" + ".lock", "package-lock" + ".json", "yarn.lock", "pnpm-lock.yaml", "poetry.lock"}
    assert not [p.name for p in TRACKED if p.name in locks]


def test_no_file_holds_a_path_of_a_developers_machine() -> None:
    holding = [str(p.relative_to(ROOT)) for p in TRACKED if MACHINE_PATH.search(p.read_text(errors="ignore"))]
    assert not holding
