"""The device that models run on."""

import torch

from hybridbatch.common.errors import UserError


def choose_device(device: str) -> str:
    """Return ``cpu`` or ``cuda`` for the configured ``auto``, ``cpu`` or ``cuda``.

    Raises:
        UserError: if ``cuda`` is configured and torch finds no GPU.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            f"device: is cuda, but torch {torch.__version__} finds no GPU; install a CUDA build of torch on a "
            "machine with a GPU, or set device to auto or cpu"
        )
    return device
