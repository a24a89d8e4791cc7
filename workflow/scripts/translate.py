"""Translate training pairs into another language; a job that was killed goes on where it stopped."""

import argparse
from pathlib import Path

from hybridbatch import pairs
from hybridbatch.cli import parser, run
from hybridbatch.errors import UserError
from hybridbatch.files import write_json, write_table
from hybridbatch.translation import Engine, MemoryEngine, translate_pairs


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument("--pairs", type=Path, required=True, help="parquet file: pair_id, query, passage")
    options.add_argument("--engine", choices=["memory"], required=True, help="what translates")
    options.add_argument("--memory", type=Path, help="engine memory: TMX file")
    options.add_argument("--source-language", required=True, help="language of the pairs")
    options.add_argument("--target-language", required=True, help="language wanted")
    options.add_argument("--batch-size", type=int, default=256, help="texts that the engine gets at once")
    options.add_argument("--state", type=Path, required=True, help="folder of the translation caches")
    options.add_argument("--output", type=Path, required=True, help="parquet file: the translated pairs")
    options.add_argument("--record", type=Path, required=True, help="JSON file: engine, revision, languages, counts")
    arguments = options.parse_args(argv)

    source, target = arguments.source_language, arguments.target_language
    table = pairs.read(arguments.pairs)
    pairs.check(table, str(arguments.pairs), source)
    translated, record = translate_pairs(
        table, _engine(arguments), source, target, state=arguments.state, batch_size=arguments.batch_size
    )
    write_table(arguments.output, translated)
    write_json(arguments.record, record)


def _engine(arguments: argparse.Namespace) -> Engine:
    if arguments.memory is None:
        raise UserError("--memory: engine 'memory' needs a TMX file; name one")
    return MemoryEngine(arguments.memory)


if __name__ == "__main__":
    run(main)
