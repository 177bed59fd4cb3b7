from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.api.cursors import Cursor, CursorSigner
from service.api.problems import Problem
from service.times import BINS, Window
from tests.api.world import NOW

HOUR = BINS["1h"]
CURSOR = Cursor(Window(HOUR.floor(NOW) - timedelta(days=1), HOUR.ceil(NOW), HOUR), "100")
SIGNER = CursorSigner(b"a key")
TOKEN = SIGNER.write(CURSOR, "/failures?")


def refused(token: str, purpose: str = "/failures?", signer: CursorSigner = SIGNER) -> bool:
    with pytest.raises(Problem) as caught:
        signer.read(token, purpose)
    return [error.parameter for error in caught.value.errors] == ["cursor"]


@given(
    position=st.text(st.characters(exclude_categories=["Cs"])),
    bin_name=st.sampled_from(list(BINS)),
    purpose=st.text(st.characters(exclude_categories=["Cs"])),
)
@settings(deadline=None)
def test_cursor_is_read_as_it_was_written(position: str, bin_name: str, purpose: str) -> None:
    width = BINS[bin_name]
    cursor = Cursor(Window(width.floor(NOW), width.ceil(NOW), width), position)
    assert SIGNER.read(SIGNER.write(cursor, purpose), purpose) == cursor


@given(place=st.integers(0, len(TOKEN) - 1), other=st.characters())
@settings(deadline=None, max_examples=500)
def test_one_changed_character_is_refused(place: int, other: str) -> None:
    changed = TOKEN[:place] + other + TOKEN[place + 1 :]
    assert changed == TOKEN or refused(changed)


def test_every_flipped_bit_is_refused() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for place, character in enumerate(TOKEN):
        for bit in range(6):
            other = alphabet[alphabet.index(character) ^ (1 << bit)]
            assert refused(TOKEN[:place] + other + TOKEN[place + 1 :])


@given(text=st.text(max_size=200))
@settings(deadline=None)
def test_made_up_text_is_refused(text: str) -> None:
    assert refused(text)


@pytest.mark.parametrize("token", [TOKEN[:-1], TOKEN + "A", TOKEN + "=", " " + TOKEN, TOKEN * 2])
def test_shortened_or_lengthened_is_refused(token: str) -> None:
    assert refused(token)


def test_another_purpose_or_key_is_refused() -> None:
    assert refused(TOKEN, "/failures?app=x")
    assert refused(TOKEN, signer=CursorSigner(b"another key"))
