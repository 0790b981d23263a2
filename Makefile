# Two commands are all set-up there is: `make demo` and `make test`.
# PYTHON picks the interpreter (3.10 to 3.12), VENV the place of the environment.

SHELL := /bin/bash
VENV ?= .venv
SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.10 python3; do \
	"$$p" -c "$(SUPPORTED)" >/dev/null 2>&1 && { echo "$$p"; break; }; done)
BIN := $(VENV)/bin
# The stamp names the content of pyproject.toml and the checkout, so that a change of either installs anew.
KEY := $(shell { cat pyproject.toml; pwd; } | sha256sum | cut -c1-16)
DEMO := $(BIN)/lqbench run --method hr,bicubic,lr --dataset scenes-clean,scenes-d
PYTEST_WORKERS ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test lint types unit benchmarks clean

help: ## say what each command does
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/'

demo: $(VENV)/.run-$(KEY) ## make the environment, compare three methods on the embedded scenes, write the report
	$(DEMO)
	$(BIN)/lqbench report

test: lint types unit ## make the environment, then lint, types and tests

lint: $(VENV)/.dev-$(KEY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev-$(KEY)
	$(BIN)/pyright --pythonpath $(BIN)/python

# One computing thread a worker: more would only make the workers wait for each other.
unit: $(VENV)/.dev-$(KEY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(PYTEST_WORKERS) --dist worksteal -m "not benchmarks"

benchmarks: $(VENV)/.dev-$(KEY) ## measure speeds, on a machine that does nothing else
	$(BIN)/pytest -m benchmarks -s

$(VENV)/.run-$(KEY): | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.dev-$(KEY): | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@ $(VENV)/.run-$(KEY)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python 3.10, 3.11 or 3.12 found; install one, or name it: make PYTHON=/path/to/python3.11"; exit 2; }
	@echo "making the environment in $(VENV) with $(PYTHON); the packages take 5 GB of disk and some minutes"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=24" "setuptools>=77"

clean: ## remove the environment and everything that was computed
	rm -rf $(VENV) .lqbench build dist *.egg-info
