"""Write the tables of the training data: pairs removed by cleaning, and quality of the translations.

Reads the records of cleaning and of translation; writes `{cleaning,translation}.{csv,md,tex,html}`.
"""

import argparse
from pathlib import Path
from typing import Any

from hybridbatch.common import cli
from hybridbatch.common.files import read_json
from hybridbatch.config.layout import Layout
from hybridbatch.report.data_tables import cleaning_page, read_record, translation_page
from hybridbatch.report.table import Sample, write_page
from hybridbatch.translate.reference_scores import Scores, references, sample, score, select

# Number of example pairs in each language.
SAMPLES = 2
# Number of pairs in each language that are scored against human translations.
REFERENCE_PAIRS = 1000


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = cli.parser(__doc__)
    options.add_argument("--results", type=Path, required=True, help="folder with pairs/ and translated/")
    options.add_argument("--pairs", nargs="*", default=[], metavar="SOURCE/LANGUAGE", help="in the order of the rows")
    options.add_argument(
        "--references",
        nargs="*",
        type=cli.named_file,
        default=[],
        metavar="SOURCE/LANGUAGE=FILE",
        help="human translations: TMX or pairs",
    )
    options.add_argument(
        "--mined", nargs="*", default=[], metavar="SOURCE/LANGUAGE", help="pairs for which negatives are mined"
    )
    options.add_argument("--layout", type=cli.section(Layout), required=True, help="contents of the tables, as JSON")
    options.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="folder of the tables to write")
    arguments = options.parse_args(argv)

    records = [read_record(arguments.results / "pairs" / f"{pairs}.cleaning.json") for pairs in arguments.pairs]
    mined = {
        tuple(pairs.split("/")): read_json(arguments.results / "mined" / f"{pairs}.json") for pairs in arguments.mined
    }
    files = dict(arguments.references)
    engines: dict[tuple[str, str], dict[str, Any]] = {}
    scores: dict[tuple[str, str], Scores] = {}
    samples: list[Sample] = []
    for record in records:
        if record["engine"]:
            name = (record["source"], record["language"])
            pairs = "/".join(name)
            engines[name] = read_json(arguments.results / "translated" / f"{pairs}.translation.json")
            samples += _samples(arguments, record)
            if pairs in files:
                scores[name] = _score(arguments, record, files[pairs])
    for page in (cleaning_page(records, mined), translation_page(records, engines, scores, samples)):
        write_page(arguments.output, page, arguments.layout.notice)


def _samples(arguments: argparse.Namespace, record: dict[str, Any]) -> list[Sample]:
    folder, language = arguments.results / "pairs" / record["source"], record["language"]
    shown = sample(folder / f"{language}.parquet", SAMPLES)
    originals = select(folder / f"{record['source_language']}.parquet", shown)
    return [
        Sample(record["source"], language, pair_id, list(zip(originals[pair_id], texts, strict=True)))
        for pair_id, texts in shown.items()
        if pair_id in originals
    ]


def _score(arguments: argparse.Namespace, record: dict[str, Any], file: Path) -> Scores:
    source, language, source_language = record["source"], record["language"], record["source_language"]
    originals = sample(arguments.results / "pairs" / source / f"{source_language}.parquet", REFERENCE_PAIRS)
    translations = select(arguments.results / "translated" / source / f"{language}.parquet", originals)
    return score(translations, references(file, originals, language, source_language), language)


if __name__ == "__main__":
    cli.run(main)
