"""The device that models run on."""

import torch

from hybridbatch.common.errors import UserError


def choose_device(asked: str) -> str:
    """Return ``cpu`` or ``cuda`` for the configured ``auto``, ``cpu`` or ``cuda``.

    Raises:
        UserError: if ``cuda`` is asked for and there is none.
    """
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if asked == "cuda" and not torch.cuda.is_available():
        raise UserError(
            f"device: cuda is asked for, but torch {torch.__version__} finds no GPU; install a CUDA build of torch on a "
            "machine with a GPU, or set device to auto or cpu"
        )
    return asked
