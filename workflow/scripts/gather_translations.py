"""Combine the translations of several jobs into the translated pairs of a source."""

from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json, read_table, write_json, write_table
from hybridbatch.data import pairs
from hybridbatch.translate.translate_pairs import gather


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument(
        "--pairs", type=Path, required=True, help="parquet file: pair_id, query, passage, perhaps negative"
    )
    options.add_argument("--parts", type=Path, nargs="+", required=True, help="parquet files: text, translation")
    options.add_argument("--part-records", type=Path, nargs="+", required=True, help="JSON file of each part")
    options.add_argument("--output", type=Path, required=True, help="parquet file to write: the translated pairs")
    options.add_argument(
        "--record", type=Path, required=True, help="JSON file to write: engine, revision, languages, counts"
    )
    arguments = options.parse_args(argv)

    if len(arguments.parts) != len(arguments.part_records):
        raise UserError("--part-records: must be as many as --parts; give one for each part")
    parts = [
        (read_table(part), read_json(record))
        for part, record in zip(arguments.parts, arguments.part_records, strict=True)
    ]
    translated, record = gather(pairs.read(arguments.pairs), parts)
    write_table(arguments.output, translated)
    write_json(arguments.record, record)


if __name__ == "__main__":
    run(main)
