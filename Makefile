# Every command of the project. `make` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup
FUZZ_STAMP := $(VENV)/.setup-fuzz
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CODE := registry storage runtime migrations tests

# Several processes of tests, each with whole files, as most of a test's time is spent waiting; in the order of their names,
# so that the longest are not the last.
PROCESSES ?= 3
SIDE_BY_SIDE := --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

# What follows the verb or the test runner, as in: make serve ARGS="--listen 127.0.0.1:6000"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup serve test slow check fmt bench conformance conformance-sqlite conformance-postgresql e2e fuzz lock clean

help: ## list these commands
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: $(STAMP) ## make .venv with the entrepot command and everything development needs

serve: $(STAMP) ## start a registry on 127.0.0.1:5000 that keeps its data in entrepot-data/
	@exec $(BIN)/entrepot serve --root entrepot-data $(ARGS)

test: $(STAMP) ## run the tests, all but those of make e2e, conformance, bench
	@tests/install-system-packages test
	@echo "running some 6,000 tests in $(PROCESSES) processes: about 13 minutes on two cores"
	ENTREPOT_TEST_DATABASE=postgresql $(BIN)/python -m pytest -q $(SIDE_BY_SIDE) tests/protocol
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --ignore=tests/e2e --ignore=tests/bench --ignore=tests/conformance $(ARGS)

check: $(STAMP) ## check format, lint, types and the direction of imports
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/project/test_imports.py

fmt: $(STAMP) ## put the code into its format and fix what the linter can
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

bench: $(STAMP) ## measure against other registries on this machine
	@tests/install-system-packages bench
	$(BIN)/python -m tests.bench $(ARGS)

conformance: $(STAMP) ## run the official conformance suite of the distribution spec
	@tests/install-system-packages conformance
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target conformance-sqlite conformance-postgresql

conformance-sqlite: $(STAMP)
	$(BIN)/python -m tests.conformance $(ARGS)

conformance-postgresql: $(STAMP)
	ENTREPOT_TEST_DATABASE=postgresql $(BIN)/python -m tests.conformance $(ARGS)

e2e: $(STAMP) ## push and pull real images with real clients
	@tests/install-system-packages e2e
	$(BIN)/python -m pytest tests/e2e $(ARGS)

slow: $(STAMP) ## run the tests of S3 storage on Swift and SeaweedFS, and with a layer over 5 GB
	@tests/install-system-packages slow
	$(BIN)/python -m pytest -m slow tests/storage tests/s3 $(ARGS)

fuzz: $(STAMP) $(FUZZ_STAMP) ## fuzz the parsers and a running server
	$(BIN)/python -m tests.fuzz.run $(ARGS)

lock: $(STAMP) ## lock the newest versions that pyproject.toml allows
	$(PIP) install pip-tools
	PATH="$(BIN):$$PATH" tests/lock-requirements

clean: ## remove .venv and everything else that was made
	rm -rf $(VENV) dist build .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: entrepot needs Python 3.11 or newer; name one with make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || \
		{ echo "make: no virtual environment could be made; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "installing the Python packages of requirements.lock into $(VENV): about a minute"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(FUZZ_STAMP): requirements-fuzz.lock $(STAMP)
	$(PIP) install --require-hashes -r requirements-fuzz.lock
	@touch $@
