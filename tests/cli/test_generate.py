import gzip
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from service.cli import generate
from service.cli.command import CommandError, UsageError
from service.records.demo import demo_records

END = "2026-11-22T13:04:10Z"
SMALL = ("--jobs", "3", "--days", "2", "--events-per-day", "50", "--end", END)

_PROGRAM = (
    "import sys; from argparse import ArgumentParser; from service.cli import generate;"
    "parser = ArgumentParser(); generate.configure(parser);"
    "generate.run(parser.parse_args(sys.argv[1:]))"
)


def _run(*arguments: str) -> None:
    parser = ArgumentParser()
    generate.configure(parser)
    generate.run(parser.parse_args(arguments))


def _expected() -> bytes:
    end = datetime(2026, 11, 22, 13, 4, 10, tzinfo=UTC)
    return b"".join(demo_records(jobs=3, days=2, events_per_day=50, end=end))


def test_file_holds_the_records_and_the_summary_says_how_many(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "logs.jsonl"
    _run(*SMALL, "--out", str(out))
    assert out.read_bytes() == _expected()
    assert list(tmp_path.iterdir()) == [out]
    written = capsys.readouterr()
    assert written.out == ""
    count = len(_expected().splitlines())
    assert written.err == f"{count} records from 2026-11-20T13:04:10Z to {END} written.\n"


def test_gz_suffix_compresses_to_the_same_bytes_each_time(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl.gz"
    for out in (first, second):
        _run(*SMALL, "--out", str(out))
    assert gzip.decompress(first.read_bytes()) == _expected()
    assert first.read_bytes() == second.read_bytes()


def test_dash_writes_to_standard_output() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *SMALL, "--out", "-"], capture_output=True, check=True
    )
    assert done.stdout == _expected()
    assert done.stderr.count(b"\n") == 1


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, "--days", "3650", "--out", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_clear_error() -> None:
    with pytest.raises(CommandError, match=r"^/dev/full could not be written: No space left"):
        _run(*SMALL, "--out", "/dev/full")


def test_an_existing_file_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "logs.jsonl"
    out.write_text("old")
    _run(*SMALL, "--out", str(out))
    assert out.read_bytes() == _expected()


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    real, link = tmp_path / "data" / "real.jsonl", tmp_path / "link.jsonl"
    real.write_text("old")
    link.symlink_to(real)
    _run(*SMALL, "--out", str(link))
    assert link.is_symlink()
    assert real.read_bytes() == _expected()


def test_an_interrupted_run_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(**_: object) -> Iterator[bytes]:
        yield b"{}\n"
        raise KeyboardInterrupt

    monkeypatch.setattr(generate, "demo_records", interrupted)
    out = tmp_path / "logs.jsonl"
    out.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        _run(*SMALL, "--out", str(out))
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_a_missing_folder_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"nowhere/logs\.jsonl could not be written: No such"):
        _run(*SMALL, "--out", str(tmp_path / "nowhere" / "logs.jsonl"))


def test_a_folder_as_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Is a directory"):
        _run(*SMALL, "--out", str(tmp_path))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--jobs", "0"),
        ("--jobs", "10001"),
        ("--days", "3651"),
        ("--days", "two"),
        ("--days", "1.5"),
        ("--events-per-day", "100000001"),
        ("--events-per-day", "²"),
        ("--events-per-day", "9" * 5000),
        ("--seed", "x"),
        ("--end", "yesterday"),
        ("--end", "2026-11-22T13:04:10"),
        ("--end", "0001-01-02T00:00:00Z"),
    ],
)
def test_a_wrong_value_names_its_option(option: str, value: str, tmp_path: Path) -> None:
    out = tmp_path / "logs.jsonl"
    with pytest.raises(UsageError, match=f"^{option}"):
        _run(option, value, "--out", str(out))
    assert not out.exists()


def test_the_end_is_now_unless_said(tmp_path: Path) -> None:
    out = tmp_path / "logs.jsonl"
    before = datetime.now(UTC)
    _run("--days", "1", "--out", str(out))
    last = orjson.loads(out.read_bytes().splitlines()[-1])["time"]
    age = before - datetime.fromisoformat(last[:26] + "+00:00")
    assert age.total_seconds() < 3600
