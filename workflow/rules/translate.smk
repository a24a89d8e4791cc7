"""
Translation of training pairs.

REQUIRED INPUTS: pairs/<source>/<source language>.parquet; for the engine, a translation memory, a translation model in a local
folder or on the hub, or the system's Apertium.

OUTPUTS:
    resources/translators/<translator>-<origin>/manifest.json               a translation model and its origin
    resources/translators/<translator>-<origin>.ct2-<type>/manifest.json    the same model, converted for CTranslate2
    translated/<source>/<language>.parquet              the same pairs in another language, not yet checked
    translated/<source>/<language>.translation.json     engine, revision, options, counts

If a translation has `shards`, each job writes its share of the texts to translated/<source>/<language>.shards/, which is removed
once the shares are combined.
"""

from hybridbatch.jobs.hub_requests import translator_request
from hybridbatch.translate.model_files import PATTERNS

TRANSLATORS = {Path(folder).name: origin for folder, origin in paths.translators().items()}
# A cluster runs a group as one job. Translation from a memory and cleaning take seconds, so they are a group. Models that translate or
# check pairs take hours on another device, so then every job is separate.
PAIRS_GROUP = None if experiment.has_models_on_pairs else "pairs"


def translation(wildcards):
    """Return the translation settings of a source, and the language to translate into."""
    name, language = wildcards.pairs.split("/")
    return experiment.sources[name].translation, language


def translation_input(wildcards):
    """Return the pairs to translate."""
    return paths.untranslated(wildcards.pairs)


def translation_memory(wildcards):
    """Return the translation memory of the language; nothing for other engines."""
    settings, language = translation(wildcards)
    return settings.memory.format(language=language) if settings.memory else []


def translation_model(wildcards):
    """Return the manifest of the translation model; nothing for engines without one."""
    settings, language = translation(wildcards)
    if settings.translator is None:
        return []
    folder = paths.translator(settings.translator, language)
    if settings.engine == "ctranslate2":
        folder += f".ct2-{experiment.translators[settings.translator].compute_type}"
    return f"{folder}/manifest.json"


def translator_files(wildcards):
    """Return the files of a translation model in a local folder, or the manifest of those from the hub."""
    origin = TRANSLATORS[wildcards.translator]
    if "hub" in origin:
        return paths.hub_manifest(translator_request(origin))
    return sorted(str(file) for pattern in PATTERNS for file in Path(origin["path"]).glob(pattern))


def translation_settings(wildcards):
    """Return the settings that a translation into one language depends on."""
    settings, language = translation(wildcards)
    alone = settings.model_copy(update={"languages": [language]})
    return alone.model_dump_json(exclude={"shards", "reference"})


def model_options(wildcards, input):
    """Return the folder and the settings of the translation model; nothing for engines without one."""
    translator = translation(wildcards)[0].translator
    if translator is None:
        return []
    settings = experiment.translators[translator].model_dump_json()
    return ["--model", str(Path(input.model).parent), "--translator", settings]


def with_model(there, otherwise):
    """Return a function that gives one value for translations with a model, and another for those without."""
    return lambda wildcards: there if translation(wildcards)[0].translator else otherwise


def translation_shards(pairs):
    """Return the number of jobs that share the translation of a source into one language."""
    return experiment.sources[pairs.split("/")[0]].translation.shards


def translation_jobs(pairs):
    """Return the names of the jobs that translate a source into one language: one for each shard."""
    shards = translation_shards(pairs)
    return [pairs] if shards == 1 else [f"{pairs}.{shard}of{shards}" for shard in range(shards)]


def shard_files(suffix):
    """Return a function that gives the files of the jobs of a sharded translation."""
    return lambda wildcards: [
        f"{RESULTS}/translated/{wildcards.pairs}.shards/{shard}of{translation_shards(wildcards.pairs)}.{suffix}"
        for shard in range(translation_shards(wildcards.pairs))
    ]


rule prepare_translator:
    """Copy the weights and the tokenizer of a translation model into one folder."""
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
        cache=paths.hub,
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
    """Translate the pairs of a source into another language; resumes after a kill."""
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
        pairs=alternatives(pairs for pairs in experiment.translated_pairs if translation_shards(pairs) == 1),
    group:
        PAIRS_GROUP
    conda:
        environment("translate")
    threads: with_model(4, 1)
    resources:
        gpu=with_model(GPUS, 0),
        mem=lambda wildcards, input, attempt: growing(with_model(16, 4)(wildcards))(wildcards, input, attempt),
        runtime=with_model("24h", "1h"),
        # The jobs of a group must have the same value.
        device=with_model("cuda" if GPUS else "cpu", "cpu"),
    params:
        launcher=program("launch"),
        program=program("translate"),
        code=code("translate"),
        settings=translation_settings,
        language=lambda wildcards: translation(wildcards)[1],
        memory=lambda wildcards, input: ["--memory", input.memory] if input.memory else [],
        model=model_options,
        shard=[],
        state=f"{STATE}/translate/{{pairs}}",
    shell:
        r"""
        OMP_NUM_THREADS={threads} \
            python {params.launcher:q} --gpus {resources.gpu} {params.program:q} \
            --pairs {input.pairs:q} \
            --settings {params.settings:q} \
            --language {params.language} \
            {params.memory:q} \
            {params.model:q} \
            {params.shard} \
            --device {resources.device} \
            --state {params.state:q} \
            --output {output.pairs:q} \
            --record {output.record:q} \
            &>{log:q}
        """


use rule translate as translate_shard with:
    output:
        pairs=temp(f"{RESULTS}/translated/{{pairs}}.shards/{{shard}}of{{shards}}.parquet"),
        record=temp(f"{RESULTS}/translated/{{pairs}}.shards/{{shard}}of{{shards}}.json"),
    log:
        f"{LOGS}/translate/{{pairs}}.{{shard}}of{{shards}}.log",
    benchmark:
        f"{COSTS}/translate/{{pairs}}.{{shard}}of{{shards}}.jsonl"
    wildcard_constraints:
        pairs=alternatives(experiment.translated_pairs),
        shard=r"\d+",
        shards=r"\d+",
    params:
        shard=["--shard", "{shard}", "--shards", "{shards}"],


rule gather_translations:
    """Combine the shares of a translation."""
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
        pairs=alternatives(pairs for pairs in experiment.translated_pairs if translation_shards(pairs) > 1),
    group:
        PAIRS_GROUP
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
