"""Which files an import reads, and their bytes as UTF-8, unpacked and without marks."""

from __future__ import annotations

import codecs
import glob
import gzip
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from service.records.problems import FileError, MissingPathError

_BLOCK = 1 << 20
_GZIP = b"\x1f\x8b"


def files_of(paths: Sequence[str | Path]) -> list[Path]:
    """Every file that the paths, folders (with all below) and patterns lead to, sorted, each once.

    Hidden files in folders are left out. `MissingPathError` names what leads nowhere.
    """
    found: dict[str, Path] = {}
    for given in paths:
        matches = _matches(str(given))
        if not matches:
            raise MissingPathError(f"{given}: there is no such file, folder or match of a pattern.")
        for path in matches:
            found.setdefault(os.path.realpath(path), path)
    return sorted(found.values(), key=str)


class Source:
    """One file being read.

    `position` tells how many bytes of it have been taken, `text_start` where its text begins, once
    blocks have been taken: None if the file is packed or in UTF-16.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0
        self.text_start: int | None = None

    def blocks(self) -> Iterator[bytes]:
        """The file's text in UTF-8, a mebibyte or so at a time; `FileError` if it can't be read."""
        try:
            with self.path.open("rb") as raw:
                packed = raw.read(2) == _GZIP
                raw.seek(0)
                stream = gzip.GzipFile(fileobj=raw) if packed else raw
                blocks = self._counted(raw, stream)
                first = next(blocks, b"")
                if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                    yield from _from_utf16(first, blocks)
                    return
                text = first.removeprefix(codecs.BOM_UTF8)
                self.text_start = None if packed else len(first) - len(text)
                yield text
                yield from blocks
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise FileError("its compressed data is cut or damaged") from None
        except OSError as error:
            raise FileError(f"it can't be read: {error.strerror or error}") from None

    def _counted(self, raw: BinaryIO, stream: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
        while block := stream.read(_BLOCK):
            self.position = raw.tell()
            yield block


def _matches(given: str) -> list[Path]:
    path = Path(given)
    if path.is_dir():
        return [file for file in _below(path) if file.is_file()]
    if path.exists():
        return [path]
    # Unlike Path.glob, this takes absolute patterns.
    found = [Path(match) for match in glob.glob(given, recursive=True)]  # noqa: PTH207
    return [file for match in found for file in ([match] if match.is_file() else _below(match))]


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(root, name) for name in names if not name.startswith("."))


def _from_utf16(first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
    yield decoder.decode(first).encode("utf-8", "replace")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")
