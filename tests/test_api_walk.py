"""docs/api.md keeps its word: its shell blocks, run against ``callrec serve``, answer what the page shows."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.serve_process import ADMIN_PASSWORD, ServeProcess

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
SHOWN_URL = "http://127.0.0.1:8080"
DIFFERS = frozenset({"id", "token", "notification_id", "object_id", "datetime", "message", "name", "link"})
"""Names whose values differ with every run where they hold a number: only their kind is compared then."""
END = "end of a block"

_BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks() -> Iterator[tuple[str, list[Any]]]:
    """Yield each shell block with the answers that are shown for it."""
    found = _BLOCK.findall(PAGE.read_text())
    for number, (kind, text) in enumerate(found):
        if kind == "sh":
            following = found[number + 1] if number + 1 < len(found) else ("", "")
            yield text, answers(following[1]) if following[0] == "json" else []


def answers(text: str) -> list[Any]:
    """Parse shortened JSON documents that follow each other."""
    text = re.sub(r",?\s*…", "", text).strip()
    parsed = []
    while text:
        value, end = json.JSONDecoder().raw_decode(text)
        parsed.append(value)
        text = text[end:].lstrip()
    return parsed


def differences(shown: Any, real: Any, where: str = "") -> Iterator[str]:
    """Yield where *real* lacks what is *shown*."""
    name = where.rpartition(".")[2]
    if type(shown) is not type(real):
        yield f"{where}: shown {shown!r}, answered {real!r}"
    elif isinstance(shown, dict):
        for key, value in shown.items():
            if key in real:
                yield from differences(value, real[key], f"{where}.{key}")
            else:
                yield f"{where}: no {key} in {sorted(real)}"
    elif isinstance(shown, list):
        if len(shown) != len(real):
            yield f"{where}: shown {len(shown)}, answered {len(real)} entries"
        for number, (one, other) in enumerate(zip(shown, real, strict=False)):
            yield from differences(one, other, f"{where}[{number}]")
    elif shown != real and not (name in DIFFERS and re.search(r"\d", str(shown))):
        yield f"{where}: shown {shown!r}, answered {real!r}"


def test_differences_are_found() -> None:
    shown = answers('{"a":{"id":1,"b":[1,2],…},"c":"x"}\n{"message":"OK"}')
    assert shown == [{"a": {"id": 1, "b": [1, 2]}, "c": "x"}, {"message": "OK"}]
    assert list(differences(shown[0], {"a": {"id": 7, "b": [1, 2], "z": 0}, "c": "x"})) == []
    assert len(list(differences(shown[0], {"a": {"id": "7", "b": [1]}, "c": "y"}))) == 3
    assert list(differences(shown[1], {"message": "No"}))
    assert list(differences({"a": []}, {"b": []}))


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("openssl"), reason="needs curl and openssl")
async def test_the_walk(tmp_path: Path) -> None:
    server = ServeProcess(tmp_path / "data")
    await server.start()
    try:
        walk(server, tmp_path)
    finally:
        server.stop()


def walk(server: ServeProcess, folder: Path) -> None:
    steps = list(blocks())
    script = "set -eu -o pipefail\n" + "".join(f"{text}\necho '{END}'\n" for text, _ in steps)
    secrets = json.loads((server.data / "secrets.json").read_text())
    variables = {"ADMIN_PASSWORD": ADMIN_PASSWORD, "RECORDING_SECRET": secrets["recording"]}
    ran = subprocess.run(
        ["bash", "-c", script.replace(SHOWN_URL, server.url)],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout + ran.stderr
    printed = ran.stdout.split(f"{END}\n")
    compared = 0
    for (text, shown), output in zip(steps, printed, strict=False):
        real = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        assert len(real) == len(shown), f"{text}\n{output}"
        for one, other in zip(shown, real, strict=True):
            assert not list(differences(one, other)), f"{text}\n{json.dumps(other, indent=1)}"
            compared += 1
    assert compared > 20
    assert (folder / "film.mp4").read_bytes()[4:8] == b"ftyp"
