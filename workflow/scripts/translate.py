"""Translate training pairs into another language; a job that was killed goes on where it stopped."""

import argparse
import json
from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_json, write_table
from hybridbatch.data import pairs
from hybridbatch.translate.apertium import ApertiumEngine
from hybridbatch.translate.translate_pairs import Engine, MemoryEngine, gather, translate_part

ENGINES = ("memory", "transformers", "ctranslate2", "apertium")


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument("--pairs", type=Path, required=True, help="parquet file: pair_id, query, passage")
    options.add_argument("--engine", choices=ENGINES, required=True, help="what translates")
    options.add_argument("--memory", type=Path, help="engine memory: TMX file")
    options.add_argument("--model", type=Path, help="engines transformers and ctranslate2: folder of the model")
    options.add_argument(
        "--decoding", type=json.loads, help="the same engines: settings that change translations, JSON"
    )
    options.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="where the model runs")
    options.add_argument("--source-language", required=True, help="language of the pairs")
    options.add_argument("--target-language", required=True, help="language wanted")
    options.add_argument("--batch-size", type=int, default=256, help="texts that the engine gets at once")
    options.add_argument("--batch-tokens", type=int, help="tokens, padding included, that the engine gets at once")
    options.add_argument("--shard", type=int, help="translate one of --shards parts: its number, from 0")
    options.add_argument("--shards", type=int, default=1, help="number of parts")
    options.add_argument("--state", type=Path, required=True, help="folder of the translation caches")
    options.add_argument(
        "--output", type=Path, required=True, help="parquet file: the translated pairs; with --shard: text, translation"
    )
    options.add_argument("--record", type=Path, required=True, help="JSON file: engine, revision, languages, counts")
    arguments = options.parse_args(argv)

    source, target = arguments.source_language, arguments.target_language
    table = pairs.read(arguments.pairs)
    pairs.check(table, str(arguments.pairs), source)
    part, record = translate_part(
        table,
        _engine(arguments),
        source,
        target,
        state=arguments.state,
        batch_size=arguments.batch_size,
        batch_tokens=arguments.batch_tokens,
        shard=arguments.shard or 0,
        shards=arguments.shards,
    )
    translated, whole = (part, record) if arguments.shard is not None else gather(table, [(part, record)])
    write_table(arguments.output, translated)
    write_json(arguments.record, whole)


def _engine(arguments: argparse.Namespace) -> Engine:
    pair = (arguments.source_language, arguments.target_language)
    if arguments.engine == "memory":
        if arguments.memory is None:
            raise UserError("--memory: engine 'memory' needs a TMX file; name one")
        return MemoryEngine(arguments.memory)
    if arguments.engine == "apertium":
        return ApertiumEngine(*pair)
    if arguments.model is None or arguments.decoding is None:
        raise UserError(f"--model, --decoding: engine {arguments.engine!r} needs both; give them")
    # These load torch, which the other engines do without.
    from hybridbatch.common.devices import choose_device  # noqa: PLC0415
    from hybridbatch.translate.model_engines import CTranslate2Engine, TransformersEngine  # noqa: PLC0415

    kind = TransformersEngine if arguments.engine == "transformers" else CTranslate2Engine
    return kind(arguments.model, *pair, arguments.decoding, choose_device(arguments.device))


if __name__ == "__main__":
    run(main)
