"""All that metrics show of provisioning, put together after each refresh."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from service.insights.activity.keeper import Activity
from service.metrics.exposition import Exposition
from service.metrics.family import PREFIX, Family, Limits, Values, within
from service.metrics.provisioning_families import (
    Choices,
    EventsTotal,
    Snapshot,
    families,
    snapshot,
)
from service.metrics.questions import Questions
from service.metrics.soundness import fault_of

log = logging.getLogger(__name__)

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
        self._told: set[tuple[str, str]] = set()

    def show(self, *, success: bool) -> None:
        """Shows what is known now; `success` is whether activity was refreshed. Takes up to a
        second for a large fleet: call it in a thread."""
        now = self._now()
        activity, standing = self._activity, self._activity.standing
        shown = snapshot(activity, standing.looked, now, self._choices) if standing else None
        found = self._families(shown, success=success)
        self._exposition.show(within(self._limits, found, now, shown.sizes if shown else {}))

    def _families(self, shown: Snapshot | None, *, success: bool) -> Iterator[Family]:
        asked: dict[Values, float] = {}
        succeeded: dict[Values, float] = {("activity",): int(success)}
        if shown:
            asked[("activity",)] = shown.as_of.timestamp()
            found = [*families(shown, self._choices.top_errors), self._total.family(shown)]
            sound = self._sound(found)
            yield from sound
            succeeded[("activity",)] = int(success and len(sound) == len(found))
        for name, answer in self._questions.shown.items():
            sound = self._sound(answer.families)
            yield from sound
            succeeded[(name,)] = int(answer.success and len(sound) == len(answer.families))
            if answer.as_of is not None:
                asked[(name,)] = answer.as_of.timestamp()
        for source in self._others:
            yield from self._sound(source())
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
            "Whether the last refresh got an answer that can be shown: 1, or 0 while it is not.",
            ("insight",),
            succeeded,
        )

    def _sound(self, found: Iterable[Family]) -> list[Family]:
        """Those that may be shown; why others may not is said once."""
        sound = []
        for family in found:
            fault = fault_of(family)
            if fault is None:
                sound.append(family)
            elif (family.name, fault) not in self._told:
                self._told.add((family.name, fault))
                log.error("%s %s; it is left out of the metrics", family.name, fault)
        return sound
