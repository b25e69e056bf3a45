"""The command; see the package."""

import argparse
import asyncio
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.house import play_all
from tests.chaos.story import Told


def table(tales: Sequence[Told], took_s: float) -> str:
    """Return what the runs came to, as a table in Markdown."""
    lines = [
        "| killed | kills | away s, median | worst | delivered s after stop, median | worst |",
        "|---" * 6 + "|",
    ]
    for victim in sorted({told.kill.victim for told in tales if told.kill is not None}):
        of = [told for told in tales if told.kill is not None and told.kill.victim == victim]
        away = [told.away_s for told in of if told.away_s is not None]
        after = [told.delivered_after_s for told in of if told.delivered_after_s is not None]
        cells = [
            victim,
            str(len(of)),
            *_spread(away if victim in ("capture", "recorder") else []),
            *_spread(after),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    bad = sum(bool(told.problems) for told in tales)
    lines.append("")
    lines.append(
        f"{len(tales)} runs in {took_s / 60:.0f} minutes, {sum(t.kill is not None for t in tales)} kills: "
        f"{sum(t.delivered for t in tales)} delivered, {sum(t.failed for t in tales)} shown as failed before "
        f"the backend had agreed, {bad} runs with problems; load {os.getloadavg()[0]:.1f}"
    )
    return "\n".join(lines)


def _spread(values: list[float]) -> tuple[str, str]:
    return (f"{statistics.median(values):.1f}", f"{max(values):.1f}") if values else ("–", "–")


def main() -> int:
    """Play the runs; 1 when something did not hold."""
    parser = argparse.ArgumentParser(description="kill -9 at random moments of recordings")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--side-by-side", type=int, default=4)
    parser.add_argument("--postgresql", action="store_true", help="with a PostgreSQL that restarts, too")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--first", type=int, default=0, help="number of the first run: to play one again")
    options = parser.parse_args()
    print(f"seed {options.seed}, load average {os.getloadavg()[0]:.1f} before", flush=True)
    begun_s = time.monotonic()
    tales: list[Told] = []

    def note(told: Told) -> None:
        tales.append(told)
        came_to = "FAILED" if told.problems else "" if told.kill else "(too late)"
        print(f"{len(tales):4} {told.seed}: {told.plan}", came_to, flush=True)
        if told.problems:
            print(*told.problems, *told.lines, sep="\n    ", flush=True)

    folder = Path(tempfile.mkdtemp(prefix="callrec-chaos-"))
    asyncio.run(
        play_all(
            folder,
            options.seed,
            options.runs,
            side_by_side=options.side_by_side,
            first=options.first,
            with_postgresql=options.postgresql,
            note=note,
        )
    )
    print(table(tales, time.monotonic() - begun_s))
    if any(told.problems for told in tales):
        print(f"data directories and films: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
