# Two commands for a fresh clone with Python 3.11 or newer, git and make; each installs what it needs into .venv:
#   make leaderboard   train, score and rank the board `quick` (BOARD=NAME for another one)
#   make test          check the code and run the tests
# And for readers:
#   make site          the published boards and the documents as pages: open site/index.html

SHELL := /bin/sh
PYTHON ?= python3
CORES ?= 8
BOARD ?= quick
BIN := .venv/bin

.PHONY: leaderboard test check docs site clean

leaderboard: .venv/pipeline
	$(BIN)/ganbench run $(BOARD) --cores $(CORES)

test: check
	$(BIN)/ganbench referee
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile

# The pages and the API reference, as docs/_build/html; a warning is an error.
docs: .venv/dev .venv/docs
	$(BIN)/python docs/refresh.py --check
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html

site: docs .venv/pipeline
	$(BIN)/ganbench site results/ --out site/ --docs docs/_build/html

# The lock holds the versions that this was tested with; pyproject.toml says which other versions may work.
.venv/pipeline .venv/dev .venv/docs: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "ganbench needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock \
	  --editable '.[cpu,$(@F)]'
	@touch $@

clean:
	rm -rf runs .snakemake
