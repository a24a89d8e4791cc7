"""
Translation of training pairs.

REQUIRED INPUTS: pairs/<source>/<source language>.parquet, and what the engine needs (a translation memory).

OUTPUTS:
    pairs/<source>/<language>.parquet                   the same pair_ids in another language
    pairs/<source>/<language>.translation.json          engine, revision, options, counts
"""


def translation(wildcards):
    """Return the translation settings of a source, and the language that is translated into."""
    name, language = wildcards.pairs.split("/")
    return experiment.sources[name].translation, language


def translation_input(wildcards):
    """Return the pairs that are translated."""
    settings, _ = translation(wildcards)
    return f"{RESULTS}/pairs/{wildcards.pairs.split('/')[0]}/{settings.source_language}.parquet"


def translation_memory(wildcards):
    """Return the translation memory of the language."""
    settings, language = translation(wildcards)
    return settings.memory.format(language=language)


def translation_options(wildcards):
    """Return the options that a translation depends on."""
    settings, language = translation(wildcards)
    return options(
        engine=settings.engine,
        source_language=settings.source_language,
        target_language=language,
        batch_size=settings.batch_size,
    )


rule translate:
    """Translate the pairs of a source into one more language; finished batches survive a kill."""
    input:
        pairs=translation_input,
        memory=translation_memory,
        program=program("translate"),
        library=library("translate"),
    output:
        pairs=f"{RESULTS}/pairs/{{pairs}}.parquet",
        record=f"{RESULTS}/pairs/{{pairs}}.translation.json",
    log:
        f"{LOGS}/translate/{{pairs}}.log",
    benchmark:
        f"{COSTS}/translate/{{pairs}}.jsonl"
    wildcard_constraints:
        pairs=alternatives(TRANSLATED_PAIRS),
    params:
        options=translation_options,
        state=f"{STATE}/translate/{{pairs}}",
    conda:
        "../../envs/data.yaml"
    shell:
        r"""
        python {input.program:q} \
            --pairs {input.pairs:q} \
            --memory {input.memory:q} \
            {params.options:q} \
            --state {params.state:q} \
            --output {output.pairs:q} \
            --record {output.record:q} \
            &> {log:q}
        """
