# make demo   the main job, from a fresh clone to rows in out/
# make test   everything the tests need, and the tests
# make check  linters and contracts
# make venv   only the environment
#
# PIP_EXTRA="--extra-index-url URL" is handed to pip, for machines that install from a mirror.

PYTHON ?= python3
PIP_EXTRA ?=
BIN := .venv/bin

.PHONY: demo test check venv bench samples clean
.DEFAULT_GOAL := demo

.venv/.runtime: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ocrmill needs Python 3.11 or newer; run: make PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_EXTRA) --editable .
	touch $@

.venv/.dev: .venv/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_EXTRA) --editable '.[dev]'
	touch $@

venv: .venv/.dev

demo: .venv/.runtime
	$(BIN)/ocrmill run samples --out out --config configs/demo.toml; code=$$?; test $$code -eq 0 -o $$code -eq 3
	$(BIN)/ocrmill inspect out

test: .venv/.dev
	$(BIN)/python -m pytest

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf out .venv
