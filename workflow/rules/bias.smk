"""
Language bias beyond rank distance.

REQUIRED INPUTS: search/<run>/<benchmark>/topk.parquet, measures/<run>.parquet and embeddings of every run with an encoder.

OUTPUTS:
    language_bias/<run>.parquet                 one row for each query, one column for each measure
    language_bias/<run>.shares.csv              share of each language in the top and in the pool
    language_bias/<run>.identifiability.csv     how far vectors tell their language
    tables/language_bias.{csv,md,tex,html}      means and standard deviations over seeds
    tables/language_shares.csv                  shares, means over seeds
"""

BIAS_RUNS = encoder_runs() if pooled_benchmarks() else []
BIAS_TABLES = ["language_bias"] if BIAS_RUNS else []
BIAS_FILES = ["parquet", "shares.csv", "identifiability.csv"]


localrules:
    write_bias_tables,


rule measure_language_bias:
    """Measure the language bias of `{wildcards.run}` on every benchmark with a pool of all languages."""
    input:
        topk=expand(f"{RESULTS}/search/{{{{run}}}}/{{benchmark}}/topk.parquet", benchmark=pooled_benchmarks()),
        embeddings=expand(
            f"{RESULTS}/embeddings/{{{{run}}}}/{{benchmark}}/manifest.json", benchmark=pooled_benchmarks()
        ),
        texts=[file for name in pooled_benchmarks() for file in benchmark_files(name, ["queries", "passages"])],
        measures=f"{RESULTS}/measures/{{run}}.parquet",
    output:
        queries=f"{RESULTS}/language_bias/{{run}}.parquet",
        shares=f"{RESULTS}/language_bias/{{run}}.shares.csv",
        identifiability=f"{RESULTS}/language_bias/{{run}}.identifiability.csv",
    log:
        f"{LOGS}/measure_language_bias/{{run}}.log",
    benchmark:
        f"{COSTS}/measure_language_bias/{{run}}.jsonl"
    group:
        "measure"
    conda:
        "../../envs/evaluate.yaml"
    threads: 2
    resources:
        mem=growing(4, times_input=4),
        runtime="4h",
    params:
        program=program("measure_language_bias"),
        code=code("measure_language_bias"),
        benchmarks=[f"{name}={','.join(experiment.benchmarks[name].languages)}" for name in pooled_benchmarks()],
        prepared=lambda wildcards: f"{RESULTS}/benchmarks",
        search=lambda wildcards: f"{RESULTS}/search/{wildcards.run}",
        embeddings=lambda wildcards: f"{RESULTS}/embeddings/{wildcards.run}",
        depth=experiment.evaluation.bias_depth,
        questions=experiment.evaluation.probe_questions,
    shell:
        r"""
        python {params.program:q} \
            --benchmarks {params.benchmarks:q} \
            --prepared {params.prepared:q} \
            --search {params.search:q} \
            --embeddings {params.embeddings:q} \
            --measures {input.measures:q} \
            --depth {params.depth} \
            --questions {params.questions} \
            --output {output.queries:q} \
            &>{log:q}
        """


rule write_bias_tables:
    """Average language bias over queries, languages and seeds."""
    input:
        runs=[f"{RESULTS}/language_bias/{run}.{kind}" for run in BIAS_RUNS for kind in BIAS_FILES],
        templates=lambda wildcards: TEMPLATES,
    output:
        page=table_page("language_bias"),
        other=[f"{RESULTS}/tables/language_bias.{suffix}" for suffix in ("csv", "md", "tex")],
        shares=f"{RESULTS}/tables/language_shares.csv",
    log:
        f"{LOGS}/write_bias_tables.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program("write_bias_tables"),
        code=code("write_bias_tables"),
        runs=[f"{run}={RESULTS}/language_bias/{run}.parquet" for run in BIAS_RUNS],
        depth=experiment.evaluation.bias_depth,
        notice=options(notice=experiment.notice),
        folder=subpath(output.page, parent=True),
    shell:
        r"""
        python {params.program:q} \
            --runs {params.runs:q} \
            --depth {params.depth} \
            {params.notice:q} \
            --output {params.folder:q} \
            &>{log:q}
        """
