"""Fixtures that all tests share."""

pytest_plugins = ["tests.analyser", "tests.prometheus.demo", "tests.stores"]
