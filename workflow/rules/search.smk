"""
Search with FAISS, and BM25.

REQUIRED INPUTS: embeddings and the benchmark's parquet files; for BM25 the texts and a tokenizer.

OUTPUTS:
    embeddings/<run>/<benchmark>/manifest.json  lists the vectors of a run `<strategy>-centred`
    indexes/<run>/<benchmark>/manifest.json     lists <language>.<00000>.faiss, their SHA-256 and numbers of vectors
    search/<run>/<benchmark>/topk.parquet       the best passages of every (query language, passage language) block
    search/<run>/<benchmark>/ranks.parquet      the ranks of every relevant passage, in its block and in the pool
    search/<run>/<benchmark>/recall.csv         the recall of approximate indexes; only a header if search is exact

An exact index replaces the vectors of passages in embeddings/, which `build_index` deletes.
"""

from hybridbatch.config.derived_strategies import uncentred_run

# Memory for one file of an index: vectors of 1024 float32 numbers, and the same again for the index structure.
INDEX_GIGABYTES = 4 + experiment.search.index_rows * 8192 / 1e9
TOKENIZER = paths.prepared_backbone(experiment.bm25_tokenizer)


def search_scope(wildcards):
    """Return the options that restrict a search to what is measured: monolingual blocks, and ranks down to the depth."""
    if experiment.benchmarks[wildcards.benchmark].measured != ["mono"]:
        return []
    return ["--monolingual"] if experiment.measures_below_search_depth else ["--monolingual", "--only-found"]


rule build_index:
    """Build the FAISS index of each language of `{wildcards.benchmark}`; finished languages survive a kill."""
    input:
        embeddings=f"{RESULTS}/embeddings/{{run}}/{{benchmark}}/manifest.json",
    output:
        f"{RESULTS}/indexes/{{run}}/{{benchmark}}/manifest.json",
    log:
        f"{LOGS}/build_index/{{run}}/{{benchmark}}.log",
    benchmark:
        f"{COSTS}/build_index/{{run}}/{{benchmark}}.jsonl"
    conda:
        "../../envs/search.yaml"
    threads: 1
    resources:
        mem=growing(INDEX_GIGABYTES),
        runtime="12h",
    params:
        program=program("build_index"),
        code=code("build_index"),
        embeddings=subpath(input.embeddings, parent=True),
        languages=benchmark_languages,
        settings=experiment.search.model_dump_json(include={"index", "index_rows"}),
        folder=subpath(output[0], parent=True),
    shell:
        r"""
        python {params.program:q} \
            --embeddings {params.embeddings:q} \
            --languages {params.languages:q} \
            --settings {params.settings:q} \
            --code {params.code} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule centre_passages:
    """Centre the passages of `{wildcards.benchmark}` by language, with the vectors of the run that is not centred."""
    input:
        embeddings=lambda wildcards: f"{RESULTS}/embeddings/{uncentred_run(wildcards.centred)}/{wildcards.benchmark}/manifest.json",
        indexes=lambda wildcards: f"{RESULTS}/indexes/{uncentred_run(wildcards.centred)}/{wildcards.benchmark}/manifest.json",
    output:
        f"{RESULTS}/embeddings/{{centred}}/{{benchmark}}/manifest.json",
    log:
        f"{LOGS}/centre_passages/{{centred}}/{{benchmark}}.log",
    benchmark:
        f"{COSTS}/centre_passages/{{centred}}/{{benchmark}}.jsonl"
    wildcard_constraints:
        centred=alternatives(experiment.centred_runs),
    conda:
        "../../envs/search.yaml"
    threads: 1
    resources:
        mem=growing(4),
        runtime="4h",
    params:
        program=program("centre_passages"),
        code=code("centre_passages"),
        embeddings=subpath(input.embeddings, parent=True),
        indexes=subpath(input.indexes, parent=True),
        languages=benchmark_languages,
        settings=experiment.search.model_dump_json(include={"index", "parameters"}),
        folder=subpath(output[0], parent=True),
    shell:
        r"""
        python {params.program:q} \
            --embeddings {params.embeddings:q} \
            --indexes {params.indexes:q} \
            --languages {params.languages:q} \
            --settings {params.settings:q} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule search:
    """Search every language of `{wildcards.benchmark}` with the queries of all languages, or only its own if nothing else is measured."""
    input:
        files=lambda wildcards: paths.benchmark(wildcards.benchmark),
        embeddings=f"{RESULTS}/embeddings/{{run}}/{{benchmark}}/manifest.json",
        indexes=f"{RESULTS}/indexes/{{run}}/{{benchmark}}/manifest.json",
    output:
        topk=f"{RESULTS}/search/{{run}}/{{benchmark}}/topk.parquet",
        ranks=f"{RESULTS}/search/{{run}}/{{benchmark}}/ranks.parquet",
        recall=f"{RESULTS}/search/{{run}}/{{benchmark}}/recall.csv",
    log:
        f"{LOGS}/search/{{run}}/{{benchmark}}.log",
    benchmark:
        f"{COSTS}/search/{{run}}/{{benchmark}}.jsonl"
    conda:
        "../../envs/search.yaml"
    threads: lambda wildcards: min(4, cores_for(ENCODED))
    resources:
        # An exact index is memory-mapped, and an approximate one may be loaded.
        mem=growing(8 if experiment.search.is_exact else INDEX_GIGABYTES, times_input=2),
        runtime="12h",
    params:
        program=program("search"),
        code=code("search"),
        benchmark=benchmark_folder,
        embeddings=subpath(input.embeddings, parent=True),
        indexes=subpath(input.indexes, parent=True),
        languages=benchmark_languages,
        settings=experiment.search.model_dump_json(include={"index", "depth", "parameters"}),
        scope=search_scope,
        folder=subpath(output.topk, parent=True),
    shell:
        r"""
        python {params.program:q} \
            --benchmark {params.benchmark:q} \
            --embeddings {params.embeddings:q} \
            --indexes {params.indexes:q} \
            --languages {params.languages:q} \
            --settings {params.settings:q} \
            {params.scope} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule search_bm25:
    """Search each language of `{wildcards.benchmark}` with its own queries by BM25."""
    input:
        files=lambda wildcards: paths.benchmark(wildcards.benchmark),
        tokenizer=f"{TOKENIZER}/manifest.json",
    output:
        topk=f"{RESULTS}/search/bm25/bm25/seed0/{{benchmark}}/topk.parquet",
        ranks=f"{RESULTS}/search/bm25/bm25/seed0/{{benchmark}}/ranks.parquet",
    log:
        f"{LOGS}/search/bm25/bm25/seed0/{{benchmark}}.log",
    benchmark:
        f"{COSTS}/search_bm25/{{benchmark}}.jsonl"
    conda:
        "../../envs/search.yaml"
    threads: 1
    resources:
        # Texts, tokens and postings of a corpus are in memory at once.
        mem=growing(4, times_input=4),
        runtime="12h",
    params:
        program=program("search_bm25"),
        code=code("search_bm25"),
        benchmark=benchmark_folder,
        tokenizer=f"{TOKENIZER}/tokenizer.json",
        languages=benchmark_languages,
        settings=experiment.bm25.model_dump_json(include={"k1", "b"}),
        depth=experiment.search.depth,
        folder=subpath(output.topk, parent=True),
    shell:
        r"""
        python {params.program:q} \
            --benchmark {params.benchmark:q} \
            --tokenizer {params.tokenizer:q} \
            --languages {params.languages:q} \
            --settings {params.settings:q} \
            --depth {params.depth} \
            --output {params.folder:q} \
            &>{log:q}
        """


ruleorder: search_bm25 > search
ruleorder: centre_passages > encode
