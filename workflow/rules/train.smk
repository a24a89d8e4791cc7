"""
Backbones and their fine-tuning.

REQUIRED INPUTS: pairs/<source>/<language>.parquet of the training and validation sources; an installed package, a local
folder or the hub for the backbone.

OUTPUTS:
    resources/backbones/<backbone>-<settings>/manifest.json     a sentence-transformers folder and what it is
    backbones/<backbone>/manifest.json                          the same with the experiment's tokens only
    models/<backbone>/<strategy>/seed<N>/manifest.json          a fine-tuned model
    models/<backbone>/<strategy>/seed<N>/curves.csv             loss, learning rate, gradient norm, throughput, validation loss by step

A folder is named by its manifest, which holds the SHA-256 of every file in it but curves.csv.
"""


rule prepare_backbone:
    """Put a pretrained encoder into a sentence-transformers folder: weights, tokenizer, pooling, prompts."""
    input:
        local_files,
        hub_model,
    output:
        f"{RESOURCES}/backbones/{{key}}/manifest.json",
    log:
        f"{RESOURCES}/logs/prepare_backbone/{{key}}.log",
    wildcard_constraints:
        key=alternatives(BACKBONES),
    conda:
        environment("encoder")
    threads: 1
    resources:
        mem=growing(6),
        runtime="1h",
    params:
        program=program("prepare_backbone"),
        code=code("prepare_backbone"),
        settings=lambda wildcards: json.dumps(backbone_settings(BACKBONES[wildcards.key]), sort_keys=True),
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


rule trim_backbone:
    """Keep only the token embeddings of `{wildcards.backbone}` that the experiment's texts use."""
    input:
        backbone=lambda wildcards: f"{prepared_backbone(wildcards.backbone)}/manifest.json",
        texts=experiment_texts,
    output:
        f"{RESULTS}/backbones/{{backbone}}/manifest.json",
    log:
        f"{LOGS}/trim_backbone/{{backbone}}.log",
    benchmark:
        f"{COSTS}/trim_backbone/{{backbone}}.jsonl"
    conda:
        environment("encoder")
    threads: 1
    resources:
        mem=growing(6),
        runtime="1h",
    params:
        program=program("trim_backbone"),
        code=code("trim_backbone"),
        backbone=subpath(input.backbone, parent=True),
        folder=subpath(output[0], parent=True),
    shell:
        r"""
        python {params.program:q} \
            --backbone {params.backbone:q} \
            --texts {input.texts:q} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule train:
    """Fine-tune `{wildcards.backbone}` with `{wildcards.strategy}` batches and seed {wildcards.seed}; resumes after a kill."""
    input:
        backbone=lambda wildcards: f"{backbone(wildcards.backbone)}/manifest.json",
        pairs=lambda wildcards: list(training_pairs(wildcards.strategy).values()),
        validation=pairs_files(experiment.training.validation) if experiment.training.validation else [],
    output:
        manifest=f"{RESULTS}/models/{{backbone}}/{{strategy}}/seed{{seed}}/manifest.json",
        curves=f"{RESULTS}/models/{{backbone}}/{{strategy}}/seed{{seed}}/curves.csv",
    log:
        f"{LOGS}/train/{{backbone}}/{{strategy}}/seed{{seed}}.log",
    benchmark:
        f"{COSTS}/train/{{backbone}}/{{strategy}}/seed{{seed}}.jsonl"
    conda:
        environment("encoder")
    threads: experiment.training.gpus * share_of_cores(len(trained_runs()))
    resources:
        gpu=GPUS * experiment.training.gpus,
        processes=experiment.training.gpus,
        mem=growing(16 * experiment.training.gpus),
        runtime="12h",
        # A job that was given GPUs must not go on without: auto would.
        device="cuda" if GPUS else DEVICE,
    params:
        program=program("train"),
        code=code("train"),
        # It says where a program runs and changes no result, so it is no input.
        launcher=program("launch"),
        backbone=subpath(input.backbone, parent=True),
        training=training_settings,
        strategy=strategy_settings,
        pairs=lambda wildcards: [f"{name}={file}" for name, file in training_pairs(wildcards.strategy).items()],
        validation=labelled_pairs([experiment.training.validation] if experiment.training.validation else []),
        folder=subpath(output.manifest, parent=True),
        state=f"{STATE}/train/{{backbone}}/{{strategy}}/seed{{seed}}",
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
            --state {params.state:q} \
            --output {params.folder:q} \
            &>{log:q}
        """
