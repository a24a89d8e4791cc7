"""Start a program of the workflow on GPUs that no other job uses, in one process or in several that share its batches.

The launcher becomes the program by `exec`, so the program receives signals, and its GPUs are released when it ends.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.errors import UserError
from hybridbatch.jobs.gpu_locks import VISIBLE, claim_devices, machine_devices


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument("--gpus", type=int, default=0, help="GPUs to lock for the program; 0: lock none and hide none")
    parser.add_argument(
        "--processes", type=int, default=1, help="processes of the program; more than one are started by torchrun"
    )
    parser.add_argument("program", help="file of the program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the program")
    options = parser.parse_args(argv)
    if 0 < options.gpus < options.processes:
        raise UserError(
            f"training.gpus: {options.processes} processes cannot share {options.gpus} GPUs, as each needs its own; "
            f"start Snakemake with --resources gpu={options.processes} or more, or lower it"
        )
    if options.gpus:
        _take_gpus(options.gpus)
    launcher = [sys.executable]
    if options.processes > 1:
        _share_threads(options.processes)
        launcher += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(options.processes)]
    os.execv(sys.executable, [*launcher, options.program, *options.arguments])  # noqa: S606


def _take_gpus(count: int) -> None:
    """Lock ``count`` GPUs and hide all others."""
    devices = machine_devices(os.environ)
    # If no device is found, the program reports it.
    if devices:
        folder = Path(tempfile.gettempdir()) / f"hybridbatch-gpus-{os.getuid()}"
        os.environ[VISIBLE] = ",".join(claim_devices(count, devices, folder))


def _share_threads(processes: int) -> None:
    """Divide the threads of the job among its processes."""
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal():
        os.environ["OMP_NUM_THREADS"] = str(max(1, int(threads) // processes))


if __name__ == "__main__":
    cli.run(main)
