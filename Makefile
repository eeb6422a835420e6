# Two commands on a fresh machine: `make demo` and `make test`. Each sets up .venv by itself.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-segmentation notebooks test test-all bench lint format types check wandb-sync clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

# torch, torchvision and timm are installed together with everything else in one step:
# a torch that was installed before might not fit its torchvision.
$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "ackd needs Python 3.11 or newer, this is %s; choose one with: make PYTHON=python3.12 ..." % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $@

setup: $(VENV)/.ready ## set up .venv with ackd and its development tools

demo: $(VENV)/.ready ## teacher, matcher and three students on the embedded data, then a table
	$(BIN)/python -m ackd.demo

demo-segmentation: $(VENV)/.ready ## an optical teacher and three SAR students on synthetic towns, then a table
	$(BIN)/python -m ackd.demo --task segmentation

# Notebooks in the repository always show the embedded data; see notebooks/execute.py for other data.
notebooks: $(VENV)/.ready ## execute the notebooks again, on the embedded data
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

format: $(VENV)/.ready ## fix the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.ready ## mypy --strict on src
	$(BIN)/mypy

check: lint types test ## everything that a change must pass

# `wandb sync` asks before it sends; it needs SYNC=--yes or SYNC=--dry-run where nobody can answer.
OUTPUTS ?= $(or $(ACKD_OUTPUTS),outputs)
wandb-sync: $(VENV)/.ready ## list offline W&B runs and send them; OUTPUTS=DIR SYNC=--yes|--dry-run
	@test -d "$(OUTPUTS)/wandb" || \
	  { echo "There are no W&B runs in $(OUTPUTS)/wandb; name the folder with OUTPUTS=DIR." >&2; exit 1; }
	@WANDB_DIR="$(OUTPUTS)" $(BIN)/python -m wandb sync $(or $(SYNC),$$(test -t 0 || echo --dry-run))

clean: ## remove the environment and all caches, never results
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
