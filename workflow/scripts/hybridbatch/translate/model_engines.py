"""Engines that run a translation model, with transformers or CTranslate2."""

import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import fingerprint, read_json
from hybridbatch.translate.ctranslate2_device import check_device
from hybridbatch.translate.engines import Engine
from hybridbatch.translate.model_files import read_manifest
from hybridbatch.translate.model_tokenizer import ModelTokenizer
from hybridbatch.translate.sentences import split_text

LOG = logging.getLogger(__name__)


class _ModelEngine(Engine):
    """Translates texts that fit the model's input; longer texts are split.

    Args:
        folder: a prepared or converted model with its ``manifest.json``.
        source: the language of the texts.
        target: the language of the translations.
        decoding: ``family``, ``beam_size``, ``max_input_tokens``, ``max_output_tokens`` and ``compute_type``.
        device: ``cpu`` or ``cuda``.

    Raises:
        UserError: if the model is missing, does not know a language, or has fewer positions than ``decoding`` requires.
    """

    _config_file: str

    def __init__(self, folder: Path, source: str, target: str, decoding: Mapping[str, Any], device: str) -> None:
        manifest = read_manifest(folder)
        if manifest["family"] != decoding["family"]:
            raise UserError(
                f"{folder}: is a model of the family {manifest['family']}, not {decoding['family']}; correct family"
            )
        self.tokenizer = ModelTokenizer(folder, decoding["family"], source, target)
        self._folder = folder
        self._decoding = decoding
        self._device = device
        self._cut = 0
        options = {
            **decoding,
            "model": f"{manifest['model']}@{manifest['revision']}" if "revision" in manifest else manifest["model"],
            "source_code": self.tokenizer.source_code,
            "target_code": self.tokenizer.target_code,
        }
        super().__init__(source, target, fingerprint(manifest["files"]), options)
        longest = read_json(folder / self._config_file).get("max_position_embeddings")
        for key in ("max_input_tokens", "max_output_tokens"):
            if longest is not None and decoding[key] > longest:
                raise UserError(f"{key}: {decoding[key]} is more than the {longest} tokens of {folder}; lower it")

    def split(self, text: str) -> list[str]:
        """Return the pieces of a text, each within ``max_input_tokens``."""
        limit = self._decoding["max_input_tokens"]
        return split_text(text, self.source, lambda piece: self.length(piece) <= limit)

    def length(self, text: str) -> int:
        """Return the number of input tokens of a text."""
        return len(self.tokenizer.encode(text))

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate one batch; translations longer than ``max_output_tokens`` are truncated and counted in the log."""
        outputs = self.generate([self.tokenizer.encode(text) for text in texts])
        limit = self._decoding["max_output_tokens"]
        self._cut += (cut := sum(len(ids) >= limit for ids in outputs))
        if cut:
            LOG.warning("%d translations so far were truncated after max_output_tokens, %d", self._cut, limit)
        return [self.tokenizer.decode(ids) for ids in outputs]

    @abstractmethod
    def generate(self, inputs: Sequence[Sequence[int]]) -> list[list[int]]:
        """Return the output tokens for each input, including the forced first token, without the end token."""


class TransformersEngine(_ModelEngine):
    """Runs the model with transformers and PyTorch."""

    name = "transformers"
    _config_file = "config.json"

    def generate(self, inputs: Sequence[Sequence[int]]) -> list[list[int]]:
        """See the base class."""
        import torch  # noqa: PLC0415 - not needed if all translations are cached

        model = self._model
        settings = model.generation_config
        longest = max(map(len, inputs))
        ids = torch.full((len(inputs), longest), settings.pad_token_id)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(inputs):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        with torch.inference_mode():
            output = model.generate(input_ids=ids.to(self._device), attention_mask=mask.to(self._device))
        # The first column holds the decoder's start token.
        return [_until_end(row, settings.eos_token_id) for row in output[:, 1:].tolist()]

    @cached_property
    def _model(self) -> Any:
        import torch  # noqa: PLC0415
        from safetensors import SafetensorError  # noqa: PLC0415
        from transformers import (  # noqa: PLC0415
            M2M100ForConditionalGeneration,
            MarianMTModel,
            T5ForConditionalGeneration,
        )

        classes: dict[str, Any] = {"madlad": T5ForConditionalGeneration, "marian": MarianMTModel}
        kind = classes.get(self._decoding["family"], M2M100ForConditionalGeneration)
        options = {"dtype": getattr(torch, self._decoding["compute_type"]), "use_safetensors": True}
        try:
            model = kind.from_pretrained(str(self._folder), local_files_only=True, **options)
        except (OSError, ValueError, SafetensorError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(f"{self._folder}: cannot be loaded ({reason}); delete it and run again") from error
        model.generation_config = self._settings(model)
        return model.to(self._device).eval()

    def _settings(self, model: Any) -> Any:
        """Return the generation settings: the model's special tokens, and ``decoding`` in place of its other defaults."""
        from transformers import GenerationConfig  # noqa: PLC0415

        own = model.generation_config
        return GenerationConfig(  # type: ignore[no-untyped-call]
            decoder_start_token_id=_first(own.decoder_start_token_id, model.config.decoder_start_token_id),
            pad_token_id=_first(own.pad_token_id, model.config.pad_token_id),
            eos_token_id=_first(own.eos_token_id, model.config.eos_token_id),
            bos_token_id=own.bos_token_id,
            bad_words_ids=own.bad_words_ids,
            forced_bos_token_id=self.tokenizer.forced,
            num_beams=self._decoding["beam_size"],
            max_new_tokens=self._decoding["max_output_tokens"],
            # As CTranslate2 does: a beam ends with its last finished hypothesis.
            early_stopping=self._decoding["beam_size"] > 1,
            do_sample=False,
        )


class CTranslate2Engine(_ModelEngine):
    """Runs a converted model with CTranslate2."""

    name = "ctranslate2"
    _config_file = "transformers.json"

    def generate(self, inputs: Sequence[Sequence[int]]) -> list[list[int]]:
        """See the base class."""
        first = self.tokenizer.tokens([self.tokenizer.forced]) if self.tokenizer.forced is not None else []
        results = self._translator.translate_batch(
            [self.tokenizer.tokens(ids) for ids in inputs],
            target_prefix=[first] * len(inputs) if first else None,
            beam_size=self._decoding["beam_size"],
            max_input_length=0,
            min_decoding_length=0,
            max_decoding_length=self._decoding["max_output_tokens"],
        )
        return [self.tokenizer.ids(result.hypotheses[0]) for result in results]

    @cached_property
    def _translator(self) -> Any:
        import ctranslate2  # noqa: PLC0415 - not needed if all translations are cached

        compute_type = self._decoding["compute_type"]
        check_device(self._device, compute_type)
        try:
            return ctranslate2.Translator(str(self._folder), device=self._device, compute_type=compute_type)
        except (RuntimeError, ValueError) as error:
            raise UserError(f"{self._folder}: cannot be loaded ({error}); delete it and run again") from error


def _until_end(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end)] if end in ids else ids


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
