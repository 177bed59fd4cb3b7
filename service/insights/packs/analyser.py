"""Microsoft's own KQL analyser, where Node and its package `@kusto/language-service-next` are."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.table import COLUMNS, TABLE, KqlType
from service.workspace.protocol import Column

SCRIPT = Path(__file__).with_name("analyser.mjs")
"""Takes the folder of the package, and queries as lines of JSON; its first lines say which."""

_PACKAGE = Path("node_modules", "@kusto", "language-service-next")
_LONGEST_RUN = 120
_SAME: Mapping[str, KqlType] = {"decimal": "real", "guid": "string"}


class AnalyserMissing(Exception):
    """The analyser can't run; the text says why, and what to do."""


@dataclass(frozen=True)
class Diagnostic:
    """A finding at a line of the query, counted from 1."""

    line: int
    code: str
    message: str
    severe: bool


@dataclass(frozen=True)
class Analysis:
    """What the analyser makes of one query; no columns where it could not tell."""

    diagnostics: tuple[Diagnostic, ...]
    columns: tuple[Column, ...]


def analyse(queries: Sequence[str], folder: Path) -> list[Analysis]:
    """The analyses of these queries over the provisioning logs, in their order.

    `folder` has `node_modules` with the package. It takes about two seconds to start. Raises
    `AnalyserMissing`.
    """
    node = shutil.which("node")
    if node is None:
        raise AnalyserMissing("Node is not here; install it, or check without the analyser")
    if not (folder / _PACKAGE).is_dir():
        raise AnalyserMissing(
            f"{folder} has no {_PACKAGE}; run npm install @kusto/language-service-next there"
        )
    tables = {TABLE: COLUMNS}
    asked = [
        json.dumps({"id": index, "kql": kql, "tables": tables}) for index, kql in enumerate(queries)
    ]
    try:
        done = subprocess.run(  # noqa: S603 -- our own script, without a shell
            [node, str(SCRIPT), str(folder)],
            input="".join(f"{line}\n" for line in asked).encode(),
            capture_output=True,
            check=True,
            timeout=_LONGEST_RUN,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise AnalyserMissing(f"the analyser stopped: {_reason(error)}") from None
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [_analysis(kql, answer) for kql, answer in zip(queries, answers, strict=True)]


def _analysis(kql: str, answer: dict[str, Any]) -> Analysis:
    return Analysis(
        tuple(
            Diagnostic(
                _line(kql, found["start"]),
                found["code"],
                found["message"],
                found["severity"] == "Error",
            )
            for found in answer["diagnostics"]
        ),
        tuple(Column(name, _SAME.get(kind, kind)) for name, kind in answer["columns"] or ()),
    )


def _line(kql: str, start: int) -> int:
    """The line of a place that is counted as JavaScript does, in halves of surrogate pairs."""
    before = kql.encode("utf-16-le")[: 2 * start].decode("utf-16-le", "ignore")
    return before.count("\n") + 1


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        return next((line for line in lines if "Error" in line), "it said nothing")
    return str(error)
