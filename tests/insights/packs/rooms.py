"""Events with what packs look at, rooms to ask packs in, and packs from text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from service.insights.packs.pack import Pack
from service.insights.packs.reading import PackFile, read_pack
from service.insights.question import Question
from tests.stores import NOW, Event, Room, open_workspace, write_store

Change = tuple[str, str | None, str | None]
"""An attribute with its old and its new value."""

_OTHER_CASE = {
    "SourceIdentity": {'"Id"': '"id"', '"Name"': '"displayName"'},
    "TargetIdentity": {'"Id"': '"id"', '"Name"': '"displayName"'},
    "TargetSystem": {'"Id"': '"id"', '"Name"': '"displayName"'},
    "ModifiedProperties": {
        '"displayName"': '"DisplayName"',
        '"oldValue"': '"OldValue"',
        '"newValue"': '"NewValue"',
    },
}


@dataclass(frozen=True)
class PackEvent(Event):
    """An event that also says what it changed, in which object of which system."""

    changes: tuple[Change, ...] = ()
    target_id: str = ""
    target_name: str = ""
    target_type: str = ""
    system_id: str = "system-t"
    system: str = "customappsso"

    def record(self, number: int) -> dict[str, Any]:
        record = super().record(number)
        record["properties"] |= {
            "modifiedProperties": [
                {"displayName": name, "oldValue": old, "newValue": new}
                for name, old, new in self.changes
            ],
            "targetIdentity": {
                "Id": self.target_id,
                "Name": self.target_name,
                "identityType": self.target_type,
            },
            "targetSystem": {"Id": self.system_id, "Name": self.system},
        }
        return record


def open_room(
    path: Path,
    events: Iterable[Event],
    *,
    other_case: bool = False,
    columns: Iterable[str] | None = None,
) -> Room:
    """A room over a store of these events; close its workspace in the end.

    `other_case` writes the keys inside JSON as other workspaces have them; `columns` are
    those that the workspace has, by default all.
    """
    write_store(path, events)
    if other_case:
        with duckdb.connect(str(path)) as connection:
            for column, renamed in _OTHER_CASE.items():
                for old, new in renamed.items():
                    connection.execute(
                        f'UPDATE events SET "{column}" = replace("{column}", ?, ?)', [old, new]
                    )
    return Room(open_workspace(path, columns=columns), lambda: NOW)


async def ask(
    room: Room, pack: Pack, asked: Question, given: Mapping[str, object] | None = None
) -> list[Any]:
    """The rows of a pack's answer."""
    await room.load()
    options = pack.asked(given or {}, asked, await room.asking.directory())
    return await room.rows(pack, asked, options)


def write_pack(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def pack_file(folder: Path, text: str) -> PackFile:
    return read_pack(write_pack(folder, text))
