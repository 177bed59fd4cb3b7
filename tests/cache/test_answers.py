"""Answers are made once for everybody, age, and survive a workspace that fails."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.cache.answers import Answer, AnswerCache, Computed, Policy
from tests.cache.clock import Clock


class Down(Exception):
    """It may work later."""


class Refused(Exception):
    """Asking again cannot help."""


class Source:
    """Computes 1, 2, 3 …, or whatever the test prepares."""

    def __init__(self, size: int = 10) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self.complete = True
        self.size = size
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self) -> Computed[int]:
        self.asked += 1
        number = self.asked
        await self.open.wait()
        if self.error:
            raise self.error
        return Computed(number, self.size, self.complete)


class Desk:
    """A cache with a clock and a source, and what it told of its outcomes."""

    def __init__(self, *, max_bytes: int = 1000, patience: float = 5.0) -> None:
        self.clock = Clock()
        self.outcomes: Counter[str] = Counter()
        self.source = Source()
        self.cache: AnswerCache[int] = AnswerCache(
            max_bytes=max_bytes,
            policy=Policy(fresh_for=300, stale_for=900, stale_if_error=3600, patience=patience),
            now=self.clock.now,
            monotonic=self.clock.monotonic,
            rejections=(Refused,),
            failures=(Down,),
            observe=lambda outcome: self.outcomes.update([outcome]),
        )

    async def get(self, key: str = "key", source: Source | None = None) -> Answer[int]:
        return await self.cache.get(key, source or self.source)

    async def settled(self) -> None:
        """Lets a refresh behind the answer finish."""
        for _ in range(5):
            await asyncio.sleep(0)


async def test_fresh_answer_is_served_from_memory() -> None:
    desk = Desk()
    first = await desk.get()
    desk.clock.pass_by(299)
    assert await desk.get() is first
    assert (first.value, first.stale, first.complete) == (1, None, True)
    assert first.as_of == desk.clock.now() - timedelta(seconds=299)
    assert desk.source.asked == 1
    assert desk.outcomes == {"miss": 1, "hit": 1}


async def test_a_hundred_callers_cost_one_computation() -> None:
    desk = Desk()
    answers = await asyncio.gather(*(desk.get() for _ in range(100)))
    assert {answer.value for answer in answers} == {1}
    assert desk.outcomes == {"miss": 1, "joined": 99}


async def test_ageing_answer_is_served_while_one_refresh_runs_behind_it() -> None:
    desk = Desk()
    await desk.get()
    desk.clock.pass_by(300)
    desk.source.open.clear()
    assert [(await desk.get()).value for _ in range(10)] == [1] * 10
    await desk.settled()
    assert desk.source.asked == 2
    desk.source.open.set()
    await desk.settled()
    assert (await desk.get()).value == 2
    assert desk.outcomes["stale"] == 10


async def test_past_the_hard_bound_callers_wait_for_the_new_answer() -> None:
    desk = Desk()
    await desk.get()
    desk.clock.pass_by(900)
    assert (await desk.get()).value == 2


async def test_failing_workspace_serves_the_last_answer_as_stale() -> None:
    desk = Desk()
    await desk.get()
    desk.clock.pass_by(900)
    desk.source.error = Down("no route")
    served = await desk.get()
    assert (served.value, served.stale) == (1, "no route")
    desk.clock.pass_by(300 + 3600 - 900 - 1)
    assert (await desk.get()).stale == "no route"
    desk.clock.pass_by(1)
    with pytest.raises(Down):
        await desk.get()


async def test_failing_refresh_marks_the_answer_stale_until_one_works() -> None:
    desk = Desk()
    await desk.get()
    desk.clock.pass_by(300)
    desk.source.error = Down("no route")
    assert (await desk.get()).stale is None
    await desk.settled()
    assert (await desk.get()).stale == "no route"
    desk.source.error = None
    desk.clock.pass_by(60)
    await desk.get()
    await desk.settled()
    healed = await desk.get()
    assert (healed.value, healed.stale) == (3, None)


@pytest.mark.parametrize("age", [300, 900], ids=["ageing", "too old"])
async def test_failing_workspace_is_not_stormed(age: float) -> None:
    desk = Desk()
    await desk.get()
    desk.clock.pass_by(age)
    desk.source.error = Down("no route")
    tries = []
    for second in range(400):
        before = desk.source.asked
        for _ in range(3):
            assert (await desk.get()).value == 1
            await desk.settled()
        tries += [second] * (desk.source.asked - before)
        desk.clock.pass_by(1)
    assert tries == [0, 5, 15, 35, 75, 135, 195, 255, 315, 375]


async def test_nobody_waits_long_for_a_new_answer_where_there_is_an_old_one() -> None:
    desk = Desk(patience=0.01)
    await desk.get()
    desk.clock.pass_by(900)
    desk.source.open.clear()
    late = await asyncio.gather(*(desk.get() for _ in range(10)))
    assert {answer.value for answer in late} == {1}
    assert {answer.stale for answer in late} == {
        "The workspace has not answered within 0.01 s; it is still being asked."
    }
    assert (await desk.get()).stale
    assert desk.source.asked == 2
    desk.source.open.set()
    await desk.settled()
    renewed = await desk.get()
    assert (renewed.value, renewed.stale, desk.source.asked) == (2, None, 2)


async def test_nobody_waits_at_all_after_the_last_computation_failed() -> None:
    desk = Desk(patience=1e6)
    await desk.get()
    desk.clock.pass_by(900)
    desk.source.error = Down("no route")
    await desk.get()
    desk.source.open.clear()
    for passed in (1, 60, 1):
        desk.clock.pass_by(passed)
        assert (await desk.get()).stale == "no route"
        await desk.settled()
    assert desk.source.asked == 3
    desk.source.error = None
    desk.source.open.set()
    await desk.settled()
    assert (await desk.get()).stale is None


async def test_late_failure_of_what_nobody_waits_for_is_not_lost_nor_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk(patience=0.01)
    await desk.get()
    desk.clock.pass_by(900)
    desk.source.open.clear()
    await desk.get()
    desk.source.error = Down("no route")
    desk.source.open.set()
    await desk.settled()
    assert (await desk.get()).stale == "no route"
    assert caplog.records == []


async def test_after_a_failure_without_an_answer_the_next_caller_tries_again() -> None:
    desk = Desk()
    desk.source.error = Down("no route")
    with pytest.raises(Down):
        await desk.get()
    desk.source.error = None
    assert (await desk.get()).value == 2


async def test_error_reaches_all_callers_and_is_not_kept() -> None:
    desk = Desk()
    desk.source.error = ValueError("a fault of ours")
    errors = await asyncio.gather(*(desk.get() for _ in range(5)), return_exceptions=True)
    assert [str(error) for error in errors] == ["a fault of ours"] * 5
    desk.source.error = None
    assert (await desk.get()).value == 2


async def test_rejection_is_repeated_for_a_growing_time() -> None:
    desk = Desk()
    desk.source.error = Refused("no such column")
    asked = []
    for second in range(1000):
        before = desk.source.asked
        with pytest.raises(Refused, match="no such column"):
            await desk.get()
        asked += [second] * (desk.source.asked - before)
        desk.clock.pass_by(1)
    assert asked == [0, 5, 15, 35, 75, 155, 315, 615, 915]
    assert desk.outcomes == {"miss": 9, "hit": 991}


async def test_repeated_rejection_does_not_grow() -> None:
    desk = Desk()
    desk.source.error = Refused("no such column")
    lengths = []
    for _ in range(5):
        with pytest.raises(Refused) as caught:
            await desk.get()
        lengths.append(len(list(caught.traceback)))
    assert len(set(lengths[1:])) == 1


async def test_accepted_query_forgets_its_rejections() -> None:
    desk = Desk()
    desk.source.error = Refused("no such column")
    with pytest.raises(Refused):
        await desk.get()
    desk.clock.pass_by(5)
    desk.source.error = None
    assert (await desk.get()).value == 2
    desk.clock.pass_by(900)
    desk.source.error = Refused("no such column")
    with pytest.raises(Refused):
        await desk.get()
    desk.clock.pass_by(5)
    desk.source.error = None
    assert (await desk.get()).value == 4


async def test_rejection_of_one_query_is_none_of_another() -> None:
    desk = Desk()
    desk.source.error = Refused("no such column")
    with pytest.raises(Refused):
        await desk.get()
    assert (await desk.get("other", Source())).value == 1


async def test_incomplete_answer_is_asked_for_again_after_a_growing_time_and_never_whole() -> None:
    desk = Desk()
    desk.source.complete = False
    asked = []
    for second in range(200):
        before = desk.source.asked
        answers = await asyncio.gather(desk.get(), desk.get())
        assert {answer.complete for answer in answers} == {False}
        asked += [second] * (desk.source.asked - before)
        desk.clock.pass_by(1)
    assert asked == [0, 5, 15, 35, 75, 135, 195]
    desk.source.complete = True
    desk.clock.pass_by(60)
    assert (await desk.get()).complete


async def test_incomplete_answer_is_not_served_in_place_of_an_error() -> None:
    desk = Desk()
    desk.source.complete = False
    await desk.get()
    desk.clock.pass_by(5)
    desk.source.error = Down("no route")
    with pytest.raises(Down):
        await desk.get()


async def test_incomplete_answer_replaces_a_whole_one_that_is_too_old() -> None:
    desk = Desk()
    await desk.get()
    desk.clock.pass_by(900)
    desk.source.complete = False
    answers = [await desk.get() for _ in range(10)]
    assert {(answer.value, answer.complete) for answer in answers} == {(2, False)}


async def test_slow_incomplete_answer_is_shared_from_when_it_came() -> None:
    desk = Desk()
    desk.source.complete = False
    desk.source.open.clear()
    asked = asyncio.create_task(desk.get())
    await desk.settled()
    desk.clock.pass_by(20)
    desk.source.open.set()
    await asked
    desk.clock.pass_by(4)
    assert (await desk.get()).value == 1


async def test_answer_nobody_waits_for_is_made_in_its_own_way() -> None:
    desk, behind = Desk(), Source()
    for passed, value in ((0, 1), (300, 1), (0, 1), (900, 2)):
        desk.clock.pass_by(passed)
        assert (await desk.cache.get("key", desk.source, renew=behind)).value == value
        await desk.settled()
    assert (desk.source.asked, behind.asked) == (2, 1)


async def test_fault_behind_an_answer_is_logged_and_does_not_storm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk()
    await desk.get()
    desk.clock.pass_by(300)
    desk.source.error = ValueError("a fault of ours")
    for _ in range(10):
        assert (await desk.get()).value == 1
        await desk.settled()
    assert desk.source.asked == 2
    (record,) = caplog.records
    assert record.exc_info
    desk.clock.pass_by(600)
    with pytest.raises(ValueError, match="of ours"):
        await desk.get()


async def test_incomplete_refresh_does_not_replace_a_whole_answer_nor_storm() -> None:
    desk = Desk()
    await desk.get()
    desk.clock.pass_by(300)
    desk.source.complete = False
    for _ in range(10):
        served = await desk.get()
        await desk.settled()
        assert (served.value, served.complete) == (1, True)
    assert desk.source.asked == 2


async def test_caller_that_leaves_does_not_stop_the_computation_for_others() -> None:
    desk = Desk()
    desk.source.open.clear()
    leaving, staying = asyncio.create_task(desk.get()), asyncio.create_task(desk.get())
    await desk.settled()
    leaving.cancel()
    await desk.settled()
    desk.source.open.set()
    assert (await staying).value == 1
    assert leaving.cancelled()


async def test_nobody_left_stops_the_computation() -> None:
    desk = Desk()
    desk.source.open.clear()
    callers = [asyncio.create_task(desk.get()) for _ in range(3)]
    await desk.settled()
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)
    await desk.settled()
    desk.source.open.set()
    assert (await desk.get()).value == 2


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)], ids=["back", "forth"])
async def test_jump_of_the_wall_clock_changes_no_age(jump: timedelta) -> None:
    desk = Desk()
    await desk.get()
    desk.clock.jump(jump)
    desk.clock.pass_by(299)
    assert (await desk.get()).value == 1
    desk.clock.pass_by(601)
    renewed = await desk.get()
    assert renewed.value == 2
    assert renewed.as_of == desk.clock.now()


async def test_answers_are_bounded_in_bytes_and_the_one_not_used_goes() -> None:
    desk = Desk(max_bytes=1000)
    for key in "abc":
        await desk.get(key, Source(400) if key != "c" else Source(300))
        if key == "b":
            await desk.get("a")
    assert desk.outcomes == {"miss": 3, "hit": 1}
    for key in "ca":
        await desk.get(key)
    assert desk.outcomes == {"miss": 3, "hit": 3}
    await desk.get("b", Source(400))
    assert desk.outcomes == {"miss": 4, "hit": 3}


async def test_answer_bigger_than_the_bound_is_served_and_not_kept() -> None:
    desk = Desk(max_bytes=1000)
    big = Source(1001)
    assert (await desk.get("big", big)).value == 1
    assert (await desk.get("big", big)).value == 2


async def test_closing_stops_refreshes_and_computations() -> None:
    desk = Desk()
    await desk.get()
    desk.clock.pass_by(300)
    desk.source.open.clear()
    await desk.get()
    waiting = asyncio.create_task(desk.get("other"))
    await desk.settled()
    await desk.cache.close()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    assert len(asyncio.all_tasks()) == 1


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 1.0, 100.0, 299.0, 300.0, 601.0, 900.0, 3600.0]),
            st.sampled_from(["works", "down", "refused", "cut"]),
        ),
        max_size=12,
    )
)
async def test_no_answer_is_ever_older_than_allowed(story: list[tuple[float, str]]) -> None:
    desk = Desk()
    for passed, state in story:
        desk.clock.pass_by(passed)
        desk.source.complete = state != "cut"
        desk.source.error = {"down": Down("down"), "refused": Refused("no")}.get(state)
        try:
            answer = await desk.get()
        except (Down, Refused):
            continue
        finally:
            await desk.settled()
        age = desk.clock.monotonic() - answer.made
        assert age < (300 + 3600 if answer.stale else 900)
        assert answer.complete or not answer.stale
    await desk.cache.close()
