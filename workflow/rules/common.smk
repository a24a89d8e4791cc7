"""What the rules share: the checked configuration, paths, wildcards, and the parts of the configuration a rule depends on."""

SCRIPTS = Path("workflow/scripts")
DATA_FILES = "config/data.csv"

import json
import shlex

sys.path.insert(0, str(Path(workflow.basedir) / SCRIPTS))
# Programs are started as `python`: the one that runs Snakemake, or that of the conda environment, which comes before it.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))

from dataclasses import asdict

from snakemake.settings.types import DeploymentMethod

from hybridbatch.backbone.prepare import HUB_FILES, HUB_IGNORED
from hybridbatch.config.benchmarks import PUBLISHED, SETTINGS
from hybridbatch.config.experiment import RUN
from hybridbatch.config.load import load_config
from hybridbatch.download.pinned_files import read_entries
from hybridbatch.jobs.environments import check_cuda_build
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import fingerprint
from hybridbatch.download.hub import Request, is_at_hand
from hybridbatch.jobs.code import fingerprint as code_fingerprint
from hybridbatch.jobs.preflight import check_machine
from hybridbatch.translate.model_files import PATTERNS

try:
    experiment = load_config(config)
    check_machine(experiment, Path(DATA_FILES), packages=not workflow.deployment_settings.deployment_method)
    DOWNLOADS = read_entries(Path(DATA_FILES))
except UserError as error:
    raise WorkflowError(f"config: {error}")

RESULTS = str(experiment.folder)
RESOURCES = experiment.resources_dir
# Files of the Hugging Face hub, in the layout of its own cache.
HUB = f"{RESOURCES}/hub"
LOGS = f"{RESULTS}/logs"
COSTS = f"{RESULTS}/costs"
# Files that outlive a failed job, so that the next attempt goes on where it stopped.
STATE = f"{RESULTS}/state"

# Where models run and where files come from changes no result, so these are resources and no params.
DEVICE = experiment.device
GPUS = int(DEVICE == "cuda" or (DEVICE == "auto" and any(Path(os.sep, "dev").glob("nvidia[0-9]*"))))
MIRROR = shlex.join(["--mirror", experiment.mirror]) if experiment.mirror else ""
# What makes the results again, for the report.
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
    """Return the conda environment of a stage that uses torch, seen from workflow/rules; where jobs get GPUs that with torch for CUDA."""
    return f"../../envs/{stage}{'-cuda' if GPUS else ''}.yaml"


def program(name):
    """Return the path of a program."""
    return f"{SCRIPTS}/{name}.py"


def code(name):
    """Return a fingerprint of the code of a program: a parameter, so that a statement edited in what it imports reruns its jobs."""
    return code_fingerprint(Path(program(name)))


def options(**values):
    """Return command line options; a value that is None is left out, a list gives several arguments."""
    words = []
    for name, value in values.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", *(value if isinstance(value, list) else [value])]
    return [str(word) for word in words]


def benchmark_files(benchmark, kinds=("queries", "passages", "qrels")):
    """Return the prepared files of a benchmark."""
    languages = experiment.benchmarks[benchmark].languages
    return [f"{RESULTS}/benchmarks/{benchmark}/{language}/{kind}.parquet" for language in languages for kind in kinds]


def pairs_files(source):
    """Return the pairs of a source, a file per language."""
    return [f"{RESULTS}/pairs/{source}/{language}.parquet" for language in experiment.sources[source].all_languages]


def labelled_pairs(sources):
    """Return SOURCE:LANGUAGE=FILE for every language of the sources."""
    return [
        f"{source}:{language}={RESULTS}/pairs/{source}/{language}.parquet"
        for source in sources
        for language in experiment.sources[source].all_languages
    ]


def training_pairs(strategy):
    """Return the files of pairs that a strategy trains on, by SOURCE:LANGUAGE."""
    return {
        f"{source}:{language}": f"{RESULTS}/pairs/{source}/{language}.parquet"
        for source, languages in experiment.languages_of(experiment.strategies[strategy]).items()
        for language in languages
    }


def backbone_settings(name):
    """Return the settings that preparing a backbone depends on."""
    return experiment.backbones[name].model_dump(mode="json", exclude={"trim_vocabulary", "licence"}, exclude_none=True)


def prepared_backbone(name):
    """Return the folder of a prepared backbone; its name follows from its settings, so experiments can share it."""
    return f"{RESOURCES}/backbones/{name}-{fingerprint(backbone_settings(name))[:12]}"


def backbone(name):
    """Return the folder of the backbone that is trained and evaluated."""
    return f"{RESULTS}/backbones/{name}" if experiment.backbones[name].trim_vocabulary else prepared_backbone(name)


def hub_manifest(request):
    """Return the file that stands for files of the Hugging Face hub: it is there once they are."""
    return f"{HUB}/manifests/{request.key}.json"


def pairs_request(source, language):
    """Return what a source of pairs needs from the Hugging Face hub for one language."""
    patterns, name = source.hub.files(source.reader, language)
    return Request(
        "dataset", source.path, source.hub.revision, tuple(patterns), (), name, source.hub.split if name else None
    )


def benchmark_requests(benchmark, language):
    """Return what a benchmark needs from the Hugging Face hub for one language, by kind of file; of one commit, together."""
    patterns = benchmark.patterns(language)
    homes = {kind: benchmark.repository(kind) for kind in patterns}
    return {
        kind: Request(
            "dataset", *place, tuple(sorted({patterns[other] for other in patterns if homes[other] == place}))
        )
        for kind, place in homes.items()
    }


def backbone_request(name):
    """Return what a backbone needs from the Hugging Face hub."""
    settings = experiment.backbones[name]
    return Request("model", settings.hub, settings.revision, tuple(HUB_FILES), tuple(HUB_IGNORED))


def translator_request(origin):
    """Return what a translation model needs from the Hugging Face hub."""
    return Request("model", origin["hub"], origin["revision"], PATTERNS, ("*/*",))


def translator_origins():
    """Return where the translation models come from that the experiment uses, by the folders that they are prepared in."""
    origins = {}
    for source in experiment.sources.values():
        settings = source.translation
        for language in settings.languages if settings and settings.translator else []:
            origin = experiment.translators[settings.translator].for_language(language)
            origins[prepared_translator(settings.translator, language)] = origin
    return origins


def prepared_translator(name, language):
    """Return the folder of the model that translates into a language; its name follows from where it comes from."""
    origin = experiment.translators[name].for_language(language)
    return f"{RESOURCES}/translators/{name}-{fingerprint(origin)[:12]}"


def hub_requests():
    """Return everything that the experiment needs from the Hugging Face hub, by its name."""
    requests = [backbone_request(name) for name, settings in experiment.backbones.items() if settings.hub]
    requests += [translator_request(origin) for origin in translator_origins().values() if "hub" in origin]
    for source in experiment.sources.values():
        if source.hub:
            requests += [pairs_request(source, language) for language in source.languages]
    for benchmark in experiment.benchmarks.values():
        if benchmark.hub:
            requests += [r for code in benchmark.languages for r in benchmark_requests(benchmark, code).values()]
    return {request.key: request for request in requests}


def model(run):
    """Return the folder of a run's model."""
    name, strategy, _ = run.split("/")
    return backbone(name) if strategy == "none" else f"{RESULTS}/models/{run}"


def encoder_runs():
    """Return the runs that have an encoder: all but BM25."""
    return [run for run in experiment.run_names() if Path(run).parts[1] != "bm25"]


def trained_runs():
    """Return the runs that are trained."""
    return [run for run in encoder_runs() if Path(run).parts[1] != "none"]


def compared_runs():
    """Return the runs of the baselines and of `runs.strategies`: all but those of the ablation and of held-out domains."""
    shown = {*experiment.runs.strategies, "none", "bm25"}
    return [run for run in experiment.run_names() if Path(run).parts[1] in shown]


def named_measures(runs):
    """Return RUN=FILE for runs."""
    return [f"{run}={RESULTS}/measures/{run}.parquet" for run in runs]


def share_of_cores(jobs):
    """Return the threads of one of several equal jobs: many small jobs side by side are faster than one after the other.

    On a cluster each has a place of its own.
    """
    on_cluster = workflow.remote_exec or workflow.resource_settings.nodes is not None
    return 8 if on_cluster else max(1, min(8, workflow.cores // max(1, jobs)))


def growing(gigabytes, times_input=0):
    """Return the memory of a job: so many GB, and so many times the size of its inputs; twice as much at each new attempt."""

    def memory(wildcards, input, attempt):
        size = gigabytes + (times_input * input.size_gb if times_input else 0)
        return f"{round(size * 2 ** (attempt - 1) * 1000)}MB"

    return memory


NATIVE_PAIRS = [f"{name}/{language}" for name, source in experiment.sources.items() for language in source.languages]
TRANSLATED_PAIRS = [
    f"{name}/{language}"
    for name, source in experiment.sources.items()
    for language in (source.translation.languages if source.translation else [])
]
# Jobs of a group are one job of a cluster. Translations from a memory and their cleaning take seconds; where a model works on
# pairs, that takes hours on another device, and must not hold back, or be held back by, the rest of a group.
MODELS_ON_PAIRS = experiment.cleaning.quality.encoder or any(
    source.translation and source.translation.translator for source in experiment.sources.values()
)
PAIRS_GROUP = None if MODELS_ON_PAIRS else "pairs"

HUB_REQUESTS = hub_requests()


wildcard_constraints:
    run=RUN,
    backbone=alternatives(experiment.backbones),
    strategy=alternatives(experiment.strategies),
    seed=r"\d+",
    benchmark=alternatives(experiment.benchmarks),
    language=alternatives({code for b in experiment.benchmarks.values() for code in b.languages}),
