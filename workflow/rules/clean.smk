"""
Cleaning of training pairs, and quality control of translations.

REQUIRED INPUTS: raw/<source>/<language>.parquet or translated/<source>/<language>.parquet; the evaluation texts that
training must exclude: benchmarks/<benchmark>/<language>/*.parquet in the language of the pairs and in English.

OUTPUTS:
    pairs/<source>/<language>.parquet           pair_id, query, passage, and negative if training uses the source's negatives
    pairs/<source>/<language>.cleaning.json     counts of removed pairs by step
"""


def is_translated(pairs):
    """Return whether these pairs come from a translation engine."""
    return pairs in experiment.translated_pairs


def unclean_pairs(wildcards):
    """Return the pairs as they were read or translated."""
    return f"{RESULTS}/{'translated' if is_translated(wildcards.pairs) else 'raw'}/{wildcards.pairs}.parquet"


def source_pairs(wildcards):
    """Return the originals of translated pairs; nothing for other pairs."""
    return paths.untranslated(wildcards.pairs) if is_translated(wildcards.pairs) else []


def evaluation_folders(wildcards):
    """Return the folders of the evaluation texts to compare the pairs with."""
    texts = experiment.evaluation_texts(wildcards.pairs.split("/")[1])
    return [f"{RESULTS}/benchmarks/{name}" for name in texts]


def evaluation_files(wildcards):
    """Return the files of the evaluation texts to compare the pairs with."""
    kinds = ["queries", "passages"] + (["qrels"] if experiment.cleaning.passages == "relevant" else [])
    return [f"{folder}/{kind}.parquet" for folder in evaluation_folders(wildcards) for kind in kinds]


def similarity_encoder(wildcards):
    """Return the prepared backbone that compares source and translation, if there is one."""
    encoder = experiment.similarity_encoder(wildcards.pairs)
    return f"{paths.prepared_backbone(encoder)}/manifest.json" if encoder else []


def cleaning_settings(wildcards):
    """Return the settings that these pairs depend on; `quality` is for translations only."""
    unused = {"decontaminate"} if is_translated(wildcards.pairs) else {"decontaminate", "quality"}
    return experiment.cleaning.model_dump_json(exclude=unused)


def negatives_option(wildcards):
    """Return the option that keeps the negatives, if training uses those of the source."""
    return ["--negatives"] if experiment.has_negatives(wildcards.pairs.split("/")[0]) else []


def translated_options(wildcards, input):
    """Return the engine, the originals and the encoder of translated pairs; nothing for other pairs."""
    if not is_translated(wildcards.pairs):
        return []
    settings = experiment.sources[wildcards.pairs.split("/")[0]].translation
    options = ["--engine", settings.engine, "--translated-from", input.source_pairs]
    options += ["--source-language", settings.source_language]
    return options + (["--encoder", str(Path(input.encoder).parent)] if input.encoder else [])


rule clean_pairs:
    """Normalise the pairs of a source in one language, and drop those that are unfit for training, step by step."""
    input:
        pairs=unclean_pairs,
        source_pairs=source_pairs,
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
        pairs=alternatives(experiment.native_pairs + experiment.translated_pairs),
    group:
        PAIRS_GROUP
    conda:
        environment("clean")
    threads: 1
    resources:
        # An encoder that compares translations runs on a GPU if there is one.
        gpu=lambda wildcards: GPUS if similarity_encoder(wildcards) else 0,
        mem=growing(4),
        runtime="2h",
        device=lambda wildcards: "cuda" if GPUS and similarity_encoder(wildcards) else "cpu",
    params:
        launcher=program("launch"),
        program=program("clean_pairs"),
        code=code("clean_pairs"),
        source=lambda wildcards: wildcards.pairs.split("/")[0],
        language=lambda wildcards: wildcards.pairs.split("/")[1],
        settings=cleaning_settings,
        evaluation=evaluation_folders,
        negatives=negatives_option,
        translated=translated_options,
    shell:
        r"""
        python {params.launcher:q} --gpus {resources.gpu} {params.program:q} \
            --pairs {input.pairs:q} \
            --source {params.source:q} \
            --language {params.language} \
            --settings {params.settings:q} \
            --evaluation {params.evaluation:q} \
            {params.negatives} \
            {params.translated:q} \
            --device {resources.device} \
            --output {output.pairs:q} \
            --record {output.record:q} \
            &>{log:q}
        """
