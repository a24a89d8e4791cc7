"""What CTranslate2 needs of the machine: a device that supports the compute type and, for GPUs, the cuBLAS library of CUDA 12.

``python -m hybridbatch.translate.ctranslate2_device <device> <compute type>`` checks this in the environment of a job.
"""

import ctypes
import sys
from importlib.metadata import PackageNotFoundError, distribution

from hybridbatch.common.errors import UserError

CUBLAS = "libcublas.so.12"
CUBLAS_PACKAGE = "nvidia-cublas-cu12"


def check_device(device: str, compute_type: str) -> None:
    """Check that CTranslate2 can run models on a device, and load cuBLAS if it is ``cuda``.

    On a machine without a GPU, such as the login node of a cluster, the compute types of ``cuda`` are unknown and not checked.

    Raises:
        UserError: if the device does not support the compute type, or cuBLAS is missing.
    """
    import ctranslate2  # noqa: PLC0415 - only jobs with models have it

    if device == "cuda":
        load_cublas()
        if not ctranslate2.get_cuda_device_count():
            return
    supported = ctranslate2.get_supported_compute_types(device)
    if compute_type not in supported:
        raise UserError(
            f"compute_type: {compute_type} is not supported on {device}; use one of {', '.join(sorted(supported))}, or another device"
        )


def load_cublas() -> None:
    """Load cuBLAS from its package or, if that is not installed, from the library path; CTranslate2 finds it by its name.

    Raises:
        UserError: if it is in neither.
    """
    try:
        library = str(distribution(CUBLAS_PACKAGE).locate_file(f"nvidia/cublas/lib/{CUBLAS}"))
    except PackageNotFoundError:
        library = CUBLAS
    try:
        ctypes.CDLL(library)
    except OSError as error:
        raise UserError(
            f"engine: ctranslate2 needs {CUBLAS} of CUDA 12 on a GPU ({error}); `pip install {CUBLAS_PACKAGE}`, load CUDA 12, "
            "or use engine: transformers"
        ) from error


if __name__ == "__main__":
    try:
        check_device(*sys.argv[1:])
    except UserError as error:
        sys.exit(str(error))
