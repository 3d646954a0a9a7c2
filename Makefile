# hptui: every target works in a fresh clone with nothing but Python (3.11 or later) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Other libraries bring much, and pins of their own, so they have an environment to themselves.
INTEGRATION_VENV := .venv-integration
# The CPU build of torch is enough for the tests, and keeps a GPU build of several GB away. Textual is
# the version that the screens are tested with: some use private parts of it.
CONSTRAINTS := .constraints-dev.txt

.DEFAULT_GOAL := help
.PHONY: help run demo test test-fast test-integration test-servers test-cluster test-identity test-kill fuzz fuzz-files check format lint types contracts bench bench-long bench-scale pages pictures clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml $(CONSTRAINTS) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) -e '.[cmaes]'
	@touch $@

$(INTEGRATION_VENV)/.installed: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(INTEGRATION_VENV)
	$(INTEGRATION_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) -e '.[dev,integration]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(CONSTRAINTS) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) -e '.[dev,gp]'
	@touch $@ $(VENV)/.installed

# Without it the tests of dask are skipped, and say so.
$(VENV)/.cluster: $(VENV)/.dev
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) -e '.[dask]' && touch $@

run: $(VENV)/.installed ## install into .venv and open hptui
	@$(BIN)/hptui

demo: $(VENV)/.installed ## tune a real model without a screen: plot and best trial in under a minute
	@$(BIN)/python -m hptui.cli.commands.demo

# Much of the time tests wait, for programs and deadlines: four for two cores. A worker that a test
# which hangs has ended is not started again: xdist would give it that test again.
test: $(VENV)/.dev ## run the tests
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder --max-worker-restart 0 --ignore tests/integration --ignore tests/servers --ignore tests/cluster

test-fast: $(VENV)/.dev ## run the tests that need no engine, in under a minute
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m fast tests/domain tests/analysis tests/figures tests/storage tests/ui

# `make test` reads sixty of them, others each time.
fuzz-files: $(VENV)/.dev ## read 2,000 damaged study files by every command, or FILES=N, from SEED=N on
	HPTUI_FUZZ_FILES=$(or $(FILES),2000) HPTUI_FUZZ_SEED=$(or $(SEED),0) $(BIN)/python -m pytest -s -n 4 --dist load tests/cli/test_damaged_files.py

test-integration: $(INTEGRATION_VENV)/.installed ## run objectives that use torch, Lightning, MLflow and others
	$(INTEGRATION_VENV)/bin/python -m pytest -n 2 tests/integration

# Each server is started in a temporary folder; what is not installed is skipped, and says so.
test-servers: $(VENV)/.dev ## studies on PostgreSQL, MariaDB and Redis (Debian: postgresql mariadb-server redis-server)
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) -e '.[servers]'
	$(BIN)/python -m pytest tests/servers

# Each test runs a server of its own on loopback, or says what is missing.
test-cluster: $(VENV)/.cluster ## workers over ssh and dask on this machine (needs openssh-server)
	$(BIN)/python -m pytest -n 4 tests/cluster

# It has to pass with each version of Optuna that `engine/sampling` and its `tpe` name as proven.
test-identity: $(VENV)/.dev ## samplers and pruners beside Optuna's, value by value: ROUNDS=1, SEED=0, WINNERS=n
	$(BIN)/python -m tests.engine.quick --rounds $(or $(ROUNDS),1) --seed $(or $(SEED),0)
	$(BIN)/python -m tests.engine.tpe --rounds $(or $(ROUNDS),1) --seed $(or $(SEED),0) --winners $(or $(WINNERS),0)

# `make test` takes a sample of the steps, drawn anew each time, and kills a run twelve times.
test-kill: $(VENV)/.dev ## kill commands at every step and file system call (needs strace; takes half an hour)
	HPTUI_KILL_EVERY=1 HPTUI_KILLS=50 $(BIN)/python -m pytest -q tests/e2e/test_kills.py tests/e2e/test_sudden_death.py
	$(BIN)/python -m tests.e2e.kill_by_strace

# A failure names its seed: make fuzz SEED=7 COUNT=1 plays it again.
fuzz: $(VENV)/.dev ## press random keys: SECONDS=600, COUNT=sessions, SEED=first
	$(BIN)/python -m tests.fuzz $(if $(COUNT),--sessions $(COUNT),--seconds $(or $(SECONDS),600)) $(if $(SEED),--seed $(SEED))

format: $(VENV)/.dev ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(VENV)/.dev ## check format and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev ## check types
	$(BIN)/pyright

contracts: $(VENV)/.dev ## check the import contracts
	$(BIN)/lint-imports

check: lint types contracts test test-servers test-cluster ## format, lint, types, import contracts, tests: what CI runs

bench: $(VENV)/.dev ## hptui and Optuna side by side on this machine: PART="a c" for these parts
	$(BIN)/python -m tests.benchmarks $(PART)

bench-scale: $(VENV)/.dev ## beyond one machine: far workers, a run on a server, and the mirror of a server's study
	$(BIN)/python -m tests.benchmarks.scale
	$(BIN)/python -m tests.benchmarks.server_run
	$(BIN)/python -m tests.benchmarks.mirror $(TRIALS)

bench-long: $(VENV)/.dev ## 50,000 trials of TPE in one run, or TRIALS=N: time and memory on the way
	$(BIN)/python -m tests.benchmarks.long_run $(TRIALS)

pages: $(VENV)/.dev ## write the parts of the documentation anew that the program knows
	$(BIN)/python -m tests.docs.page_blocks

pictures: $(VENV)/.dev ## take the README's pictures of the application anew
	$(BIN)/python -m tests.pictures

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) $(INTEGRATION_VENV) .pytest_cache .ruff_cache .hypothesis
