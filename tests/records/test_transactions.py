from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.records import transactions
from service.records.transactions import in_transactions


@settings(deadline=None)
@given(sizes=st.lists(st.integers(0, 60), max_size=12))
def test_rows_keep_their_order_and_transactions_their_size(sizes: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transactions, "_TRANSACTION_ROWS", 25)
        patch.setattr(transactions, "_BATCH_ROWS", 4)
        numbers = iter(range(sum(sizes)))
        tables = [pa.table({"n": [next(numbers) for _ in range(size)]}) for size in sizes]
        found = [
            [number for batch in batches for number in batch.column("n").to_pylist()]
            for batches in in_transactions(tables)
        ]
    assert [number for rows in found for number in rows] == list(range(sum(sizes)))
    assert all(len(rows) == 25 for rows in found[:-1])
    assert all(0 < len(rows) <= 25 for rows in found)
