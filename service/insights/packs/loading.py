"""All packs of some folders: those that can be asked, and those that are refused."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from service.insights.packs.faults import Fault, PackRefused
from service.insights.packs.pack import Pack
from service.insights.packs.reading import read_pack

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
    one name, the first stands and the second is refused.
    """
    packs: dict[str, Pack] = {}
    refused: list[Fault] = []
    for folder in folders:
        try:
            for path in pack_files(folder):
                _load(path, reserved, packs, refused)
        except PackRefused as error:
            refused += error.faults
    return Packs(packs, tuple(refused))


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
    path: Path, reserved: Collection[str], packs: dict[str, Pack], refused: list[Fault]
) -> None:
    try:
        file = read_pack(path, reserved)
    except PackRefused as error:
        refused += error.faults
        return
    pack = file.pack
    if other := packs.get(pack.name):
        message = f"name: {pack.name} is the name of the pack in {other.path} too; choose another"
        refused.append(file.fault(("name",), message))
    else:
        packs[pack.name] = pack
