"""What the rules share: the experiment, its paths, and how a job names its program, environment and files."""

import json
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

SCRIPTS = "workflow/scripts"
sys.path.insert(0, str(Path(workflow.basedir) / SCRIPTS))
# Programs are started as `python`: the one that runs Snakemake, or that of the conda environment, which comes before it.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))

from hybridbatch.common.errors import UserError
from hybridbatch.config.experiment import RUN
from hybridbatch.config.load import load_config
from hybridbatch.download.pinned_files import read_entries
from hybridbatch.jobs import preflight
from hybridbatch.jobs.code import fingerprint as code_fingerprint
from hybridbatch.jobs.environments import check_cuda_build
from hybridbatch.jobs.hub_requests import hub_requests
from hybridbatch.jobs.paths import Paths
from hybridbatch.jobs.resources import growing, share_of_cores

DATA_FILES = "config/data.csv"
IN_ENVIRONMENTS = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
try:
    experiment = load_config(config)
    preflight.check_machine(experiment, Path(DATA_FILES), packages=not workflow.deployment_settings.deployment_method)
    DOWNLOADS = read_entries(Path(DATA_FILES))
except UserError as error:
    raise WorkflowError(f"config: {error}")

paths = Paths(experiment)
RESULTS, RESOURCES, LOGS, COSTS, STATE = paths.results, paths.resources, paths.logs, paths.costs, paths.state
HUB_REQUESTS = hub_requests(experiment, paths.translators().values())

LAYOUT = experiment.layout.model_dump_json()
TEMPLATES = sorted(str(file) for file in Path(SCRIPTS, "hybridbatch", "report", "templates").iterdir())

# Where models run and where files come from changes no result, so these are resources and no params.
DEVICE = experiment.device
GPUS = int(DEVICE == "cuda" or (DEVICE == "auto" and any(Path(os.sep, "dev").glob("nvidia[0-9]*"))))
# A job that was given a GPU must not run without one: auto would.
MODEL_DEVICE = "cuda" if GPUS else DEVICE
MIRROR = shlex.join(["--mirror", experiment.mirror]) if experiment.mirror else ""
# The command that makes the results, for the report.
CONFIG_FILES = [os.path.relpath(file) for file in workflow.overwrite_configfiles]
COMMAND = " ".join(["snakemake --cores all", *(["--configfile", *CONFIG_FILES] if CONFIG_FILES else [])])

# Jobs stay off the hub; the one that fetches files from it may ask it, unless the user forbids that. A scheduler sends SIGTERM to
# the shell too: it must not end before its program, which would be killed in the middle of its last checkpoint.
shell.prefix(
    "set -euo pipefail; trap : TERM; HUB_OFFLINE=${{HF_HUB_OFFLINE:-0}}; export HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 TOKENIZERS_PARALLELISM=false; "
)


def alternatives(values):
    """Return a regular expression that matches exactly these values, or nothing if there are none."""
    return "|".join(re.escape(value) for value in sorted(values)) or "(?!)"


def environment(stage):
    """Return the conda environment of a stage that uses torch: with torch for CUDA where jobs get GPUs."""
    return f"../../envs/{stage}{'-cuda' if GPUS else ''}.yaml"


def program(name):
    """Return the path of a program."""
    return f"{SCRIPTS}/{name}.py"


def code(name):
    """Return a fingerprint of a program's code: as a parameter, it reruns the program's jobs when a statement changes."""
    return code_fingerprint(Path(program(name)))


def named(files):
    """Return NAME=FILE for each of the named files."""
    return [f"{name}={file}" for name, file in files.items()]


def table_page(name):
    """Return one table as a page of `snakemake --report`."""
    labels = {"table": name, "format": "html"}
    return report(f"{RESULTS}/tables/{name}.html", caption="../report/tables.rst", category="Tables", labels=labels)


def other_formats(*tables):
    """Return the files of tables in the formats that `snakemake --report` does not show."""
    return expand(f"{RESULTS}/tables/{{table}}.{{format}}", table=tables, format=["csv", "md", "tex"])


def cores_for(jobs):
    """Return the threads of one of several equal jobs on this machine or cluster."""
    on_cluster = workflow.remote_exec or workflow.resource_settings.nodes is not None
    return share_of_cores(jobs, workflow.cores, on_cluster)


def check_before_jobs():
    """Stop before any job if one lacks files that only the network has, or would find a CPU build of torch on a GPU."""
    jobs = [job for job in workflow.dag.needrun_jobs() if job.resources.get("gpu")]
    try:
        if os.environ.get("HF_HUB_OFFLINE") == "1":
            mirror = Path(experiment.mirror) if experiment.mirror else None
            fetch = COMMAND.replace("--cores all", "--cores 4 downloads")
            preflight.check_offline(HUB_REQUESTS.values(), Path(paths.hub), mirror, fetch)
        for prefix in sorted({job.conda_env.address if IN_ENVIRONMENTS else sys.prefix for job in jobs}):
            check_cuda_build(Path(prefix))
    except UserError as error:
        raise WorkflowError(str(error))


wildcard_constraints:
    run=RUN,
    backbone=alternatives(experiment.backbones),
    strategy=alternatives(experiment.strategies),
    seed=r"\d+",
    benchmark=alternatives(experiment.benchmarks),
    language=alternatives({code for b in experiment.benchmarks.values() for code in b.languages}),
