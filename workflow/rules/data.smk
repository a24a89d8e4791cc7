"""
Data: downloads, training pairs and benchmarks.

REQUIRED INPUTS: config/data.csv; for the reader `parallel` a folder such as data/demo; for `table` the user's files.

OUTPUTS:
    resources/data/<path>                                       a file of config/data.csv, checked
    resources/hub/manifests/<request>.json                      files of the Hugging Face hub at a commit, with their SHA-256;
                                                                they lie beside it, in the hub's cache layout
    raw/<source>/<language>.parquet                             pair_id, query, passage, as they come
    benchmarks/<benchmark>/<language>/queries.parquet           query_id, text
    benchmarks/<benchmark>/<language>/passages.parquet          passage_id, text, title, context
    benchmarks/<benchmark>/<language>/qrels.parquet             query_id, passage_id, relevance
    benchmarks/<benchmark>/<language>/record.json               how many of each, and how many were left out and why
"""

from glob import glob


localrules:
    download_file,
    download_hub,


rule download_file:
    """Fetch `{wildcards.path}` from its pinned revision, or from the mirror, and check its SHA-256."""
    output:
        f"{RESOURCES}/data/{{path}}",
    log:
        f"{RESOURCES}/logs/download_file/{{path}}.log",
    wildcard_constraints:
        path=alternatives(DOWNLOADS),
    retries: 2
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


rule download_hub:
    """Fetch files of the Hugging Face hub at a pinned commit, or from the mirror, and check them."""
    output:
        f"{HUB}/manifests/{{request}}.json",
    log:
        f"{RESOURCES}/logs/download_hub/{{request}}.log",
    wildcard_constraints:
        request=alternatives(HUB_REQUESTS),
    retries: 2
    conda:
        "../../envs/data.yaml"
    resources:
        mirror=MIRROR,
    params:
        request=lambda wildcards: json.dumps(asdict(HUB_REQUESTS[wildcards.request]), sort_keys=True),
        program=program("download_hub"),
        cache=lambda wildcards: HUB,
    shell:
        r"""
        HF_HUB_OFFLINE=$HUB_OFFLINE \
            python {params.program:q} \
            --request {params.request:q} \
            --cache {params.cache:q} \
            {resources.mirror} \
            &>{log:q}
        """


rule prepare_pairs:
    """Read the pairs of one source in one language that its files hold."""
    input:
        pairs_files_read,
    output:
        f"{RESULTS}/raw/{{pairs}}.parquet",
    log:
        f"{LOGS}/prepare_pairs/{{pairs}}.log",
    benchmark:
        f"{COSTS}/prepare_pairs/{{pairs}}.jsonl"
    wildcard_constraints:
        pairs=alternatives(NATIVE_PAIRS),
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
        options=pairs_options,
    shell:
        "python {params.program:q} {params.options:q} --output {output:q} &> {log:q}"


rule prepare_benchmark:
    """Read queries, passages and judgements of one benchmark in one language, and check them."""
    input:
        lambda wildcards: reader_files(experiment.benchmarks[wildcards.benchmark], wildcards.language),
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
        options=benchmark_options,
        folder=subpath(output.queries, parent=True),
    shell:
        "python {params.program:q} {params.options:q} --output-folder {params.folder:q} &> {log:q}"
