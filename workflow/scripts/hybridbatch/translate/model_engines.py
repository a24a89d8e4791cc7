"""Engines that run a translation model: with transformers, or converted with CTranslate2."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json
from hybridbatch.translate.model_files import content, model_name, read_manifest
from hybridbatch.translate.model_tokenizer import Codec
from hybridbatch.translate.sentences import split_text

LOG = logging.getLogger(__name__)


class _ModelEngine(ABC):
    """What both engines share: one model, one pair of languages, texts cut to what the model reads.

    Args:
        folder: the prepared (or converted) model, with its ``manifest.json``.
        source: the language translated from.
        target: the language translated into.
        decoding: ``family``, ``beam_size``, ``max_input_tokens``, ``max_output_tokens`` and ``compute_type``.
        device: ``cpu`` or ``cuda``.

    Raises:
        UserError: if the model is not there, does not know a language, or reads fewer tokens than asked for.
    """

    name: str
    _config_file: str

    def __init__(self, folder: Path, source: str, target: str, decoding: Mapping[str, Any], device: str) -> None:
        manifest = read_manifest(folder)
        if manifest["family"] != decoding["family"]:
            raise UserError(f"{folder}: is a model of the family {manifest['family']}, not {decoding['family']}")
        self.codec = Codec(folder, decoding["family"], source, target)
        self._folder = folder
        self._pair = (source, target)
        self._decoding = decoding
        self._device = device
        self._cut = 0
        self.revision = content(manifest)
        self.options: Mapping[str, str | int | float | bool | None] = {
            **decoding,
            "model": model_name(manifest),
            "source_code": self.codec.source_code,
            "target_code": self.codec.target_code,
        }
        longest = read_json(folder / self._config_file).get("max_position_embeddings")
        for key in ("max_input_tokens", "max_output_tokens"):
            if longest is not None and decoding[key] > longest:
                raise UserError(f"{key}: {decoding[key]} is more than the {longest} tokens of {folder}; lower it")

    def split(self, text: str, source: str) -> list[str]:
        """Return the pieces of a text that the model reads one at a time."""
        limit = self._decoding["max_input_tokens"]
        return split_text(text, source, lambda piece: self.length(piece) <= limit)

    def length(self, text: str) -> int:
        """Return the number of tokens that the model reads for a text."""
        return len(self.codec.encode(text))

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        """Return the translations of texts that fit; a translation that does not end is cut, and counted in the log."""
        if (source, target) != self._pair:
            raise ValueError(f"the engine was made for {self._pair}, not for {(source, target)}")
        outputs = self.generate([self.codec.encode(text) for text in texts])
        limit = self._decoding["max_output_tokens"]
        self._cut += (cut := sum(len(ids) >= limit for ids in outputs))
        if cut:
            LOG.warning("%d translations so far were cut after max_output_tokens, %d", self._cut, limit)
        return [self.codec.decode(ids) for ids in outputs]

    @abstractmethod
    def generate(self, inputs: Sequence[Sequence[int]]) -> list[list[int]]:
        """Return the tokens that the model gives for each input, the forced one first, without the end."""


class TransformersEngine(_ModelEngine):
    """Runs the model with transformers and PyTorch."""

    name = "transformers"
    _config_file = "config.json"

    def generate(self, inputs: Sequence[Sequence[int]]) -> list[list[int]]:
        """See the base class."""
        import torch  # noqa: PLC0415 - cached translations need no model

        model = self._model
        settings = model.generation_config
        longest = max(map(len, inputs))
        ids = torch.full((len(inputs), longest), settings.pad_token_id)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(inputs):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        with torch.inference_mode():
            made = model.generate(input_ids=ids.to(self._device), attention_mask=mask.to(self._device))
        # The first column is the token that starts every decoder.
        return [_until_end(row, settings.eos_token_id) for row in made[:, 1:].tolist()]

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
        """Return what generation depends on: the model's own tokens, and our settings alone."""
        from transformers import GenerationConfig  # noqa: PLC0415

        own = model.generation_config
        return GenerationConfig(  # type: ignore[no-untyped-call]
            decoder_start_token_id=_first(own.decoder_start_token_id, model.config.decoder_start_token_id),
            pad_token_id=_first(own.pad_token_id, model.config.pad_token_id),
            eos_token_id=_first(own.eos_token_id, model.config.eos_token_id),
            bos_token_id=own.bos_token_id,
            bad_words_ids=own.bad_words_ids,
            forced_bos_token_id=self.codec.forced,
            num_beams=self._decoding["beam_size"],
            max_new_tokens=self._decoding["max_output_tokens"],
            do_sample=False,
        )


class CTranslate2Engine(_ModelEngine):
    """Runs a converted model with CTranslate2."""

    name = "ctranslate2"
    _config_file = "transformers.json"

    def generate(self, inputs: Sequence[Sequence[int]]) -> list[list[int]]:
        """See the base class."""
        first = self.codec.tokens([self.codec.forced]) if self.codec.forced is not None else []
        results = self._translator.translate_batch(
            [self.codec.tokens(ids) for ids in inputs],
            target_prefix=[first] * len(inputs) if first else None,
            beam_size=self._decoding["beam_size"],
            max_input_length=0,
            max_decoding_length=self._decoding["max_output_tokens"],
        )
        return [self.codec.ids(result.hypotheses[0]) for result in results]

    @cached_property
    def _translator(self) -> Any:
        import ctranslate2  # noqa: PLC0415 - cached translations need no model

        compute_type = self._decoding["compute_type"]
        able = ctranslate2.get_supported_compute_types(self._device)
        if compute_type not in able:
            raise UserError(
                f"compute_type: {compute_type} is not possible on {self._device}; allowed here: {', '.join(sorted(able))}"
            )
        try:
            return ctranslate2.Translator(str(self._folder), device=self._device, compute_type=compute_type)
        except (RuntimeError, ValueError) as error:
            raise UserError(f"{self._folder}: cannot be loaded ({error}); delete it and run again") from error


def _until_end(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end)] if end in ids else ids


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
