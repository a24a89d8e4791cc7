"""
Statistics: intervals, tests between strategies, the claim, the domain shift.

REQUIRED INPUTS: measures/<run>.parquet of every run.

OUTPUTS:
    statistics/intervals.csv                            every system: mean, standard deviation and interval, by language
    statistics/comparisons.csv                          every two systems: difference, interval, effect size, tests, a sentence
    statistics/claim.json                               whether the claim of the configuration holds
    statistics/shift.{csv,json}                         scores in and out of the domain of training, and the answer
    tables/{significance,shift}.{csv,md,tex,html}
"""

STATISTICS_TABLES = ["significance", "shift"]


localrules:
    compare_strategies,


rule compare_strategies:
    """Test how the strategies differ, and what each loses out of its domain."""
    input:
        measures=[f"{RESULTS}/measures/{run}.parquet" for run in experiment.run_names()],
        templates=lambda wildcards: TEMPLATES,
    output:
        **{table: table_page(table) for table in STATISTICS_TABLES},
        other=expand(f"{RESULTS}/tables/{{table}}.{{format}}", table=STATISTICS_TABLES, format=["csv", "md", "tex"]),
        numbers=expand(f"{RESULTS}/statistics/{{name}}.csv", name=["intervals", "comparisons", "shift"]),
        sentences=expand(f"{RESULTS}/statistics/{{name}}.json", name=["claim", "shift"]),
    log:
        f"{LOGS}/compare_strategies.log",
    benchmark:
        f"{COSTS}/compare_strategies.jsonl"
    conda:
        "../../envs/report.yaml"
    params:
        program=program("compare_strategies"),
        code=code("compare_strategies"),
        measures=named_measures(experiment.run_names()),
        benchmarks=experiment.runs.benchmarks,
        strategies=experiment.runs.strategies,
        metrics=[f"{setting}={','.join(shown)}" for setting, shown in experiment.evaluation.tables.items()],
        separate=separate_questions(),
        settings=experiment.statistics.model_dump_json(),
        shift=domains(),
        notice=options(notice=experiment.notice),
        statistics=lambda wildcards: f"{RESULTS}/statistics",
        tables=lambda wildcards: f"{RESULTS}/tables",
    shell:
        r"""
        python {params.program:q} \
            --measures {params.measures:q} \
            --benchmarks {params.benchmarks:q} \
            --strategies {params.strategies:q} \
            --metrics {params.metrics:q} \
            --separate {params.separate:q} \
            --settings {params.settings:q} \
            --shift {params.shift:q} \
            {params.notice:q} \
            --statistics {params.statistics:q} \
            --tables {params.tables:q} \
            &>{log:q}
        """
