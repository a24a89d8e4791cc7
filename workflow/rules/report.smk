"""
Tables, figures and the report.

REQUIRED INPUTS: measures/<run>.parquet and models/<run>/curves.csv of every run.

OUTPUTS:
    config.yaml                                         the resolved configuration
    tables/{mono,cross,multi,bias}.{csv,md,tex,html}    means and standard deviations over seeds
    tables/summary.csv                                  every number of the tables in long form
    figures/*.svg
    report.html                                         all of it on one page that opens offline
"""

TABLES = ["mono", "cross", "multi", "bias"]
FORMATS = ["csv", "md", "tex", "html"]
FIGURES = [*(f"cross_{name}" for name in experiment.runs.benchmarks), "multi", "bias"]
FIGURES += ["curves"] if trained_runs() else []
MEASURED = [f"{RESULTS}/measures/{run}.parquet" for run in experiment.run_names()]
CURVES = [f"{RESULTS}/models/{run}/curves.csv" for run in trained_runs()]


def unseen_languages():
    """Return the evaluated languages that no training source has; none when nothing is trained."""
    evaluated = {code for name in experiment.runs.benchmarks for code in experiment.benchmarks[name].languages}
    return sorted(evaluated - set(experiment.training_languages)) if trained_runs() else []


def translation_jobs(pairs):
    """Return the names of the jobs that translate a source into one language: one, or one for each shard."""
    shards = translation_shards(pairs)
    return [pairs] if shards == 1 else [f"{pairs}.{shard}of{shards}" for shard in range(shards)]


def cost_files():
    """Return RULE=FILE for the measured cost of every job that an encoder takes part in."""
    parts = [("train", run) for run in trained_runs()]
    parts += [(rule, f"{run}/{b}") for rule in ("encode", "index", "search") for run in encoder_runs() for b in experiment.runs.benchmarks]
    parts += [("evaluate", run) for run in experiment.run_names()]
    parts += [("trim_backbone", name) for name, b in experiment.backbones.items() if b.trim_vocabulary]
    parts += [("prepare_benchmark", f"{b}/{code}") for b, s in experiment.benchmarks.items() for code in s.languages]
    parts += [("prepare_pairs", pairs) for pairs in NATIVE_PAIRS] if trained_runs() else []
    parts += [("clean_pairs", pairs) for pairs in NATIVE_PAIRS + TRANSLATED_PAIRS] if trained_runs() else []
    parts += [("translate", part) for pairs in TRANSLATED_PAIRS for part in translation_jobs(pairs)] if trained_runs() else []
    parts += [("search_bm25", b) for b in experiment.runs.benchmarks] if experiment.runs.bm25 else []
    return [f"{rule}={COSTS}/{rule}/{part}.jsonl" for rule, part in parts]


def table_page(table):
    """Return one table as a page of `snakemake --report`."""
    return report(
        f"{RESULTS}/tables/{table}.html",
        caption="../report/tables.rst",
        category="Tables",
        labels={"table": table, "format": "html"},
    )


def figure(name):
    """Return one figure as an item of `snakemake --report`."""
    return report(
        f"{RESULTS}/figures/{name}.svg", caption="../report/figures.rst", category="Figures", labels={"figure": name}
    )


localrules:
    write_config,
    tables,
    figures,
    report,


rule write_config:
    """Write the configuration with every default, as all jobs see it."""
    output:
        f"{RESULTS}/config.yaml",
    log:
        f"{LOGS}/write_config.log",
    params:
        text=lambda wildcards: experiment.to_yaml(),
    conda:
        "../../envs/report.yaml"
    shell:
        "printf '%s' {params.text:q} > {output:q} 2> {log:q}"


rule tables:
    """Average measures over queries, languages and seeds, and lay them out as the paper does."""
    input:
        measures=MEASURED,
        program=program("tables"),
        library=library("tables"),
    output:
        summary=report(
            f"{RESULTS}/tables/summary.csv",
            caption="../report/summary.rst",
            category="Tables",
            labels={"table": "all numbers, long form", "format": "csv"},
        ),
        **{table: table_page(table) for table in TABLES},
        other=expand(
            f"{RESULTS}/tables/{{table}}.{{format}}", table=TABLES, format=[f for f in FORMATS if f != "html"]
        ),
    log:
        f"{LOGS}/tables.log",
    params:
        measures=named_measures(),
        benchmarks=experiment.runs.benchmarks,
        metrics=[f"{setting}={','.join(shown)}" for setting, shown in experiment.evaluation.tables.items()],
        unseen=options(unseen=unseen_languages()) if unseen_languages() else [],
        notice=options(notice=experiment.notice),
        folder=subpath(output.summary, parent=True),
    conda:
        "../../envs/report.yaml"
    shell:
        r"""
        python {input.program:q} \
            --measures {params.measures:q} \
            --benchmarks {params.benchmarks:q} \
            --metrics {params.metrics:q} \
            {params.unseen:q} \
            {params.notice:q} \
            --output {params.folder:q} \
            &> {log:q}
        """


rule figures:
    """Draw the cross-lingual matrices, the pool and bias bars, and the training curves."""
    input:
        measures=MEASURED,
        curves=CURVES,
        program=program("figures"),
        library=library("figures"),
    output:
        [figure(name) for name in FIGURES],
    log:
        f"{LOGS}/figures.log",
    params:
        measures=named_measures(),
        benchmarks=experiment.runs.benchmarks,
        curves=options(curves=[f"{run}={RESULTS}/models/{run}/curves.csv" for run in trained_runs()] or None),
        folder=subpath(output[0], parent=True),
    conda:
        "../../envs/report.yaml"
    shell:
        r"""
        python {input.program:q} \
            --measures {params.measures:q} \
            --benchmarks {params.benchmarks:q} \
            {params.curves:q} \
            --output {params.folder:q} \
            &> {log:q}
        """


rule report:
    """Put everything on one page that opens offline."""
    input:
        config=f"{RESULTS}/config.yaml",
        tables=rules.tables.output,
        figures=rules.figures.output,
        data=DATA_TABLE_PAGES,
        benchmarks=[file for name in experiment.runs.benchmarks for file in benchmark_files(name)],
        pairs=[file for name in experiment.used_sources() for file in pairs_files(name)],
        costs=[named.partition("=")[2] for named in cost_files()],
        program=program("report"),
        library=library("report"),
        templates=sorted(str(file) for file in (SCRIPTS / "hybridbatch" / "templates").iterdir()),
    output:
        report(f"{RESULTS}/report.html", caption="../report/report.rst", category="Report", labels={"page": "report"}),
    log:
        f"{LOGS}/report.log",
    params:
        tables=f"{RESULTS}/tables",
        figures=f"{RESULTS}/figures",
        costs=cost_files(),
    conda:
        "../../envs/report.yaml"
    shell:
        r"""
        python {input.program:q} \
            --config {input.config:q} \
            --tables {params.tables:q} \
            --figures {params.figures:q} \
            --summary {params.tables:q}/summary.csv \
            --benchmarks-folder {RESULTS:q}/benchmarks \
            --pairs-folder {RESULTS:q}/pairs \
            --costs {params.costs:q} \
            --command {COMMAND:q} \
            --output {output:q} \
            &> {log:q}
        """
