"""Upload a fine-tuned model to the Hugging Face hub: private unless told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import MANIFEST, sha256
from hybridbatch.download.hub import hub_errors

CARD = "README.md"
# The hub's limit.
LONGEST_NAME = 96


def push_model(folder: Path, manifest: Mapping[str, Any], repository: str, private: bool) -> dict[str, Any]:
    """Upload the files of a model and its card in one commit.

    Args:
        folder: the model; only the card and what its manifest lists are uploaded.
        manifest: its manifest.
        repository: ``<owner>/<name>``; created unless it exists.
        private: whether only the owner may see it.

    Returns:
        ``repository``, ``commit``, and ``private`` as the hub has it.

    Raises:
        UserError: if a file has changed, the weights are not safetensors, an existing repository is public though ``private``, or
            the hub refuses.
    """
    check_files(folder, manifest)
    if len(repository) > LONGEST_NAME:
        raise UserError(
            f"push: {repository} has more than {LONGEST_NAME} characters, the hub's limit; rename the experiment"
        )
    api = HfApi()
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        # An existing repository keeps its visibility.
        is_private = bool(api.model_info(repository).private)
        if private and not is_private:
            raise UserError(
                f"push: {repository} exists and is public; make it private on the hub, or set push.private to false"
            )
        commit = api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            allow_patterns=[CARD, MANIFEST, *manifest["files"]],
            commit_message=f"Model with manifest {sha256(folder / MANIFEST)[:12]}",
        )
    except hub_errors() as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"push: {repository} cannot be written ({reason}); set HF_TOKEN to a token of the hub that may write "
            f"to {repository.partition('/')[0]}, and check the network"
        ) from error
    return {"repository": repository, "commit": commit.oid, "private": is_private}


def check_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Check that a model's files are those of its manifest, and that it has a card and safetensors.

    Raises:
        UserError: naming the file.
    """
    for name, digest in manifest["files"].items():
        if not (folder / name).is_file() or sha256(folder / name) != digest:
            raise UserError(f"{folder / name}: is not the file that {MANIFEST} lists; delete {folder} and train again")
    pickled = [name for name in manifest["files"] if Path(name).suffix in (".bin", ".pt", ".pkl", ".ckpt")]
    if pickled or not any(name.endswith(".safetensors") for name in manifest["files"]):
        raise UserError(f"{folder}: its weights must be safetensors, found {', '.join(pickled) or 'none'}; train again")
