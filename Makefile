# `make help` lists what there is. `make demo` and `make test` need nothing but Python 3.11 or newer and make.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCKS := requirements/bootstrap.txt requirements/build.txt requirements/dev.txt
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -q
CLUSTERED := tests/agent tests/chart tests/cluster tests/controller tests/adapters/kube

.PHONY: help demo test setup lock fmt lint types imports generate verify unit integration golden sim soak
.PHONY: benchmark clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 20

demo: setup ## Watch a better model go live and a broken one be sent back (under a minute)
	@$(BIN)/python -m examples.demo

test: setup lint types imports verify unit ## Check everything that needs no cluster (under five minutes)

setup: $(READY) ## Make the environment in .venv (downloads once, then takes no time)

$(READY): pyproject.toml build_hooks.py $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Fairway needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "making the environment in $(VENV) (a minute the first time)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/bootstrap.txt requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --build-constraints requirements/build.txt -e .
	@touch $(READY)

lock: setup ## Resolve the dependencies anew and pin them by hash
	@for extra in local operator router fetch runtime e2e dev; do \
	  $(BIN)/uv pip compile --quiet --upgrade pyproject.toml --extra $$extra --universal --python-version 3.11 \
	    --generate-hashes --no-annotate --no-header -o requirements/$$extra.txt; done
	@for set in bootstrap build; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	    -o requirements/$$set.txt requirements/$$set.in; done

fmt: setup ## Format the code
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

lint: setup ## Check style
	@$(BIN)/ruff format --check --quiet . || { echo "run: make fmt" >&2; exit 1; }
	@$(BIN)/ruff check .

types: setup ## Check types
	@$(BIN)/mypy
	@$(BIN)/mypy examples benchmarks tools e2e

imports: setup ## Check who imports whom
	@$(BIN)/lint-imports --no-cache

generate: setup ## Write what follows from the code: CRD, reference, diagram
	@$(BIN)/python tools/generate.py

verify: setup ## Fail when a generated file is stale
	@$(BIN)/python tools/generate.py --check

unit: setup ## Run the tests that need no cluster
	@FAIRWAY_CLUSTER=off $(PYTEST) -r fE tests

integration: setup ## Run the tests on a real API server (skipped without its binaries: make cluster-binaries)
	@$(PYTEST) $(CLUSTERED)

golden: setup ## Rewrite the golden cases; read the diff as you would read code
	@$(BIN)/python -m pytest tests/cases --golden -q

sim: setup ## Walk through crashes and stale reads, ten times as long as in `make test`
	@FAIRWAY_WALKS=50000 $(BIN)/python -m pytest tests/sim -q

soak: setup ## Run the long variants of the tests on real processes
	@$(BIN)/python -m pytest -m soak -q tests

benchmark: setup ## Simulate the statistics and write the result down
	@$(BIN)/python -m benchmarks.statistics

clean: ## Remove the environment and all caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist

include make/chart.mk
include make/cluster.mk
include make/proofs.mk
