# make demo    all of girsanov on real data, in a few minutes, into out/demo/
# make test    what CI runs: lint, format, types, tests
# make study   the slow tests
# make fuzz    100,000 damaged and hostile files through every reader, and new examples by the
#              thousand for every test that searches for one
# make check-dependencies   known vulnerabilities in what constraints.txt names; needs the network
# make format  let ruff put the code in order
# make docs    the pages, into out/site/
# make clean   remove what these made
#
# Everything lives in .venv, which is made on first use. Another Python: make PYTHON=python3.12 test

PYTHON ?= python3
DEMO ?= out/demo
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest
CHECKED := src tests benchmarks $(wildcard docs/*.py)

.PHONY: help demo test study fuzz check-dependencies docs format clean

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: .venv/.installed
	$(BIN)/girsanov demo --out $(DEMO)

test: .venv/.dev
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy
	$(PYTEST) -n 2

study: .venv/.dev
	$(PYTEST) -m slow

fuzz: .venv/.dev
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz/fuzz.py --inputs 100000
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz/bound_inputs.py --inputs 10000
	$(PYTEST) -m hypothesis --hypothesis-profile search --timeout 3600

# in a place of its own: what it brings is no dependency of ours
check-dependencies: .venv/.made
	@$(PYTHON) -m venv .venv/audit
	@.venv/audit/bin/python -m pip --disable-pip-version-check install --quiet pip-audit
	@.venv/audit/bin/python tests/check_dependencies.py constraints.txt

docs: .venv/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --site-dir out/site

format: .venv/.dev
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis out

# The stamps: an install is repeated when what it was made from has changed, and at no other time.
.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  found=$$($(PYTHON) --version 2>/dev/null) || found="missing or broken"; \
	  echo "girsanov needs Python 3.11 or newer, and $(PYTHON) is $$found." \
	    "Try: make PYTHON=python3.12" >&2; \
	  exit 1; }
	@$(PYTHON) -m venv .venv || { \
	  echo "'$(PYTHON) -m venv' failed; on Debian and Ubuntu: apt install python3-venv" >&2; \
	  exit 1; }
	$(PIP) install --quiet --upgrade 'pip>=25.1'
	@touch $@

# torch comes first and alone: it is most of the download, and a later failure then keeps it
.venv/.installed: .venv/.made pyproject.toml constraints.txt
	$(PIP) install --quiet -c constraints.txt torch
	$(PIP) install --quiet -c constraints.txt -e '.[all]'
	@touch $@

.venv/.dev: .venv/.installed
	$(PIP) install --quiet -c constraints.txt --group dev
	@touch $@
