"""The files of translation models: from a folder or the hub into one folder each, and converted for CTranslate2.

Nothing at the top loads torch, so that a configuration can be checked quickly.
"""

import logging
import shutil
from pathlib import Path
from typing import Any

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import MANIFEST, atomic_folder, fingerprint, read_json, write_manifest
from hybridbatch.common.language_codes import model_codes
from hybridbatch.download.hub_cache import local_snapshot

LOG = logging.getLogger(__name__)
# What may be copied: weights in safetensors, and what tokenizers are made of. No pickles and no code.
PATTERNS = ("*.json", "*.safetensors", "*.spm", "*.model")
RESOURCES_ELSEWHERE = "run `snakemake --cores 1 downloads` where there is a network and copy the resources folder"
MODEL_TYPES = {"m2m100": "m2m_100", "nllb": "m2m_100", "madlad": "t5", "marian": "marian"}
TOKENIZER_FILES = {
    "m2m100": ["vocab.json", "sentencepiece.bpe.model"],
    "nllb": ["tokenizer.json"],
    "madlad": ["tokenizer.json"],
    "marian": ["vocab.json", "source.spm", "target.spm"],
}


def prepare_model(
    output: Path, family: str, path: str | None = None, hub: str | None = None, revision: str | None = None
) -> None:
    """Copy the files of a translation model to ``output``, with a ``manifest.json``.

    Args:
        output: folder to write.
        family: see ``language_codes.FAMILIES``.
        path: a local folder in transformers layout; or
        hub: a Hugging Face model id.
        revision: with ``hub``, the commit.

    Raises:
        UserError: if the model is not to be had, has no safetensors weights, or is of another family.
    """
    facts: dict[str, Any] = {"family": family}
    if path is not None:
        source = Path(path)
        facts |= {"model": path}
    else:
        source = local_snapshot(str(hub), str(revision), PATTERNS, ["*/*"], RESOURCES_ELSEWHERE)
        facts |= {"model": hub, "revision": revision}
    check_model_folder(source, family)
    with atomic_folder(output) as aside:
        for file in sorted({file for pattern in PATTERNS for file in source.glob(pattern)}):
            if file.name != MANIFEST:
                shutil.copyfile(file, aside / file.name)
        write_manifest(aside, facts)


def check_model_folder(folder: Path, family: str) -> None:
    """Check, without loading it, that a folder holds a model of the family with safetensors weights.

    Raises:
        UserError: if not.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: is no folder; give the folder of a translation model in transformers layout")
    for name in ["config.json", *TOKENIZER_FILES[family]]:
        if not (folder / name).is_file():
            raise UserError(
                f"{folder}: has no {name}; a model of the family {family} has config.json, model.safetensors and "
                f"{', '.join(TOKENIZER_FILES[family])}; save model and tokenizer with save_pretrained"
            )
    kind = read_json(folder / "config.json").get("model_type")
    if kind != MODEL_TYPES[family]:
        raise UserError(
            f"{folder}: model_type is {kind!r}, a model of the family {family} has {MODEL_TYPES[family]!r}; correct family"
        )
    index = folder / "model.safetensors.index.json"
    weights = set(read_json(index)["weight_map"].values()) if index.is_file() else {"model.safetensors"}
    if missing := sorted(name for name in weights if not (folder / name).is_file()):
        raise UserError(
            f"{folder}: has no {missing[0]}; weights in .bin are pickles and not read: choose a revision with safetensors "
            "(many models have one as a pull request on the hub), or convert them with save_pretrained"
        )


def check_local_languages(folder: Path, family: str, target: str) -> None:
    """Check that a model that lies in a folder has the mark of a target language, without loading anything.

    Only ``madlad`` and ``marian`` differ from model to model; see ``language_codes.check_codes`` for the others.

    Raises:
        UserError: if it does not.
    """
    if family not in ("madlad", "marian"):
        return
    vocabulary = (folder / TOKENIZER_FILES[family][0]).read_text(encoding="utf-8")
    opening, closing = ('"<2', '>"') if family == "madlad" else ('">>', '<<"')
    marks = [f"{opening}{name}{closing}" for name in model_codes(family, target)]
    told = family == "madlad" or opening in vocabulary
    if told and not any(mark in vocabulary for mark in marks):
        raise UserError(
            f"{folder}: the model has no token for language {target!r} (looked for {', '.join(marks)}); "
            "leave the language out or use another translator"
        )


def convert_model(folder: Path, output: Path, compute_type: str) -> None:
    """Convert a prepared model for CTranslate2; the tokenizer's files go along, so that ``output`` is whole.

    Args:
        folder: what :func:`prepare_model` wrote.
        output: folder to write, with a ``manifest.json``.
        compute_type: type that the weights are stored in, such as ``int8`` or ``float16``.

    Raises:
        UserError: if CTranslate2 cannot convert it.
    """
    from hybridbatch.translate.ctranslate2_converter import Converter  # noqa: PLC0415 - loads torch

    manifest = read_manifest(folder)
    family = manifest["family"]
    with atomic_folder(output) as aside:
        try:
            Converter(folder, family).convert(str(aside), quantization=compute_type, force=True)
        except (OSError, ValueError, KeyError, RuntimeError, NotImplementedError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(f"{folder}: CTranslate2 cannot convert it ({reason}); use engine: transformers") from error
        for name in dict.fromkeys([*TOKENIZER_FILES[family], "tokenizer_config.json", "special_tokens_map.json"]):
            if (folder / name).is_file():
                shutil.copyfile(folder / name, aside / name)
        # CTranslate2 has a config.json of its own; the limits of the model stand in the original.
        shutil.copyfile(folder / "config.json", aside / "transformers.json")
        facts = {key: value for key, value in manifest.items() if key != "files"}
        write_manifest(aside, {**facts, "compute_type": compute_type})


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a prepared or converted model.

    Raises:
        UserError: if the folder has none.
    """
    if not (folder / MANIFEST).is_file():
        raise UserError(
            f"{folder}: has no {MANIFEST}; make the folder with prepare_translator.py or convert_translator.py"
        )
    return read_json(folder / MANIFEST)


def content(manifest: dict[str, Any]) -> str:
    """Return what names a model's files: the SHA-256 of the SHA-256 of each."""
    return fingerprint(manifest["files"])


def model_name(manifest: dict[str, Any]) -> str:
    """Return the model's id and commit, or the folder that it came from."""
    return f"{manifest['model']}@{manifest['revision']}" if "revision" in manifest else str(manifest["model"])
