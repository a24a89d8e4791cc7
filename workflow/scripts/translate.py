"""Translate training pairs into another language; a killed job resumes where it stopped."""

import argparse
from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.files import write_json, write_table
from hybridbatch.config.sources import Translation
from hybridbatch.config.translators import Translator
from hybridbatch.data import pairs
from hybridbatch.translate.apertium import ApertiumEngine
from hybridbatch.translate.engines import Engine, MemoryEngine
from hybridbatch.translate.translate_pairs import gather, translate_part

# Maximum number of texts in a batch; for models, `batch_tokens` is a limit, too.
BATCH_SIZE = 256


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = cli.parser(__doc__)
    options.add_argument(
        "--pairs", type=Path, required=True, help="parquet file: pair_id, query, passage, perhaps negative"
    )
    options.add_argument(
        "--settings",
        type=cli.section(Translation),
        required=True,
        help="the section translation of the source, as JSON",
    )
    options.add_argument("--language", required=True, help="language to translate into")
    options.add_argument("--memory", type=Path, help="engine memory: TMX file")
    options.add_argument("--model", type=Path, help="engines transformers and ctranslate2: folder of the model")
    options.add_argument(
        "--translator",
        type=cli.section(Translator),
        help="engines transformers and ctranslate2: an entry of the section translators, as JSON",
    )
    options.add_argument("--device", choices=["auto", "cpu", "cuda"], required=True, help="device of the model")
    options.add_argument("--shard", type=int, help="translate only one of --shards parts: its number, from 0")
    options.add_argument("--shards", type=int, help="with --shard: number of parts")
    options.add_argument("--state", type=Path, required=True, help="folder of the translation caches")
    options.add_argument(
        "--output",
        type=Path,
        required=True,
        help="parquet file to write: the translated pairs; with --shard: text, translation",
    )
    options.add_argument(
        "--record", type=Path, required=True, help="JSON file to write: engine, revision, languages, counts"
    )
    arguments = options.parse_args(argv)

    settings, translator = arguments.settings, arguments.translator
    table = pairs.read(arguments.pairs)
    pairs.check(table, str(arguments.pairs), settings.source_language)
    part, record = translate_part(
        table,
        _engine(arguments),
        state=arguments.state,
        batch_size=BATCH_SIZE,
        batch_tokens=translator.batch_tokens if translator else None,
        shard=arguments.shard or 0,
        shards=arguments.shards or 1,
    )
    translated, whole = (part, record) if arguments.shard is not None else gather(table, [(part, record)])
    write_table(arguments.output, translated)
    write_json(arguments.record, whole)


def _engine(arguments: argparse.Namespace) -> Engine:
    engine = arguments.settings.engine
    pair = (arguments.settings.source_language, arguments.language)
    if engine == "memory":
        return MemoryEngine(arguments.memory, *pair)
    if engine == "apertium":
        return ApertiumEngine(*pair)
    # Imported here, because they load torch, which the other engines do not need.
    from hybridbatch.common.devices import choose_device  # noqa: PLC0415
    from hybridbatch.translate.model_engines import CTranslate2Engine, TransformersEngine  # noqa: PLC0415

    kind = TransformersEngine if engine == "transformers" else CTranslate2Engine
    return kind(arguments.model, *pair, arguments.translator.decoding(), choose_device(arguments.device))


if __name__ == "__main__":
    cli.run(main)
