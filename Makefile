# make demo: run the default experiment.   make test: run all checks.   Both create .venv if it is missing.
# make verify CONFIG=config/paper.yaml: compare an experiment with the paper; fails if a number is outside its tolerance.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: demo test check lint lock config envs containers pictures clean verify
.DEFAULT_GOAL := demo

PYTHON ?= python3
CORES ?= all
VENV := .venv
# Version of Miniforge in containers.
MINIFORGE ?= 25.3.0-3
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The same with what tests and linters need.
READY_DEV := $(VENV)/.ready-dev
# snakefmt finds shfmt on PATH.
export PATH := $(CURDIR)/$(BIN):$(PATH)

# A lock is complete, so --no-deps. Another build of torch than the default: PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCKED := $(PIP_INSTALL) --require-hashes --no-deps

$(READY): requirements.lock requirements-torch.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "Python 3.11 or newer is needed; make PYTHON=python3.11 ..." or 0)'
	@echo "Installing into $(VENV) (a minute or two) ..."
	$(PYTHON) -m venv $(VENV)
	$(LOCKED) -r requirements.lock
	$(PIP_INSTALL) -r requirements-torch.txt
	@# The demo's encoder; afterwards the demo needs no network.
	$(BIN)/snakemake downloads --cores 1 --quiet rules
	@touch $@

$(READY_DEV): requirements-dev.lock $(READY)
	$(LOCKED) -r requirements-dev.lock
	@touch $@

demo: $(READY)
	$(BIN)/snakemake --cores $(CORES) --quiet rules
	@echo
	@echo "Done. Open results/demo/report.html"

verify: $(READY)
	$(BIN)/snakemake verify --cores $(CORES) --quiet rules $(if $(CONFIG),--configfile $(CONFIG))

test: $(READY_DEV) lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST)
	@echo
	@echo "All checks passed."

# Fast checks during development: no slow tests, no runs of Snakemake.
check: $(READY_DEV) lint
	$(BIN)/python -m pytest -q -n 2 -m "not slow and not workflow and not slurm" tests/unit $(PYTEST)

lint: $(READY_DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/python tools/lint_workflow.py

# Write config/README.md and config/schema.json from the model in workflow/scripts/hybridbatch/config/.
config: $(READY)
	PYTHONPATH=workflow/scripts $(BIN)/python tools/describe_config.py --schema config/schema.json --readme config/README.md

# Write the versions of requirements.lock into envs/, and the variants with CUDA builds of torch.
envs: $(READY)
	PYTHONPATH=workflow/scripts $(BIN)/python tools/pin_environments.py --locks requirements.lock requirements-torch.txt --environments envs

# Write the Dockerfiles from envs/; needs conda, which Snakemake asks for the platform.
containers: $(READY)
	set -euo pipefail; for device in cpu cuda; do \
	    $(BIN)/snakemake --containerize dockerfile --cores 1 --config device=$$device \
	        | sed 's|miniforge3:latest|miniforge3:$(MINIFORGE)|' > envs/$$device.Dockerfile; \
	done

# The picture of the rules in the README; Graphviz must be installed.
pictures: $(READY)
	$(BIN)/python tools/draw_rulegraph.py

# Write requirements.lock and requirements-dev.lock from requirements.in and requirements-dev.in. Versions that are locked stay;
# `make lock UPGRADE=--upgrade` takes the newest, `make lock UPGRADE="--upgrade-package numpy"` that of one package.
COMPILE = $(VENV).lock/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
    --annotation-style line --custom-compile-command "make lock" --excludes requirements-excluded.txt --no-emit-package torch $(UPGRADE)
lock:
	$(PYTHON) -m venv $(VENV).lock
	$(VENV).lock/bin/python -m pip install --quiet uv
	$(COMPILE) requirements.in --output-file requirements.lock
	$(COMPILE) requirements-dev.in --output-file requirements-dev.lock --constraints requirements.lock \
	    $$(sed -n 's/^\([a-z0-9-]*\)==.*/--no-emit-package \1/p' requirements.lock)
	rm -rf $(VENV).lock

clean:
	rm -rf results resources .snakemake $(VENV)
