"""An event loop whose time passes only when nothing is left to do: hours in milliseconds."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

Value = TypeVar("Value")
Arguments = TypeVarTuple("Arguments")


class _Impatient(selectors.DefaultSelector):
    """Waits for nothing; notes how long it was to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events:
            if timeout is None:
                raise AssertionError("nothing will ever happen again")
            self.passed += timeout
        return events


class _Loop(asyncio.SelectorEventLoop):
    """Threads are not waited for: what is meant for one is done at once."""

    def __init__(self) -> None:
        self._impatient = _Impatient()
        super().__init__(self._impatient)

    def time(self) -> float:
        return self._impatient.passed

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Arguments], Value], *args: *Arguments
    ) -> asyncio.Future[Value]:
        done: asyncio.Future[Value] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done


def run(story: Coroutine[Any, Any, Value]) -> Value:
    """The story's value; `asyncio.get_running_loop().time()` is its clock."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(story)
