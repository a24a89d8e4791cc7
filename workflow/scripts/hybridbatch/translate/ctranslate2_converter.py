"""CTranslate2's converter with the tokenizers used in translation."""

from pathlib import Path
from typing import Any

from ctranslate2.converters import TransformersConverter
from transformers import M2M100Tokenizer

from hybridbatch.translate.model_tokenizer import load_tokenizer


class _M2M100Tokenizer(M2M100Tokenizer):
    """Includes the language tokens in the vocabulary; transformers 5 keeps them where CTranslate2 does not look."""

    def get_vocab(self) -> dict[str, int]:
        """Return the id of every token."""
        return {**dict(self.encoder), **self.lang_token_to_id}


class Converter(TransformersConverter):  # type: ignore[misc]
    """Converts a prepared model; each token keeps the id that :class:`ModelTokenizer` gives it."""

    def __init__(self, folder: Path, family: str) -> None:
        super().__init__(str(folder), low_cpu_mem_usage=True)
        self._folder = folder
        self._family = family

    def load_model(self, model_class: Any, model_name_or_path: str, **options: Any) -> Any:
        """Load the weights from safetensors."""
        model = model_class.from_pretrained(model_name_or_path, use_safetensors=True, local_files_only=True, **options)
        if self._family == "madlad":
            # CTranslate2 scales the logits of tied models; transformers 5 calls every T5 model tied and keeps the scaling apart.
            model.config.tie_word_embeddings = model.config.scale_decoder_outputs
        return model

    def load_tokenizer(self, tokenizer_class: Any, model_name_or_path: str, **options: Any) -> Any:  # noqa: ARG002
        """Load the tokenizer of :class:`ModelTokenizer`."""
        if self._family == "m2m100":
            return _M2M100Tokenizer.from_pretrained(model_name_or_path, local_files_only=True)
        return load_tokenizer(self._folder, self._family)
