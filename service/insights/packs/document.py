"""YAML as a pack may use it: plain data, and the line of each part of it.

Scalars are read as YAML 1.2's core schema has them, so that `no` and `2026-01-01` stay text.
Tags, anchors and aliases are refused: nothing in a pack needs them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

MAX_CHARACTERS = 64 * 1024
_MAX_DEPTH = 20

Place = tuple[str | int, ...]
"""The way to a part of a document: keys and positions in lists."""


class DocumentFault(ValueError):
    """Text that is no such document, with the line, from 1 on."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Document:
    """A mapping's data. `lines` are those of keys; `blocks` are the texts written after `|`."""

    content: dict[str, Any]
    lines: Mapping[Place, int]
    blocks: frozenset[Place]

    def line(self, place: Place) -> int:
        """Where this part stands, or what it is missing from."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


_PREFIX = "tag:yaml.org,2002:"
_PLAIN = (
    ("null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("int", re.compile(r"[-+]?[0-9]{1,19}$", re.ASCII), list("-+0123456789")),
    (
        "float",
        re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", re.ASCII),
        list("-+.0123456789"),
    ),
)
"""Types of plain scalars, their form, and the characters that such a scalar begins with."""


_RESOLVERS = {
    first: [(_PREFIX + name, form) for name, form, firsts in _PLAIN if first in firsts]
    for first in {first for _, _, firsts in _PLAIN for first in firsts}
}


class _Loader(yaml.SafeLoader):
    """Finds the types of plain scalars by YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, Any] = _RESOLVERS


_ODD = (yaml.AnchorToken, yaml.AliasToken, yaml.TagToken)
_OPENING = (
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
)
_CLOSING = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)

_READ: dict[str, Any] = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": float,
    "str": str,
}


def read_document(text: str) -> Document:
    """The document; `DocumentFault` for anything but one mapping of plain data."""
    if len(text) > MAX_CHARACTERS:
        raise DocumentFault(
            1, f"the file is too long; a pack has at most {MAX_CHARACTERS:,} characters"
        )
    try:
        _refuse_odd_tokens(text)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"not valid YAML: {error.problem or error.context}; check indents and quotes"
        raise DocumentFault(mark.line + 1 if mark else 1, message) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise DocumentFault(line, "not valid YAML: it holds a control character; drop it") from None
    if not isinstance(node, yaml.MappingNode):
        raise DocumentFault(1, "a pack is a mapping of keys; begin with `name: my-question`")
    lines: dict[Place, int] = {}
    blocks: set[Place] = set()
    content = _value(node, (), lines, blocks)
    return Document(content, lines, frozenset(blocks))


def _refuse_odd_tokens(text: str) -> None:
    """Before anything is built, since deep nesting takes the parser a time that grows squarely."""
    depth = 0
    for token in yaml.scan(text, Loader=_Loader):
        line = token.start_mark.line + 1
        if isinstance(token, _ODD):
            message = "anchors, aliases and tags have no place in a pack; write the value itself"
            raise DocumentFault(line, message)
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > _MAX_DEPTH:
            raise DocumentFault(line, "lists and mappings are nested too deeply; write it flat")


def _value(node: yaml.Node, place: Place, lines: dict[Place, int], blocks: set[Place]) -> Any:
    lines.setdefault(place, node.start_mark.line + 1)
    match node:
        case yaml.MappingNode():
            return _mapping(node, place, lines, blocks)
        case yaml.SequenceNode():
            return [
                _value(item, (*place, index), lines, blocks)
                for index, item in enumerate(node.value)
            ]
        case _:
            if isinstance(node, yaml.ScalarNode) and node.style == "|":
                blocks.add(place)
            return _READ[node.tag.removeprefix(_PREFIX)](node.value)


def _mapping(
    node: yaml.MappingNode, place: Place, lines: dict[Place, int], blocks: set[Place]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    pairs: Sequence[tuple[yaml.Node, yaml.Node]] = node.value
    for key, value in pairs:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise DocumentFault(line, "a key is plain text")
        name: str = key.value
        if name in found:
            raise DocumentFault(line, f"the key `{name}` stands here twice; keep one")
        lines[(*place, name)] = line
        found[name] = _value(value, (*place, name), lines, blocks)
    return found
