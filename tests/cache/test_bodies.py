"""Rendered bodies are served until they expire, within a bound of bytes."""

from __future__ import annotations

from service.cache.bodies import Body, BodyCache
from tests.cache.clock import Clock


def body(clock: Clock, *, size: int = 100, lasts: float = 60) -> Body:
    return Body(200, (), b"x" * size, b'"tag"', clock.seconds, clock.seconds + lasts, "label")


def test_body_is_served_until_it_expires() -> None:
    clock = Clock()
    bodies = BodyCache(max_bytes=10_000, monotonic=clock.monotonic)
    kept = body(clock)
    bodies.keep("key", kept)
    clock.pass_by(59)
    assert bodies.get("key") is kept
    clock.pass_by(1)
    assert bodies.get("key") is None
    assert bodies.get("other") is None


def test_newer_body_takes_the_place_of_the_older() -> None:
    clock = Clock()
    bodies = BodyCache(max_bytes=10_000, monotonic=clock.monotonic)
    bodies.keep("key", body(clock))
    clock.pass_by(61)
    newer = body(clock)
    bodies.keep("key", newer)
    assert bodies.get("key") is newer


def test_bodies_are_bounded_in_bytes_and_the_one_not_used_goes() -> None:
    clock = Clock()
    bodies = BodyCache(max_bytes=30_000, monotonic=clock.monotonic)
    for key in "abc":
        bodies.keep(key, body(clock, size=8_000))
    assert bodies.get("a")
    bodies.keep("d", body(clock, size=8_000))
    assert [key for key in "abcd" if bodies.get(key)] == ["a", "c", "d"]


def test_body_too_big_or_expired_already_is_not_kept() -> None:
    clock = Clock()
    bodies = BodyCache(max_bytes=10_000, monotonic=clock.monotonic)
    bodies.keep("small", body(clock))
    bodies.keep("big", body(clock, size=10_001))
    bodies.keep("late", body(clock, lasts=0))
    assert [key for key in ("small", "big", "late") if bodies.get(key)] == ["small"]


def test_many_empty_bodies_are_bounded_too() -> None:
    clock = Clock()
    bodies = BodyCache(max_bytes=100_000, monotonic=clock.monotonic)
    for key in range(1000):
        bodies.keep(key, body(clock, size=0))
    assert 10 < sum(bodies.get(key) is not None for key in range(1000)) < 200
