"""What an encoder must have for some forms of training: modules to adapt, and enough dimensions to truncate."""

import json
from collections.abc import Sequence
from pathlib import Path

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import MANIFEST, read_json


def check_trainable(backbone: Path, targets: Sequence[str], dimensions: Sequence[int]) -> None:
    """Check an encoder against ``training.lora.targets`` and ``training.matryoshka``, without loading it.

    Args:
        backbone: a prepared folder, with a ``manifest.json``.
        targets: names of modules, or their ends after a dot.
        dimensions: must be lower than that of the encoder's vectors.

    Raises:
        UserError: naming the key.
    """
    if dimensions and max(dimensions) >= (whole := read_json(backbone / MANIFEST)["dimension"]):
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
