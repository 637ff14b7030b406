# Two commands do all: `make demo` and `make test`. Both make the virtual environment on first use.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP = $(BIN)/python -m pip
# Without bytecode of all that is installed, of which most is never imported: what is imported writes its own.
INSTALL = $(PIP) install --quiet --disable-pip-version-check --no-compile
# PyTorch's builds for the CPU: on Linux a small part of the download that PyPI's, for NVIDIA GPUs, is.
TORCH_CPU ?= https://download.pytorch.org/whl/cpu

# What pip needs to be told to find the build for the CPU; nothing where there is an NVIDIA GPU, where pip is configured
# to look somewhere else than in PyPI, and where the builds cannot be reached (pip itself would try for a minute).
define TORCH_INDEX
if [ "$$(uname -s)" != Linux ] || command -v nvidia-smi >/dev/null 2>&1; then exit 0; fi; \
if $(PIP) config list | grep -E 'index-url|no-index|find-links' >/dev/null; then \
	echo 'PyTorch: from where pip is configured to look' >&2; \
elif $(BIN)/python -c 'import signal, sys, urllib.request; signal.alarm(5); urllib.request.urlopen(sys.argv[1])' \
	$(TORCH_CPU)/torch/ >/dev/null 2>&1; then \
	echo 'PyTorch: the build for the CPU (no nvidia-smi here), from $(TORCH_CPU)' >&2; \
	echo --extra-index-url $(TORCH_CPU); \
else \
	echo 'PyTorch: the build for NVIDIA GPUs, which works without one, since $(TORCH_CPU) does not answer' >&2; \
fi
endef

# Bytecode is written even where the environment forbids it: without, each of the many processes that the tests start
# would compile PyTorch's and our own modules anew, for seconds.
PYTEST = PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest
PROCESSES = import os; print(min(max(2, len(os.sched_getaffinity(0)) - 2), 14))

# All tests. Where there is an NVIDIA GPU, those that are not for it don't see it: they expect a CPU's labels and bits,
# and many processes would share its memory. Those that are come after them, in one process.
define TESTS
if command -v nvidia-smi >/dev/null 2>&1; then \
	CUDA_VISIBLE_DEVICES= $(PYTEST) -m 'not cuda' -n $$($(BIN)/python -c '$(PROCESSES)') --dist worksteal && \
	$(PYTEST) -m cuda; \
else \
	$(PYTEST) -n 2 --dist worksteal; \
fi
endef

.PHONY: demo test tests test-slow lint docs docs-zensical clean torch-index

demo: $(VENV)/.installed
	$(BIN)/sceneparse demo --out demo

# Linters and tests go side by side: of the linters, the one that takes long has one thread.
test: $(VENV)/.installed-dev
	+@$(MAKE) --no-print-directory -j 2 lint tests

tests: $(VENV)/.installed-dev
	$(TESTS)

# Larger variants of tests that run anyway.
test-slow: export SCENEPARSE_SLOW_TESTS = 1
test-slow: $(VENV)/.installed-dev
	$(TESTS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: $(VENV)/.installed-docs
	$(BIN)/python docs/generate.py build/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo 'site/index.html'

# The same site by MkDocs' successor, for the day when Material for MkDocs is no longer maintained (from 5 May 2027 on).
docs-zensical: $(VENV)/.installed-docs
	$(INSTALL) -e '.[zensical]'
	$(BIN)/python docs/generate.py build/docs
	$(BIN)/zensical build --clean --strict
	@echo 'site/index.html'

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "sceneparse needs Python 3.11 or newer; name one with: make PYTHON=python3.12")'
	@echo 'installing sceneparse and what it needs into $(VENV): a few minutes where PyTorch has to be downloaded'
	@$(PYTHON) -m venv $(VENV)
	@more=$$($(TORCH_INDEX)) && $(INSTALL) $$more -e . || \
		{ test -n "$$more" && echo 'PyTorch: once more, from PyPI alone' >&2 && $(INSTALL) -e .; }
	@touch $@

torch-index:
	@$(TORCH_INDEX)

$(VENV)/.installed-dev: $(VENV)/.installed
	$(INSTALL) -e '.[dev]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(INSTALL) -e '.[docs]'
	@touch $@

clean:
	rm -rf $(VENV) build dist demo site
