"""The commits that branches and tags of the Hugging Face hub point to."""

from hybridbatch.common.errors import UserError
from hybridbatch.config.revisions import Reference
from hybridbatch.download.hub import hub_errors
from hybridbatch.download.pinned_files import REFUSED, accept_conditions


def find_commit(reference: Reference) -> str:
    """Ask the hub for the commit of a branch or tag.

    Raises:
        UserError: if there is none, or the network fails.
    """
    from huggingface_hub import HfApi, hf_hub_url  # noqa: PLC0415

    kind, repository, revision = reference
    try:
        commit = HfApi().repo_info(repository, repo_type=kind, revision=revision).sha
    except hub_errors() as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        remedy = "check id, revision and network"
        if getattr(getattr(error, "response", None), "status_code", None) in REFUSED:
            remedy = accept_conditions(hf_hub_url(repository, "README.md", repo_type=kind))
        raise UserError(f"{kind} {repository}, revision {revision}: has no commit ({reason}); {remedy}") from error
    if commit is None:
        raise UserError(f"{kind} {repository}, revision {revision}: the hub gave no commit; try again later")
    return commit
