# Every target makes what it needs, quietly, and only when it is missing or has changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := .make

.DEFAULT_GOAL := help
.PHONY: help setup run observe simulator test lint bench openapi dashboards lock

help:
	@echo "make run        the service with a made-up tenant on http://127.0.0.1:8080"
	@echo "make observe    the same, watched by a Prometheus with our rules"
	@echo "make simulator  Log Analytics simulated, with a made-up tenant, to point the service at"
	@echo "make test       the tests"
	@echo "make lint       style, types, direction of imports"
	@echo "make bench      what it costs, as ratios"
	@echo "make openapi    writes openapi/ and docs/errors.md anew from the code"
	@echo "make dashboards writes grafana/dashboards/ anew from the code"
	@echo "make lock       resolves the pinned versions anew from pyproject.toml"

setup: $(STAMPS)/dev

run: $(STAMPS)/run
	@$(BIN)/provisioning-insights serve $(ARGS)

simulator: $(STAMPS)/dev
	@$(BIN)/python -m tests.simulator $(ARGS)

observe: $(STAMPS)/run
	@$(BIN)/python -m prometheus.observe

test: $(STAMPS)/dev $(STAMPS)/analyser
	@$(BIN)/python -m pytest $(ARGS)

lint: $(STAMPS)/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: $(STAMPS)/dev
	@$(BIN)/python -m benchmarks $(ARGS)

openapi: $(STAMPS)/dev
	@$(BIN)/provisioning-insights openapi > openapi/openapi.yaml
	@$(BIN)/provisioning-insights openapi --settings > openapi/settings.schema.json
	@$(BIN)/provisioning-insights openapi --pack > openapi/pack.schema.json
	@$(BIN)/python -m service.insights.knowledge > docs/errors.md

dashboards: $(STAMPS)/dev
	@$(BIN)/python -m grafana.building

lock:
	@uv pip compile --quiet --universal --python-version 3.11 --no-header --generate-hashes \
	  --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.lock
	@uv pip compile --quiet --universal --python-version 3.11 --no-header --generate-hashes \
	  --no-emit-index-url --no-emit-find-links pyproject.toml --group dev -o requirements-dev.lock

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say which with PYTHON=…")'
	@$(PYTHON) -m venv $(VENV)

# To run, the pinned packages are enough; to test, the tools come on top.
$(STAMPS)/run: requirements.lock pyproject.toml | $(BIN)/python
	@test -e $(STAMPS)/dev || $(BIN)/pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check --no-deps --editable .
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check --no-deps --editable .
	@mkdir -p $(STAMPS) && touch $@ $(STAMPS)/run

# Microsoft's KQL analyser, for the tests. Without Node they skip, and say so.
$(STAMPS)/analyser: tests/kql/analyser/package-lock.json
	@if command -v npm >/dev/null; then npm ci --silent --no-audit --no-fund --prefix tests/kql/analyser; \
	else echo "Node is not here: tests that ask Microsoft's KQL analyser will be skipped."; fi
	@mkdir -p $(STAMPS) && touch $@
