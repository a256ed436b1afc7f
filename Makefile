# Poolscope from a fresh clone: `make app` installs it and opens it, `make test` tests it.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501
HOST ?= 127.0.0.1
WORKERS ?= 4
RESULTS_HOME ?= $(CURDIR)/.results
# Where an environment forbids bytecode, as containers do, every process would compile torch and all the rest anew.
export PYTHONDONTWRITEBYTECODE :=
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info)
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done)

.DEFAULT_GOAL := help
.PHONY: help app demo test lint docs results chromium clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

app: $(VENV)/.installed  ## install if needed, build the demo pool, open the app at 127.0.0.1:8501
	@$(BIN)/poolscope app --host $(HOST) --port $(PORT) $(ARGS)

demo: $(VENV)/.installed  ## build the demo pool without opening the app
	@$(BIN)/poolscope demo

test: $(VENV)/.installed-tests chromium  ## install what tests need and run all of them; ARGS="-k jobs" for some
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

lint: $(VENV)/.installed-dev  ## ruff, mypy, and the layers
	@$(BIN)/ruff check .
	@$(stage)
	@set -o pipefail; $(BIN)/mypy | sed -e "s#$(VENV)/lint/poolscope/explorer#explorer#" -e "s#$(VENV)/lint/poolscope#backend#"
	@PYTHONPATH=$(VENV)/lint $(BIN)/lint-imports

docs: $(VENV)/.installed  ## rewrite assets/docs/commands.md and assets/docs/methods.md from what the code declares
	@$(BIN)/python assets/docs/reference.py

results: $(VENV)/.installed  ## train the demo's 105 runs from an empty home, rewrite the tables of assets/results.md; hours, resumable
	@POOLSCOPE_HOME=$(RESULTS_HOME) $(BIN)/python tests/benchmarks/results.py

clean:  ## remove the installation; pools and runs stay
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache

# A stamp is written last: an interrupted installation is done again, a finished one is not touched (no network).
$(VENV)/.installed: pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo "error: Poolscope needs Python 3.11 or newer, found $$(python3 --version 2>&1): install it, or name one with 'make $(MAKECMDGOALS) PYTHON=/path/to/python'" >&2; exit 1; fi
	@$(PYTHON) -c '$(SUPPORTED)' || { echo "error: $(PYTHON) is $$($(PYTHON) --version 2>&1): Poolscope needs Python 3.11 or newer" >&2; exit 1; }
	@echo "Installing Poolscope into $(VENV) (about 3 GB to download the first time)"
	@$(make_venv)
	@$(call install,.)
	@touch $@

$(VENV)/.installed-tests: $(VENV)/.installed
	@$(call install,.[test])
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-tests
	@$(call install,.[dev])
	@touch $@

# uv installs several times as fast as pip: one that is there is used, else pip brings it into the environment.
find_uv = uv=; for each in uv "$(PYTHON) -m uv" "$(BIN)/python -m uv"; do $$each --version > /dev/null 2>&1 && uv=$$each && break; done

# The environment holds pip however it is made. Without uv, ensurepip or the system's own pip must bring it.
make_venv = $(find_uv); \
	if $(BIN)/python -c '$(SUPPORTED)' 2> /dev/null && $(BIN)/python -m pip --version > /dev/null 2>&1; then exit 0; fi; rm -rf $(VENV); \
	[ -n "$$uv" ] && $$uv venv --quiet --seed --python "$$(command -v $(PYTHON))" $(VENV) && exit 0; \
	$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null && $(PYTHON) -m venv --clear $(VENV) && exit 0; \
	$(PYTHON) -m pip --version > /dev/null 2>&1 && $(PYTHON) -m venv --clear --without-pip $(VENV) \
		&& $(PYTHON) -m pip --python $(BIN)/python install --quiet pip && exit 0; \
	echo "error: $(PYTHON) cannot make virtual environments: on Debian and Ubuntu, 'apt-get install python3-venv'" >&2; exit 1

# Nothing is compiled in advance: what is used compiles itself at its first import, and most of 3 GB never is.
install = $(find_uv); \
	[ -n "$$uv" ] || { $(BIN)/python -m pip install --disable-pip-version-check --quiet uv && uv="$(BIN)/python -m uv"; } || true; \
	{ [ -n "$$uv" ] && $$uv pip install --python $(BIN)/python -e '$(1)'; } \
		|| $(BIN)/python -m pip install --disable-pip-version-check --no-compile -e '$(1)'

# What reads the package from its files finds it as it is installed: backend/ is poolscope/, with explorer/ inside.
stage = rm -rf $(VENV)/lint && mkdir -p $(VENV)/lint/poolscope && ln -s $(CURDIR)/backend/* $(CURDIR)/explorer $(VENV)/lint/poolscope/

chromium:
	@tests/chromium.sh
