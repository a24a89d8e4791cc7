"""Encode the queries and passages of one benchmark with one model."""

from pathlib import Path

from hybridbatch import cli
from hybridbatch.devices import choose_device
from hybridbatch.encoding import KINDS, encode_benchmark
from hybridbatch.files import sha256
from hybridbatch.imports import code_files


def main(argv: list[str] | None) -> None:
    """Encode as the command line says."""
    parser = cli.parser(__doc__)
    parser.add_argument("--model", type=Path, required=True, help="sentence-transformers folder with a manifest.json")
    parser.add_argument(
        "--benchmark", type=Path, required=True, help="folder with <language>/{queries,passages}.parquet"
    )
    parser.add_argument("--languages", nargs="+", required=True, help="languages to encode")
    parser.add_argument("--batch-size", type=int, default=64, help="texts encoded at once")
    parser.add_argument("--shard-size", type=int, default=50_000, help="texts held in memory at once")
    parser.add_argument("--dtype", choices=["float32", "float16"], default="float32", help="type of the stored vectors")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    arguments = parser.parse_args(argv)
    texts = {
        language: {kind: arguments.benchmark / language / f"{kind}.parquet" for kind in KINDS}
        for language in arguments.languages
    }
    encode_benchmark(
        arguments.model,
        texts,
        arguments.output,
        arguments.batch_size,
        arguments.shard_size,
        arguments.dtype,
        choose_device(arguments.device),
        {file.name: sha256(file) for file in code_files(Path(__file__))},
    )


if __name__ == "__main__":
    cli.run(main)
