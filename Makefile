# Every target sets up what it needs: Python 3.11 or newer and a network to a package index are enough.
.PHONY: demo test test-full lint clean

# Python 3.11 comes first: constraints.txt was seen to install and import together there.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	if $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then command -v $$p; break; fi; done)
BIN := .venv/bin
PYTEST_FLAGS ?=

demo: .venv/installed-demo
	$(BIN)/campipe demo --out demo

# Two workers with one thread each: the machine that checks a change has two cores.
pytest = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_FLAGS)

test: lint
	$(pytest) -m "not slow"

test-full: lint
	$(pytest)

lint: .venv/installed-test
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

# One mark per extra, older than its requirements means install again.
.venv/installed-%: pyproject.toml constraints.txt
	@test -x $(BIN)/python || test -n "$(PYTHON)" || \
		{ echo "campipe needs Python 3.11 or newer with its venv module; found none. Install one, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	@echo "Installing campipe[$*] into .venv (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[$*]"
	@touch $@

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist demo
