"""The files of translation models: copied from a folder or the hub, and converted for CTranslate2.

Importing this module does not load torch, so a configuration is checked quickly.
"""

import shutil
from pathlib import Path
from typing import Any

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import MANIFEST, atomic_folder, read_json, write_manifest
from hybridbatch.common.language_codes import model_codes
from hybridbatch.download.hub_cache import local_snapshot

# Only safetensors weights and tokenizer files are copied, no pickles or code.
PATTERNS = ("*.json", "*.safetensors", "*.spm", "*.model")
RESOURCES_ELSEWHERE = (
    "run `snakemake --cores 1 downloads` on a machine with network access and copy the resources folder"
)
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
    """Copy the files of a translation model to ``output`` and write its ``manifest.json``.

    Args:
        output: folder to write.
        family: see ``language_codes.FAMILIES``.
        path: a local folder in transformers layout; or
        hub: a Hugging Face model id.
        revision: the commit, with ``hub``.

    Raises:
        UserError: if the model is not available, has no safetensors weights, or belongs to another family.
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
    """Check that a folder contains a model of the family with safetensors weights, without loading it.

    Raises:
        UserError: if it does not.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: is not a folder; give the folder of a translation model in transformers layout")
    for name in ["config.json", *TOKENIZER_FILES[family]]:
        if not (folder / name).is_file():
            raise UserError(
                f"{folder}: has no {name}; a model of the family {family} has config.json, model.safetensors, "
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
            f"{folder}: has no {missing[0]}; .bin weights are pickles and are not read; choose a revision with safetensors "
            "(many models have one as a pull request on the hub), or convert the weights with save_pretrained"
        )


def check_local_languages(folder: Path, family: str, target: str) -> None:
    """Check that the model in a folder has a token for a target language, without loading it.

    Only ``madlad`` and ``marian`` models differ in their languages; ``language_codes.check_codes`` checks the other families.

    Raises:
        UserError: if it does not.
    """
    if family not in ("madlad", "marian"):
        return
    vocabulary = (folder / TOKENIZER_FILES[family][0]).read_text(encoding="utf-8")
    opening, closing = ('"<2', '>"') if family == "madlad" else ('">>', '<<"')
    marks = [f"{opening}{code}{closing}" for code in model_codes(family, target)]
    multilingual = family == "madlad" or opening in vocabulary
    if multilingual and not any(mark in vocabulary for mark in marks):
        raise UserError(
            f"{folder}: the model has no token for language {target!r} (looked for {', '.join(marks)}); "
            "leave the language out or use another translator"
        )


def convert_model(folder: Path, output: Path, compute_type: str) -> None:
    """Convert a prepared model for CTranslate2; ``output`` gets the tokenizer files too.

    Args:
        folder: a folder written by :func:`prepare_model`.
        output: folder to write, with a ``manifest.json``.
        compute_type: the type of the stored weights, such as ``int8`` or ``float16``.

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
        # CTranslate2 writes its own config.json; the model's limits are in the original.
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
            f"{folder}: has no {MANIFEST}; create the folder with prepare_translator.py or convert_translator.py"
        )
    return read_json(folder / MANIFEST)
