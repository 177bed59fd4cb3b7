"""All packs of some folders: those that can be asked, and those that are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from service.insights.packs.checking import check_pack, empty_workspace
from service.insights.packs.faults import Fault, PackRefused
from service.insights.packs.pack import Pack
from service.insights.packs.reading import PackFile, read_pack

SHIPPED = Path(__file__).parent / "shipped"
"""The packs that come with the service."""

_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True)
class Packs:
    """`packs` by name; `refused` are the faults for which other files are left out."""

    packs: Mapping[str, Pack] = field(default_factory=dict)
    refused: tuple[Fault, ...] = ()


def load_packs(folders: Iterable[Path], reserved: Collection[str] = ()) -> Packs:
    """The packs in these folders, and in files that are named themselves.

    A bad pack stops no other one. `reserved` are names that no pack may have; of two packs with
    one name, the first stands and the second is refused. Queries that did not come with the
    service are run over an empty store, so that a wrong column shows now and not when it is asked.
    """
    files: dict[str, PackFile] = {}
    refused: list[Fault] = []
    for folder in folders:
        try:
            for path in pack_files(folder):
                _load(path, reserved, files, refused)
        except PackRefused as error:
            refused += error.faults
    if foreign := [file for file in files.values() if file.pack.path.parent != SHIPPED]:
        # A thread, because the caller's may have an event loop of its own.
        with ThreadPoolExecutor(1, thread_name_prefix="packs") as thread:
            for fault in thread.submit(asyncio.run, _run(foreign)).result():
                refused.append(fault)
                files = {name: file for name, file in files.items() if file.pack.path != fault.path}
    return Packs({name: file.pack for name, file in files.items()}, tuple(refused))


def pack_files(path: Path) -> list[Path]:
    """The file itself, or the packs of a folder by name; `PackRefused` if it can't be read."""
    try:
        if not path.is_dir():
            path.stat()
            return [path]
        return sorted(item for item in path.iterdir() if item.suffix.lower() in _ENDINGS)
    except OSError as error:
        message = f"can't be read: {error.strerror or error}; check its path and rights"
        raise PackRefused([Fault(path, 1, message)]) from None


def _load(
    path: Path, reserved: Collection[str], files: dict[str, PackFile], refused: list[Fault]
) -> None:
    try:
        file = read_pack(path, reserved)
    except PackRefused as error:
        refused += error.faults
        return
    name = file.pack.name
    if other := files.get(name):
        path = other.pack.path
        message = f"name: {name} is the name of the pack in {path} too; choose another"
        refused.append(file.fault(("name",), message))
    else:
        files[name] = file


async def _run(files: Iterable[PackFile]) -> list[Fault]:
    """What makes queries fail in any workspace."""
    async with empty_workspace() as workspace:
        found = [await check_pack(file, workspace, None) for file in files]
    return [fault for faults in found for fault in faults if not fault.warning]
