"""The FAQ of bitcoin.org (https://bitcoin.org/en/faq): a YAML file of texts per language.

In the section ``faq``, a question has a key such as ``creator``, and the paragraphs and list items of its answer have the keys
``creatortxt1``, ``creatorli1`` and so on. Keys are the same in every language. Questions are the queries, and each paragraph or list
item is a passage that is relevant to its question.
"""

import html
import re
from pathlib import Path
from typing import Any

import yaml

from hybridbatch.common.errors import UserError
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.data.benchmark import BenchmarkData, Files, Judgement, Passage, Query

# The published codes that differ from ours.
CODES = {"pt-BR": "pt_BR", "zh": "zh_CN"}
ANSWER = re.compile(r"(.+)(?:txt|li)\d+")
TAG = re.compile(r"<[^>]*>")


def file_names(_section: Benchmark, language: str) -> dict[str, str]:
    """Return the file of one language, by name, below the folder of the data."""
    return {"faq": f"{CODES.get(language, language)}.yml"}


def benchmark(files: Files, _section: Benchmark, _language: str) -> BenchmarkData:
    """Read one language; ids are the keys. Headings and captions, which answer nothing, are left out.

    Raises:
        UserError: if the file is not YAML or not of this form, or a question is missing.
    """
    [path] = files["faq"]
    faq = _read(path)
    answers = {key: match[1] for key in faq if (match := ANSWER.fullmatch(key))}
    return BenchmarkData(
        [Query(str(path), key, _text(faq, key, path)) for key in dict.fromkeys(answers.values())],
        [Passage(str(path), key, _text(faq, key, path)) for key in answers],
        [Judgement(str(path), question, key) for key, question in answers.items()],
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        root = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: cannot be read as YAML ({reason}); delete it and download it again") from error
    language = root.get(path.stem) if isinstance(root, dict) else None
    faq = language.get("faq") if isinstance(language, dict) else None
    if not isinstance(faq, dict):
        raise UserError(f"{path}: has no section 'faq' in {path.stem!r}; name a file of bitcoin.org's translations")
    return faq


def _text(faq: dict[str, Any], key: str, path: Path) -> str:
    """Return a text without tags, entities and line breaks."""
    text = faq.get(key)
    if not isinstance(text, str):
        raise UserError(f"{path}: faq.{key}: must be a text; name a file of bitcoin.org's translations")
    return " ".join(html.unescape(TAG.sub("", text)).split())
