"""
Encoding.

REQUIRED INPUTS: a model's manifest.json; benchmarks/<benchmark>/<language>/{queries,passages}.parquet.

OUTPUTS:
    embeddings/<run>/<benchmark>/manifest.json      lists <language>.{queries,passages}.<number>.npy and their SHA-256; an exact index
                                                    takes over the vectors of passages (search.smk)

With several `encoding.jobs`, each job encodes a share of the shards, and `encode` verifies that all exist.
"""

ENCODING_JOBS = experiment.encoding.jobs
# The number of benchmarks that are encoded, counted for each run.
ENCODED = len(experiment.encoder_runs) * len(experiment.runs.benchmarks)
# With several jobs, this rule only collects their vectors.
ENCODES = ENCODING_JOBS == 1


def benchmark_folder(wildcards):
    """Return the folder of a prepared benchmark."""
    return f"{RESULTS}/benchmarks/{wildcards.benchmark}"


def benchmark_languages(wildcards):
    """Return the languages of a benchmark."""
    return experiment.benchmarks[wildcards.benchmark].languages


rule encode:
    """Encode `{wildcards.benchmark}` with the model of `{wildcards.run}`; finished shards survive a kill."""
    input:
        model=lambda wildcards: f"{paths.model(wildcards.run)}/manifest.json",
        texts=lambda wildcards: paths.benchmark(wildcards.benchmark, ["queries", "passages"]),
        shares=lambda wildcards: paths.encoding_shares(wildcards.run, wildcards.benchmark),
    output:
        f"{RESULTS}/embeddings/{{run}}/{{benchmark}}/manifest.json",
    log:
        f"{LOGS}/encode/{{run}}/{{benchmark}}.log",
    benchmark:
        f"{COSTS}/encode/{{run}}/{{benchmark}}.jsonl"
    conda:
        environment("encoder")
    threads: lambda wildcards: cores_for(ENCODED) if ENCODES else 1
    resources:
        gpu=GPUS if ENCODES else 0,
        mem=growing(8),
        runtime="4h",
        device=MODEL_DEVICE if ENCODES else "cpu",
        batch_size=experiment.encoding.batch_size,
    params:
        launcher=program("launch"),
        program=program("encode"),
        code=code("encode"),
        model=subpath(input.model, parent=True),
        benchmark=benchmark_folder,
        languages=benchmark_languages,
        settings=experiment.encoding.model_dump_json(exclude={"jobs", "batch_size"}, exclude_none=True),
        index=experiment.search.vector_index,
        share=[],
        folder=lambda wildcards: f"{RESULTS}/embeddings/{wildcards.run}/{wildcards.benchmark}",
    shell:
        r"""
        export TOKENIZERS_PARALLELISM=true RAYON_NUM_THREADS={threads}
        python {params.launcher:q} --gpus {resources.gpu} {params.program:q} \
            --model {params.model:q} \
            --benchmark {params.benchmark:q} \
            --languages {params.languages:q} \
            --settings {params.settings:q} \
            --batch-size {resources.batch_size} \
            --code {params.code} \
            --index {params.index:q} \
            --device {resources.device} \
            {params.share:q} \
            --output {params.folder:q} \
            &>{log:q}
        """


use rule encode as encode_part with:
    input:
        model=lambda wildcards: f"{paths.model(wildcards.run)}/manifest.json",
        texts=lambda wildcards: paths.benchmark(wildcards.benchmark, ["queries", "passages"]),
    output:
        f"{RESULTS}/embeddings/{{run}}/{{benchmark}}.parts/{{part}}of{{parts}}.json",
    log:
        f"{LOGS}/encode/{{run}}/{{benchmark}}.{{part}}of{{parts}}.log",
    benchmark:
        f"{COSTS}/encode_part/{{run}}/{{benchmark}}.{{part}}of{{parts}}.jsonl"
    wildcard_constraints:
        part=r"\d+",
        parts=r"\d+",
    threads: lambda wildcards: cores_for(ENCODING_JOBS)
    resources:
        gpu=GPUS,
        mem=growing(8),
        runtime="4h",
        device=MODEL_DEVICE,
        batch_size=experiment.encoding.batch_size,
    params:
        share=lambda wildcards, output: ["--part", wildcards.part, wildcards.parts, "--record", output[0]],
