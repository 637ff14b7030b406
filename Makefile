# Two commands do all: `make demo` and `make test`. Both make the virtual environment on first use.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test tests lint docs docs-zensical clean

demo: $(VENV)/.installed
	$(BIN)/sceneparse demo --out demo

# Bytecode is written even where the environment forbids it: without, each of the many processes that the tests start
# would compile PyTorch's and our own modules anew, for seconds.
# Linters and tests go side by side: of the linters, the one that takes long has one thread.
test: $(VENV)/.installed-dev
	+@$(MAKE) --no-print-directory -j 2 lint tests

tests: $(VENV)/.installed-dev
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

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
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[zensical]'
	$(BIN)/python docs/generate.py build/docs
	$(BIN)/zensical build --clean --strict
	@echo 'site/index.html'

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "sceneparse needs Python 3.11 or newer; name one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) build dist demo site
