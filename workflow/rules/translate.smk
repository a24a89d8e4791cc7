"""
Translation of training pairs.

REQUIRED INPUTS: pairs/<source>/<source language>.parquet, and what the engine needs: a translation memory, a local folder or
the hub for a translation model, or the system's Apertium.

OUTPUTS:
    resources/translators/<translator>-<origin>/manifest.json               a translation model and what it is
    resources/translators/<translator>-<origin>.ct2-<type>/manifest.json    the same, converted for CTranslate2
    translated/<source>/<language>.parquet              the same pair_ids in another language, not yet checked
    translated/<source>/<language>.translation.json     engine, revision, options, counts

Where a translation has `shards`, each job writes the texts of its part, translated/<source>/<language>.shards/, which are
removed once the pairs are put together.
"""

TRANSLATORS = {Path(folder).name: origin for folder, origin in translator_origins().items()}


rule prepare_translator:
    """Put a translation model into one folder: safetensors weights and tokenizer."""
    input:
        translator_files,
    output:
        f"{RESOURCES}/translators/{{translator}}/manifest.json",
    log:
        f"{RESOURCES}/logs/prepare_translator/{{translator}}.log",
    wildcard_constraints:
        translator=alternatives(TRANSLATORS),
    conda:
        environment("translate")
    threads: 1
    resources:
        mem=growing(32),
        runtime="1h",
    params:
        program=program("prepare_translator"),
        code=code("prepare_translator"),
        settings=lambda wildcards: json.dumps(TRANSLATORS[wildcards.translator], sort_keys=True),
        cache=HUB,
        folder=subpath(output[0], parent=True),
    shell:
        r"""
        HF_HUB_CACHE={params.cache:q} \
            python {params.program:q} \
            --settings {params.settings:q} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule convert_translator:
    """Convert a translation model for CTranslate2, with its weights in {wildcards.compute_type}."""
    input:
        model=f"{RESOURCES}/translators/{{translator}}/manifest.json",
    output:
        f"{RESOURCES}/translators/{{translator}}.ct2-{{compute_type}}/manifest.json",
    log:
        f"{RESOURCES}/logs/convert_translator/{{translator}}.ct2-{{compute_type}}.log",
    wildcard_constraints:
        translator=alternatives(TRANSLATORS),
        compute_type=r"[a-z0-9_]+",
    conda:
        environment("translate")
    threads: 1
    resources:
        mem=growing(32),
        runtime="2h",
    params:
        program=program("convert_translator"),
        code=code("convert_translator"),
        model=subpath(input.model, parent=True),
        folder=subpath(output[0], parent=True),
    shell:
        r"""
        python {params.program:q} \
            --model {params.model:q} \
            --compute-type {wildcards.compute_type:q} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule translate:
    """Translate the pairs of a source into one more language; finished batches survive a kill."""
    input:
        pairs=translation_input,
        memory=translation_memory,
        model=translation_model,
    output:
        pairs=f"{RESULTS}/translated/{{pairs}}.parquet",
        record=f"{RESULTS}/translated/{{pairs}}.translation.json",
    log:
        f"{LOGS}/translate/{{pairs}}.log",
    benchmark:
        f"{COSTS}/translate/{{pairs}}.jsonl"
    wildcard_constraints:
        pairs=alternatives(pairs for pairs in TRANSLATED_PAIRS if translation_shards(pairs) == 1),
    group:
        PAIRS_GROUP
    conda:
        environment("translate")
    threads: translation_threads
    resources:
        gpu=translation_gpus,
        mem=translation_memory_size,
        runtime=translation_runtime,
        device=translation_device,
    params:
        program=program("translate"),
        code=code("translate"),
        launcher=program("launch"),
        options=translation_options,
        state=f"{STATE}/translate/{{pairs}}",
    shell:
        r"""
        OMP_NUM_THREADS={threads} \
            python {params.launcher:q} --gpus {resources.gpu} {params.program:q} \
            --pairs {input.pairs:q} \
            {params.options:q} \
            --device {resources.device} \
            --state {params.state:q} \
            --output {output.pairs:q} \
            --record {output.record:q} \
            &>{log:q}
        """


rule translate_shard:
    """Translate part {wildcards.shard} of the texts of a source; finished batches survive a kill."""
    input:
        pairs=translation_input,
        memory=translation_memory,
        model=translation_model,
    output:
        part=temp(f"{RESULTS}/translated/{{pairs}}.shards/{{shard}}of{{shards}}.parquet"),
        record=temp(f"{RESULTS}/translated/{{pairs}}.shards/{{shard}}of{{shards}}.json"),
    log:
        f"{LOGS}/translate/{{pairs}}.{{shard}}of{{shards}}.log",
    benchmark:
        f"{COSTS}/translate/{{pairs}}.{{shard}}of{{shards}}.jsonl"
    wildcard_constraints:
        pairs=alternatives(TRANSLATED_PAIRS),
        shard=r"\d+",
        shards=r"\d+",
    conda:
        environment("translate")
    threads: translation_threads
    resources:
        gpu=translation_gpus,
        mem=translation_memory_size,
        runtime=translation_runtime,
        device=translation_device,
    params:
        program=program("translate"),
        code=code("translate"),
        launcher=program("launch"),
        options=translation_options,
        state=f"{STATE}/translate/{{pairs}}",
    shell:
        r"""
        OMP_NUM_THREADS={threads} \
            python {params.launcher:q} --gpus {resources.gpu} {params.program:q} \
            --pairs {input.pairs:q} \
            {params.options:q} \
            --device {resources.device} \
            --shard {wildcards.shard} \
            --shards {wildcards.shards} \
            --state {params.state:q} \
            --output {output.part:q} \
            --record {output.record:q} \
            &>{log:q}
        """


rule gather_translations:
    """Put the parts of a translation together."""
    input:
        pairs=translation_input,
        parts=shard_files("parquet"),
        records=shard_files("json"),
    output:
        pairs=f"{RESULTS}/translated/{{pairs}}.parquet",
        record=f"{RESULTS}/translated/{{pairs}}.translation.json",
    log:
        f"{LOGS}/gather_translations/{{pairs}}.log",
    benchmark:
        f"{COSTS}/gather_translations/{{pairs}}.jsonl"
    wildcard_constraints:
        pairs=alternatives(pairs for pairs in TRANSLATED_PAIRS if translation_shards(pairs) > 1),
    conda:
        environment("translate")
    threads: 1
    resources:
        mem=growing(4),
        runtime="1h",
    params:
        program=program("gather_translations"),
        code=code("gather_translations"),
    shell:
        r"""
        python {params.program:q} \
            --pairs {input.pairs:q} \
            --parts {input.parts:q} \
            --part-records {input.records:q} \
            --output {output.pairs:q} \
            --record {output.record:q} \
            &>{log:q}
        """
