"""Files of the Hugging Face hub at a pinned commit, kept in the hub's own cache layout.

The hub's library lists the files. `hybridbatch.download.pinned_files` fetches them, because `snapshot_download` cannot resume a file
after an interrupted process. Every file is verified against the hash that the hub lists (SHA-256 for a large file, git's hash for a small
one) by own code, because `verify_repo_checksums` asks the hub, and a mirror is used without a network.
"""

import fnmatch
import hashlib
import logging
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import fingerprint, read_json, sha256, write_json
from hybridbatch.download.pinned_files import REFUSED, DataFile, accept_conditions, download

LOG = logging.getLogger(__name__)
MANIFESTS = "manifests"
CARD = "README.md"
FETCH_COMMAND = "snakemake --cores 4 downloads"


class Request(BaseModel, frozen=True):
    """Files of one repository: those that ``patterns`` match, or those of a configuration that a data set's card lists.

    ``revision`` is a commit of 40 hexadecimal digits; ``ignored`` are patterns of files that are left out.
    """

    kind: Literal["dataset", "model"]
    repository: str
    revision: str
    patterns: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    config: str | None = None
    split: str | None = None

    @property
    def key(self) -> str:
        """A name for the request, unique and fit for a file name."""
        name = self.repository.replace("/", "--")
        return f"{self.kind}--{name}--{fingerprint(self.model_dump())[:12]}"

    @property
    def folder(self) -> str:
        """The folder of the repository in the hub's cache layout."""
        return f"{self.kind}s--{self.repository.replace('/', '--')}"

    @property
    def snapshot(self) -> str:
        """The folder of the commit in the hub's cache layout."""
        return f"{self.folder}/snapshots/{self.revision}"


@dataclass(frozen=True)
class _Remote:
    """A file as the hub lists it: ``sha256`` is None for a small file, which is identified by git's hash, ``blob``."""

    path: str
    size: int
    blob: str
    sha256: str | None


def fetch(
    request: Request, cache: Path, mirror: Path | None = None, offline: bool = False, backoff: float = 1.0
) -> None:
    """Put the files of a request into ``cache`` and write their manifest, ``cache/manifests/<key>.json``.

    Args:
        request: which files.
        cache: a folder in the hub's cache layout; finished files in it are kept, unfinished ones are resumed.
        mirror: a folder to take the files from; see :func:`locate`.
        offline: whether the network must not be used; the files then come from the user's own hub cache.
        backoff: seconds before the second attempt of a download.

    Raises:
        UserError: if the files are missing, nothing matches, the network fails, or a file does not have the listed hash.
    """
    if mirror is not None or offline:
        source = locate(request, _local_roots(mirror))
        if source is None:
            where = "the hub's cache on this machine, and HF_HUB_OFFLINE=1 forbids downloads"
            remedy = "set mirror to its resources folder"
            if mirror is not None:
                where = f"the mirror {mirror}, which replaces the network"
                remedy = f"copy its resources/hub to {mirror}/hub"
            raise UserError(
                f"{request.repository}, revision {request.revision}: is not in {where}; run `{FETCH_COMMAND}` with the same "
                f"configuration, without mirror, on a machine with network, and {remedy}"
            )
        files = _link(request, source, cache)
    else:
        files = _download(request, cache, backoff)
    manifest = {"kind": request.kind, "repository": request.repository, "revision": request.revision, "files": files}
    write_json(cache / MANIFESTS / f"{request.key}.json", manifest)


def locate(request: Request, roots: list[Path]) -> Path | None:
    """Return the folder that holds the files of a commit on this machine; None if there is none.

    A root may be a cache in the hub's layout or hold one as its folder ``hub``; or it may hold the plain files of a
    repository in ``hub/<id>``, whose commit cannot be verified.
    """
    places = [place for root in roots for place in (root / request.snapshot, root / "hub" / request.snapshot)]
    places += [root / "hub" / request.repository for root in roots]
    return next((place for place in places if place.is_dir()), None)


def is_available(request: Request, cache: Path, mirror: Path | None) -> bool:
    """Return whether the files of a request are on this machine or in the mirror."""
    return (cache / MANIFESTS / f"{request.key}.json").is_file() or locate(request, _local_roots(mirror)) is not None


def is_outdated(request: Request, cache: Path, mirror: Path | None, offline: bool) -> bool:
    """Return whether the folder that a request was linked from has other files than the manifest lists.

    Files are compared by name and date; only one that changed after the manifest was written is read. If a listed file is missing,
    the manifest is deleted, so that the next job that needs the files fetches them again.

    Args:
        request: which files.
        cache: the ``cache`` of :func:`fetch`.
        mirror: the ``mirror`` of :func:`fetch`.
        offline: whether the network must not be used.
    """
    manifest = cache / MANIFESTS / f"{request.key}.json"
    if not manifest.is_file():
        return False
    listed = read_json(manifest)["files"]
    paths = {name: cache / request.snapshot / name for name in listed}
    if not all(path.is_file() for path in paths.values()):
        manifest.unlink()
        return False
    source = locate(request, _local_roots(mirror)) if mirror is not None or offline else None
    if source is not None and (request.config is None or (source / CARD).is_file()):
        names = _names(source)
        if any(name not in listed for name in _matching(_patterns(request, source), request.ignored, names)):
            return True
    # Blobs in the cache were verified when they were downloaded; links to other folders are only as old as their targets.
    written = manifest.stat().st_mtime
    linked = [name for name, path in paths.items() if not path.resolve().is_relative_to(cache.resolve())]
    changed = [name for name in linked if paths[name].stat().st_ctime > written]
    if any(sha256(paths[name]) != listed[name] for name in changed):
        return True
    if changed:
        manifest.touch()
    return False


def fetched_files(manifest: Path) -> list[Path]:
    """Return the files that a manifest of :func:`fetch` lists, in the order of their paths in the repository.

    Raises:
        UserError: if one is missing.
    """
    facts = read_json(manifest)
    request = Request(kind=facts["kind"], repository=facts["repository"], revision=facts["revision"])
    paths = [manifest.parent.parent / request.snapshot / name for name in sorted(facts["files"])]
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path}: is missing; run `{FETCH_COMMAND}`, which fetches it again")
    return paths


def card_patterns(card: Path, config: str, split: str) -> list[str]:
    """Return the paths or patterns of the files that a data set's card gives for a configuration and a split.

    Raises:
        UserError: if the card names no files for them.
    """
    import yaml  # noqa: PLC0415

    match = re.match(r"---\s*\n(.*?)\n---", card.read_text(encoding="utf-8"), re.DOTALL)
    try:
        header = yaml.safe_load(match[1]) if match else None
    except yaml.YAMLError as error:
        raise UserError(f"{card}: its header is not YAML; give data_files instead of config") from error
    entries = header.get("configs") if isinstance(header, dict) else None
    configs = {str(entry["config_name"]): entry.get("data_files") for entry in entries or []}
    if config not in configs:
        raise UserError(
            f"{card}: names no files of config {config!r}; allowed: {', '.join(configs) or 'none, give data_files instead'}"
        )
    data_files = configs[config]
    splits = data_files if isinstance(data_files, list) else [data_files]
    found: list[str] = []
    names = []
    for entry in splits:
        name, paths = (entry["split"], entry["path"]) if isinstance(entry, dict) else ("train", entry)
        names.append(name)
        if name == split and paths is not None:
            found += paths if isinstance(paths, list) else [paths]
    if not found:
        raise UserError(f"{card}: config {config!r} has no split {split!r}; allowed: {', '.join(map(str, names))}")
    return found


def hub_errors() -> tuple[type[Exception], ...]:
    """Return the errors that the hub's library raises if something is unavailable."""
    import httpx2 as httpx  # noqa: PLC0415
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled  # noqa: PLC0415

    return (HfHubHTTPError, HFValidationError, OfflineModeIsEnabled, httpx.HTTPError)


def _local_roots(mirror: Path | None) -> list[Path]:
    from huggingface_hub import constants  # noqa: PLC0415

    return [mirror] if mirror is not None else [Path(constants.HF_HUB_CACHE)]


def _download(request: Request, cache: Path, backoff: float) -> dict[str, str]:
    remote = _list(request)
    if request.config is not None and CARD not in remote:
        raise UserError(f"{request.repository}: has no {CARD} that explains config {request.config!r}; give data_files")
    if request.config is not None:
        _obtain(request, remote[CARD], cache, backoff)
    wanted = _selected(request, sorted(remote), cache / request.snapshot)
    return {name: _obtain(request, remote[name], cache, backoff) for name in wanted}


def _list(request: Request) -> dict[str, _Remote]:
    from huggingface_hub import HfApi, hf_hub_url  # noqa: PLC0415
    from huggingface_hub.hf_api import RepoFile  # noqa: PLC0415

    try:
        tree = HfApi().list_repo_tree(
            request.repository, repo_type=request.kind, revision=request.revision, recursive=True
        )
        entries = [entry for entry in tree if isinstance(entry, RepoFile)]
    except hub_errors() as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        status = getattr(getattr(error, "response", None), "status_code", None)
        remedy = "check id, revision and network, or set mirror to a folder that has them"
        if status in REFUSED:
            remedy = accept_conditions(hf_hub_url(request.repository, CARD, repo_type=request.kind))
        raise UserError(
            f"{request.repository}, revision {request.revision}: its files cannot be listed ({reason}); {remedy}"
        ) from error
    return {e.path: _Remote(e.path, e.size, e.blob_id, e.lfs.sha256 if e.lfs else None) for e in entries}


def _patterns(request: Request, folder: Path) -> list[str]:
    if request.config is None:
        return list(request.patterns)
    return card_patterns(folder / CARD, request.config, request.split or "train")


def _matching(patterns: Iterable[str], ignored: Iterable[str], names: list[str]) -> set[str]:
    found = {name for pattern in patterns for name in fnmatch.filter(names, pattern)}
    return found - {name for pattern in ignored for name in fnmatch.filter(names, pattern)}


def _selected(request: Request, names: list[str], folder: Path) -> list[str]:
    patterns = _patterns(request, folder)
    found = _matching(patterns, request.ignored, names)
    for pattern in patterns:
        # A model need not have files for every pattern; a data set must.
        if request.kind == "dataset" and not fnmatch.filter(names, pattern):
            shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            raise UserError(
                f"{request.repository}, revision {request.revision}: no file matches {pattern!r}; there are: {shown}"
            )
    if not found:
        raise UserError(f"{request.repository}, revision {request.revision}: no file matches {', '.join(patterns)}")
    return sorted(found)


def _obtain(request: Request, remote: _Remote, cache: Path, backoff: float) -> str:
    """Download a file unless the cache has it; return its SHA-256."""
    from hybridbatch.common.locks import locked  # noqa: PLC0415

    blob = cache / request.folder / "blobs" / (remote.sha256 or remote.blob)
    place = cache / request.snapshot / remote.path
    blob.parent.mkdir(parents=True, exist_ok=True)
    # Concurrent jobs may need the same file, such as one that all languages of a data set share.
    with locked(blob):
        # A blob that was damaged later is replaced.
        hashes = _hashes(blob) if blob.is_file() else ()
        if blob.name not in hashes:
            _download_blob(request, remote, blob, backoff)
            LOG.info("%s: %d bytes", remote.path, remote.size)
    _symlink(place, Path(os.path.relpath(blob, place.parent)))
    return remote.sha256 or _hashes(blob)[0]


def _download_blob(request: Request, remote: _Remote, blob: Path, backoff: float) -> None:
    from huggingface_hub import hf_hub_url  # noqa: PLC0415
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # noqa: PLC0415

    url = hf_hub_url(request.repository, remote.path, repo_type=request.kind, revision=request.revision)
    partial = blob.with_name(f".{blob.name}.partial")
    entry = DataFile(remote.path, url, request.revision, remote.sha256 or "", remote.size, "")
    download(entry, partial, backoff, build_hf_headers())
    size, found = partial.stat().st_size, _hashes(partial)
    if size != remote.size or (remote.sha256 or remote.blob) not in found:
        partial.unlink()
        raise UserError(
            f"{remote.path}: {url} gave {size} bytes with SHA-256 {found[0]}, expected {remote.size} bytes with "
            f"{'SHA-256' if remote.sha256 else 'git hash'} {remote.sha256 or remote.blob}; the file is refused, try again later"
        )
    partial.replace(blob)


def _link(request: Request, source: Path, cache: Path) -> dict[str, str]:
    names = _names(source)
    if request.config is not None and CARD not in names:
        raise UserError(f"{source}: has no {CARD} that explains config {request.config!r}; add it or give data_files")
    wanted = _selected(request, names, source)
    checked = {}
    for name in wanted:
        file = (source / name).resolve()
        if not file.is_file():
            raise UserError(
                f"{source / name}: is a link to {file}, which is missing; restore the file or delete the link"
            )
        found = _hashes(file)
        # In the hub's layout, a file is a link to one that is named by its hash; in other layouts, its hash is unknown.
        if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", file.name) and file.name not in found:
            raise UserError(
                f"{source / name}: has SHA-256 {found[0]} and git hash {found[1]}, but is a link to {file}; it is damaged: "
                f"delete {file} and fetch it again"
            )
        place = cache / request.snapshot / name
        # The user's own cache may be this folder.
        if place.resolve() != file:
            _symlink(place, file)
        checked[name] = found[0]
    return checked


def _names(folder: Path) -> list[str]:
    """Return the names of the files below a folder, broken links included."""
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file() or file.is_symlink())


def _symlink(place: Path, target: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = place.with_name(f".{place.name}.{os.getpid()}.link")
    aside.unlink(missing_ok=True)
    aside.symlink_to(target)
    aside.replace(place)


def _hashes(file: Path) -> tuple[str, str]:
    """Return the SHA-256 of a file and the hash by which git names it (SHA-1 of a header and the content)."""
    sha256 = hashlib.sha256()
    git = hashlib.sha1(f"blob {file.stat().st_size}\0".encode(), usedforsecurity=False)
    with file.open("rb") as stream:
        while block := stream.read(2**20):
            sha256.update(block)
            git.update(block)
    return sha256.hexdigest(), git.hexdigest()
