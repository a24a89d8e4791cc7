"""
Tables, figures and the report.

REQUIRED INPUTS: measures/<run>.parquet and models/<run>/curves.csv of every run.

OUTPUTS:
    config.yaml                                         the resolved configuration
    tables/{mono,cross,multi,bias}.{csv,md,tex,html}    means and standard deviations over seeds
    tables/summary.csv                                  every number of the tables in long form
    figures/*.{svg,pdf}                                 also projection_<benchmark>, parallel questions in two dimensions
    report.html                                         all of it on one page that opens offline
"""

TABLES = ["mono", "cross", "multi", "bias"]
TEMPLATES = sorted(str(file) for file in (SCRIPTS / "hybridbatch" / "report" / "templates").iterdir())
FORMATS = ["csv", "md", "tex", "html"]
FIGURES = [*(f"cross_{name}" for name in experiment.runs.benchmarks), "multi", "bias"]
FIGURES += ["curves"] if trained_runs() else []
PROJECTED = projected_runs()
PROJECTIONS = [f"projection_{name}" for name in pooled_benchmarks()] if PROJECTED else []
COMPARED = compared_runs()
MEASURED = [f"{RESULTS}/measures/{run}.parquet" for run in experiment.run_names()]
CURVES = {run: f"{RESULTS}/models/{run}/curves.csv" for run in trained_runs() if run in COMPARED}


localrules:
    write_config,
    write_tables,
    draw_figures,
    draw_projection,
    write_report,


rule write_config:
    """Write the configuration with every default, as all jobs see it."""
    output:
        f"{RESULTS}/config.yaml",
    log:
        f"{LOGS}/write_config.log",
    conda:
        "../../envs/report.yaml"
    params:
        text=lambda wildcards: experiment.to_yaml(),
    shell:
        "printf '%s' {params.text:q} > {output:q} 2> {log:q}"


rule write_tables:
    """Average measures over queries, languages and seeds, and lay them out as the paper does."""
    input:
        measures=MEASURED,
        templates=TEMPLATES,
    output:
        **{table: table_page(table) for table in TABLES},
        summary=report(
            f"{RESULTS}/tables/summary.csv",
            caption="../report/summary.rst",
            category="Tables",
            labels={"table": "all numbers, long form", "format": "csv"},
        ),
        other=expand(f"{RESULTS}/tables/{{table}}.{{format}}", table=TABLES, format=[f for f in FORMATS if f != "html"]),
    log:
        f"{LOGS}/write_tables.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program("write_tables"),
        code=code("write_tables"),
        measures=named_measures(experiment.run_names()),
        benchmarks=experiment.runs.benchmarks,
        metrics=[f"{setting}={','.join(shown)}" for setting, shown in experiment.evaluation.tables.items()],
        strategies=experiment.runs.strategies,
        unseen=options(unseen=unseen_languages()) if unseen_languages() else [],
        notice=options(notice=experiment.notice),
        folder=subpath(output.summary, parent=True),
    shell:
        r"""
        python {params.program:q} \
            --measures {params.measures:q} \
            --benchmarks {params.benchmarks:q} \
            --metrics {params.metrics:q} \
            --strategies {params.strategies:q} \
            {params.unseen:q} \
            {params.notice:q} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule draw_figures:
    """Draw the cross-lingual matrices, the pool and bias bars, and the training curves."""
    input:
        measures=[f"{RESULTS}/measures/{run}.parquet" for run in COMPARED],
        curves=list(CURVES.values()),
    output:
        [figure(name) for name in FIGURES],
        pdf=expand(f"{RESULTS}/figures/{{figure}}.pdf", figure=FIGURES),
    log:
        f"{LOGS}/draw_figures.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program("draw_figures"),
        code=code("draw_figures"),
        measures=named_measures(COMPARED),
        benchmarks=experiment.runs.benchmarks,
        curves=options(curves=[f"{run}={file}" for run, file in CURVES.items()] or None),
        folder=subpath(output[0], parent=True),
    shell:
        r"""
        python {params.program:q} \
            --measures {params.measures:q} \
            --benchmarks {params.benchmarks:q} \
            {params.curves:q} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule draw_projection:
    """Draw parallel questions of `{wildcards.benchmark}` in two dimensions, by language."""
    input:
        embeddings=expand(f"{RESULTS}/embeddings/{{run}}/{{{{benchmark}}}}/manifest.json", run=PROJECTED),
        queries=lambda wildcards: benchmark_files(wildcards.benchmark, ["queries"]),
    output:
        figure=figure("projection_{benchmark}"),
        pdf=f"{RESULTS}/figures/projection_{{benchmark}}.pdf",
    log:
        f"{LOGS}/draw_projection/{{benchmark}}.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program("draw_projection"),
        code=code("draw_projection"),
        embeddings=lambda wildcards: [f"{run}={RESULTS}/embeddings/{run}/{wildcards.benchmark}" for run in PROJECTED],
        benchmark=lambda wildcards: f"{RESULTS}/benchmarks/{wildcards.benchmark}",
        languages=lambda wildcards: experiment.benchmarks[wildcards.benchmark].languages,
        stem=lambda wildcards: f"{RESULTS}/figures/projection_{wildcards.benchmark}",
    shell:
        r"""
        python {params.program:q} \
            --embeddings {params.embeddings:q} \
            --benchmark {params.benchmark:q} \
            --languages {params.languages:q} \
            --output {params.stem:q} \
            &>{log:q}
        """


rule write_report:
    """Put everything on one page that opens offline."""
    input:
        config=f"{RESULTS}/config.yaml",
        summary=f"{RESULTS}/tables/summary.csv",
        tables=lambda wildcards: [f"{RESULTS}/tables/{name}.html" for name in report_tables()],
        figures=lambda wildcards: [f"{RESULTS}/figures/{name}.svg" for name in report_figures()],
        verdicts=f"{RESULTS}/verdicts.json",
        comparisons=f"{RESULTS}/statistics/comparisons.csv",
        sentences=expand(f"{RESULTS}/statistics/{{name}}.json", name=["claim", "shift"]),
        recall=recall_files(),
        # Not read: the page links to them.
        cards=lambda wildcards: MODEL_CARDS,
        benchmarks=[file for name in experiment.runs.benchmarks for file in benchmark_files(name)],
        pairs=[file for name in experiment.used_sources() for file in pairs_files(name)],
        costs=[named.partition("=")[2] for named in cost_files()],
        templates=TEMPLATES,
    output:
        report(f"{RESULTS}/report.html", caption="../report/report.rst", category="Report", labels={"page": "report"}),
    log:
        f"{LOGS}/write_report.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program("write_report"),
        code=code("write_report"),
        folder=subpath(input.config, parent=True),
        tables=lambda wildcards: report_tables(),
        figures=lambda wildcards: report_figures(),
        costs=cost_files(),
        command=COMMAND,
    shell:
        r"""
        python {params.program:q} \
            --config {input.config:q} \
            --results {params.folder:q} \
            --tables {params.tables:q} \
            --figures {params.figures:q} \
            --costs {params.costs:q} \
            --command {params.command:q} \
            --output {output:q} \
            &>{log:q}
        """
