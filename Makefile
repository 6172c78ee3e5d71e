# Two commands for a fresh clone with Python 3.11 or newer, git and make:
#   make leaderboard   train, score and rank the board `quick` (BOARD=NAME for another one)
#   make test          check the code and run the tests

SHELL := /bin/sh
PYTHON ?= python3
CORES ?= 8
BOARD ?= quick
BIN := .venv/bin

.PHONY: leaderboard test check docs setup clean

leaderboard: setup
	$(BIN)/ganbench run $(BOARD) --cores $(CORES)

test: setup check
	$(BIN)/pytest -n 2 --dist loadfile

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile

# The pages and the API reference, as docs/_build/html; a warning is an error.
docs: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[docs]'
	$(BIN)/python docs/refresh.py --check
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html

setup: .venv/installed

# The lock holds the versions that this was tested with; pyproject.toml says what others may work.
.venv/installed: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "ganbench needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[cpu,dev]'
	@touch $@

clean:
	rm -rf runs .snakemake
