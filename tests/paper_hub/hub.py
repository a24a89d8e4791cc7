"""The miniature as a server, with what config/paper.yaml needs at the commits that it pins."""

import csv
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hub_server import HubServer

from hybridbatch.download.pinned_files import COLUMNS
from paper_hub import datasets, models

LAREQA = "google-research-datasets/lareqa"


def hub_server(scratch: Path, config: Mapping[str, Any], rows: int) -> HubServer:
    """Return a server with the data sets and models of a configuration, not started.

    Args:
        scratch: an empty folder.
        config: the configuration, which names repositories, commits and languages.
        rows: the approximate number of rows of a data set.
    """
    repositories: dict[tuple[str, str, str], datasets.Files] = {}
    for source in config["sources"].values():
        if source["reader"] == "mmarco":
            files = datasets.mmarco(rows, source["languages"])
        else:
            files = datasets.PAIRS[source["path"]](rows)
        repositories["dataset", source["path"], source["hub"]["revision"]] = files
    miracl = config["benchmarks"]["miracl"]
    judged, corpus = datasets.miracl(scratch / "miracl", rows // 4, miracl["languages"])
    hub = miracl["hub"]
    repositories["dataset", miracl["path"], hub["revision"]] = judged
    repositories["dataset", hub["corpus"], hub["corpus_revision"]] = corpus
    models.write_xlm_roberta(scratch / "xlm-r")
    models.write_labse(scratch / "labse")
    models.write_madlad(scratch / "madlad", translated_languages(config))
    for folder in ("xlm-r", "labse", "madlad"):
        section = (config["backbones"] | config["translators"])[folder]
        repositories["model", section["hub"], section["revision"]] = {
            "README.md": b"# Model Card\n",
            **{
                file.relative_to(scratch / folder).as_posix(): file.read_bytes()
                for file in (scratch / folder).rglob("*")
                if file.is_file()
            },
        }
    return HubServer(repositories)


def translated_languages(config: Mapping[str, Any]) -> list[str]:
    """Return the languages that the configuration translates into."""
    translations = [source["translation"] for source in config["sources"].values() if source.get("translation")]
    return sorted({code for translation in translations for code in translation["languages"]})


def serve_lareqa(server: HubServer, manifest: Path, paragraphs: int) -> None:
    """Serve small files under the published names of the data manifest, and put their addresses and checksums into it."""
    with manifest.open(encoding="utf-8", newline="") as stream:
        entries = list(csv.DictReader(stream))
    for entry in entries:
        if not entry["path"].startswith("lareqa/"):
            continue
        folder, name = Path(entry["path"]).parts[1:]
        body = datasets.lareqa(folder, paragraphs, name.removesuffix(".json"))
        repository = ("model", LAREQA, entry["revision"])
        server.repositories.setdefault(repository, {})[f"{folder}/{name}"] = body
        entry["url"] = f"{server.url}/{LAREQA}/resolve/{entry['revision']}/{folder}/{name}"
        entry |= {"sha256": hashlib.sha256(body).hexdigest(), "bytes": str(len(body))}
    with manifest.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(entries)
