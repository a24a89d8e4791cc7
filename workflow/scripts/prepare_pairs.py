"""Write the raw pairs of a source in one language as a parquet file: pair_id, query, passage, and negative where there is one."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_table
from hybridbatch.config.hub_data import HubData
from hybridbatch.data import pairs
from hybridbatch.data.pair_writer import Pair, write_pairs
from hybridbatch.data.readers import hub as hubpairs
from hybridbatch.data.readers import lareqa, mmarco, parallel
from hybridbatch.download import hub


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument(
        "--reader", choices=["hub", "lareqa", "mmarco", "parallel", "table"], required=True, help="form of the input"
    )
    options.add_argument(
        "--input",
        type=Path,
        required=True,
        help="a file; for the reader parallel, its folder; for hub and mmarco, the manifest that download_hub.py wrote",
    )
    options.add_argument("--language", required=True, help="language of the pairs")
    options.add_argument("--domain", help="reader parallel: take the pairs of this domain only")
    options.add_argument("--split", default="train", help="reader parallel: take the pairs of this split")
    options.add_argument("--settings", help="readers hub and mmarco: JSON, the section `hub` of the source")
    options.add_argument(
        "--keep",
        type=float,
        nargs=2,
        default=[0.0, 1.0],
        metavar=("LOW", "HIGH"),
        help="take the pairs whose id falls, by its hash in [0, 1), into [LOW, HIGH)",
    )
    options.add_argument("--output", type=Path, required=True, help="parquet file")
    arguments = options.parse_args(argv)

    low, high = arguments.keep
    pairs.check_keep(low, high)
    place = f"{arguments.input}: language {arguments.language!r}"
    if arguments.domain is not None and arguments.reader != "parallel":
        raise UserError(
            f"--domain: reader {arguments.reader!r} knows no domains; leave it out or use reader 'parallel'"
        )
    if arguments.reader in ("hub", "mmarco"):
        settings = HubData.model_validate_json(arguments.settings or "{}")
        negatives = arguments.reader == "mmarco" or (
            settings.columns is not None and settings.columns.negative is not None
        )
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        write_pairs(arguments.output, _read_hub(arguments, settings), (low, high), place, negatives=negatives)
        return
    if arguments.reader == "table":
        found = (Pair(*row) for row in pairs.read_rows(arguments.input))
        write_pairs(arguments.output, found, (low, high), place)
        return
    if arguments.reader == "parallel":
        table = parallel.pairs(arguments.input, arguments.language, arguments.domain, arguments.split)
    else:
        table = lareqa.pairs(arguments.input)
    table = pairs.keep(table, low, high)
    pairs.check(table, str(arguments.input), arguments.language)
    write_table(arguments.output, table)


def _read_hub(arguments: argparse.Namespace, settings: HubData) -> Iterator[Pair]:
    files = hub.files(arguments.input)
    scratch = arguments.output.parent
    if arguments.reader == "hub":
        return hubpairs.read_pairs(files, settings, str(arguments.input), scratch)
    collection, queries, triples = files
    return mmarco.read_pairs(collection, queries, triples, scratch)


if __name__ == "__main__":
    run(main)
