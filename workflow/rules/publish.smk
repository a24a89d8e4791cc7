"""
Using what was trained: cards of the models, and rankings and judgements for other tools.

REQUIRED INPUTS: models/<run>/manifest.json, tables/summary.csv, config.yaml, the pairs; search/<run>/<benchmark>/ and the
benchmark's parquet files.

OUTPUTS:
    models/<run>/README.md                          the card of a trained model; its manifest does not name it
    trec/<benchmark>/<setting>.qrels                judgements in TREC's format
    trec/<run>/<benchmark>.<setting>.run            rankings in TREC's format
"""

MODEL_CARDS = [f"{RESULTS}/models/{run}/README.md" for run in trained_runs()]


localrules:
    model_card,
    trec,


rule model_card:
    """Write the card of the model `{wildcards.run}`: its scores, data and licences."""
    input:
        config=f"{RESULTS}/config.yaml",
        manifest=f"{RESULTS}/models/{{run}}/manifest.json",
        summary=f"{RESULTS}/tables/summary.csv",
        pairs=[file for name in experiment.used_sources() for file in pairs_files(name)],
        data_files=DATA_FILES,
        template=f"{SCRIPTS}/hybridbatch/templates/model_card.md.jinja",
        program=program("model_card"),
        library=library("model_card"),
    output:
        f"{RESULTS}/models/{{run}}/README.md",
    log:
        f"{LOGS}/model_card/{{run}}.log",
    conda:
        "../../envs/report.yaml"
    params:
        pairs=lambda wildcards: f"{RESULTS}/pairs",
    shell:
        r"""
        python {input.program:q} \
            --run {wildcards.run:q} \
            --config {input.config:q} \
            --manifest {input.manifest:q} \
            --summary {input.summary:q} \
            --pairs {params.pairs:q} \
            --data-files {input.data_files:q} \
            --output {output:q} \
            &>{log:q}
        """


rule trec:
    """Write all rankings and judgements of the experiment in TREC's format."""
    input:
        trec_files(),


rule trec_qrels:
    """Write the judgements of `{wildcards.benchmark}`, setting {wildcards.setting}, in TREC's format."""
    input:
        files=lambda wildcards: benchmark_files(wildcards.benchmark, ["queries", "qrels"]),
        program=program("trec_qrels"),
        library=library("trec_qrels"),
    output:
        f"{RESULTS}/trec/{{benchmark}}/{{setting}}.qrels",
    log:
        f"{LOGS}/trec_qrels/{{benchmark}}/{{setting}}.log",
    wildcard_constraints:
        setting=alternatives(SETTINGS),
    group:
        "export"
    conda:
        "../../envs/evaluate.yaml"
    threads: 1
    resources:
        mem=growing(4),
        runtime="1h",
    params:
        benchmark=lambda wildcards: f"{RESULTS}/benchmarks/{wildcards.benchmark}",
        languages=lambda wildcards: experiment.benchmarks[wildcards.benchmark].languages,
    shell:
        r"""
        python {input.program:q} \
            --benchmark {params.benchmark:q} \
            --languages {params.languages:q} \
            --setting {wildcards.setting} \
            --output {output:q} \
            &>{log:q}
        """


rule trec_run:
    """Write the rankings of `{wildcards.run}` on `{wildcards.benchmark}`, setting {wildcards.setting}, in TREC's format."""
    input:
        topk=f"{RESULTS}/search/{{run}}/{{benchmark}}/topk.parquet",
        ranks=f"{RESULTS}/search/{{run}}/{{benchmark}}/ranks.parquet",
        program=program("trec_run"),
        library=library("trec_run"),
    output:
        f"{RESULTS}/trec/{{run}}/{{benchmark}}.{{setting}}.run",
    log:
        f"{LOGS}/trec_run/{{run}}/{{benchmark}}.{{setting}}.log",
    wildcard_constraints:
        setting=alternatives(SETTINGS),
    group:
        "export"
    conda:
        "../../envs/evaluate.yaml"
    threads: 1
    resources:
        mem=growing(4),
        runtime="1h",
    params:
        search=subpath(input.topk, parent=True),
        depth=experiment.search.depth,
    shell:
        r"""
        python {input.program:q} \
            --search {params.search:q} \
            --setting {wildcards.setting} \
            --depth {params.depth} \
            --tag {wildcards.run:q} \
            --output {output:q} \
            &>{log:q}
        """
