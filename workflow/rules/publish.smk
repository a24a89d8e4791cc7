"""
Publishing: model cards, rankings and judgements for other tools, scores on MTEB, and uploads of models.

REQUIRED INPUTS: models/<run>/manifest.json, tables/summary.csv, config.yaml, the pairs; search/<run>/<benchmark>/ and the
benchmark's parquet files.

OUTPUTS:
    models/<run>/README.md                          the card of a trained model; not listed in its manifest
    trec/<benchmark>/<setting>.qrels                judgements in TREC's format
    trec/<run>/<benchmark>.<setting>.run.gz         rankings in TREC's format
    mteb/results/<backbone>__<strategy>/seed<N>/<task>.json     scores on a task of MTEB, and model_meta.json
    push/<run>.json                                 repository and commit of an uploaded model

TARGETS: trec, mteb, push
"""

from importlib.util import find_spec

from hybridbatch.config.base import SETTINGS
from hybridbatch.publish.licences import check_licences
from hybridbatch.publish.lineage import model_parts, read_downloads
from hybridbatch.publish.trec import BYTES_PER_LINE, count_lines


def trec_files():
    """Return every ranking and every judgement in TREC's format."""
    benchmarks = experiment.runs.benchmarks
    qrels = [f"{RESULTS}/trec/{b}/{setting}.qrels" for b in benchmarks for setting in experiment.exported_settings(b)]
    return qrels + [
        f"{RESULTS}/trec/{run}/{b}.{setting}.run.gz"
        for run in experiment.run_names
        for b in benchmarks
        for setting in experiment.exported_settings(b, run)
    ]


def trec_size(jobs):
    """Return a sentence on the size of the rankings that jobs write; None if they write none."""
    rankings = [job.wildcards for job in jobs if job.rule.name == "export_run"]
    if not rankings:
        return None
    lines = [
        count_lines(Path(benchmark_folder(w)), benchmark_languages(w), w.setting, experiment.search.depth)
        for w in rankings
    ]
    known = [count for count in lines if count is not None]
    size = f"trec: {len(known)} rankings, {sum(known):,} lines, will take about {sum(known) * BYTES_PER_LINE / 1e6:,.0f} MB"
    unknown = len(lines) - len(known)
    return f"{size}; {unknown} more are of benchmarks that are not prepared yet" if unknown else size


# The encoders that MTEB evaluates, by their folder: MTEB's name of a model and its revision.
MTEB_RUNS = {
    "{}__{}/{}".format(*run.split("/")): run
    for run in experiment.compared_runs
    if run in experiment.encoder_runs and run not in experiment.centred_runs
}


def mteb_results(wildcards):
    """Return the result of every encoder on every task of MTEB that the configuration names."""
    if not experiment.mteb.tasks:
        raise WorkflowError("mteb.tasks: is empty; name tasks of MTEB, such as MIRACLRetrievalHardNegatives")
    return [f"{RESULTS}/mteb/results/{model}/{task}.json" for model in MTEB_RUNS for task in experiment.mteb.tasks]


def pushed_models(wildcards):
    """Return the record of every model that the configuration names for upload."""
    if not experiment.push.runs:
        raise WorkflowError("push.runs: is empty; name fine-tuned models, such as me5-small/hybrid/seed1")
    return [f"{RESULTS}/push/{run}.json" for run in experiment.push.runs]


def check_publishing(jobs):
    """Check, before models are trained, that MTEB is there and that licences allow uploads; the jobs check licences once more."""
    in_this_python = not workflow.deployment_settings.deployment_method
    if in_this_python and find_spec("mteb") is None and any(job.rule.name == "evaluate_mteb" for job in jobs):
        raise UserError("mteb: needs the package mteb; run `pip install -r requirements-mteb.txt`")
    pushed = [job.wildcards.run for job in jobs if job.rule.name == "push_model"]
    licensed = read_downloads(Path(DATA_FILES)) if pushed else {}
    for run in pushed:
        backbone, strategy, _ = run.split("/")
        parts = model_parts(experiment, backbone, paths.training_pairs(strategy), licensed)
        check_licences(parts, experiment.push.despite_licence)


run_locally("write_model_card", "trec", "mteb", "push", "push_model")


rule write_model_card:
    """Write the card of the model `{wildcards.run}`: its scores, data and licences."""
    input:
        config=f"{RESULTS}/config.yaml",
        manifest=f"{RESULTS}/models/{{run}}/manifest.json",
        summary=f"{RESULTS}/tables/summary.csv",
        pairs=list(paths.pairs(experiment.used_sources).values()),
        data_files=DATA_FILES,
        template=f"{SCRIPTS}/hybridbatch/publish/templates/model_card.md.jinja",
    output:
        f"{RESULTS}/models/{{run}}/README.md",
    log:
        f"{LOGS}/write_model_card/{{run}}.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program("write_model_card"),
        code=code("write_model_card"),
        results=subpath(input.config, parent=True),
    shell:
        r"""
        python {params.program:q} \
            --run {wildcards.run:q} \
            --config {input.config:q} \
            --manifest {input.manifest:q} \
            --summary {input.summary:q} \
            --pairs {params.results:q}/pairs \
            --data-files {input.data_files:q} \
            --output {output:q} \
            &>{log:q}
        """


rule trec:
    """Write all rankings and judgements of the experiment in TREC's format."""
    input:
        trec_files(),


rule export_qrels:
    """Write the judgements of `{wildcards.benchmark}`, setting {wildcards.setting}, in TREC's format."""
    input:
        files=lambda wildcards: paths.benchmark(wildcards.benchmark, ["queries", "qrels"]),
    output:
        f"{RESULTS}/trec/{{benchmark}}/{{setting}}.qrels",
    log:
        f"{LOGS}/export_qrels/{{benchmark}}/{{setting}}.log",
    wildcard_constraints:
        setting=alternatives(SETTINGS),
    group:
        "export"
    conda:
        "../../envs/evaluate.yaml"
    threads: 1
    resources:
        mem=growing(4),
        runtime="1h",
    params:
        program=program("export_qrels"),
        code=code("export_qrels"),
        benchmark=benchmark_folder,
        languages=benchmark_languages,
    shell:
        r"""
        python {params.program:q} \
            --benchmark {params.benchmark:q} \
            --languages {params.languages:q} \
            --setting {wildcards.setting} \
            --output {output:q} \
            &>{log:q}
        """


rule export_run:
    """Write the rankings of `{wildcards.run}` on `{wildcards.benchmark}`, setting {wildcards.setting}, in TREC's format."""
    input:
        topk=f"{RESULTS}/search/{{run}}/{{benchmark}}/topk.parquet",
        ranks=f"{RESULTS}/search/{{run}}/{{benchmark}}/ranks.parquet",
    output:
        f"{RESULTS}/trec/{{run}}/{{benchmark}}.{{setting}}.run.gz",
    log:
        f"{LOGS}/export_run/{{run}}/{{benchmark}}.{{setting}}.log",
    wildcard_constraints:
        setting=alternatives(SETTINGS),
    group:
        "export"
    conda:
        "../../envs/evaluate.yaml"
    threads: 1
    resources:
        mem=growing(4),
        runtime="1h",
    params:
        program=program("export_run"),
        code=code("export_run"),
        search=subpath(input.topk, parent=True),
        depth=experiment.search.depth,
    shell:
        r"""
        python {params.program:q} \
            --search {params.search:q} \
            --setting {wildcards.setting} \
            --depth {params.depth} \
            --tag {wildcards.run:q} \
            --output {output:q} \
            &>{log:q}
        """


rule mteb:
    """Evaluate all encoders of the experiment on the tasks of MTEB."""
    input:
        mteb_results,


rule evaluate_mteb:
    """Evaluate `{wildcards.model}` on MTEB's `{wildcards.task}`, whose data come from the Hugging Face hub."""
    input:
        model=lambda wildcards: f"{paths.model(MTEB_RUNS[wildcards.model])}/manifest.json",
    output:
        f"{RESULTS}/mteb/results/{{model}}/{{task}}.json",
    log:
        f"{LOGS}/evaluate_mteb/{{model}}/{{task}}.log",
    benchmark:
        f"{COSTS}/evaluate_mteb/{{model}}/{{task}}.jsonl"
    wildcard_constraints:
        model=alternatives(MTEB_RUNS),
        task=alternatives(experiment.mteb.tasks),
    conda:
        environment("mteb")
    threads: 8
    resources:
        gpu=GPUS,
        # Vectors of 50,000 passages, and all texts of a task.
        mem=growing(16),
        runtime="24h",
        device=MODEL_DEVICE,
        batch_size=experiment.encoding.batch_size,
    params:
        launcher=program("launch"),
        program=program("evaluate_mteb"),
        code=code("evaluate_mteb"),
        model=subpath(input.model, parent=True),
        name=lambda wildcards: MTEB_RUNS[wildcards.model].rpartition("/"),
        settings=experiment.mteb.model_dump_json(include={"languages"}),
    shell:
        r"""
        export HF_HUB_OFFLINE=$HUB_OFFLINE HF_DATASETS_OFFLINE=$HUB_OFFLINE
        python {params.launcher:q} --gpus {resources.gpu} {params.program:q} \
            --model {params.model:q} \
            --name {params.name[0]:q} \
            --revision {params.name[2]:q} \
            --task {wildcards.task:q} \
            --settings {params.settings:q} \
            --batch-size {resources.batch_size} \
            --device {resources.device} \
            --output {output:q} \
            &>{log:q}
        """


rule push:
    """Upload models to the Hugging Face hub."""
    input:
        pushed_models,


rule push_model:
    """Upload the model of `{wildcards.run}` and its card to the Hugging Face hub, if the licences of its parts allow it."""
    input:
        config=f"{RESULTS}/config.yaml",
        manifest=f"{RESULTS}/models/{{run}}/manifest.json",
        card=f"{RESULTS}/models/{{run}}/README.md",
        data_files=DATA_FILES,
    output:
        f"{RESULTS}/push/{{run}}.json",
    log:
        f"{LOGS}/push_model/{{run}}.log",
    wildcard_constraints:
        run=alternatives(experiment.push.runs),
    retries: 0  # the hub's library itself retries what may pass
    conda:
        "../../envs/data.yaml"
    params:
        program=program("push_model"),
        code=code("push_model"),
        settings=experiment.push.model_dump_json(),
        model=subpath(input.manifest, parent=True),
    shell:
        r"""
        HF_HUB_OFFLINE=$HUB_OFFLINE \
            python {params.program:q} \
            --run {wildcards.run:q} \
            --config {input.config:q} \
            --model {params.model:q} \
            --data-files {input.data_files:q} \
            --output {output:q} \
            &>{log:q}
        """
