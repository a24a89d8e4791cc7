"""Slots of GPUs: several jobs on one machine each get devices of their own, and wait while all are taken."""

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
    """Return the GPUs of this machine as CUDA names them: those of CUDA_VISIBLE_DEVICES if it is set, else all.

    Args:
        environment: the environment variables.
        nodes: where the device nodes nvidia0, nvidia1, ... are.
    """
    if VISIBLE in environment:
        return [name.strip() for name in environment[VISIBLE].split(",") if name.strip()]
    return [str(number) for number in range(len(list(nodes.glob("nvidia[0-9]*"))))]


def claim_devices(count: int, devices: Sequence[str], folder: Path, wait: float = 1.0) -> dict[str, int]:
    """Take ``count`` of the devices for this process, and for a program that it becomes by ``exec``; wait until they are free.

    A device is taken by a lock on a file, which the system gives back when the process ends, however it ends.

    Args:
        count: devices to take.
        devices: the devices to choose from.
        folder: folder of the lock files, the same for all jobs on the machine; made if it is missing.
        wait: seconds between attempts.

    Returns:
        The descriptor that holds the lock, by device, in the order of ``devices``.

    Raises:
        UserError: if there are fewer devices than ``count``.
    """
    if len(devices) < count:
        raise UserError(
            f"training.gpus: a job needs {count} GPUs, and this machine offers {len(devices)} ({', '.join(devices)}); "
            f"lower it, or let {VISIBLE} name more"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    waiting = False
    while len(claimed := _claim_free(count, devices, folder)) < count:
        if not waiting:
            logger.info("other jobs have the GPUs %s: waiting for %d", ", ".join(devices), count)
            waiting = True
        time.sleep(wait)
    return claimed


def _claim_free(count: int, devices: Sequence[str], folder: Path) -> dict[str, int]:
    """Take ``count`` devices if so many are free, else none: jobs that each hold a part would wait for each other."""
    claimed: dict[str, int] = {}
    # One job looks at a time: two that look at once could take a part each, for ever.
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
