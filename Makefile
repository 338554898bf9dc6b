# What a contributor runs. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
# Tests wait more than they compute: three at a time on two cores. A cluster that somebody lent is
# used by one at a time.
JOBS ?= $(if $(AZWI_KUBECONFIG),0,3)
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format e2e images chart bench scale fuzz lock clean

help:  ## list what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make .venv with everything, locked by hashes

$(STAMP): requirements/dev.txt pyproject.toml
	@echo "setting up $(VENV): one to three minutes the first time"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11 setup" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off \
		--require-hashes -r requirements/dev.txt \
		| sed -un -e 's/^Collecting \([^ ]*\).*/  \1/p' -e 's/^\(Installing collected packages\).*/  \1/p'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## from a grant to an access token and back, on a real API server, step by step
	@$(BIN)/python -m hack.demo

test: setup  ## all tests; what needs a cluster says so where there is none
	@$(BIN)/python -m pytest -n $(JOBS) $(PYTEST_ARGS)

lint: setup  ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: setup  ## let ruff put the code in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

e2e: setup  ## the chart with our images on a real node; KUBECONFIG=... for a cluster of yours
	@$(BIN)/python -m hack.e2e $(if $(filter command line,$(origin KUBECONFIG)),--kubeconfig $(KUBECONFIG))

images: setup  ## build all images with docker or buildah, and print their sizes
	@$(BIN)/python -m hack.images build

chart: setup  ## write what is derived of the chart's values: the README's table, the defaults
	@$(BIN)/python -m hack.chart readme

bench: setup  ## speed and memory of the webhook and the emulator, as a table
	@$(BIN)/python -m hack.bench

scale: setup  ## the controller with 10,000 ServiceAccounts on 500 identities; 15 minutes
	@$(BIN)/python -m hack.scale

fuzz: setup  ## 100,000 malformed reviews against the real server
	@$(BIN)/python -m hack.fuzz

lock: setup  ## resolve the dependencies anew into requirements/
	@$(BIN)/uv pip compile pyproject.toml --quiet --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-annotate --custom-compile-command "make lock" -o requirements/dev.txt
	@$(BIN)/uv pip compile pyproject.toml --quiet --extra webhook --universal --python-version 3.11 \
		--generate-hashes --no-annotate --custom-compile-command "make lock" \
		-c requirements/dev.txt -o requirements/webhook.txt
	@$(BIN)/uv pip compile pyproject.toml --quiet --extra emulator --universal --python-version 3.11 \
		--generate-hashes --no-annotate --custom-compile-command "make lock" \
		-c requirements/dev.txt -o requirements/emulator.txt
	@$(BIN)/uv pip compile pyproject.toml --quiet --extra controller --universal --python-version 3.11 \
		--generate-hashes --no-annotate --custom-compile-command "make lock" \
		-c requirements/dev.txt -o requirements/controller.txt
	@$(BIN)/uv pip compile examples/consumer/requirements.in --quiet --universal --python-version 3.11 \
		--generate-hashes --no-annotate --custom-compile-command "make lock" \
		-c requirements/dev.txt -o requirements/consumer.txt

clean:  ## remove what the targets above made in this folder
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	@find . -name __pycache__ -prune -exec rm -rf {} +
