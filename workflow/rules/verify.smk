"""
The paper's numbers beside those of the experiment.

REQUIRED INPUTS: tables/summary.csv; the published numbers (config/published.csv).

OUTPUTS:
    verdicts.json                       a verdict for every published number, effects, other systems for orientation
    tables/published.{csv,md,tex,html}  the tables of the paper with our numbers beside them

TARGETS: verify
"""

WHOLE_BENCHMARKS = {name for name in experiment.runs.benchmarks if experiment.benchmarks[name].keep == (0, 1)}


localrules:
    compare_published,
    verify,


rule compare_published:
    """Give every published number a verdict: within tolerance, above, below or not run."""
    input:
        summary=rules.write_tables.output.summary,
        published=experiment.published.file,
        templates=TEMPLATES,
    output:
        verdicts=f"{RESULTS}/verdicts.json",
        page=table_page("published"),
        other=expand(f"{RESULTS}/tables/published.{{format}}", format=[f for f in FORMATS if f != "html"]),
    log:
        f"{LOGS}/compare_published.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program("compare_published"),
        code=code("compare_published"),
        tolerances=[f"{measure}={value}" for measure, value in experiment.published.tolerances.items()],
        benchmarks=[f"{name}={here}" for name, here in experiment.published.benchmark_names(WHOLE_BENCHMARKS).items()],
        backbones=[
            f"{name}={here}"
            for name, here in experiment.published.backbone_names({*experiment.runs.backbones}).items()
        ],
        notice=options(notice=experiment.notice),
        folder=subpath(output.page, parent=True),
    shell:
        r"""
        python {params.program:q} \
            --summary {input.summary:q} \
            --published {input.published:q} \
            --tolerances {params.tolerances:q} \
            --benchmarks {params.benchmarks:q} \
            --backbones {params.backbones:q} \
            {params.notice:q} \
            --verdicts {output.verdicts:q} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule verify:
    """Print the verdicts; fail if a covered number is outside tolerance."""
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
