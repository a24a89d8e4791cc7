"""
Evaluation: measures of rankings, and language bias.

REQUIRED INPUTS: search/<run>/<benchmark>/{topk,ranks}.parquet and embeddings of every benchmark.

OUTPUTS:
    measures/<run>.parquet                      a row for each query, setting and passage language, a column for each measure
    language_bias/<run>.parquet                 a row for each query, a column for each measure of bias
    language_bias/<run>.shares.csv              shares of languages in the top and in the pool
    language_bias/<run>.identifiability.csv     how well vectors identify their language
"""

POOLED = experiment.pooled_benchmarks


rule evaluate:
    """Measure `{wildcards.run}` on every benchmark with ranx."""
    input:
        ranks=expand(f"{RESULTS}/search/{{{{run}}}}/{{benchmark}}/ranks.parquet", benchmark=experiment.runs.benchmarks),
    output:
        f"{RESULTS}/measures/{{run}}.parquet",
    log:
        f"{LOGS}/evaluate/{{run}}.log",
    benchmark:
        f"{COSTS}/evaluate/{{run}}.jsonl"
    group:
        "measure"
    conda:
        "../../envs/evaluate.yaml"
    threads: 1
    resources:
        mem=growing(4),
        runtime="1h",
    params:
        program=program("evaluate"),
        code=code("evaluate"),
        ranks=lambda wildcards, input: named(dict(zip(experiment.runs.benchmarks, input.ranks))),
        settings=experiment.evaluation.for_measuring(),
        measured=json.dumps(experiment.restricted_settings),
    shell:
        r"""
        python {params.program:q} \
            --ranks {params.ranks:q} \
            --settings {params.settings:q} \
            --measured {params.measured:q} \
            --output {output:q} \
            &>{log:q}
        """


rule measure_language_bias:
    """Measure the language bias of `{wildcards.run}` on every benchmark with a pool of all languages."""
    input:
        topk=expand(f"{RESULTS}/search/{{{{run}}}}/{{benchmark}}/topk.parquet", benchmark=POOLED),
        ranks=expand(f"{RESULTS}/search/{{{{run}}}}/{{benchmark}}/ranks.parquet", benchmark=POOLED),
        embeddings=expand(f"{RESULTS}/embeddings/{{{{run}}}}/{{benchmark}}/manifest.json", benchmark=POOLED),
        texts=[file for name in POOLED for file in paths.benchmark(name, ["queries", "passages"])],
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
    threads: 1
    resources:
        mem=growing(4, times_input=4),
        runtime="4h",
    params:
        program=program("measure_language_bias"),
        code=code("measure_language_bias"),
        languages=json.dumps({name: experiment.benchmarks[name].languages for name in POOLED}),
        settings=experiment.evaluation.model_dump_json(include={"bias_depth"}),
        results=subpath(output.queries, ancestor=4),
    shell:
        r"""
        python {params.program:q} \
            --run {wildcards.run:q} \
            --results {params.results:q} \
            --languages {params.languages:q} \
            --settings {params.settings:q} \
            --output {output.queries:q} \
            &>{log:q}
        """
