"""
Translation of training pairs.

REQUIRED INPUTS: pairs/<source>/<source language>.parquet, and what the engine needs (a translation memory).

OUTPUTS:
    pairs/<source>/<language>.parquet                   the same pair_ids in another language
    pairs/<source>/<language>.translation.json          engine, revision, options, counts
"""


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
    conda:
        "../../envs/data.yaml"
    params:
        options=translation_options,
        state=f"{STATE}/translate/{{pairs}}",
    shell:
        r"""
        python {input.program:q} \
            --pairs {input.pairs:q} \
            --memory {input.memory:q} \
            {params.options:q} \
            --state {params.state:q} \
            --output {output.pairs:q} \
            --record {output.record:q} \
            &>{log:q}
        """
