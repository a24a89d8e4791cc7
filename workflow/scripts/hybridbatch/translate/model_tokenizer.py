"""Tokenisation of texts for a translation model, with the tokens that name the languages."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hybridbatch.common.errors import UserError
from hybridbatch.common.language_codes import model_codes


def load_tokenizer(folder: Path, family: str) -> Any:
    """Load the tokenizer of a model.

    A ``tokenizer.json`` is used unchanged: the model-specific classes of transformers 5 build a different pipeline around its
    vocabulary (T5's drops the byte tokens with which MADLAD-400 spells rare characters).
    """
    from transformers import M2M100Tokenizer, MarianTokenizer, PreTrainedTokenizerFast  # noqa: PLC0415 - takes seconds

    if family == "m2m100":
        return M2M100Tokenizer.from_pretrained(str(folder), local_files_only=True)
    if family == "marian":
        with warnings.catch_warnings():
            # The package that it recommends is not needed.
            warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
            return MarianTokenizer.from_pretrained(str(folder), local_files_only=True)
    # MADLAD-400 pads with its start token; any other name would add a token that the model does not have.
    padding = "<s>" if family == "madlad" else "<pad>"
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": padding}
    return PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **names)  # type: ignore[no-untyped-call]


class ModelTokenizer:
    """Encodes texts of one language for translation into another, and decodes translations.

    Attributes:
        source_code: the model's code of the source language; empty if its input does not name the source language.
        target_code: the model's code of the target language; empty if it translates into a single language.
        forced: the token that every translation starts with, or None if the input names the target language.
    """

    def __init__(self, folder: Path, family: str, source: str, target: str) -> None:
        self._tokenizer = load_tokenizer(folder, family)
        self._prefix: list[int] = []
        self._mark = ""
        self.source_code = self.target_code = ""
        self.forced: int | None = None
        if family in ("m2m100", "nllb"):
            self.source_code, first = self._language(folder, family, source)
            self.target_code, self.forced = self._language(folder, family, target)
            self._prefix = [first]
        elif family == "madlad" or _is_multilingual(self._tokenizer):
            self.target_code, _ = self._language(folder, family, target)
            self._mark = f"{_mark(family, self.target_code)} "
        else:
            _check_pair(folder, self._tokenizer, source, target)
        eos = self._tokenizer.eos_token_id
        self._suffix = [eos]
        self._dropped = {eos, self._tokenizer.pad_token_id, self._tokenizer.bos_token_id, self.forced}

    def encode(self, text: str) -> list[int]:
        """Return the model's input for a text: language tokens, text, end."""
        # Special tokens spelled out in a text must not act as such; only the language mark may.
        ids = self._tokenizer.encode(self._mark + text, add_special_tokens=False, split_special_tokens=not self._mark)
        return [*self._prefix, *ids, *self._suffix]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of a translation."""
        kept = [token for token in ids if token not in self._dropped]
        options = {"use_source_tokenizer": False} if hasattr(self._tokenizer, "spm_target") else {}
        text: str = self._tokenizer.decode(kept, skip_special_tokens=True, **options)
        return text.strip()

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Return the tokens with the given ids."""
        tokens: list[str] = self._tokenizer.convert_ids_to_tokens(list(ids))
        return tokens

    def ids(self, tokens: Sequence[str]) -> list[int]:
        """Return the ids of tokens."""
        ids: list[int] = self._tokenizer.convert_tokens_to_ids(list(tokens))
        return ids

    def _language(self, folder: Path, family: str, language: str) -> tuple[str, int]:
        codes = model_codes(family, language)
        for code in codes:
            token = self._tokenizer.convert_tokens_to_ids(_mark(family, code))
            if token is not None and token != self._tokenizer.unk_token_id:
                return code, int(token)
        raise UserError(
            f"{folder}: the model has no token for language {language!r} (looked for "
            f"{', '.join(_mark(family, code) for code in codes)}); leave the language out or use another translator"
        )


def _mark(family: str, code: str) -> str:
    return {"m2m100": f"__{code}__", "nllb": code, "madlad": f"<2{code}>", "marian": f">>{code}<<"}[family]


def _is_multilingual(tokenizer: Any) -> bool:
    """Return whether the input of a Marian model names the target language."""
    return any(token.startswith(">>") and token.endswith("<<") for token in tokenizer.encoder)


def _check_pair(folder: Path, tokenizer: Any, source: str, target: str) -> None:
    """Check the languages of a bilingual Marian model, if the settings of its tokenizer name them."""
    for key, language in (("source_lang", source), ("target_lang", target)):
        named = getattr(tokenizer, key)
        if named is not None and named not in model_codes("marian", language):
            raise UserError(
                f"{folder}: tokenizer_config.json says {key} is {named!r}, not {language!r}; choose the model of the pair "
                f"{source} to {target}"
            )
