"""Encode the queries and passages of one benchmark with one model: all of them, or one job's share."""

from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.devices import choose_device
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import MANIFEST, sha256, write_json
from hybridbatch.common.locks import locked
from hybridbatch.config.encoding import Encoding
from hybridbatch.encode.shards import encode_shards, plan_shards
from hybridbatch.encode.vectors import KINDS


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument("--model", type=Path, required=True, help="sentence-transformers folder with a manifest.json")
    parser.add_argument(
        "--benchmark", type=Path, required=True, help="folder with <language>/{queries,passages}.parquet"
    )
    parser.add_argument("--languages", nargs="+", required=True, help="languages to encode")
    parser.add_argument("--settings", type=cli.section(Encoding), required=True, help="the section encoding, as JSON")
    parser.add_argument("--batch-size", type=int, required=True, help="texts encoded at once")
    parser.add_argument(
        "--code", default="", help="fingerprint of the code; shards made by other code are encoded again"
    )
    parser.add_argument("--index", default="", help="exact index that takes over the vectors of passages, as JSON")
    parser.add_argument("--device", required=True, help="auto, cpu or cuda")
    parser.add_argument(
        "--part", type=int, nargs=2, metavar=("N", "PARTS"), help="encode every PARTS-th shard, starting at N"
    )
    parser.add_argument("--record", type=Path, help="with --part: JSON file to write, the shards of this part")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    arguments = parser.parse_args(argv)
    if (arguments.part is None) != (arguments.record is None):
        raise UserError("--part and --record go together; give both or neither")
    texts = {
        language: {kind: arguments.benchmark / language / f"{kind}.parquet" for kind in KINDS}
        for language in arguments.languages
    }
    vectors = arguments.settings.model_dump(include={"shard_size", "precision", "truncate_dim"}, exclude_none=True)
    shards = plan_shards(arguments.model, texts, code=arguments.code, index=arguments.index, **vectors)
    part, parts = arguments.part or (0, 1)
    device = choose_device(arguments.device)
    output: Path = arguments.output
    # Several parts may be encoded at once, each by one job.
    with locked(arguments.record or output):
        files = encode_shards(
            arguments.model, shards[part::parts], output, batch_size=arguments.batch_size, device=device, **vectors
        )
    if arguments.record:
        write_json(arguments.record, {"files": files})
        return
    # Shards of another size, or of languages that are no longer requested.
    for stale in output.glob("*.npy*"):
        if stale.name.removesuffix(".json") not in files:
            stale.unlink()
    write_json(output / MANIFEST, {"model": sha256(arguments.model / MANIFEST), **vectors, "files": files})


if __name__ == "__main__":
    cli.run(main)
