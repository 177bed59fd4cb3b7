from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from service.records.problems import FileError, MissingPathError
from service.records.sources import Source, files_of


def test_files_come_sorted_and_once_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b/2", "b/10", "a", ".hidden", ".git/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    found = files_of([tmp_path / "b", tmp_path, f"{tmp_path}/[a]"])
    assert [str(path.relative_to(tmp_path)) for path in found] == ["a", "b/10", "b/2"]


def test_hidden_file_is_read_when_it_is_named(tmp_path: Path) -> None:
    (tmp_path / ".log").write_text("x")
    assert files_of([tmp_path / ".log"]) == [tmp_path / ".log"]


def test_name_with_pattern_characters_is_a_file_first(tmp_path: Path) -> None:
    (tmp_path / "log[1].json").write_text("x")
    assert files_of([tmp_path / "log[1].json"]) == [tmp_path / "log[1].json"]


@pytest.mark.parametrize("name", ["nowhere", "no*where", "sub/[x]"])
def test_path_that_leads_nowhere_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(MissingPathError, match="there is no such file"):
        files_of([tmp_path / name])


def test_unreadable_file_says_why(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="it can't be read: No such file"):
        list(Source(tmp_path / "gone").blocks())


@pytest.mark.parametrize(
    ("content", "text", "text_start"),
    [
        (b"plain", b"plain", 0),
        (b"\xef\xbb\xbfmarked", b"marked", 3),
        (gzip.compress(b"packed"), b"packed", None),
        ("wide é".encode("utf-16"), "wide é".encode(), None),
        (b"", b"", 0),
    ],
)
def test_text_comes_unpacked_and_says_where_it_begins(
    tmp_path: Path, content: bytes, text: bytes, text_start: int | None
) -> None:
    (tmp_path / "log").write_bytes(content)
    source = Source(tmp_path / "log")
    assert b"".join(source.blocks()) == text
    assert source.text_start == text_start
    assert source.position == len(content)
