"""Branches and tags of the Hugging Face hub: a lock gives their commits, and the rest of the configuration sees commits only."""

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from hybridbatch.common.errors import UserError

HEADER = "# The commits of branches and tags, written by `snakemake pin`. Delete a line to ask the hub again.\n"
COMMIT = re.compile(r"[0-9a-f]{40}")
# A commit's place while `snakemake pin` is looking for it.
PLACEHOLDER = "0" * 40


class Reference(NamedTuple):
    """A branch or tag of a repository."""

    kind: Literal["dataset", "model"]
    repository: str
    revision: str

    def __str__(self) -> str:
        """Return the reference as the lock has it."""
        return f"{self.kind} {self.repository} {self.revision}"


class _Place(NamedTuple):
    """A revision in the configuration: its key, the section that holds it, its name there, and what it is a revision of."""

    key: str
    section: dict[str, Any]
    name: str
    reference: Reference


def references(values: Mapping[str, Any]) -> list[Reference]:
    """Return the branches and tags in raw configuration values."""
    return sorted({place.reference for place in _places(values)})


def with_commits(values: dict[str, Any], lock: Mapping[Reference, str]) -> dict[str, Any]:
    """Return raw configuration values with a commit in place of every branch and tag.

    Raises:
        UserError: naming the keys whose revisions the lock lacks.
    """
    pinned: dict[str, Any] = copy.deepcopy(values)
    places = list(_places(pinned))
    missing = [f"{place.key}: {place.reference.revision!r}" for place in places if place.reference not in lock]
    if missing:
        raise UserError(
            f"{', '.join(missing)}: no commit in config/revisions.lock; run `snakemake --cores 1 pin` with the same configuration, online, "
            "or give the commit, 40 hexadecimal digits"
        )
    for place in places:
        place.section[place.name] = lock[place.reference]
    return pinned


def read_lock(path: Path) -> dict[Reference, str]:
    """Read a lock; one that does not exist is empty.

    Raises:
        UserError: if it cannot be read; the line is named.
    """
    found: dict[Reference, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); delete it and run `snakemake --cores 1 pin`") from error
    for number, line in enumerate(lines, start=1):
        match line.split():
            case [] | ["#", *_]:
                continue
            case ["dataset" | "model" as kind, repository, revision, commit] if COMMIT.fullmatch(commit):
                found[Reference(kind, repository, revision)] = commit
            case _:
                raise UserError(
                    f"{path}: line {number} is not `dataset` or `model`, id, revision and commit; delete it and run `snakemake --cores 1 pin`"
                )
    return found


def lock_text(commits: Mapping[Reference, str]) -> str:
    """Return the content of a lock."""
    return HEADER + "".join(f"{reference} {commits[reference]}\n" for reference in sorted(commits))


def _places(values: Mapping[str, Any]) -> Iterator[_Place]:
    """Yield the places of branches and tags; whatever has another form is left to the validation."""
    for key, section, name, kind, repository in _revisions(values):
        revision = section.get(name)
        is_name = isinstance(revision, str) and revision and not re.search(r"\s", revision)
        if is_name and isinstance(repository, str) and not COMMIT.fullmatch(str(revision)):
            yield _Place(f"{key}.{name}", section, name, Reference(kind, repository, str(revision)))


def _revisions(
    values: Mapping[str, Any],
) -> Iterator[tuple[str, dict[str, Any], str, Literal["dataset", "model"], Any]]:
    if not isinstance(values, Mapping):
        return
    for part in ("backbones", "translators"):
        for key, section in _sections(values, part):
            hub = section.get("hub")
            yield key, section, "revision", "model", hub
            by_language = section.get("revision")
            if isinstance(by_language, dict) and isinstance(hub, str):
                for language in by_language:
                    repository = hub.replace("{language}", str(language))
                    yield f"{key}.revision", by_language, language, "model", repository
    for part in ("sources", "benchmarks"):
        for key, section in _sections(values, part):
            for _, hub in _items([("hub", section.get("hub"))]):
                yield f"{key}.hub", hub, "revision", "dataset", section.get("path")
                yield f"{key}.hub", hub, "corpus_revision", "dataset", hub.get("corpus")


def _sections(values: Mapping[str, Any], part: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for _, sections in _items([(part, values.get(part))]):
        yield from ((f"{part}.{name}", section) for name, section in _items(sections.items()))


def _items(pairs: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, dict[str, Any]]]:
    return ((name, value) for name, value in pairs if isinstance(value, dict))
