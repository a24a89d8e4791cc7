"""
Data: downloads, training pairs and benchmarks.

REQUIRED INPUTS: config/data.csv, and the files that the readers of `sources` and `benchmarks` name.

OUTPUTS:
    resources/data/<path>                                       a file of config/data.csv, verified
    resources/hub/manifests/<request>.json                      files of the Hugging Face hub at a commit, with their SHA-256;
                                                                the files themselves are in resources/hub, in the layout of the hub's cache
    raw/<source>/<language>.parquet                             pair_id, query, passage, and negative if the source has negatives
    benchmarks/<benchmark>/<language>/queries.parquet           query_id, text
    benchmarks/<benchmark>/<language>/passages.parquet          passage_id, text, title, context
    benchmarks/<benchmark>/<language>/qrels.parquet             query_id, passage_id, relevance
    benchmarks/<benchmark>/<language>/record.json               counts of each, and of what was dropped

TARGETS: pin
"""

import shlex

from hybridbatch.download.hub import is_outdated
from hybridbatch.jobs.reader_files import downloads, input_files, named_files

MIRROR = shlex.join(["--mirror", experiment.mirror]) if experiment.mirror else ""
# The option by which a smoke run reads a part of the data.
SAMPLE = ["--sample", experiment.sampled_rows] if experiment.smoke else []


run_locally("pin", "download_file", "download_hub")


rule pin:
    """Ask the Hugging Face hub for the commits of branches and tags, and write them to config/revisions.lock."""
    log:
        f"{LOGS}/pin.log",
    retries: 0
    conda:
        "../../envs/data.yaml"
    params:
        program=program("pin"),
        references=json.dumps(references(config)),
        lock=LOCK,
    shell:
        r"""
        HF_HUB_OFFLINE=$HUB_OFFLINE \
            python {params.program:q} \
            --references {params.references:q} \
            --lock {params.lock:q} \
            2>&1 | tee {log:q}
        """


rule download_file:
    """Fetch `{wildcards.path}` from its pinned revision, or from the mirror, and check its SHA-256."""
    output:
        f"{RESOURCES}/data/{{path}}",
    log:
        f"{RESOURCES}/logs/download_file/{{path}}.log",
    wildcard_constraints:
        path=alternatives(DOWNLOADS),
    retries: 0  # the program itself retries what may pass
    conda:
        "../../envs/data.yaml"
    resources:
        mirror=MIRROR,
    params:
        sha256=lambda wildcards: DOWNLOADS[wildcards.path].sha256,
        program=program("download_file"),
        manifest=DATA_FILES,
    shell:
        r"""
        python {params.program:q} \
            --path {wildcards.path:q} \
            --manifest {params.manifest:q} \
            {resources.mirror} \
            --output {output:q} \
            &>{log:q}
        """


def force_if_outdated(wildcards):
    """Return no files. A mirror is no input, as another one with the same files reruns nothing; a change in it forces the job."""
    request = HUB_REQUESTS[wildcards.request]
    mirror = Path(experiment.mirror) if experiment.mirror else None
    offline = os.environ.get("HF_HUB_OFFLINE") == "1"
    if workflow.is_main_process and is_outdated(request, Path(paths.hub), mirror, offline):
        workflow.dag.forcefiles.add(paths.hub_manifest(request))
    return []


rule download_hub:
    """Fetch files of the Hugging Face hub at a pinned commit, or from the mirror, and check them."""
    input:
        force_if_outdated,
    output:
        # Kept if the job fails, so that a change in the mirror is seen again.
        update(f"{paths.hub}/manifests/{{request}}.json"),
    log:
        f"{RESOURCES}/logs/download_hub/{{request}}.log",
    wildcard_constraints:
        request=alternatives(HUB_REQUESTS),
    retries: 0  # the program itself retries what may pass
    conda:
        "../../envs/data.yaml"
    resources:
        mirror=MIRROR,
    params:
        request=lambda wildcards: HUB_REQUESTS[wildcards.request].model_dump_json(),
        program=program("download_hub"),
        cache=subpath(output[0], ancestor=2),
    shell:
        r"""
        HF_HUB_OFFLINE=$HUB_OFFLINE \
            python {params.program:q} \
            --request {params.request:q} \
            --cache {params.cache:q} \
            {resources.mirror} \
            &>{log:q}
        """


def for_language(section, language):
    """Return, as JSON, what the files of one language depend on in a source or a benchmark: other values rerun nothing."""
    return section.for_language(language).model_dump_json(exclude_defaults=True)


def pairs_source(wildcards):
    """Return the source of raw pairs, and their language."""
    source, language = wildcards.pairs.split("/")
    return experiment.sources[source], language


rule prepare_pairs:
    """Read the training pairs of one source in one of the languages of its files."""
    input:
        lambda wildcards: input_files(*pairs_source(wildcards), paths),
    output:
        f"{RESULTS}/raw/{{pairs}}.parquet",
    log:
        f"{LOGS}/prepare_pairs/{{pairs}}.log",
    benchmark:
        f"{COSTS}/prepare_pairs/{{pairs}}.jsonl"
    wildcard_constraints:
        pairs=alternatives(experiment.native_pairs),
    group:
        "prepare"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem=growing(2),
        runtime="4h",
    params:
        program=program("prepare_pairs"),
        code=code("prepare_pairs"),
        source=lambda wildcards: for_language(*pairs_source(wildcards)),
        language=lambda wildcards: pairs_source(wildcards)[1],
        files=lambda wildcards: named(named_files(*pairs_source(wildcards), paths)),
        sample=SAMPLE,
    shell:
        r"""
        python {params.program:q} \
            --source {params.source:q} \
            --language {params.language:q} \
            --files {params.files:q} \
            {params.sample} \
            --output {output:q} \
            &>{log:q}
        """


rule prepare_benchmark:
    """Read the queries, passages and judgements of one benchmark in one language, and check them."""
    input:
        lambda wildcards: input_files(experiment.benchmarks[wildcards.benchmark], wildcards.language, paths),
    output:
        queries=f"{RESULTS}/benchmarks/{{benchmark}}/{{language}}/queries.parquet",
        passages=f"{RESULTS}/benchmarks/{{benchmark}}/{{language}}/passages.parquet",
        qrels=f"{RESULTS}/benchmarks/{{benchmark}}/{{language}}/qrels.parquet",
        record=f"{RESULTS}/benchmarks/{{benchmark}}/{{language}}/record.json",
    log:
        f"{LOGS}/prepare_benchmark/{{benchmark}}/{{language}}.log",
    benchmark:
        f"{COSTS}/prepare_benchmark/{{benchmark}}/{{language}}.jsonl"
    group:
        "prepare"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem=growing(2),
        runtime="4h",
    params:
        program=program("prepare_benchmark"),
        code=code("prepare_benchmark"),
        benchmark=lambda wildcards: for_language(experiment.benchmarks[wildcards.benchmark], wildcards.language),
        files=lambda wildcards: named(
            named_files(experiment.benchmarks[wildcards.benchmark], wildcards.language, paths)
        ),
        sample=SAMPLE,
        folder=subpath(output.queries, parent=True),
    shell:
        r"""
        python {params.program:q} \
            --benchmark {params.benchmark:q} \
            --language {wildcards.language:q} \
            --files {params.files:q} \
            {params.sample} \
            --output {params.folder:q} \
            &>{log:q}
        """
