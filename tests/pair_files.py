"""Translation memories, and the embedded demo data as a table of pairs."""

from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

import pyarrow as pa

from hybridbatch.config.sources import Source
from hybridbatch.data.pairs import PAIRS
from hybridbatch.data.readers import parallel

DEMO = Path(__file__).parents[1] / "data" / "demo"


def write_tmx(path: Path, language: str, entries: Mapping[str, str]) -> None:
    """Write a translation memory with English as its source language, a unit in two lines."""
    units = "\n".join(
        f'<tu><tuv xml:lang="en"><seg>{escape(source)}</seg></tuv>\n'
        f'<tuv xml:lang="{language}"><seg>{escape(target)}</seg></tuv></tu>'
        for source, target in entries.items()
    )
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<tmx version="1.4"><body>\n{units}\n</body></tmx>\n'
    path.write_text(text, encoding="utf-8")


def demo_pairs(language: str) -> pa.Table:
    """Return the pairs of the embedded data that are trained on."""
    source = Source.model_validate({"reader": "parallel", "path": str(DEMO), "languages": [language]})
    files = {name: [DEMO / file] for name, file in parallel.file_names(source, language).items()}
    rows = [pair._asdict() for pair in parallel.pairs(files, source, language)]
    return pa.Table.from_pylist(rows, PAIRS)
