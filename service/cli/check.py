"""Check packs on a desk, without a service: every fault with its file and line."""

from __future__ import annotations

import asyncio
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from service.cli.command import CommandError, UsageError
from service.insights.catalogue import INSIGHTS
from service.insights.packs.analyser import AnalyserMissing, Analysis, analyse
from service.insights.packs.checking import check_pack, empty_workspace
from service.insights.packs.faults import Fault, PackRefused
from service.insights.packs.loading import SHIPPED, pack_files
from service.insights.packs.reading import PackFile, read_pack

_ENVIRONMENT = "KQL_ANALYSER"


def configure(parser: ArgumentParser) -> None:
    """Declares `PACK…` and where the analyser is."""
    parser.add_argument(
        "packs", metavar="PACK", nargs="+", type=Path, help="packs, or folders of packs"
    )
    parser.add_argument(
        "--analyser",
        metavar="FOLDER",
        type=Path,
        help="the folder where npm has installed @kusto/language-service-next "
        f"(default: ${_ENVIRONMENT}; without it, columns are checked by running the query)",
    )


def run(arguments: Namespace) -> None:
    """Writes the faults, a line each; `CommandError` if there are any."""
    folder: Path | None = arguments.analyser
    if folder is None and (named := os.environ.get(_ENVIRONMENT)):
        folder = Path(named)
    files: dict[Path, None] = {}
    faults: list[Fault] = []
    for path in arguments.packs:
        if not path.exists():
            raise UsageError(f"{path}: there is no such file or folder.")
        try:
            files |= dict.fromkeys(pack_files(path))
        except PackRefused as error:
            faults += error.faults
    if not files and not faults:
        raise UsageError(f"{arguments.packs[0]}: the folder has no pack; they end with .yaml.")
    packs = list(_readable(files, faults))
    faults += asyncio.run(_checked(packs, _analyses(packs, folder)))
    for fault in sorted(faults):
        sys.stdout.write(f"{fault}\n")
    if wrong := [fault for fault in sorted(faults) if not fault.warning]:
        number = f"{len(wrong)} faults" if len(wrong) > 1 else "1 fault"
        raise CommandError(f"{number}, beginning with {wrong[0]}")
    sys.stderr.write(_summary(len(files), len(faults), folder))


def _analyses(packs: Sequence[PackFile], folder: Path | None) -> Sequence[Analysis | None]:
    if folder is None:
        return [None] * len(packs)
    try:
        return analyse([file.pack.query.sample().text for file in packs], folder)
    except AnalyserMissing as error:
        raise UsageError(f"--analyser: {error}.") from None


async def _checked(packs: Sequence[PackFile], analyses: Sequence[Analysis | None]) -> list[Fault]:
    found: list[Fault] = []
    async with empty_workspace() as workspace:
        for file, analysis in zip(packs, analyses, strict=True):
            found += await check_pack(file, workspace, analysis)
    return found


def _readable(files: Iterable[Path], faults: list[Fault]) -> Iterator[PackFile]:
    """The packs that can be read; why others can't goes to the faults."""
    taken: dict[str, Path] = {}
    for path in files:
        shipped = path.resolve().parent == SHIPPED.resolve()
        try:
            file = read_pack(path, INSIGHTS if shipped else {*INSIGHTS, *_shipped_names()})
        except PackRefused as error:
            faults += error.faults
            continue
        name = file.pack.name
        if name in taken:
            message = f"name: {name} is the name of the pack in {taken[name]} too; choose another"
            faults.append(file.fault(("name",), message))
        taken.setdefault(name, path)
        yield file


def _shipped_names() -> set[str]:
    return {path.stem for path in pack_files(SHIPPED)}


def _summary(packs: int, warnings: int, folder: Path | None) -> str:
    number = f"{packs} packs" if packs > 1 else "1 pack"
    warned = f", {warnings} to look at" if warnings else ""
    how = "by Microsoft's analyser and on an empty store" if folder else "on an empty store"
    return f"{number} checked {how}: no faults{warned}.\n"
