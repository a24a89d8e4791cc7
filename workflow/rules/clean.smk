"""
Cleaning of training pairs, and quality control of translations.

REQUIRED INPUTS: raw/<source>/<language>.parquet or translated/<source>/<language>.parquet; the evaluation texts that must
not be trained on: benchmarks/<benchmark>/<language>/*.parquet in the language of the pairs and in English.

OUTPUTS:
    pairs/<source>/<language>.parquet           pair_id, query, passage
    pairs/<source>/<language>.cleaning.json     what each step removed
"""


rule clean_pairs:
    """Normalise the pairs of a source in one language and drop, step by step, those that must not be trained on."""
    input:
        pairs=lambda wildcards: f"{RESULTS}/{'translated' if is_translated(wildcards.pairs) else 'raw'}/{wildcards.pairs}.parquet",
        source_pairs=pairs_source_file,
        evaluation=evaluation_files,
        encoder=similarity_encoder,
    output:
        pairs=f"{RESULTS}/pairs/{{pairs}}.parquet",
        record=f"{RESULTS}/pairs/{{pairs}}.cleaning.json",
    log:
        f"{LOGS}/clean_pairs/{{pairs}}.log",
    benchmark:
        f"{COSTS}/clean_pairs/{{pairs}}.jsonl"
    wildcard_constraints:
        pairs=alternatives(NATIVE_PAIRS + TRANSLATED_PAIRS),
    group:
        PAIRS_GROUP
    conda:
        environment("clean")
    threads: 1
    resources:
        gpu=cleaning_gpus,
        mem=growing(4),
        runtime="2h",
        device=lambda wildcards: "cuda" if cleaning_gpus(wildcards) else "cpu",
    params:
        program=program("clean_pairs"),
        code=code("clean_pairs"),
        launcher=program("launch"),
        options=cleaning_options,
    shell:
        r"""
        python {params.launcher:q} --gpus {resources.gpu} {params.program:q} \
            --pairs {input.pairs:q} \
            {params.options:q} \
            --device {resources.device} \
            --output {output.pairs:q} \
            --record {output.record:q} \
            &>{log:q}
        """


PAIRS_OF_TABLES = [
    f"{name}/{code}" for name in experiment.used_sources() for code in experiment.sources[name].all_languages
]
DATA_TABLES = ["cleaning", "translation"] if PAIRS_OF_TABLES else []
DATA_TABLE_PAGES = [f"{RESULTS}/tables/{table}.html" for table in DATA_TABLES]


localrules:
    write_data_tables,


rule write_data_tables:
    """Lay out what cleaning removed from the training pairs, and how the translations came out."""
    input:
        pairs=[f"{RESULTS}/pairs/{pairs}.parquet" for pairs in PAIRS_OF_TABLES],
        records=[f"{RESULTS}/pairs/{pairs}.cleaning.json" for pairs in PAIRS_OF_TABLES],
        translated=[f"{RESULTS}/translated/{pairs}.parquet" for pairs in PAIRS_OF_TABLES if is_translated(pairs)],
        engines=[f"{RESULTS}/translated/{pairs}.translation.json" for pairs in PAIRS_OF_TABLES if is_translated(pairs)],
        references=[named.partition("=")[2] for named in reference_files()],
    output:
        pages=[
            report(page, caption="../report/tables.rst", category="Tables", labels={"table": table, "format": "html"})
            for table, page in zip(DATA_TABLES, DATA_TABLE_PAGES)
        ],
        other=[f"{RESULTS}/tables/{table}.{suffix}" for table in DATA_TABLES for suffix in ("csv", "md", "tex")],
    log:
        f"{LOGS}/write_data_tables.log",
    conda:
        environment("clean")
    params:
        program=program("write_data_tables"),
        code=code("write_data_tables"),
        results=lambda wildcards: RESULTS,
        pairs=PAIRS_OF_TABLES,
        references=reference_files(),
        reference_pairs=reference_pairs(),
        notice=options(notice=experiment.notice),
        folder=lambda wildcards: f"{RESULTS}/tables",
    shell:
        r"""
        python {params.program:q} \
            --results {params.results:q} \
            --pairs {params.pairs:q} \
            --references {params.references:q} \
            --reference-pairs {params.reference_pairs} \
            {params.notice:q} \
            --output {params.folder:q} \
            &>{log:q}
        """
