"""
Evaluation.

REQUIRED INPUTS: search/<run>/<benchmark>/ranks.parquet of every benchmark.

OUTPUTS:
    measures/<run>.parquet      one row for each query, setting and passage language, one column for each measure
"""


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
    threads: 2
    resources:
        mem=growing(4),
        runtime="1h",
    params:
        program=program("evaluate"),
        code=code("evaluate"),
        ranks=lambda wildcards: [
            f"{name}={RESULTS}/search/{wildcards.run}/{name}/ranks.parquet" for name in experiment.runs.benchmarks
        ],
        measures=experiment.evaluation.measures,
        depth=experiment.evaluation.depth,
        settings=chosen_settings(),
    shell:
        r"""
        python {params.program:q} \
            --ranks {params.ranks:q} \
            --measures {params.measures:q} \
            --depth {params.depth} \
            {params.settings:q} \
            --output {output:q} \
            &>{log:q}
        """
