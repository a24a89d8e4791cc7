"""What an experiment demands of an encoder: modules to adapt, and enough dimensions to truncate."""

import json
from pathlib import Path

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import MANIFEST, read_json
from hybridbatch.config.encoding import Encoding
from hybridbatch.config.training import Training


def check_demands(backbone: Path, training: Training, encoding: Encoding) -> None:
    """Check, without loading an encoder, that it has the modules of ``lora.targets`` and the dimensions of ``matryoshka`` and ``truncate_dim``.

    Args:
        backbone: a prepared folder, with a ``manifest.json``.
        training: this section of the configuration.
        encoding: likewise.

    Raises:
        UserError: naming the key.
    """
    targets, dimensions = training.lora.targets if training.lora else [], training.matryoshka
    whole = read_json(backbone / MANIFEST)["dimension"]
    if encoding.truncate_dim is not None and encoding.truncate_dim > whole:
        raise UserError(
            f"encoding.truncate_dim: {encoding.truncate_dim} is more than the {whole} dimensions of {backbone}; lower it, or set it to null"
        )
    if dimensions and max(dimensions) >= whole:
        raise UserError(
            f"training.matryoshka: {max(dimensions)} is not lower than the {whole} dimensions of {backbone}; lower or remove it"
        )
    if not targets:
        return
    modules: set[str] = set()
    for file in backbone.glob("*.safetensors"):
        with file.open("rb") as stream:
            # The length of the header, then the header: https://huggingface.co/docs/safetensors/index#format
            weights = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        modules |= {name.removesuffix(".weight") for name in weights if name.endswith(".weight")}
    for target in targets:
        if not any(f".{module}".endswith(f".{target}") for module in modules):
            known = ", ".join(sorted({module.rpartition(".")[2] for module in modules}))
            raise UserError(
                f"training.lora.targets: {backbone} has no module {target!r}; allowed: {known}, or longer ends of names"
            )
