"""
Transfer to unseen languages, and the ablation.

REQUIRED INPUTS: tables/summary.csv; statistics/intervals.csv.

OUTPUTS:
    tables/transfer.{csv,md,tex,html}, figures/transfer.{svg,pdf}
    tables/ablation.{csv,md,tex,html}, figures/ablation.{svg,pdf}       where the configuration has an ablation
"""

ANALYSES = (["transfer"] if trained_runs() else []) + (["ablation"] if experiment.ablation_points else [])


localrules:
    write_transfer,
    write_ablation,


rule write_transfer:
    """Compare the scores of languages that training had with those of languages that it had not."""
    input:
        summary=f"{RESULTS}/tables/summary.csv",
        templates=TEMPLATES,
    output:
        page=table_page("transfer"),
        figure=figure("transfer"),
        other=expand(f"{RESULTS}/tables/transfer.{{format}}", format=[f for f in FORMATS if f != "html"]),
        pdf=f"{RESULTS}/figures/transfer.pdf",
    log:
        f"{LOGS}/write_transfer.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program("write_transfer"),
        code=code("write_transfer"),
        strategies=experiment.runs.strategies,
        unseen=options(unseen=unseen_languages()) if unseen_languages() else [],
        metrics=[f"{setting}={','.join(shown)}" for setting, shown in experiment.evaluation.tables.items()],
        notice=options(notice=experiment.notice),
        tables=subpath(output.page, parent=True),
        figures=subpath(output.figure, parent=True),
    shell:
        r"""
        python {params.program:q} \
            --summary {input.summary:q} \
            --strategies {params.strategies:q} \
            {params.unseen:q} \
            --metrics {params.metrics:q} \
            {params.notice:q} \
            --tables {params.tables:q} \
            --figures {params.figures:q} \
            &>{log:q}
        """


rule write_ablation:
    """Show the scores of one strategy with one of its settings varied."""
    input:
        intervals=f"{RESULTS}/statistics/intervals.csv",
        templates=TEMPLATES,
    output:
        page=table_page("ablation"),
        figure=figure("ablation"),
        other=expand(f"{RESULTS}/tables/ablation.{{format}}", format=[f for f in FORMATS if f != "html"]),
        pdf=f"{RESULTS}/figures/ablation.pdf",
    log:
        f"{LOGS}/write_ablation.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program("write_ablation"),
        code=code("write_ablation"),
        points=json.dumps(experiment.ablation_points),
        notice=options(notice=experiment.notice),
        tables=subpath(output.page, parent=True),
        figures=subpath(output.figure, parent=True),
    shell:
        r"""
        python {params.program:q} \
            --intervals {input.intervals:q} \
            --points {params.points:q} \
            {params.notice:q} \
            --tables {params.tables:q} \
            --figures {params.figures:q} \
            &>{log:q}
        """
