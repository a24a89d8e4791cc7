"""Clean training pairs in steps and check translations; dropped pairs are counted by step."""

import argparse
from pathlib import Path

from hybridbatch.clean.clean_pairs import Origin, clean_pairs
from hybridbatch.common import cli
from hybridbatch.common.errors import UserError
from hybridbatch.config.cleaning import Cleaning


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = cli.parser(__doc__)
    options.add_argument("--pairs", type=Path, required=True, help="parquet file: pair_id, query, passage")
    options.add_argument("--negatives", action="store_true", help="keep and clean the column negative, too")
    options.add_argument("--source", required=True, help="name of the source, for the record")
    options.add_argument("--language", required=True, help="language of the pairs")
    options.add_argument("--settings", type=cli.section(Cleaning), required=True, help="the section cleaning, as JSON")
    options.add_argument(
        "--evaluation",
        type=Path,
        nargs="*",
        default=[],
        help="folders of evaluation texts: {queries,passages,qrels}.parquet",
    )
    options.add_argument("--engine", help="translations: engine that made them")
    options.add_argument("--translated-from", type=Path, help="translations: parquet file of the original pairs")
    options.add_argument("--source-language", help="translations: language of the original pairs")
    options.add_argument(
        "--encoder", type=Path, help="translations: folder of the encoder that compares original and translation"
    )
    options.add_argument("--device", required=True, help="device of the encoder: auto, cpu or cuda")
    options.add_argument("--output", type=Path, required=True, help="parquet file to write: the remaining pairs")
    options.add_argument(
        "--record", type=Path, required=True, help="JSON file to write: counts of removed pairs by step"
    )
    arguments = options.parse_args(argv)
    clean_pairs(
        arguments.pairs,
        arguments.output,
        arguments.record,
        arguments.settings,
        source=arguments.source,
        language=arguments.language,
        evaluation=arguments.evaluation,
        origin=_origin(arguments),
        negatives=arguments.negatives,
        device=arguments.device,
    )


def _origin(arguments: argparse.Namespace) -> Origin | None:
    given = [arguments.engine, arguments.translated_from, arguments.source_language]
    if given == [None, None, None]:
        return None
    if None in given:
        raise UserError("--engine, --translated-from and --source-language go together; give all three or none")
    return Origin(arguments.engine, arguments.translated_from, arguments.source_language, arguments.encoder)


if __name__ == "__main__":
    cli.run(main)
