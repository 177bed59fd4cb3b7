"""Randomness that is the same on every machine and in every Python.

Python promises this for `random()` alone, so everything is drawn by it or, for IDs, by
`getrandbits()`, the generator's bits as they come; never by `choice`, `shuffle` or `gauss`.
"""

from __future__ import annotations

from random import Random


def stream_of(*key: int | str) -> Random:
    """A stream of its own for this key: what one part draws does not move another."""
    return Random(":".join(map(str, key)))  # noqa: S311 - made-up data, no secret


def guid(random: Random) -> str:
    """A GUID, by all of its 128 bits."""
    return guid_of(f"{random.getrandbits(128):032x}")


def guid_of(digits: str) -> str:
    """Thirty-two hexadecimal digits in the five groups of a GUID."""
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
