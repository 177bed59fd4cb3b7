"""All that metrics show of provisioning, put together after each refresh."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from service.insights.activity.keeper import Activity
from service.metrics.exposition import Exposition
from service.metrics.family import PREFIX, Family, Limits, Values, within
from service.metrics.provisioning_families import Choices, EventsTotal, families, snapshot
from service.metrics.questions import Questions

Source = Callable[[], Iterable[Family]]


class Provisioning:
    """Renders activity, the questions' answers, and what `others` have, such as incidents.

    Each of `others` is called at every refresh and gives its families as they are then.
    """

    def __init__(
        self,
        activity: Activity,
        questions: Questions,
        exposition: Exposition,
        *,
        choices: Choices,
        limits: Limits,
        now: Callable[[], datetime],
        others: Sequence[Source] = (),
    ) -> None:
        self._activity = activity
        self._questions = questions
        self._exposition = exposition
        self._choices = choices
        self._limits = limits
        self._now = now
        self._others = others
        self._total = EventsTotal(limits.series)

    def show(self, *, success: bool) -> None:
        """Shows what is known now; `success` is whether activity was refreshed. Takes up to a
        second for a large fleet: call it in a thread."""
        now = self._now()
        self._exposition.show(within(self._limits, self._families(now, success=success), now))

    def _families(self, now: datetime, *, success: bool) -> Iterator[Family]:
        asked: dict[Values, float] = {}
        succeeded: dict[Values, float] = {("activity",): int(success)}
        if standing := self._activity.standing:
            shown = snapshot(self._activity, standing.looked, now, self._choices)
            asked[("activity",)] = standing.looked.timestamp()
            yield from families(shown, self._choices.top_errors)
            yield self._total.family(shown)
        for name, answer in self._questions.shown.items():
            yield from answer.families
            succeeded[(name,)] = int(answer.success)
            if answer.as_of is not None:
                asked[(name,)] = answer.as_of.timestamp()
        for source in self._others:
            yield from source()
        yield Family(
            f"{PREFIX}_data_timestamp_seconds",
            "gauge",
            "When the workspace was asked for what is shown, in Unix time.",
            ("insight",),
            asked,
        )
        yield Family(
            f"{PREFIX}_refresh_success",
            "gauge",
            "Whether the last refresh got an answer: 1, or 0 while the values shown are older.",
            ("insight",),
            succeeded,
        )
