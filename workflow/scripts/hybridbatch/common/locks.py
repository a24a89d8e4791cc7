"""Locks on files and folders that two programs must not change at once, such as the checkpoints of a training.

After ``kill -9`` of Snakemake its jobs run on, and the same command starts them a second time.
"""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

from hybridbatch.common.errors import UserError

logger = logging.getLogger(__name__)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock a file or folder, which need not exist; wait while another program holds the lock, and log which one.

    The lock is the operating system's (``flock`` on ``.<name>.lock`` in the same folder), so it ends with the process that holds it,
    however that ends. It holds between machines if the network file system passes ``flock`` on: NFS does, unless mounted with ``nolock``
    or ``local_lock``; Lustre does if mounted with ``flock``. Where ``flock`` does not exist, filelock uses the existence of the file,
    which survives a machine that crashes.

    Raises:
        UserError: if the lock file cannot be written or locked.
    """
    file = path.with_name(f".{path.name}.lock")
    lock = FileLock(file, poll_interval=1)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            logger.warning("%s is in use by %s; waiting until it ends", path, _holder(file))
            lock.acquire()
        # A soft lock has written the same two lines.
        if not isinstance(lock, SoftFileLock):
            file.write_text(f"{os.getpid()}\n{socket.gethostname()}\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file}: cannot be locked ({error.strerror}); choose a writable folder") from error
    try:
        yield
    finally:
        lock.release()


def _holder(file: Path) -> str:
    """Return the process that a lock file names; for an instant after it was locked, it may name none."""
    lines = file.read_text(encoding="utf-8").split()
    return f"process {lines[0]} on {lines[1]}" if len(lines) > 1 else "another process"
