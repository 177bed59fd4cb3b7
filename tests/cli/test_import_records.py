from __future__ import annotations

import io
from argparse import ArgumentParser
from pathlib import Path

import pytest

from service.cli.command import CommandError, UsageError
from service.cli.import_records import TerminalReporter, configure, run
from service.records.reporting import Refusal
from tests.records.made_up import diagnostic, lines


def bring(*arguments: str | Path) -> None:
    parser = ArgumentParser()
    configure(parser)
    run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.jsonl"
    path.write_bytes(lines(diagnostic(1), diagnostic(2)) + b"{broken\n")
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


def test_summary_is_the_only_standard_output(
    log: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bring(log, "--store", store)
    bring(log, "--store", store)
    shown = capsys.readouterr()
    first, second = shown.out.split("read ")[1:]
    assert (
        first.split()
        == (
            "3 added 2 already there 0 refused 1 jobs 1 "
            "events 2026-05-04T00:01:07Z to 2026-05-04T00:02:07Z "
            f"files 1 store {store}"
        ).split()
    )
    assert "added          0\nalready there  2\n" in second
    assert f"{log}:3: it is not valid JSON" in shown.err
    assert "importing 1 files" in shown.err


def test_first_refused_records_are_shown_and_all_are_written(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, refused = tmp_path / "log", tmp_path / "refused.txt"
    log.write_bytes(lines(diagnostic(1)) + b"{broken\n" * 30)
    bring(log, "--store", store, "--refused", refused)
    shown = capsys.readouterr().err
    assert shown.count(f"{log}:") == 20
    assert "… and 10 more records refused" in shown
    assert len(refused.read_text().splitlines()) == 30
    bring(log, "--store", store)
    assert "--refused FILE lists all" in capsys.readouterr().err


def test_missing_path_is_wrong_usage(log: Path, store: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file"):
        bring(log, log.with_name("nowhere"), "--store", store)
    assert not store.exists()


def test_import_of_nothing_readable_fails(store: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Nothing here.")
    with pytest.raises(CommandError, match="Nothing could be imported"):
        bring(tmp_path / "notes.txt", "--store", store)
    assert not store.exists()


def test_store_that_is_something_else_fails_with_its_name(log: Path) -> None:
    with pytest.raises(CommandError, match=r"log\.jsonl: this file is not a store"):
        bring(log, "--store", log)


def test_file_for_refused_records_that_can_not_be_written_is_wrong_usage(
    log: Path, store: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="can't be written"):
        bring(log, "--store", store, "--refused", tmp_path)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_terminal_sees_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    with TerminalReporter(terminal) as reporter:
        reporter.begin(1, 100)
        reporter.advance(50, 7)
        reporter.end()
    assert "50%  7 records" in terminal.getvalue()


def test_control_characters_of_a_file_do_not_reach_the_terminal() -> None:
    terminal = Terminal()
    with TerminalReporter(terminal) as reporter:
        reporter.refused(Refusal(Path("log\x1b]0;x"), 1, "it is \x1b[31m[bold]red"))
    assert "\x1b" not in terminal.getvalue()
    assert "[bold]" in terminal.getvalue()
