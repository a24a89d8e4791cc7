"""Models in the Hugging Face hub's cache; a module of its own, so that jobs that only read models need not import downloads."""

from collections.abc import Sequence
from pathlib import Path

from hybridbatch.common.errors import UserError


def local_snapshot(
    repository: str, revision: str | None, allowed: Sequence[str], ignored: Sequence[str], otherwise: str
) -> Path:
    """Return the folder of a model's files in the hub's cache, fetched from the hub where the environment allows it.

    Args:
        repository: the model's id.
        revision: its commit.
        allowed: patterns of the files wanted.
        ignored: patterns of files that are left out although ``allowed`` matches them.
        otherwise: the end of the error message: what to do without a network.

    Raises:
        UserError: if the files are neither in the cache nor available from the hub.
    """
    from huggingface_hub import snapshot_download  # noqa: PLC0415
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError  # noqa: PLC0415

    try:
        folder = snapshot_download(
            repository, revision=revision, allow_patterns=list(allowed), ignore_patterns=list(ignored)
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"hub: {repository}, revision {revision}, is neither in the local cache nor available from the hub ({reason}); "
            f"check id, revision and network, or {otherwise}"
        ) from error
    return Path(folder)
