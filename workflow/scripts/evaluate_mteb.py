"""Evaluate a model on a task of MTEB, and write the result in MTEB's own form."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hybridbatch.backbone.encoder import load_encoder
from hybridbatch.common import cli
from hybridbatch.common.devices import choose_device
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_text
from hybridbatch.config.mteb import Mteb

if TYPE_CHECKING:
    from mteb.abstasks import AbsTask


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument("--model", type=Path, required=True, help="sentence-transformers folder")
    parser.add_argument("--name", required=True, metavar="OWNER/NAME", help="name of the model in the result")
    parser.add_argument("--revision", required=True, help="version of the model in the result")
    parser.add_argument("--task", required=True, help="name of a task of MTEB")
    parser.add_argument("--settings", type=cli.section(Mteb), required=True, help="the section mteb, as JSON")
    parser.add_argument("--batch-size", type=int, required=True, help="texts encoded at once")
    parser.add_argument("--device", required=True, help="auto, cpu or cuda")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="JSON file to write")
    options = parser.parse_args(argv)
    # Not installed everywhere.
    import mteb  # noqa: PLC0415
    from mteb.models.sentence_transformer_wrapper import SentenceTransformerEncoderWrapper  # noqa: PLC0415

    task = find_task(options.task, options.settings.languages)
    model = SentenceTransformerEncoderWrapper(load_encoder(options.model, choose_device(options.device)))
    model.mteb_model_meta = model.mteb_model_meta.model_copy(
        update={"name": options.name, "revision": options.revision}
    )
    # MTEB writes its files in place; a killed job must not leave a half.
    with tempfile.TemporaryDirectory() as folder:
        cache = mteb.ResultCache(folder)
        encode = {"batch_size": options.batch_size, "show_progress_bar": False}
        mteb.evaluate(model, task, cache=cache, encode_kwargs=encode, co2_tracker=False)
        result = cache.get_task_result_path(task.metadata.name, model.mteb_model_meta)
        for name in ("model_meta.json", result.name):
            write_text(options.output.with_name(name), result.with_name(name).read_text(encoding="utf-8"))


def find_task(name: str, languages: list[str]) -> "AbsTask":
    """Return a task of MTEB, restricted to subsets whose languages are all listed, if any are.

    Raises:
        UserError: if MTEB does not have the task, or the task has no such subset.
    """
    import mteb  # noqa: PLC0415

    try:
        return mteb.get_task(name, languages=languages or None, exclusive_language_filter=bool(languages))
    except KeyError as error:
        reason = str(error.args[0]).removeprefix("KeyError: ")
        raise UserError(
            f"mteb.tasks: {reason} MTEB {mteb.__version__} lists its tasks with `mteb available-tasks`"
        ) from error
    except ValueError as error:
        raise UserError(f"mteb.languages: {error} Leave the task out or add its languages") from error


if __name__ == "__main__":
    cli.run(main)
