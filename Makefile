# Needs python3 (3.11 or later) and make, nothing else. `make help` lists the targets.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# What is compiled is kept, whatever the environment says: a run of the tests starts hundreds of interpreters.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest
# Tests with real servers and workers wait most of their time, so three of them share a core; more than eight at once would
# only wait for each other.
TEST_WORKERS ?= $(shell n=$$((3 * $(CORES))); [ $$n -gt 8 ] && n=8; echo $$n)

.DEFAULT_GOAL := help
.PHONY: help setup run up test test-unit coverage check lint format clean

help: ## this list
	@sed -n $(if $(wildcard tests/bench/__main__.py),,-e '/^bench:/d') $(if $(wildcard tests/chaos/__main__.py),,-e '/^chaos:/d') \
		$(if $(wildcard tests/soak/__main__.py),,-e '/^soak:/d') \
		-e 's/^\([a-z-]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20
	@echo '  ARGS="…" goes to the command behind run, up, test and test-unit; PYTHON=python3.13 chooses the Python of .venv.'

run: setup ## ingest and judge once, live: ARGS="--catalog sample", ARGS=--help
	@$(BIN)/pkgintel run $(ARGS)

up: setup ## worker, beat and Flower until Ctrl-C, with embedded Postgres and Redis
	@$(BIN)/pkgintel up $(ARGS)

test: setup ## the whole test suite, against real servers and workers: ARGS="-k journey"
	@$(PYTEST) -n $(TEST_WORKERS) --dist loadscope --no-loadscope-reorder -q -ra $(ARGS)

test-unit: setup ## its quick part: no server, an answer in seconds
	@$(PYTEST) -n $(CORES) --dist worksteal -q -ra --histories 400 tests/unit $(ARGS)

coverage: setup ## how much of the pure packages their tests reach, with a floor
	@$(PYTEST) -n $(CORES) --dist worksteal -q --histories 400 tests/unit tests/integration/licenses \
		--cov=pkgintel.nuget --cov=pkgintel.licenses --cov-fail-under=93 $(ARGS)

check: lint coverage test ## all that .ci/run asks for: lint, format, types, import contracts, coverage, tests

lint: setup ## the quick part of check
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: setup ## bring the source into its form
	@$(BIN)/ruff check --fix-only -q
	@$(BIN)/ruff format

clean: ## remove .venv and caches; .pkgintel (your data) stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: ## only make or update .venv
	@PYTHON='$(PYTHON)' CHOSEN='$(filter command environment,$(origin PYTHON))' sh .ci/setup $(VENV) >&2

# What is there to run beyond the product has a target of the same name.
ifneq ($(wildcard tests/bench/__main__.py),)
.PHONY: bench
bench: setup ## measure: ARGS=--help
	@$(BIN)/python -m tests.bench $(ARGS)
endif
ifneq ($(wildcard tests/chaos/__main__.py),)
.PHONY: chaos
chaos: setup ## kill workers and servers while they work: ROUNDS=100 SEED=7
	@$(BIN)/python -m tests.chaos $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(ARGS)
endif
ifneq ($(wildcard tests/soak/__main__.py),)
.PHONY: soak
soak: setup ## live with it for an hour and measure what that leaves behind: MINUTES=60
	@$(BIN)/python -m tests.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(ARGS)
endif
