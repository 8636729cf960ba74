# `make help` lists the targets. Variables are given on the command line: make serve PORT=9000
PYTHON ?= python3
VENV ?= .venv
# Not `?=`: some shells and environments export a HOST of their own, which is no address to listen on.
HOST = 127.0.0.1
PORT = 8000

BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check --require-hashes
LOCK := $(VENV)-lock/bin/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 \
	--fork-strategy fewest --generate-hashes --no-emit-index-url --custom-compile-command "make lock"

# Each worker is a process: with more than one BLAS thread in each they would fight over the cores.
TEST_ENV := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
PYTEST_FLAGS = -n auto
# The generator of the TypeScript client. Where there is no npm, its test says so and is skipped.
TYPESCRIPT := tests/clients/typescript
CLIENT_TOOLS := $(if $(shell command -v npm 2>/dev/null),$(TYPESCRIPT)/node_modules/.installed)

.DEFAULT_GOAL := help
.PHONY: help install serve test test-clients lint typecheck format bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

install: $(VENV)/.dev-installed ## make .venv with everything that development needs, at the locked versions

serve: $(VENV)/.installed ## start the server on HOST (127.0.0.1) and PORT (8000)
	@exec $(BIN)/python -m app --host $(HOST) --port $(PORT)

test: lint typecheck $(CLIENT_TOOLS) ## everything that CI runs: lint, format, types, tests
	$(TEST_ENV) $(BIN)/python -m pytest $(PYTEST_FLAGS)

test-clients: install $(CLIENT_TOOLS) ## clients generated from the OpenAPI document, in Python and TypeScript
	$(TEST_ENV) $(BIN)/python -m pytest -m clients

lint: install ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: install ## check types
	$(BIN)/mypy

format: install ## rewrite the sources in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install ## compare the engine with hand-written NumPy (and PyTorch where it is installed)
	$(BIN)/python -m benchmarks.engine $(BENCH_FLAGS)

lock: ## resolve the dependencies of pyproject.toml anew, with hashes and without any registry's address
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --no-input --disable-pip-version-check uv
	$(LOCK) --output-file requirements.txt
	$(LOCK) --extra dev --output-file requirements-dev.txt
	rm -rf $(VENV)-lock

clean: ## remove everything that make and the tools made
	rm -rf $(VENV) $(VENV)-lock .mypy_cache .pytest_cache .ruff_cache .hypothesis build *.egg-info
	rm -rf $(TYPESCRIPT)/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The two stamps say which lock file the environment holds. A missing or older one installs; `venv` over an
# environment that exists repairs one that was left half made.
$(VENV)/.installed: requirements.txt
	@$(call make_venv)
	$(PIP_INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.dev-installed: requirements-dev.txt
	@$(call make_venv)
	$(PIP_INSTALL) -r requirements-dev.txt
	@touch $(VENV)/.installed $@

$(TYPESCRIPT)/node_modules/.installed: $(TYPESCRIPT)/package-lock.json
	@npm ci --silent --prefix $(TYPESCRIPT) && touch $@ || echo "npm could not install the generator of the TypeScript client"

define make_venv
$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else \
	"Python 3.11 or newer is needed; say which with: make PYTHON=python3.12 ...")' && \
$(PYTHON) -m venv $(VENV)
endef
