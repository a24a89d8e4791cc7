"""
Search.

REQUIRED INPUTS: embeddings, indexes and the benchmark's parquet files; for BM25 the texts and a tokenizer.

OUTPUTS:
    search/<run>/<benchmark>/topk.parquet       the best passages of every (query language, passage language) block
    search/<run>/<benchmark>/ranks.parquet      the ranks of every relevant passage, in its block and in the pool
"""


rule search:
    """Search every language of `{wildcards.benchmark}` with the queries of every language, or where nothing else is measured its own."""
    input:
        files=lambda wildcards: benchmark_files(wildcards.benchmark),
        embeddings=f"{RESULTS}/embeddings/{{run}}/{{benchmark}}/manifest.json",
        indexes=f"{RESULTS}/indexes/{{run}}/{{benchmark}}",
        program=program("search"),
        library=library("search"),
    output:
        topk=f"{RESULTS}/search/{{run}}/{{benchmark}}/topk.parquet",
        ranks=f"{RESULTS}/search/{{run}}/{{benchmark}}/ranks.parquet",
    log:
        f"{LOGS}/search/{{run}}/{{benchmark}}.log",
    benchmark:
        f"{COSTS}/search/{{run}}/{{benchmark}}.jsonl"
    conda:
        "../../envs/search.yaml"
    threads: 4
    resources:
        mem="8GB",
    params:
        benchmark=lambda wildcards: f"{RESULTS}/benchmarks/{wildcards.benchmark}",
        embeddings=subpath(input.embeddings, parent=True),
        languages=lambda wildcards: experiment.benchmarks[wildcards.benchmark].languages,
        options=search_options,
        folder=subpath(output.topk, parent=True),
    shell:
        r"""
        python {input.program:q} \
            --benchmark {params.benchmark:q} \
            --embeddings {params.embeddings:q} \
            --indexes {input.indexes:q} \
            --languages {params.languages:q} \
            {params.options:q} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule search_bm25:
    """Search each language of `{wildcards.benchmark}` with its own queries by BM25."""
    input:
        files=lambda wildcards: benchmark_files(wildcards.benchmark),
        tokenizer=f"{prepared_backbone(experiment.bm25_tokenizer)}/manifest.json",
        program=program("bm25"),
        library=library("bm25"),
    output:
        topk=f"{RESULTS}/search/bm25/bm25/seed0/{{benchmark}}/topk.parquet",
        ranks=f"{RESULTS}/search/bm25/bm25/seed0/{{benchmark}}/ranks.parquet",
    log:
        f"{LOGS}/search/bm25/bm25/seed0/{{benchmark}}.log",
    benchmark:
        f"{COSTS}/search_bm25/{{benchmark}}.jsonl"
    conda:
        "../../envs/search.yaml"
    params:
        benchmark=lambda wildcards: f"{RESULTS}/benchmarks/{wildcards.benchmark}",
        tokenizer=f"{prepared_backbone(experiment.bm25_tokenizer)}/tokenizer.json",
        languages=lambda wildcards: experiment.benchmarks[wildcards.benchmark].languages,
        options=options(k1=experiment.bm25.k1, b=experiment.bm25.b, depth=experiment.search.depth),
        folder=subpath(output.topk, parent=True),
    shell:
        r"""
        python {input.program:q} \
            --benchmark {params.benchmark:q} \
            --tokenizer {params.tokenizer:q} \
            --languages {params.languages:q} \
            {params.options:q} \
            --output {params.folder:q} \
            &>{log:q}
        """


ruleorder: search_bm25 > search
