"""
Encoding.

REQUIRED INPUTS: a model's manifest.json; benchmarks/<benchmark>/<language>/{queries,passages}.parquet.

OUTPUTS:
    embeddings/<run>/<benchmark>/manifest.json      names <language>.{queries,passages}.<number>.npy and their SHA-256
"""

ENCODING_JOBS = experiment.encoding.jobs


rule encode:
    """Encode `{wildcards.benchmark}` with the model of `{wildcards.run}`; finished shards survive a kill."""
    input:
        model=lambda wildcards: f"{model(wildcards.run)}/manifest.json",
        texts=lambda wildcards: benchmark_files(wildcards.benchmark, ["queries", "passages"]),
        parts=lambda wildcards: encoded_parts(wildcards.run, wildcards.benchmark),
        program=program("encode"),
        library=library("encode"),
    output:
        f"{RESULTS}/embeddings/{{run}}/{{benchmark}}/manifest.json",
    log:
        f"{LOGS}/encode/{{run}}/{{benchmark}}.log",
    benchmark:
        f"{COSTS}/encode/{{run}}/{{benchmark}}.jsonl"
    conda:
        "../../envs/encoder.yaml"
    threads: share_of_cores(len(encoder_runs()) * len(experiment.runs.benchmarks)) if ENCODING_JOBS == 1 else 1
    resources:
        gpu=GPUS if ENCODING_JOBS == 1 else 0,
        mem="8GB",
        runtime="4h",
        device=DEVICE if ENCODING_JOBS == 1 else "cpu",
    params:
        model=subpath(input.model, parent=True),
        benchmark=lambda wildcards: f"{RESULTS}/benchmarks/{wildcards.benchmark}",
        languages=lambda wildcards: experiment.benchmarks[wildcards.benchmark].languages,
        options=options(**experiment.encoding.model_dump(exclude={"jobs"})),
        folder=subpath(output[0], parent=True),
    shell:
        r"""
        python {input.program:q} \
            --model {params.model:q} \
            --benchmark {params.benchmark:q} \
            --languages {params.languages:q} \
            {params.options:q} \
            --device {resources.device} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule encode_part:
    """Encode one of {wildcards.parts} shares of `{wildcards.benchmark}` with the model of `{wildcards.run}`."""
    input:
        model=lambda wildcards: f"{model(wildcards.run)}/manifest.json",
        texts=lambda wildcards: benchmark_files(wildcards.benchmark, ["queries", "passages"]),
        program=program("encode"),
        library=library("encode"),
    output:
        f"{RESULTS}/embeddings/{{run}}/{{benchmark}}.parts/{{part}}of{{parts}}.json",
    log:
        f"{LOGS}/encode/{{run}}/{{benchmark}}.{{part}}of{{parts}}.log",
    benchmark:
        f"{COSTS}/encode_part/{{run}}/{{benchmark}}.{{part}}of{{parts}}.jsonl"
    wildcard_constraints:
        part=r"\d+",
        parts=r"\d+",
    conda:
        "../../envs/encoder.yaml"
    threads: share_of_cores(ENCODING_JOBS)
    resources:
        gpu=GPUS,
        mem="8GB",
        runtime="4h",
        device=DEVICE,
    params:
        model=subpath(input.model, parent=True),
        benchmark=lambda wildcards: f"{RESULTS}/benchmarks/{wildcards.benchmark}",
        languages=lambda wildcards: experiment.benchmarks[wildcards.benchmark].languages,
        options=options(**experiment.encoding.model_dump(exclude={"jobs"})),
        folder=lambda wildcards: f"{RESULTS}/embeddings/{wildcards.run}/{wildcards.benchmark}",
    shell:
        r"""
        python {input.program:q} \
            --model {params.model:q} \
            --benchmark {params.benchmark:q} \
            --languages {params.languages:q} \
            {params.options:q} \
            --device {resources.device} \
            --part {wildcards.part} {wildcards.parts} \
            --record {output:q} \
            --output {params.folder:q} \
            &>{log:q}
        """
