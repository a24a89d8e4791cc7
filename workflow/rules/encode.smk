"""
Encoding.

REQUIRED INPUTS: a model's manifest.json; benchmarks/<benchmark>/<language>/{queries,passages}.parquet.

OUTPUTS:
    embeddings/<run>/<benchmark>/manifest.json      names <language>.{queries,passages}.<number>.npy and their SHA-256
"""

ENCODING_JOBS = experiment.encoding.jobs
# A job that was given a GPU fails at once where torch has no CUDA, instead of running for days on the CPU.
ENCODING_DEVICE = "cuda" if GPUS else DEVICE


rule encode:
    """Encode `{wildcards.benchmark}` with the model of `{wildcards.run}`; finished shards survive a kill."""
    input:
        model=lambda wildcards: f"{model(wildcards.run)}/manifest.json",
        texts=lambda wildcards: benchmark_files(wildcards.benchmark, ["queries", "passages"]),
        parts=lambda wildcards: encoded_parts(wildcards.run, wildcards.benchmark),
    output:
        f"{RESULTS}/embeddings/{{run}}/{{benchmark}}/manifest.json",
    log:
        f"{LOGS}/encode/{{run}}/{{benchmark}}.log",
    benchmark:
        f"{COSTS}/encode/{{run}}/{{benchmark}}.jsonl"
    conda:
        environment("encoder")
    threads: share_of_cores(len(encoder_runs()) * len(experiment.runs.benchmarks)) if ENCODING_JOBS == 1 else 1
    resources:
        gpu=GPUS if ENCODING_JOBS == 1 else 0,
        mem=growing(8),
        runtime="4h",
        device=ENCODING_DEVICE if ENCODING_JOBS == 1 else "cpu",
        batch_size=experiment.encoding.batch_size,
    params:
        program=program("encode"),
        code=code("encode"),
        launcher=program("launch"),
        model=subpath(input.model, parent=True),
        benchmark=lambda wildcards: f"{RESULTS}/benchmarks/{wildcards.benchmark}",
        languages=lambda wildcards: experiment.benchmarks[wildcards.benchmark].languages,
        options=options(**experiment.encoding.model_dump(exclude={"jobs", "batch_size"})),
        folder=subpath(output[0], parent=True),
    shell:
        r"""
        export TOKENIZERS_PARALLELISM=true RAYON_NUM_THREADS={threads}
        python {params.launcher:q} --gpus {resources.gpu} {params.program:q} \
            --model {params.model:q} \
            --benchmark {params.benchmark:q} \
            --languages {params.languages:q} \
            {params.options:q} \
            --code {params.code} \
            --device {resources.device} \
            --batch-size {resources.batch_size} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule encode_part:
    """Encode one of `{wildcards.parts}` shares of `{wildcards.benchmark}` with the model of `{wildcards.run}`."""
    input:
        model=lambda wildcards: f"{model(wildcards.run)}/manifest.json",
        texts=lambda wildcards: benchmark_files(wildcards.benchmark, ["queries", "passages"]),
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
        environment("encoder")
    threads: share_of_cores(ENCODING_JOBS)
    resources:
        gpu=GPUS,
        mem=growing(8),
        runtime="4h",
        device=ENCODING_DEVICE,
        batch_size=experiment.encoding.batch_size,
    params:
        program=program("encode"),
        code=code("encode"),
        launcher=program("launch"),
        model=subpath(input.model, parent=True),
        benchmark=lambda wildcards: f"{RESULTS}/benchmarks/{wildcards.benchmark}",
        languages=lambda wildcards: experiment.benchmarks[wildcards.benchmark].languages,
        options=options(**experiment.encoding.model_dump(exclude={"jobs", "batch_size"})),
        folder=lambda wildcards: f"{RESULTS}/embeddings/{wildcards.run}/{wildcards.benchmark}",
    shell:
        r"""
        export TOKENIZERS_PARALLELISM=true RAYON_NUM_THREADS={threads}
        python {params.launcher:q} --gpus {resources.gpu} {params.program:q} \
            --model {params.model:q} \
            --benchmark {params.benchmark:q} \
            --languages {params.languages:q} \
            {params.options:q} \
            --code {params.code} \
            --device {resources.device} \
            --batch-size {resources.batch_size} \
            --part {wildcards.part} {wildcards.parts} \
            --record {output:q} \
            --output {params.folder:q} \
            &>{log:q}
        """
