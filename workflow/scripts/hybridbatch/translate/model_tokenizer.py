"""Texts into the tokens of a translation model and back, with the marks that say which languages are meant."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hybridbatch.common.errors import UserError
from hybridbatch.common.language_codes import model_codes


def load_tokenizer(folder: Path, family: str) -> Any:
    """Load the tokenizer of a model.

    Where there is a ``tokenizer.json`` it is used as it stands: the classes of transformers 5 build another pipeline around
    its vocabulary (T5's loses the bytes that MADLAD-400 spells rare characters with).
    """
    from transformers import M2M100Tokenizer, MarianTokenizer, PreTrainedTokenizerFast  # noqa: PLC0415 - takes seconds

    if family == "m2m100":
        return M2M100Tokenizer.from_pretrained(str(folder), local_files_only=True)
    if family == "marian":
        with warnings.catch_warnings():
            # It recommends a package that this class does not use.
            warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
            return MarianTokenizer.from_pretrained(str(folder), local_files_only=True)
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    return PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **names)  # type: ignore[no-untyped-call]


class Codec:
    """Encodes texts of one language for translation into another, and decodes translations.

    Attributes:
        source_code: the model's name of the source language; empty where the model is not told.
        target_code: the model's name of the target language; empty where it has but one.
        forced: the token that every translation starts with, or None where the language is named in the input.
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
        elif family == "madlad" or _marks(self._tokenizer):
            self.target_code, _ = self._language(folder, family, target)
            self._mark = f"{_mark(family, self.target_code)} "
        else:
            _check_pair(folder, self._tokenizer, source, target)
        eos = self._tokenizer.eos_token_id
        self._suffix = [eos]
        self._dropped = {eos, self._tokenizer.pad_token_id, self._tokenizer.bos_token_id, self.forced}

    def encode(self, text: str) -> list[int]:
        """Return the whole input of the model for a text: tokens, language marks, end."""
        # A text that spells a special token must not become one; only our own mark may.
        ids = self._tokenizer.encode(self._mark + text, add_special_tokens=False, split_special_tokens=not self._mark)
        return [*self._prefix, *ids, *self._suffix]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of a translation."""
        kept = [token for token in ids if token not in self._dropped]
        options = {"use_source_tokenizer": False} if hasattr(self._tokenizer, "spm_target") else {}
        text: str = self._tokenizer.decode(kept, skip_special_tokens=True, **options)
        return text.strip()

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Return the names of tokens."""
        names: list[str] = self._tokenizer.convert_ids_to_tokens(list(ids))
        return names

    def ids(self, tokens: Sequence[str]) -> list[int]:
        """Return the numbers of tokens."""
        numbers: list[int] = self._tokenizer.convert_tokens_to_ids(list(tokens))
        return numbers

    def _language(self, folder: Path, family: str, language: str) -> tuple[str, int]:
        names = model_codes(family, language)
        for name in names:
            token = self._tokenizer.convert_tokens_to_ids(_mark(family, name))
            if token is not None and token != self._tokenizer.unk_token_id:
                return name, int(token)
        raise UserError(
            f"{folder}: the model has no token for language {language!r} (looked for "
            f"{', '.join(_mark(family, name) for name in names)}); leave the language out or use another translator"
        )


def _mark(family: str, code: str) -> str:
    return {"m2m100": f"__{code}__", "nllb": code, "madlad": f"<2{code}>", "marian": f">>{code}<<"}[family]


def _marks(tokenizer: Any) -> list[str]:
    """Return the target languages that a Marian model is told; none if it has but one."""
    return [token for token in tokenizer.encoder if token.startswith(">>") and token.endswith("<<")]


def _check_pair(folder: Path, tokenizer: Any, source: str, target: str) -> None:
    """Check the languages of a Marian model for one pair, if its tokenizer's settings name them."""
    for key, language in (("source_lang", source), ("target_lang", target)):
        named = getattr(tokenizer, key)
        allowed = set(model_codes("marian", language))
        if named is not None and named not in allowed:
            raise UserError(
                f"{folder}: tokenizer_config.json says {key} is {named!r}, not {language!r}; choose the model of the pair "
                f"{source} to {target}"
            )
