"""Locks on GPUs: each job on a machine gets its own devices, and waits while all are taken."""

import fcntl
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from hybridbatch.common.errors import UserError

logger = logging.getLogger(__name__)

VISIBLE = "CUDA_VISIBLE_DEVICES"


def machine_devices(environment: Mapping[str, str], nodes: Path = Path("/dev")) -> list[str]:
    """Return CUDA's names of the GPUs of this machine: those in CUDA_VISIBLE_DEVICES if it is set, otherwise all.

    Args:
        environment: the environment variables.
        nodes: folder of the device nodes nvidia0, nvidia1, ...
    """
    if VISIBLE in environment:
        return [name.strip() for name in environment[VISIBLE].split(",") if name.strip()]
    return [str(number) for number in range(len(list(nodes.glob("nvidia[0-9]*"))))]


def has_gpu(root: Path = Path("/")) -> bool:
    """Return whether this machine has an NVIDIA GPU, without torch: a device node or, in WSL2, the driver of Windows.

    Args:
        root: folder of ``dev`` and ``usr``.
    """
    return any(root.glob("dev/nvidia[0-9]*")) or (root / "usr/lib/wsl/lib/libcuda.so.1").exists()


def claim_devices(count: int, devices: Sequence[str], folder: Path, wait: float = 1.0) -> dict[str, int]:
    """Lock ``count`` devices for this process and the program that it becomes by ``exec``; wait until they are free.

    Devices are locked by file locks, which the system releases when the process ends for any reason.

    Args:
        count: number of devices to lock.
        devices: the devices to choose from.
        folder: folder of the lock files, the same for all jobs on the machine; created if it is missing.
        wait: seconds between attempts.

    Returns:
        The file descriptor of the lock by device, in the order of ``devices``.

    Raises:
        UserError: if there are fewer than ``count`` devices.
    """
    if len(devices) < count:
        raise UserError(
            f"training.gpus: a job needs {count} GPUs, but this machine has {len(devices)} ({', '.join(devices)}); "
            f"lower it, or add devices to {VISIBLE}"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    waiting = False
    while len(claimed := _claim_free(count, devices, folder)) < count:
        if not waiting:
            logger.info("waiting for %d of the GPUs %s, which other jobs use", count, ", ".join(devices))
            waiting = True
        time.sleep(wait)
    return claimed


def _claim_free(count: int, devices: Sequence[str], folder: Path) -> dict[str, int]:
    """Lock ``count`` devices if that many are free, otherwise none: jobs that hold some each would wait for each other."""
    claimed: dict[str, int] = {}
    # One job at a time: two that try at once could each lock some and release them, forever.
    gate = _open(folder / "gate.lock")
    try:
        fcntl.flock(gate, fcntl.LOCK_EX)
        for device in devices:
            if len(claimed) == count:
                break
            descriptor = _open(folder / f"{quote(device, safe='')}.lock")
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                claimed[device] = descriptor
        if len(claimed) < count:
            for descriptor in claimed.values():
                os.close(descriptor)
            return {}
    finally:
        os.close(gate)
    for descriptor in claimed.values():
        os.set_inheritable(descriptor, True)
    return claimed


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
