"""Mine hard negatives for each pair of a source in one language."""

from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.devices import choose_device
from hybridbatch.config.mining import Mining
from hybridbatch.train.mine_negatives import mine_negatives


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--pairs",
        type=cli.named_file,
        nargs="+",
        required=True,
        metavar="LANGUAGE=FILE",
        help="pairs of the source in all its languages: parquet files with pair_id, query, passage",
    )
    parser.add_argument("--language", required=True, help="language to mine")
    parser.add_argument("--settings", type=cli.section(Mining), required=True, help="the section mine, as JSON")
    parser.add_argument("--encoder", type=Path, required=True, help="sentence-transformers folder")
    parser.add_argument("--batch-size", type=int, required=True, help="texts encoded at once")
    parser.add_argument("--device", required=True, help="auto, cpu or cuda")
    parser.add_argument("--output", type=Path, required=True, help="parquet file to write: the pairs with negatives")
    parser.add_argument("--record", type=Path, required=True, help="JSON file to write: counts of pairs")
    arguments = parser.parse_args(argv)
    mine_negatives(
        dict(arguments.pairs),
        arguments.language,
        arguments.settings,
        arguments.encoder,
        arguments.batch_size,
        choose_device(arguments.device),
        arguments.output,
        arguments.record,
    )


if __name__ == "__main__":
    cli.run(main)
