"""Cursors: where the next page begins, signed so that nobody can make one up."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

import orjson

from service.api.problems import Problem, invalid
from service.times import BINS, Window, format_instant, parse_instant

_SIGNATURE_BYTES = 16


@dataclass(frozen=True)
class Cursor:
    """Where the next page of a list begins, and the window that the list was cut from."""

    window: Window
    position: str


class CursorSigner:
    """Writes and reads cursors. A cursor is good for one route with the same other parameters."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def write(self, cursor: Cursor, purpose: str) -> str:
        payload = orjson.dumps(
            [
                format_instant(cursor.window.start),
                format_instant(cursor.window.end),
                cursor.window.bin.name,
                cursor.position,
            ]
        )
        return _encoded(self._sign(payload, purpose) + payload)

    def read(self, text: str, purpose: str) -> Cursor:
        """The cursor; raises the problem naming it if it was changed or is for something else."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _refused() from None
        signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        # Base64 has several spellings of the same bytes; only the one that was written is taken.
        if _encoded(raw) != text or not hmac.compare_digest(
            signature, self._sign(payload, purpose)
        ):
            raise _refused()
        start, end, bin_name, position = orjson.loads(payload)
        return Cursor(Window(parse_instant(start), parse_instant(end), BINS[bin_name]), position)

    def _sign(self, payload: bytes, purpose: str) -> bytes:
        message = purpose.encode() + b"\0" + payload
        return hmac.digest(self._key, message, hashlib.sha256)[:_SIGNATURE_BYTES]


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _refused() -> Problem:
    return invalid(
        "cursor",
        "expected the cursor of the page before, unchanged and with the same other parameters; "
        "begin again without one",
    )
