"""The packages that only some settings of training need."""

from importlib.util import find_spec

from hybridbatch.common.errors import UserError
from hybridbatch.config.training import Training


def check_packages(settings: Training) -> None:
    """Check that this Python has the packages.

    Raises:
        UserError: naming the key, and how to install what is missing.
    """
    for package, key in settings.packages.items():
        if find_spec(package) is None:
            raise UserError(
                f"training.{key}: needs the package {package}, which is missing; run `pip install {package}`"
            )
