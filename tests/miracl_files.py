"""Files in MIRACL's published layout."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

TOPICS = {"6": "Bandari kubwa?", "8": "Mji mkuu?", "12": "Hadithi?"}
QRELS = [("6", "10#0", 1), ("6", "10#1", 0), ("8", "11#0", 1), ("8", "10#0", 1), ("12", "10#1", 0)]
DOCS = {"10#0": ("Kenya", "Mombasa."), "10#1": ("Kenya", "Nairobi."), "11#0": ("", "Canberra.")}


def write_miracl(
    folder: Path,
    language: str = "sw",
    topics: Mapping[str, str] = TOPICS,
    qrels: Sequence[tuple[str, str, int]] = QRELS,
    docs: Mapping[str, tuple[str, str]] = DOCS,
    per_file: int = 2,
    separator: str = "\t",
    **settings: object,
) -> list[str]:
    """Write files in MIRACL's published layout; return the arguments of the program for them."""
    release = folder / f"miracl-v1.0-{language}"
    corpus = folder / f"miracl-corpus-v1.0-{language}"
    for part in (release / "topics", release / "qrels", corpus):
        part.mkdir(parents=True, exist_ok=True)
    topics_file = release / "topics" / f"topics.miracl-v1.0-{language}-dev.tsv"
    qrels_file = release / "qrels" / f"qrels.miracl-v1.0-{language}-dev.tsv"
    topics_file.write_text("".join(f"{key}\t{text}\n" for key, text in topics.items()))
    qrels_file.write_text("".join(separator.join((q, "Q0", d, str(r))) + "\n" for q, d, r in qrels))
    lines = [json.dumps({"docid": key, "title": title, "text": text}) for key, (title, text) in docs.items()]
    for number in range(0, len(lines), per_file):
        content = "".join(line + "\n" for line in lines[number : number + per_file])
        (corpus / f"docs-{number // per_file}.jsonl.gz").write_bytes(gzip.compress(content.encode()))
    benchmark = {"reader": "miracl", "path": str(folder), "languages": [language], **settings}
    files = {"corpus": corpus / "docs-*.jsonl.gz", "queries": topics_file, "qrels": qrels_file}
    named = [f"{name}={file}" for name, file in files.items()]
    return ["--benchmark", json.dumps(benchmark), "--language", language, "--files", *named]
