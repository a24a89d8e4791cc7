"""
Fine-tuning.

REQUIRED INPUTS: a backbone's manifest.json; pairs/<source>/<language>.parquet of the training and validation sources.

OUTPUTS:
    models/<backbone>/<strategy>/seed<N>/manifest.json      a fine-tuned model, with the SHA-256 of every file but curves.csv
    models/<backbone>/<strategy>/seed<N>/curves.csv         loss, learning rate, gradient norm, throughput, validation loss by step

Checkpoints are in state/train/, not in the outputs, so that a killed job can resume. With TensorBoard in `training.report_to`, its files
are in logs/tensorboard/<backbone>/<strategy>/seed<N>/.
"""

# Trackers change no result. As options, they would change the command, which Snakemake compares.
os.environ.update(
    HYBRIDBATCH_REPORT_TO=" ".join(experiment.training.report_to), HYBRIDBATCH_TRACKED=f"{LOGS}/tensorboard"
)
VALIDATION_PAIRS = paths.pairs([experiment.training.validation] if experiment.training.validation else [])


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
    params:
        # Its code is not a parameter, because the launcher changes no result.
        launcher=program("launch"),
        program=program("train"),
        code=code("train"),
        backbone=subpath(input.backbone, parent=True),
        # Sources and languages are inputs, devices are resources.
        training=experiment.training.model_dump_json(
            exclude={"sources", "validation"} | experiment.training.without_effect
        ),
        strategy=lambda wildcards: experiment.strategies[wildcards.strategy].model_dump_json(
            exclude={"sources", "languages"}
        ),
        pairs=lambda wildcards: named(paths.training_pairs(wildcards.strategy)),
        validation=named(VALIDATION_PAIRS),
        sizes=source_sizes,
        folder=subpath(output.manifest, parent=True),
        state=f"{STATE}/train/{{backbone}}/{{strategy}}/seed{{seed}}",
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
            --cache {params.cache:q} \
            --output {params.folder:q} \
            &>{log:q}
        """
