"""
Backbones: pretrained encoders.

REQUIRED INPUTS: files of config/data.csv, a local folder or the hub; for trimming, all texts of the experiment.

OUTPUTS:
    resources/backbones/<backbone>-<settings>/manifest.json     a sentence-transformers folder and its origin
    backbones/<backbone>/manifest.json                          the same encoder with only the experiment's tokens

The manifest of a folder has the SHA-256 of every file in it.
"""

from hybridbatch.jobs.hub_requests import backbone_request

BACKBONES = {Path(paths.prepared_backbone(name)).name: backbone for name, backbone in experiment.backbones.items()}


def backbone_files(wildcards):
    """Return the files of a backbone in a package or a local folder, or the manifest of those from the hub."""
    backbone = BACKBONES[wildcards.key]
    if backbone.hub:
        return paths.hub_manifest(backbone_request(backbone))
    if backbone.packaged:
        return paths.packaged_files(backbone)
    return sorted(str(file) for file in Path(backbone.path).rglob("*") if file.is_file())


def packaged_folder(wildcards):
    """Return the option that names the folder of a packaged encoder's files; none for others."""
    files = paths.packaged_files(BACKBONES[wildcards.key])
    return ["--packaged", str(Path(files[0]).parent)] if files else []


rule prepare_backbone:
    """Prepare a pretrained encoder as a sentence-transformers folder: weights, tokenizer, pooling, prompts."""
    input:
        backbone_files,
    output:
        f"{RESOURCES}/backbones/{{key}}/manifest.json",
    log:
        f"{RESOURCES}/logs/prepare_backbone/{{key}}.log",
    wildcard_constraints:
        key=alternatives(BACKBONES),
    # It takes longest of the jobs before training.
    priority: 1
    conda:
        environment("encoder")
    threads: 1
    resources:
        mem=growing(6),
        runtime="1h",
        # What the experiment demands of an encoder is checked and changes no result.
        training=experiment.training.model_dump_json(include={"lora", "matryoshka"}),
        encoding=experiment.encoding.model_dump_json(include={"truncate_dim"}),
    params:
        program=program("prepare_backbone"),
        code=code("prepare_backbone"),
        settings=lambda wildcards: json.dumps(BACKBONES[wildcards.key].preparation(), sort_keys=True),
        packaged=packaged_folder,
        cache=paths.hub,
        folder=subpath(output[0], parent=True),
    shell:
        r"""
        HF_HUB_CACHE={params.cache:q} \
            python {params.program:q} \
            --settings {params.settings:q} \
            {params.packaged:q} \
            --training {resources.training:q} \
            --encoding {resources.encoding:q} \
            --output {params.folder:q} \
            &>{log:q}
        """


rule trim_backbone:
    """Keep only the token embeddings of `{wildcards.backbone}` that the experiment's texts use."""
    input:
        backbone=lambda wildcards: f"{paths.prepared_backbone(wildcards.backbone)}/manifest.json",
        texts=paths.texts(),
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
