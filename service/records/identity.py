"""Which of the rows that arrive are new, which are already there, and which replace others.

Two rows with IDs are one event when the IDs are the same. When either has none, they are one event
when their content is: the change and its steps. The row with an ID is the one that stays.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Known:
    """What the store has of a batch."""

    ids: Collection[int]
    """Positions in the batch of rows whose ID the store has."""
    contents: Collection[int]
    """Positions in the batch of rows without an ID whose content the store has."""
    nameless: Collection[bytes]
    """Content keys of the batch under which the store has a row without an ID."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of a batch."""

    new: list[int]
    """Positions to insert, in order."""
    replaced: list[bytes]
    """Content keys under which the store's row without an ID gives way."""
    already_there: int


def judge(
    id_keys: pa.FixedSizeBinaryArray, content_keys: pa.FixedSizeBinaryArray, known: Known
) -> Verdict:
    """Which rows of the batch to insert; of two rows for one event in it, one counts as there."""
    count = len(id_keys)
    # New rows with IDs, by far the most, are told without a Python object for each key.
    are_named = not id_keys.null_count and not known.nameless
    if are_named and not known.ids and len(id_keys.unique()) == count:
        return Verdict([*range(count)], [], 0)
    return _judged(id_keys.to_pylist(), content_keys.to_pylist(), known)


def _judged(
    id_keys: Sequence[bytes | None], content_keys: Sequence[bytes], known: Known
) -> Verdict:
    nameless = set(known.nameless)
    named_contents = {
        content for key, content in zip(id_keys, content_keys, strict=True) if key is not None
    }
    new: list[int] = []
    replaced: list[bytes] = []
    ids: set[bytes] = set()
    contents: set[bytes] = set()
    for position, (id_key, content) in enumerate(zip(id_keys, content_keys, strict=True)):
        if id_key is None:
            if content in contents or content in named_contents or position in known.contents:
                continue
            contents.add(content)
        else:
            if id_key in ids or position in known.ids:
                continue
            ids.add(id_key)
            if content in nameless:
                nameless.discard(content)
                replaced.append(content)
        new.append(position)
    return Verdict(new, replaced, len(id_keys) - len(new) + len(replaced))
