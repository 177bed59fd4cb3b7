"""From a pack's file to the pack: whatever is wrong with it, by line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from service.insights.packs.document import Document, DocumentFault, Place, read_document
from service.insights.packs.faults import Fault, PackRefused
from service.insights.packs.model import Column, Metric, PackModel, Parameter, Rule
from service.insights.packs.pack import Pack, pack_of
from service.insights.packs.query import PackQuery
from service.kql.checks import check_query
from service.kql.tokens import KqlError
from service.table import TABLE

_MEASURABLE = ("long", "real", "bool", "timespan")
_LABELS = ("string", "long", "bool")
_MODELS: dict[str, type[BaseModel]] = {
    "parameters": Parameter,
    "columns": Column,
    "metrics": Metric,
    "rule": Rule,
}
_INPUT = re.compile(r"^Input should be ")
_KEY = re.compile(r"([a-z_]+): ")


@dataclass(frozen=True)
class PackFile:
    """A pack with where its parts stand."""

    pack: Pack
    document: Document

    def fault(self, place: Place, message: str, *, warning: bool = False) -> Fault:
        return Fault(self.pack.path, self.document.line(place), message, warning)

    def query_fault(self, line: int, message: str, *, warning: bool = False) -> Fault:
        """A fault at a line of the query, counted from 1."""
        at = query_line(self.document, self.pack.query.text, line)
        return Fault(self.pack.path, at, message, warning)


def read_pack(path: Path, reserved: Collection[str] = ()) -> PackFile:
    """The pack in this file; `PackRefused` says all that is wrong with it.

    `reserved` are the names that it may not have. Nothing is asked of a workspace.
    """
    text = _text(path)
    try:
        document = read_document(text)
    except DocumentFault as fault:
        raise PackRefused([Fault(path, fault.line, str(fault))]) from None
    try:
        model = PackModel.model_validate(document.content)
    except ValidationError as error:
        raise PackRefused(
            [
                Fault(path, document.line(place), message)
                for place, message in map(_explained, error.errors())
            ]
        ) from None
    faults = [Fault(path, document.line(place), text) for place, text in _unfitting(model)]
    if model.name in reserved:
        message = f"name: {model.name} is the name of another insight; choose another"
        faults.append(Fault(path, document.line(("name",)), message))
    try:
        query = PackQuery(model.kql.strip(), tuple(model.parameters))
        check_query(query.sample().text, [TABLE])
    except KqlError as error:
        line = query_line(document, model.kql.strip(), error.line)
        raise PackRefused([*faults, Fault(path, line, f"kql: {error.message}")]) from None
    for place, message in _unused(model, query):
        faults.append(Fault(path, document.line(place), message))
    if faults:
        raise PackRefused(faults)
    return PackFile(pack_of(model, query, path), document)


def query_line(document: Document, query: str, line: int) -> int:
    """The file's line for a line of the query, which is stripped of empty lines around it."""
    start = document.line(("kql",))
    if ("kql",) not in document.blocks:
        return start
    written: str = document.content["kql"]
    leading = written[: written.index(query)].count("\n") if query else 0
    return start + leading + min(line, query.count("\n") + 1)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        message = f"can't be read: {error.strerror or error}; check its path and rights"
        raise PackRefused([Fault(path, 1, message)]) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise PackRefused([Fault(path, line, "not UTF-8 text; save it as UTF-8")]) from None


def _explained(error: Any) -> tuple[Place, str]:
    """The place of a fault that pydantic found, and what to do, in words."""
    place: Place = error["loc"]
    named = _named(place)
    match error["type"]:
        case "extra_forbidden":
            names = list(_model_at(place[:-1]).model_fields)
            close = difflib.get_close_matches(str(place[-1]), names, 1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}"
            return place, f"{named} is no key of a pack; {hint}"
        case "missing":
            return place, f"{named} is missing; add it"
        case "string_pattern_mismatch":
            return place, f"{named}: expected {_pattern_in_words(place)}"
        case _:
            message = error["msg"].removeprefix("Value error, ")
            if error["type"] == "value_error" and (key := _KEY.match(message)):
                place = (*place, key[1])
            return place, f"{named}: {_INPUT.sub('expected ', message)}".removeprefix(": ")


def _named(place: Place) -> str:
    """`parameters[0].type`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")


def _model_at(place: Place) -> type[BaseModel]:
    return _MODELS.get(str(place[0]), PackModel) if place else PackModel


def _pattern_in_words(place: Place) -> str:
    if place == ("name",):
        return "a name in kebab case, such as stale-groups"
    if place[-1] in ("title", "help"):
        return "one line of text without spaces around it"
    if place[0] in ("parameters", "metrics") and place[-1] == "name":
        return "a name in lower case letters, digits and _, such as min_events"
    return "a plain name of letters, digits and _, such as group_id"


def _unfitting(model: PackModel) -> Iterator[tuple[Place, str]]:
    """What does not fit together, though each part by itself is right."""
    for key, names in (
        ("columns", [column.name for column in model.columns]),
        ("parameters", [parameter.name for parameter in model.parameters]),
        ("metrics", [metric.name for metric in model.metrics]),
    ):
        for index, name in enumerate(names):
            if name in names[:index]:
                yield (key, index, "name"), f"{key}: {name} stands here twice; rename one"
    for index, metric in enumerate(model.metrics):
        yield from _column_faults(model, ("metrics", index, "value"), [metric.value], _MEASURABLE)
        yield from _column_faults(model, ("metrics", index, "labels"), metric.labels, _LABELS)
    if model.rule:
        yield from _column_faults(model, ("rule", "column"), [model.rule.column], _MEASURABLE)
        yield from _column_faults(model, ("rule", "dimensions"), model.rule.dimensions, _LABELS)
    if model.metrics or model.rule:
        for index, parameter in enumerate(model.parameters):
            if parameter.default is None:
                yield (
                    ("parameters", index),
                    f"{parameter.name} needs a default: metrics and rules ask without a caller",
                )


def _column_faults(
    model: PackModel, place: Place, names: Sequence[str], types: Sequence[str]
) -> Iterator[tuple[Place, str]]:
    declared = {column.name: column.type for column in model.columns}
    for name in names:
        if name not in declared:
            yield place, f"{_named(place)}: {name} is no column; name one that columns declares"
        elif declared[name] not in types:
            wanted = ", ".join(types)
            yield place, f"{_named(place)}: {name} is {declared[name]}; use a column of {wanted}"


def _unused(model: PackModel, query: PackQuery) -> Iterator[tuple[Place, str]]:
    for index, parameter in enumerate(model.parameters):
        if parameter.name not in query.holes:
            message = f"the query does not use {{{parameter.name}}}; put it there or drop it here"
            yield ("parameters", index), message
    if model.look_back and "from" not in query.holes:
        message = "look_back: the query must tell the window from the time before; use {from} in it"
        yield ("look_back",), message
