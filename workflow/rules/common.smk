"""Shared by the rules: the experiment, its paths, and functions for programs, environments and files."""

import json
import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# Jobs start programs with `python`: that of their conda environment, or else the one that runs Snakemake.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))

from hybridbatch.common.errors import UserError
from hybridbatch.config.load import load_config
from hybridbatch.config.plan import RUN
from hybridbatch.config.revisions import PLACEHOLDER, read_lock, references
from hybridbatch.config.smoke import smoke_run
from hybridbatch.download.pinned_files import read_entries
from hybridbatch.jobs import preflight
from hybridbatch.jobs.code import fingerprint as code_fingerprint
from hybridbatch.jobs.environments import check_cuda_build
from hybridbatch.jobs.gpu_locks import has_gpu
from hybridbatch.jobs.hub_requests import hub_requests
from hybridbatch.jobs.paths import Paths, with_packaged_data
from hybridbatch.jobs.resources import growing, share_of_cores

DATA_FILES = shipped("config/data.csv")
LOCK = "config/revisions.lock"
# The target `pin` looks for commits that the other targets need. Snakemake knows its targets only after it has read the rules.
PINNING = "pin" in sys.argv
try:
    commits = dict.fromkeys(references(config), PLACEHOLDER) if PINNING else read_lock(Path(LOCK))
    experiment = smoke_run(load_config(with_packaged_data(config, shipped("data/demo")), commits))
    preflight.check_machine(experiment, Path(DATA_FILES), packages=not workflow.deployment_settings.deployment_method)
    DOWNLOADS = read_entries(Path(DATA_FILES))
except UserError as error:
    raise WorkflowError(f"config: {error}")

paths = Paths(experiment)
RESULTS, RESOURCES, LOGS, COSTS, STATE = paths.results, paths.resources, paths.logs, paths.costs, paths.state
HUB_REQUESTS = hub_requests(experiment, paths.translators().values())

# The device of models and the origin of files change no result, so they are resources, not params.
DEVICE = experiment.device
GPUS = int(DEVICE == "cuda" or (DEVICE == "auto" and has_gpu()))
# A job that has been allocated a GPU must not fall back to the CPU, as `auto` would.
MODEL_DEVICE = "cuda" if GPUS else DEVICE
# The command that reproduces the results, for the report.
CONFIG_FILES = [os.path.relpath(file) for file in workflow.overwrite_configfiles]
COMMAND = " ".join(["snakemake --cores all", *(["--configfile", *CONFIG_FILES] if CONFIG_FILES else [])])
COMMAND += " --config smoke=true" if experiment.smoke else ""

# Only the job that fetches files may use the hub, unless the user forbids it. The shell ignores the SIGTERM of a scheduler: if it
# ended before its program, the program would be killed while it writes its last checkpoint.
shell.prefix(
    "set -euo pipefail; trap : TERM; HUB_OFFLINE=${{HF_HUB_OFFLINE:-0}}; export HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 TOKENIZERS_PARALLELISM=false; "
)


def alternatives(values):
    """Return a regular expression that matches exactly these values; it matches nothing if there are none."""
    return "|".join(re.escape(value) for value in sorted(values)) or "(?!)"


def environment(stage):
    """Return the conda environment of a stage that uses torch: with the CUDA build if jobs use GPUs."""
    return f"../../envs/{stage}{'-cuda' if GPUS else ''}.yaml"


def program(name):
    """Return the path of a program."""
    return f"{SCRIPTS}/{name}.py"


def code(name):
    """Return the fingerprint of a program's code; as a parameter, it causes jobs to rerun when a statement changes."""
    return code_fingerprint(Path(program(name)))


def named(files):
    """Return NAME=FILE for each named file."""
    return [f"{name}={file}" for name, file in files.items()]


def cores_for(jobs):
    """Return the threads of one of several equal jobs. Call it for a job: `snakemake --unlock` knows no number of cores."""
    on_cluster = workflow.remote_exec or workflow.resource_settings.nodes is not None
    return share_of_cores(jobs, None if on_cluster else workflow.cores)


wildcard_constraints:
    run=RUN,
    backbone=alternatives(experiment.backbones),
    strategy=alternatives(experiment.strategies),
    seed=r"\d+",
    benchmark=alternatives(experiment.benchmarks),
    language=alternatives({code for b in experiment.benchmarks.values() for code in b.languages}),
