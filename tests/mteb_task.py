"""A task of MTEB with data of a few letters, as the Hugging Face hub has it."""

import io
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

# The commit of the task's data is the one that MTEB pins.
TASK, DATA, COMMIT = "XQuADRetrieval", "mteb/XQuADRetrieval", "194842d6a49baddf6cd3f4d5130ab3c7756268d2"


def text(number: int) -> str:
    """Return nine letters, different ones for each number below 3^9."""
    return " ".join("abc"[number // 3**place % 3] for place in range(9))


def task_files() -> dict[str, bytes]:
    """Return the task's files in two languages: the letters of a question are those of one passage."""
    letters = [text(number) for number in range(0, 19_000, 950)]
    card, files = "", {}
    for language in ("de", "el"):
        tables = {
            "corpus": [{"_id": f"d{n}", "title": "", "text": words} for n, words in enumerate(letters)],
            "queries": [{"_id": f"q{n}", "text": words} for n, words in enumerate(letters[:5])],
            "qrels": [{"query-id": f"q{n}", "corpus-id": f"d{n}", "score": 1} for n in range(5)],
        }
        for kind, rows in tables.items():
            name = f"{language}-{kind}"
            files[f"{name}/validation-00000-of-00001.parquet"] = _parquet(rows)
            split = f"  - split: validation\n    path: {name}/validation-*\n"
            card += f"- config_name: {name}\n  data_files:\n{split}"
    files["README.md"] = f"---\nconfigs:\n{card}---\n".encode()
    return files


def _parquet(rows: Sequence[Mapping[str, object]]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), stream)
    return stream.getvalue()
