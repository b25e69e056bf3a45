"""Temporary files of processes that were killed go; whatever is finished, or not ours, stays."""

from pathlib import Path

from callrec.recorder.folder.leftovers import sweep, sweep_composed
from callrec.recorder.folder.paths import FolderPaths


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_only_temporary_files_go(tmp_path: Path) -> None:
    paths = FolderPaths(tmp_path)
    paths.create()
    film = paths.chunks / "0.1.0-640x360-auto-h264-00000000"
    for directory in (film, paths.track(0)):
        directory.mkdir()
    kept = {
        "manifest.json",
        "timeline.jsonl",
        "tracks/0/track.json",
        "tracks/0/0.rtpdump",
        f"{film.relative_to(tmp_path)}/000000-320.mkv",
        "output/Recording.mp4",
    }
    composed = {f"{film.relative_to(tmp_path)}/.000001-320.mkv.17.tmp", "output/.Recording.mp4.tmp"}
    captured = {".manifest.json.17.tmp", "tracks/0/.track.json.18.tmp"}
    for name in kept | composed | captured:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "output" / ".link.tmp").symlink_to(tmp_path / "manifest.json")

    assert sweep_composed(paths) == 2
    assert files(tmp_path) == kept | captured | {"output/.link.tmp"}
    assert sweep(paths) == 2
    assert files(tmp_path) == kept | {"output/.link.tmp"}
    assert sweep(paths) == 0
