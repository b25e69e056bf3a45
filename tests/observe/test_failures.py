"""Whatever is logged as a warning or an error is counted, whether it is shown or not."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from callrec import logs


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("level, shown", [("debug", 4), ("info", 4), ("warning", 4), ("error", 3)])
def test_failures_are_told_at_any_level(level: str, shown: int, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[tuple[str, str]] = []
    logs.configure(level, on_failure=lambda *failure: told.append(failure))
    log = structlog.get_logger()
    log.warning("it_creaked")
    log.error("it_broke")
    try:
        raise RuntimeError
    except RuntimeError:
        log.exception("it_fell")
    log.critical("it_burns")
    assert told == [
        ("warning", "it_creaked"),
        ("error", "it_broke"),
        ("error", "it_fell"),
        ("critical", "it_burns"),
    ]
    text = capsys.readouterr().err
    assert sum(text.count(event) for _, event in told) == shown


def test_what_is_no_failure_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[tuple[str, str]] = []
    logs.configure("info", on_failure=lambda *failure: told.append(failure))
    structlog.get_logger().info("all_is_well")
    structlog.get_logger().debug("and_quiet")
    assert told == []
    text = capsys.readouterr().err
    assert "all_is_well" in text and "and_quiet" not in text
