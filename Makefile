# Two commands on a fresh machine: `make demo` and `make test`. Each sets up .venv by itself.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo notebooks test test-all bench lint format types check wandb-sync clean

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# torch, torchvision and timm are resolved together with everything else, in one go:
# a torch put there beforehand would not fit its torchvision.
$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "ackd needs Python 3.11 or newer, this is %s; say which with: make PYTHON=python3.12 ..." % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $@

setup: $(VENV)/.ready ## set up .venv with ackd and its development tools

demo: $(VENV)/.ready ## teacher, matcher and three students on the embedded data, then a table
	$(BIN)/python -m ackd.demo

# In place they always show the embedded data; see notebooks/execute.py for other data.
notebooks: $(VENV)/.ready ## execute the notebooks anew, on the embedded data
	$(BIN)/python notebooks/execute.py notebooks/01_benchmark.ipynb

test: $(VENV)/.ready ## the test suite (without the slow ones)
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

test-all: $(VENV)/.ready ## the slow tests too
	$(BIN)/python -m pytest -n 2 --dist loadfile

bench: $(VENV)/.ready ## measure speed and memory on this machine; BENCH=--quick takes minutes
	$(BIN)/python -m benchmarks $(BENCH)

lint: $(VENV)/.ready ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.ready ## put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.ready ## mypy --strict on src
	$(BIN)/mypy

check: lint types test ## everything that a change must pass

# OUTPUTS=DIR where the runs lie elsewhere; SYNC=--yes or SYNC=--dry-run instead of a question.
wandb-sync: $(VENV)/.ready ## say which W&B runs lie offline, and send them if you agree
	@$(BIN)/python -m ackd.dashboard sync $(SYNC) $(OUTPUTS)

clean: ## remove the environment and all caches, never results
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
