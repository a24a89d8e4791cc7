"""
Comparison: tests between strategies, the claim, the domain shift, and the paper's numbers.

REQUIRED INPUTS: measures/<run>.parquet of every run; tables/summary.csv; the published numbers (config/published.csv).

OUTPUTS:
    statistics/intervals.csv                    mean, standard deviation and interval of every system by language
    statistics/comparisons.csv                  difference, interval, effect size, tests and a sentence for every two systems
    statistics/claim.json                       whether the claim of the configuration holds
    statistics/shift.{csv,json}                 scores inside and outside the training domain, and the conclusion
    verdicts.json                               verdicts on published numbers, effects, other systems
    tables/{significance,shift,published}.{csv,md,tex,html}

TARGETS: verify
"""

PUBLISHED_NUMBERS = shipped("config/published.csv")
# What tables show, and the notice alone for those that depend on nothing else; the rules of the report use these too.
LAYOUT = experiment.layout.model_dump_json()
NOTICE = experiment.layout.model_dump_json(include={"notice"})
TEMPLATES = sorted(str(file) for file in Path(SCRIPTS, "hybridbatch", "report", "templates").iterdir())


def table_page(name):
    """Return a table as an item of `snakemake --report`."""
    labels = {"table": name, "format": "html"}
    return report(f"{RESULTS}/tables/{name}.html", caption="../report/tables.rst", category="Tables", labels=labels)


def other_formats(*tables):
    """Return the files of tables in formats that are not in `snakemake --report`."""
    return expand(f"{RESULTS}/tables/{{table}}.{{format}}", table=tables, format=["csv", "md", "tex"])


run_locally("compare_published", "verify")


rule compare_strategies:
    """Test the differences between strategies, and their losses outside the training domain."""
    input:
        measures=list(paths.measures(experiment.run_names).values()),
        templates=TEMPLATES,
    output:
        **{name: table_page(name) for name in ("significance", "shift")},
        other=other_formats("significance", "shift"),
        numbers=expand(f"{RESULTS}/statistics/{{name}}.csv", name=["intervals", "comparisons", "shift"]),
        claim=f"{RESULTS}/statistics/claim.json",
        answer=f"{RESULTS}/statistics/shift.json",
    log:
        f"{LOGS}/compare_strategies.log",
    benchmark:
        f"{COSTS}/compare_strategies.jsonl"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem=growing(8),
        runtime="4h",
    params:
        program=program("compare_strategies"),
        code=code("compare_strategies"),
        measures=named(paths.measures(experiment.run_names)),
        layout=LAYOUT,
        settings=experiment.statistics.model_dump_json(),
        separate=experiment.separate_questions,
        domains=json.dumps(experiment.domains),
        statistics=subpath(output.claim, parent=True),
        tables=subpath(output.significance, parent=True),
    shell:
        r"""
        python {params.program:q} \
            --measures {params.measures:q} \
            --layout {params.layout:q} \
            --settings {params.settings:q} \
            --separate {params.separate:q} \
            --domains {params.domains:q} \
            --statistics {params.statistics:q} \
            --tables {params.tables:q} \
            &>{log:q}
        """


rule compare_published:
    """Compare the results with every published number: within tolerance, above, below or not run."""
    input:
        summary=f"{RESULTS}/tables/summary.csv",
        comparisons=f"{RESULTS}/statistics/comparisons.csv",
        published=PUBLISHED_NUMBERS,
        templates=TEMPLATES,
    output:
        verdicts=f"{RESULTS}/verdicts.json",
        page=table_page("published"),
        other=other_formats("published"),
    log:
        f"{LOGS}/compare_published.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program("compare_published"),
        code=code("compare_published"),
        settings=experiment.published.resolved(
            {*experiment.whole_benchmarks}, {*experiment.runs.backbones}
        ).model_dump_json(),
        candidates=json.dumps(experiment.candidates),
        effects=json.dumps(experiment.published_effects),
        layout=NOTICE,
        folder=subpath(output.page, parent=True),
    shell:
        r"""
        python {params.program:q} \
            --summary {input.summary:q} \
            --comparisons {input.comparisons:q} \
            --published {input.published:q} \
            --settings {params.settings:q} \
            --candidates {params.candidates:q} \
            --effects {params.effects:q} \
            --layout {params.layout:q} \
            --verdicts {output.verdicts:q} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule verify:
    """Print the verdicts; fail if a number is outside its tolerance."""
    input:
        verdicts=rules.compare_published.output.verdicts,
    log:
        f"{LOGS}/verify.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program("verify"),
        code=code("verify"),
    shell:
        "python {params.program:q} {input.verdicts:q} 2>&1 | tee {log:q}"
