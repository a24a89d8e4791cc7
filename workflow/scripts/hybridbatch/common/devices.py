"""The device that models run on, and the precisions that it supports."""

import logging

import torch

from hybridbatch.common.errors import UserError

logger = logging.getLogger(__name__)
# torch's names for x86 and ARM processors whose instructions do not include products of bfloat16.
WITHOUT_BF16 = ("DEFAULT", "AVX2")


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


def check_precision(key: str, precision: str, device: str) -> None:
    """Check that a device supports a precision, and warn of one that it computes slowly.

    Args:
        key: the configuration key of the precision, for messages.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        device: ``cpu`` or ``cuda``.

    Raises:
        UserError: if the precision is ``fp16`` and the device is the CPU.
    """
    if device != "cpu":
        return
    if precision == "fp16":
        raise UserError(f"{key}: fp16 needs a GPU; set it to bf16 or fp32, or device to cuda")
    if precision == "bf16" and torch.backends.cpu.get_cpu_capability() in WITHOUT_BF16:
        logger.warning("%s: this processor may compute bf16 many times slower than fp32; set it to fp32", key)
