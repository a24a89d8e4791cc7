"""
Tables, figures and the report.

REQUIRED INPUTS: measures, language bias, statistics, verdicts, training curves, cleaning records, costs of jobs.

OUTPUTS:
    config.yaml                                         the resolved configuration
    tables/{mono,cross,multi,bias}.{csv,md,tex,html}    means and standard deviations over seeds
    tables/summary.csv                                  all numbers of these tables in long form
    tables/language_bias.{csv,md,tex,html}              other measures of bias, means and standard deviations over seeds
    tables/language_shares.csv                          share of each language, means over seeds
    tables/{cleaning,translation}.{csv,md,tex,html}     pairs removed by cleaning, and quality of translations
    tables/transfer.*, figures/transfer.*               scores of languages with and without training data
    tables/ablation.*, figures/ablation.*               if the configuration has an ablation
    figures/*.{svg,pdf}                                 answer heads the report; also projection_<benchmark>, parallel questions in two dimensions
    report.html                                         all of this on one page that opens offline
"""

SCORES = ["mono", "cross", "multi", "bias"]
MODEL_CARDS = [f"{paths.model(run)}/README.md" for run in experiment.trained_runs]
BIAS_RUNS = experiment.encoder_runs if POOLED else []
CURVES = {
    run: f"{RESULTS}/models/{run}/curves.csv" for run in experiment.trained_runs if run in experiment.compared_runs
}
FIGURES = [*(f"cross_{name}" for name in experiment.runs.benchmarks), "multi", "bias", *(["curves"] if CURVES else [])]
PROJECTED = experiment.projected_runs
DATA_TABLES = ["cleaning", "translation"] if experiment.used_pairs else []
ANALYSES = (["transfer"] if experiment.trained_runs else []) + (["ablation"] if experiment.ablation_points else [])
# The contents of the report, in order.
REPORT_TABLES = [*DATA_TABLES, *SCORES, *(["language_bias"] if BIAS_RUNS else [])]
REPORT_TABLES += ["significance", "shift", *ANALYSES, "published"]
REPORT_FIGURES = ["answer", *FIGURES, *(f"projection_{name}" for name in POOLED if PROJECTED), *ANALYSES]


def figure(name):
    """Return a figure as an item of `snakemake --report`."""
    return report(
        f"{RESULTS}/figures/{name}.svg", caption="../report/figures.rst", category="Figures", labels={"figure": name}
    )


def cost_files():
    """Return pairs of a rule and the cost file of one of its jobs, for the jobs that the report counts."""
    encoders, trained, benchmarks = experiment.encoder_runs, experiment.trained_runs, experiment.runs.benchmarks
    searched = [f"{run}/{name}" for run in encoders for name in benchmarks]
    centred = [f"{run}/{name}" for run in experiment.centred_runs for name in benchmarks]
    encoded = [job for job in searched if job not in centred]
    shares = [
        f"{job}.{Path(file).stem}" for job in encoded for file in paths.encoding_shares(*job.rsplit("/", maxsplit=1))
    ]
    jobs = {
        "train": trained,
        "encode": encoded,
        "centre_passages": centred,
        "build_index": searched,
        "search": searched,
        "encode_part": shares,
        "evaluate": experiment.run_names,
        "trim_backbone": [name for name, backbone in experiment.backbones.items() if backbone.trim_vocabulary],
        "prepare_benchmark": [f"{name}/{code}" for name, b in experiment.benchmarks.items() for code in b.languages],
        "search_bm25": benchmarks if experiment.runs.bm25 else [],
    }
    if trained:
        jobs["prepare_pairs"] = experiment.native_pairs
        jobs["clean_pairs"] = experiment.native_pairs + experiment.translated_pairs
        jobs["mine_negatives"] = experiment.mined_pairs
        jobs["translate"] = [job for pairs in experiment.translated_pairs for job in translation_jobs(pairs)]
    return [(rule, f"{COSTS}/{rule}/{job}.jsonl") for rule, names in jobs.items() for job in names]


def recall_files():
    """Return the recall of every approximate search; none if search is exact."""
    runs = [] if experiment.search.is_exact else experiment.encoder_runs
    return [f"{RESULTS}/search/{run}/{name}/recall.csv" for run in runs for name in experiment.runs.benchmarks]


run_locally(
    "write_config",
    "write_tables",
    "write_bias_tables",
    "write_transfer",
    "write_ablation",
    "draw_answer",
    "draw_figures",
    "draw_projection",
    "write_report",
)


rule write_config:
    """Write the configuration with all defaults."""
    output:
        f"{RESULTS}/config.yaml",
    log:
        f"{LOGS}/write_config.log",
    conda:
        "../../envs/report.yaml"
    params:
        # A function, because Snakemake would interpret {language} in a string as a wildcard.
        text=lambda wildcards: experiment.to_yaml(),
    shell:
        "printf '%s' {params.text:q} > {output:q} 2> {log:q}"


rule write_data_tables:
    """Write tables of the pairs that cleaning removed and of the quality of translations."""
    input:
        pairs=[f"{RESULTS}/pairs/{pairs}.parquet" for pairs in experiment.used_pairs],
        records=[f"{RESULTS}/pairs/{pairs}.cleaning.json" for pairs in experiment.used_pairs],
        translated=[f"{RESULTS}/translated/{pairs}.parquet" for pairs in experiment.used_pairs if is_translated(pairs)],
        engines=[
            f"{RESULTS}/translated/{pairs}.translation.json" for pairs in experiment.used_pairs if is_translated(pairs)
        ],
        references=list(experiment.reference_files.values()),
        mined=[f"{RESULTS}/mined/{pairs}.json" for pairs in experiment.mined_pairs],
        templates=TEMPLATES,
    output:
        cleaning=table_page("cleaning"),
        translation=table_page("translation"),
        other=other_formats("cleaning", "translation"),
    log:
        f"{LOGS}/write_data_tables.log",
    conda:
        environment("clean")
    threads: 1
    resources:
        mem=growing(8),
        runtime="2h",
    params:
        program=program("write_data_tables"),
        code=code("write_data_tables"),
        pairs=experiment.used_pairs,
        references=named(experiment.reference_files),
        mined=experiment.mined_pairs,
        layout=NOTICE,
        results=subpath(output.cleaning, ancestor=2),
        folder=subpath(output.cleaning, parent=True),
    shell:
        r"""
        python {params.program:q} \
            --results {params.results:q} \
            --pairs {params.pairs:q} \
            --references {params.references:q} \
            --mined {params.mined:q} \
            --layout {params.layout:q} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule write_tables:
    """Average measures over queries, languages and seeds, and write them in the layout of the paper."""
    input:
        measures=list(paths.measures(experiment.run_names).values()),
        templates=TEMPLATES,
    output:
        **{name: table_page(name) for name in SCORES},
        summary=report(
            f"{RESULTS}/tables/summary.csv",
            caption="../report/summary.rst",
            category="Tables",
            labels={"table": "all numbers, long form", "format": "csv"},
        ),
        other=other_formats(*SCORES),
    log:
        f"{LOGS}/write_tables.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program("write_tables"),
        code=code("write_tables"),
        measures=named(paths.measures(experiment.run_names)),
        layout=LAYOUT,
        folder=subpath(output.summary, parent=True),
    shell:
        r"""
        python {params.program:q} \
            --measures {params.measures:q} \
            --layout {params.layout:q} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule write_bias_tables:
    """Average language bias over queries, languages and seeds."""
    input:
        runs=expand(
            f"{RESULTS}/language_bias/{{run}}.{{kind}}",
            run=BIAS_RUNS,
            kind=["parquet", "shares.csv", "identifiability.csv"],
        ),
        templates=TEMPLATES,
    output:
        page=table_page("language_bias"),
        other=other_formats("language_bias"),
        shares=f"{RESULTS}/tables/language_shares.csv",
    log:
        f"{LOGS}/write_bias_tables.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program("write_bias_tables"),
        code=code("write_bias_tables"),
        runs=named({run: f"{RESULTS}/language_bias/{run}.parquet" for run in BIAS_RUNS}),
        depth=experiment.evaluation.bias_depth,
        layout=NOTICE,
        folder=subpath(output.page, parent=True),
    shell:
        r"""
        python {params.program:q} \
            --runs {params.runs:q} \
            --depth {params.depth} \
            --layout {params.layout:q} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule write_transfer:
    """Compare the scores of languages with and without training data."""
    input:
        summary=f"{RESULTS}/tables/summary.csv",
        templates=TEMPLATES,
    output:
        page=table_page("transfer"),
        figure=figure("transfer"),
        other=other_formats("transfer"),
        pdf=f"{RESULTS}/figures/transfer.pdf",
    log:
        f"{LOGS}/write_transfer.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program("write_transfer"),
        code=code("write_transfer"),
        layout=LAYOUT,
        tables=subpath(output.page, parent=True),
        figures=subpath(output.figure, parent=True),
    shell:
        r"""
        python {params.program:q} \
            --summary {input.summary:q} \
            --layout {params.layout:q} \
            --tables {params.tables:q} \
            --figures {params.figures:q} \
            &>{log:q}
        """


rule write_ablation:
    """Show the scores of a strategy with a varied setting."""
    input:
        intervals=f"{RESULTS}/statistics/intervals.csv",
        templates=TEMPLATES,
    output:
        page=table_page("ablation"),
        figure=figure("ablation"),
        other=other_formats("ablation"),
        pdf=f"{RESULTS}/figures/ablation.pdf",
    log:
        f"{LOGS}/write_ablation.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program("write_ablation"),
        code=code("write_ablation"),
        points=json.dumps(experiment.ablation_points),
        layout=NOTICE,
        tables=subpath(output.page, parent=True),
        figures=subpath(output.figure, parent=True),
    shell:
        r"""
        python {params.program:q} \
            --intervals {input.intervals:q} \
            --points {params.points:q} \
            --layout {params.layout:q} \
            --tables {params.tables:q} \
            --figures {params.figures:q} \
            &>{log:q}
        """


rule draw_answer:
    """Draw the figure at the top of the report: means, intervals, the paper's means and significant winners."""
    input:
        intervals=f"{RESULTS}/statistics/intervals.csv",
        comparisons=f"{RESULTS}/statistics/comparisons.csv",
        verdicts=f"{RESULTS}/verdicts.json",
    output:
        figure=figure("answer"),
        pdf=f"{RESULTS}/figures/answer.pdf",
    log:
        f"{LOGS}/draw_answer.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program("draw_answer"),
        code=code("draw_answer"),
        layout=experiment.layout.model_dump_json(include={"benchmarks", "strategies", "notice"}),
        settings=experiment.statistics.model_dump_json(include={"alpha", "confidence"}),
        folder=subpath(output.figure, parent=True),
    shell:
        r"""
        python {params.program:q} \
            --intervals {input.intervals:q} \
            --comparisons {input.comparisons:q} \
            --verdicts {input.verdicts:q} \
            --layout {params.layout:q} \
            --settings {params.settings:q} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule draw_figures:
    """Draw the cross-lingual matrices, the bar charts of pool and bias, and the training curves."""
    input:
        measures=list(paths.measures(experiment.compared_runs).values()),
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
        measures=named(paths.measures(experiment.compared_runs)),
        benchmarks=experiment.runs.benchmarks,
        curves=named(CURVES),
        folder=subpath(output[0], parent=True),
    shell:
        r"""
        python {params.program:q} \
            --measures {params.measures:q} \
            --benchmarks {params.benchmarks:q} \
            --curves {params.curves:q} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule draw_projection:
    """Draw parallel questions of `{wildcards.benchmark}` in two dimensions, by language."""
    input:
        embeddings=expand(f"{RESULTS}/embeddings/{{run}}/{{{{benchmark}}}}/manifest.json", run=PROJECTED),
        queries=lambda wildcards: paths.benchmark(wildcards.benchmark, ["queries"]),
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
        embeddings=lambda wildcards, input: named(dict(zip(PROJECTED, input.embeddings))),
        benchmark=benchmark_folder,
        languages=benchmark_languages,
    shell:
        r"""
        python {params.program:q} \
            --embeddings {params.embeddings:q} \
            --benchmark {params.benchmark:q} \
            --languages {params.languages:q} \
            --output {output.figure:q} \
            &>{log:q}
        """


rule write_report:
    """Write the report: one page that opens offline."""
    input:
        config=f"{RESULTS}/config.yaml",
        summary=f"{RESULTS}/tables/summary.csv",
        tables=expand(f"{RESULTS}/tables/{{name}}.html", name=REPORT_TABLES),
        figures=expand(f"{RESULTS}/figures/{{name}}.svg", name=REPORT_FIGURES),
        verdicts=f"{RESULTS}/verdicts.json",
        comparisons=f"{RESULTS}/statistics/comparisons.csv",
        sentences=expand(f"{RESULTS}/statistics/{{name}}.json", name=["claim", "shift"]),
        recall=recall_files(),
        # Not read, only linked.
        cards=MODEL_CARDS,
        benchmarks=[file for name in experiment.runs.benchmarks for file in paths.benchmark(name)],
        pairs=list(paths.pairs(experiment.used_sources).values()),
        costs=[file for _, file in cost_files()],
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
        tables=REPORT_TABLES,
        figures=REPORT_FIGURES,
        costs=[f"{rule}={file}" for rule, file in cost_files()],
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
