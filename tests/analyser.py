"""Microsoft's own KQL analyser as a fixture: what it says of a query that the service can send."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.insights.packs.analyser import SCRIPT
from service.table import COLUMNS, TABLE

FOLDER = Path(__file__).parent / "kql" / "analyser"
PACKAGE = FOLDER / "node_modules" / "@kusto" / "language-service-next"

Tables = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Diagnostic:
    """A finding of the analyser, with the text that it is about."""

    severity: str
    code: str
    message: str
    text: str


@dataclass(frozen=True)
class Analysis:
    """What the analyser makes of one query.

    `columns` are the names and KQL types of the result, in order; `tokens` all tokens but space and
    comments; `strings` what it reads in each string literal.
    """

    diagnostics: tuple[Diagnostic, ...]
    columns: dict[str, str]
    tokens: tuple[str, ...]
    strings: tuple[str, ...]


class Analyser:
    """One Node process that answers one query after the other."""

    def __init__(self, node: str) -> None:
        self._process = subprocess.Popen(
            [node, str(SCRIPT), str(FOLDER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def check(self, kql: str, tables: Tables | None = None) -> Analysis:
        """The analysis of a query over the given tables, by default the one of this service."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        question = {"id": 1, "kql": kql, "tables": tables or {TABLE: COLUMNS}}
        stdin.write(json.dumps(question).encode() + b"\n")
        stdin.flush()
        line = stdout.readline()
        assert line, "the analyser stopped; what it wrote to standard error says why"
        answer: dict[str, Any] = json.loads(line)
        return Analysis(
            tuple(
                Diagnostic(found["severity"], found["code"], found["message"], found["text"])
                for found in answer["diagnostics"]
            ),
            dict(answer["columns"] or ()),
            tuple(text for text, _ in answer["tokens"] if text),
            tuple(value for _, value in answer["tokens"] if value is not None),
        )

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="session")
def analyser() -> Iterator[Analyser]:
    """The running analyser; without Node or its package a test is skipped, and fails in CI."""
    node = shutil.which("node")
    if node is None or not PACKAGE.is_dir():
        missing = "Node" if node is None else "npm ci --prefix tests/kql/analyser"
        reason = f"the KQL analyser can't run: it needs {missing}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    running = Analyser(node)
    yield running
    running.close()
