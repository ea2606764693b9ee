# Every target does its own set-up in a local virtual environment; only Python >= 3.11 is needed beforehand.
#
#   make demo      compile a real architecture three ways and check each against onnxruntime
#   make test      everything that must be green: ruff, pyright, pytest, lit
#   make format    rewrite the sources the way ruff wants them
#   make venv      only the set-up

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= $(firstword $(foreach p,python3.11 python3 python3.12 python3.13,\
  $(shell $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2

.PHONY: demo test lint typecheck typing-tree pytest lit format venv clean

demo: venv
	$(BIN)/python tests/demo.py --output demo

test: lint typecheck pytest lit

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Pyright cannot follow setuptools' folder mapping, so the packages are linked together as they are installed.
typing-tree:
	rm -rf build/typing
	mkdir -p build/typing/oxide
	for entry in compiler/* dialects passes tools; do \
	  [[ $$entry == */__pycache__ ]] || ln -s "../../../$$entry" build/typing/oxide/; \
	done

typecheck: venv typing-tree
	$(BIN)/pyright --pythonpath $(BIN)/python

pytest: venv
	$(BIN)/python -m pytest -q -n $(WORKERS)

lit: venv
	$(BIN)/lit -v lit_tests

format: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

venv: $(READY)

# torch goes first and alone: its exact version is the one that needs no GPU packages.
$(READY): pyproject.toml
	@[[ -n "$(PYTHON)" ]] || { echo "error: Python 3.11 or newer is needed; set PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build demo
