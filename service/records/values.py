"""Values inside a record: names of keys in any spelling, text, objects and lists of them.

Keys vary in case and in punctuation between the shapes (`Id`, `id`, `Change ID`), and what one
shape holds as an object another holds as JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

import orjson

from service.records.problems import RecordError

Fields = dict[str, object]
"""A record's or an object's values by key, the keys spelled as `spelled` spells them."""


@lru_cache(maxsize=4096)
def spelled(key: str) -> str:
    """The key in lower case, with letters and digits only: `Change ID` is `changeid`."""
    return "".join(character for character in key.lower() if character.isalnum())


@lru_cache(maxsize=512)
def _spelled_all(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(spelled, keys))


def fields_of(value: Mapping[str, object]) -> Fields:
    """The object's values by spelled key; of two spellings of one key, a null gives way."""
    fields = dict(zip(_spelled_all(tuple(value)), value.values(), strict=True))
    if len(fields) < len(value):
        return {spelled(key): held for key, held in value.items() if held is not None}
    return fields


def first_of(fields: Fields, *keys: str) -> object:
    """The first of the keys' values that is not null; None without one."""
    return next((fields[key] for key in keys if fields.get(key) is not None), None)


def text_of(value: object, *name: str) -> str:
    """The value as text, "" where there is none; an object or list in its place is refused."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise RecordError(f"{'.'.join(name)} is {_kind(value)}, not text")


def object_of(value: object, name: str) -> Fields:
    """The object's fields, from an object, JSON text of one, or a list of one; else empty."""
    if isinstance(value, dict):
        return fields_of(value)
    value = _parsed(value, name)
    if isinstance(value, list) and len(value) <= 1:
        value = value[0] if value else None
    if value is None:
        return {}
    if isinstance(value, dict):
        return fields_of(value)
    raise RecordError(f"{name} is {_kind(value)}, not an object")


def list_of(value: object, name: str) -> list[object]:
    """The list, from a list or JSON text of one; a lone object is a list of one."""
    if isinstance(value, list):
        return value
    value = _parsed(value, name)
    if isinstance(value, list):
        return value
    if value is None:
        return []
    if isinstance(value, dict):
        return [value] if value else []
    raise RecordError(f"{name} is {_kind(value)}, not a list")


def details_of(value: object, *names: str) -> object:
    """Details as they came: an object; a list of name and value pairs becomes an object."""
    if isinstance(value, dict):
        return value
    name = ".".join(names)
    value = _parsed(value, name)
    if isinstance(value, list):
        return _from_pairs(value, name)
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise RecordError(f"{name} is {_kind(value)}, not an object")


def parse_json(text: str | bytes, name: str) -> object:
    """The JSON value; lone surrogates and other faults that orjson refuses are a `RecordError`."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise RecordError(f"{name} is not valid JSON: {_reason(error)}") from None


def json_text(value: object) -> str:
    """Compact JSON text, keys in the order they have."""
    try:
        return orjson.dumps(value).decode()
    except (orjson.JSONEncodeError, RecursionError):
        raise RecordError("it nests objects too deeply") from None


def _parsed(value: object, name: str) -> object:
    if isinstance(value, str):
        return parse_json(value, name) if value.strip() else None
    return value


def _from_pairs(pairs: list[object], name: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for pair in pairs:
        if not isinstance(pair, dict):
            raise RecordError(f"{name} is a list of {_kind(pair)}, not an object")
        fields = fields_of(pair)
        key = first_of(fields, "name", "key", "displayname")
        if key is None:
            found |= pair
        else:
            found[text_of(key, name)] = fields.get("value")
    return found


def _reason(error: json.JSONDecodeError) -> str:
    return f"{error.msg} at character {error.pos + 1}"


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else "an object"
