"""
Encoding and indexing.

REQUIRED INPUTS: a model's manifest.json; benchmarks/<benchmark>/<language>/{queries,passages}.parquet.

OUTPUTS:
    embeddings/<run>/<benchmark>/manifest.json          names <language>.{queries,passages}.npy and their SHA-256
    indexes/<run>/<benchmark>/<language>.faiss
"""


rule encode:
    """Encode `{wildcards.benchmark}` with the model of `{wildcards.run}`; finished languages survive a kill."""
    input:
        model=lambda wildcards: f"{model(wildcards.run)}/manifest.json",
        texts=lambda wildcards: benchmark_files(wildcards.benchmark, ["queries", "passages"]),
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
    threads: share_of_cores(len(encoder_runs()) * len(experiment.runs.benchmarks))
    resources:
        gpu=GPUS,
        mem="8GB",
        runtime="4h",
        device=DEVICE,
    params:
        model=subpath(input.model, parent=True),
        benchmark=lambda wildcards: f"{RESULTS}/benchmarks/{wildcards.benchmark}",
        languages=lambda wildcards: experiment.benchmarks[wildcards.benchmark].languages,
        options=options(**experiment.encoding.model_dump()),
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


rule index:
    """Build the FAISS indexes of `{wildcards.benchmark}`, one for each language."""
    input:
        embeddings=f"{RESULTS}/embeddings/{{run}}/{{benchmark}}/manifest.json",
        program=program("index"),
        library=library("index"),
    output:
        directory=directory(f"{RESULTS}/indexes/{{run}}/{{benchmark}}"),
    log:
        f"{LOGS}/index/{{run}}/{{benchmark}}.log",
    benchmark:
        f"{COSTS}/index/{{run}}/{{benchmark}}.jsonl"
    conda:
        "../../envs/search.yaml"
    threads: 4
    resources:
        mem="8GB",
    params:
        embeddings=subpath(input.embeddings, parent=True),
        languages=lambda wildcards: experiment.benchmarks[wildcards.benchmark].languages,
        options=options(index=experiment.search.index, training_sample=experiment.search.training_sample),
    shell:
        r"""
        python {input.program:q} \
            --embeddings {params.embeddings:q} \
            --languages {params.languages:q} \
            {params.options:q} \
            --output {output.directory:q} \
            &>{log:q}
        """
