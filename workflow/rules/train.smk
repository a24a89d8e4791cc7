"""
Fine-tuning, and mining of hard negatives for it.

REQUIRED INPUTS: a backbone's manifest.json; pairs/<source>/<language>.parquet of the training and validation sources.

OUTPUTS:
    mined/<source>/<language>.parquet                       pair_id, query, passage, negative_1, negative_2, ...
    mined/<source>/<language>.json                          how many pairs have negatives
    models/<backbone>/<strategy>/seed<N>/manifest.json      a fine-tuned model, with the SHA-256 of every file but curves.csv
    models/<backbone>/<strategy>/seed<N>/curves.csv         loss, learning rate, gradient norm, throughput, validation loss by step

Checkpoints are in state/train/, not in the outputs, so that a killed job can resume. With TensorBoard in `training.report_to`, its files
are in logs/tensorboard/<backbone>/<strategy>/seed<N>/.
"""

from hybridbatch.config.training import WITHOUT_EFFECT

VALIDATION_PAIRS = paths.pairs([experiment.training.validation] if experiment.training.validation else [])


def mined_source(wildcards):
    """Return the name of the source of the pairs to mine for."""
    return wildcards.pairs.split("/")[0]


def mining(wildcards):
    """Return how negatives are mined for these pairs."""
    return experiment.sources[mined_source(wildcards)].mine


def pairs_by_language(wildcards):
    """Return the files of the source's clean pairs by language."""
    return {name.partition(":")[2]: file for name, file in paths.pairs([mined_source(wildcards)]).items()}


rule mine_negatives:
    """Mine hard negatives for each of the pairs `{wildcards.pairs}`."""
    input:
        pairs=lambda wildcards: list(pairs_by_language(wildcards).values()),
        encoder=lambda wildcards: f"{paths.prepared_backbone(mining(wildcards).encoder)}/manifest.json",
    output:
        pairs=f"{RESULTS}/mined/{{pairs}}.parquet",
        record=f"{RESULTS}/mined/{{pairs}}.json",
    log:
        f"{LOGS}/mine_negatives/{{pairs}}.log",
    benchmark:
        f"{COSTS}/mine_negatives/{{pairs}}.jsonl"
    wildcard_constraints:
        pairs=alternatives(experiment.mined_pairs),
    conda:
        environment("encoder")
    threads: lambda wildcards: cores_for(len(experiment.mined_pairs))
    resources:
        gpu=GPUS,
        mem=growing(8),
        runtime="4h",
        device=MODEL_DEVICE,
        batch_size=experiment.encoding.batch_size,
    params:
        launcher=program("launch"),
        program=program("mine_negatives"),
        code=code("mine_negatives"),
        pairs=lambda wildcards: named(pairs_by_language(wildcards)),
        language=lambda wildcards: wildcards.pairs.split("/")[1],
        settings=lambda wildcards: mining(wildcards).model_dump_json(),
        encoder=subpath(input.encoder, parent=True),
    shell:
        r"""
        python {params.launcher:q} --gpus {resources.gpu} {params.program:q} \
            --pairs {params.pairs:q} \
            --language {params.language:q} \
            --settings {params.settings:q} \
            --encoder {params.encoder:q} \
            --batch-size {resources.batch_size} \
            --device {resources.device} \
            --output {output.pairs:q} \
            --record {output.record:q} \
            &>{log:q}
        """


def source_sizes(wildcards):
    """Return SOURCE=SIZE for the sources of a strategy whose size is configured."""
    sources = {
        name: experiment.sources[name] for name in experiment.languages_of(experiment.strategies[wildcards.strategy])
    }
    return [f"{name}={source.size}" for name, source in sources.items() if source.size is not None]


rule train:
    """Fine-tune `{wildcards.backbone}` with `{wildcards.strategy}` batches and seed {wildcards.seed}; resumes after a kill."""
    input:
        backbone=lambda wildcards: f"{paths.backbone(wildcards.backbone)}/manifest.json",
        pairs=lambda wildcards: list(paths.training_pairs(wildcards.strategy).values()),
        validation=list(VALIDATION_PAIRS.values()),
    output:
        manifest=f"{RESULTS}/models/{{backbone}}/{{strategy}}/seed{{seed}}/manifest.json",
        curves=f"{RESULTS}/models/{{backbone}}/{{strategy}}/seed{{seed}}/curves.csv",
    log:
        f"{LOGS}/train/{{backbone}}/{{strategy}}/seed{{seed}}.log",
    benchmark:
        f"{COSTS}/train/{{backbone}}/{{strategy}}/seed{{seed}}.jsonl"
    conda:
        environment("encoder")
    threads: lambda wildcards: experiment.training.gpus * cores_for(len(experiment.trained_runs))
    resources:
        gpu=GPUS * experiment.training.gpus,
        processes=experiment.training.gpus,
        mem=growing(16 * experiment.training.gpus),
        runtime="12h",
        device=MODEL_DEVICE,
        report_to=" ".join(experiment.training.report_to),
    params:
        # Its code is not a parameter, because the launcher changes no result.
        launcher=program("launch"),
        program=program("train"),
        code=code("train"),
        backbone=subpath(input.backbone, parent=True),
        # Sources and languages are inputs, devices and trackers are resources.
        training=experiment.training.model_dump_json(exclude={"sources", "validation", *WITHOUT_EFFECT}),
        strategy=lambda wildcards: experiment.strategies[wildcards.strategy].model_dump_json(
            exclude={"sources", "languages"}
        ),
        pairs=lambda wildcards: named(paths.training_pairs(wildcards.strategy)),
        validation=named(VALIDATION_PAIRS),
        sizes=source_sizes,
        folder=subpath(output.manifest, parent=True),
        state=f"{STATE}/train/{{backbone}}/{{strategy}}/seed{{seed}}",
        tracked=f"{LOGS}/tensorboard",
        # Memory-mapped pairs, which all runs share.
        cache=f"{STATE}/arrow",
    shell:
        r"""
        python {params.launcher:q} --gpus {resources.gpu} --processes {resources.processes} {params.program:q} \
            --backbone {params.backbone:q} \
            --training {params.training:q} \
            --strategy {params.strategy:q} \
            --seed {wildcards.seed} \
            --code {params.code} \
            --device {resources.device} \
            --pairs {params.pairs:q} \
            --validation-pairs {params.validation:q} \
            --sizes {params.sizes:q} \
            --state {params.state:q} \
            --report-to {resources.report_to} \
            --tracked {params.tracked:q} \
            --cache {params.cache:q} \
            --output {params.folder:q} \
            &>{log:q}
        """
