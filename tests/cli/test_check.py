from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

import pytest

from service.cli import check
from service.cli.command import CommandError, UsageError
from service.insights.packs.loading import SHIPPED
from tests.analyser import FOLDER
from tests.insights.packs.texts import MINE


@pytest.fixture(autouse=True)
def _no_analyser_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KQL_ANALYSER", raising=False)


def run(*arguments: str | Path) -> None:
    parser = ArgumentParser()
    check.configure(parser)
    check.run(parser.parse_args([str(argument) for argument in arguments]))


def write(path: Path, text: str = MINE) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_clean_packs_are_said_to_be_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(write(tmp_path / "a.yaml"))
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err == "1 pack checked on an empty store: no faults.\n"


def test_shipped_packs_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    run(SHIPPED)
    assert capsys.readouterr().err.startswith("6 packs checked")


def test_every_fault_of_every_file_is_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = write(tmp_path / "a.yaml", MINE.replace("title: Busy", "tilte: Busy"))
    second = write(tmp_path / "b.yaml", MINE.replace("by job_id = JobId", "by job_id = Job"))
    with pytest.raises(CommandError, match=f"3 faults, beginning with {first}:1: title is missing"):
        run(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        f"{first}:1",
        f"{first}:2",
        f"{second}:13",
    ]


def test_warnings_alone_are_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.yaml", MINE.replace("  | order by events desc, job_id asc\n", ""))
    run(path)
    written = capsys.readouterr()
    assert written.out.startswith(f"{path}:9: warning: kql: end it with order by")
    assert written.err == "1 pack checked on an empty store: no faults, 1 to look at.\n"


def test_names_of_two_files_must_differ(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.yaml"), write(tmp_path / "b.yaml")
    with pytest.raises(CommandError, match=f"{second}:1: name: busy-objects .* {first} too"):
        run(tmp_path)


@pytest.mark.parametrize("name", ["failures", "dormant-accounts"])
def test_names_that_came_with_the_service_are_taken(tmp_path: Path, name: str) -> None:
    with pytest.raises(CommandError, match=f"{name} is the name of another insight"):
        run(write(tmp_path / "a.yaml", MINE.replace("busy-objects", name)))


def test_same_file_named_twice_is_checked_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.yaml")
    run(path, tmp_path)
    assert capsys.readouterr().err.startswith("1 pack checked")


def test_absent_path_and_empty_folder_are_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file or folder"):
        run(tmp_path / "absent.yaml")
    with pytest.raises(UsageError, match=r"has no pack; they end with \.yaml"):
        run(tmp_path)


def test_folder_without_the_analyser_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--analyser: "):
        run(write(tmp_path / "a.yaml"), "--analyser", tmp_path)


@pytest.mark.usefixtures("analyser")
def test_analyser_is_found_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KQL_ANALYSER", str(FOLDER))
    run(write(tmp_path / "a.yaml"))
    assert "by Microsoft's analyser and on an empty store" in capsys.readouterr().err
