"""The default configuration, and a small one that tests change."""

import copy
from pathlib import Path
from typing import Any

import yaml

from hybridbatch.config.experiment import Config
from hybridbatch.config.load import load_config

FOLDER = Path(__file__).parents[1] / "config"
REMOVED = object()


def read_yaml(name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return values


DEMO = read_yaml("config.yaml")
# Minimal: one training language, one language to translate into, and one benchmark.
SMALL: dict[str, Any] = {
    "experiment": "small",
    "runs": {"backbones": ["enc"], "strategies": ["hybrid"], "benchmarks": ["bench"]},
    "backbones": {"enc": {"path": "models/enc"}},
    "sources": {
        "pairs": {
            "reader": "parallel",
            "path": "data/demo",
            "split": "train",
            "languages": ["en"],
            "translation": {"memory": "data/demo/en-{language}.tmx", "languages": ["de"]},
        },
        "held_out": {"reader": "parallel", "path": "data/demo", "split": "validation", "languages": ["en", "de"]},
        "english": {"reader": "parallel", "path": "data/demo", "languages": ["en"]},
    },
    "benchmarks": {"bench": {"reader": "lareqa", "path": "lareqa/xquad-r", "languages": ["en", "de"]}},
    "training": {"sources": ["pairs"], "validation": "held_out"},
}


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """Return SMALL with values set for keys such as ``runs.seeds``."""
    values = copy.deepcopy(SMALL)
    for path, value in changes.items():
        *sections, key = path.split(".")
        section = values
        for name in sections:
            section = section.setdefault(name, {})
        if value is REMOVED:
            del section[key]
        else:
            section[key] = value
    return values


def small(changes: dict[str, Any] | None = None) -> Config:
    return load_config(changed(changes or {}))
