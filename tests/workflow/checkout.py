"""A copy of the workflow with a tiny experiment, which tests change and run."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from hybridbatch.data.readers.parallel import read_english
from hybridbatch.data.tmx import read_tmx

ROOT = Path(__file__).parents[2]
PARTS = ["Snakefile", "config", "data", "envs", "profiles", "workflow"]
DEMO = ROOT / "data/demo"
OVERLAY = "config/tiny.yaml"
# Seconds; many times the duration of a whole run.
TIMEOUT = 900
UNKNOWN = "[UNK]"
SPECIAL = ["[PAD]", UNKNOWN, "[CLS]", "[SEP]", "[MASK]"]

Job = tuple[str, str]
"""The name of a rule and its wildcards, as Snakemake prints them: ``("build_index", "run=tiny/none/seed0, benchmark=b")``."""


def tiny_config() -> dict[str, Any]:
    """Return an overlay of the default configuration: two strategies, two trained and three evaluated languages."""
    memory = {"languages": ["de"]}
    return {
        "experiment": "tiny",
        "notice": "A test: none of these numbers means anything.",
        "runs": {"backbones": ["tiny"], "strategies": ["monolingual", "hybrid"], "seeds": [1]},
        "backbones": {"tiny": {"path": "tiny_model", "max_length": 32, "trim_vocabulary": True}},
        "sources": {"demo_facts": {"translation": memory}, "demo_facts_validation": {"translation": memory}},
        "benchmarks": {
            "demo_facts": {"languages": ["de", "el", "en"]},
            "demo_advice": {"languages": ["de", "el", "en"]},
        },
        "training": {
            "steps": 2,
            "batch_size": 4,
            "learning_rate": 1e-3,
            "validation_every": 2,
            "validation_batches": 1,
        },
        "device": "cpu",
    }


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``changes``; sections are merged, everything else is replaced."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(value, Mapping) and isinstance(old, Mapping) else value
    return result


@dataclass(frozen=True)
class Workflow:
    """A copy of the workflow's files in a folder.

    Attributes:
        folder: the copy.
        experiment: the name of its experiment.
        configfiles: its configuration, below the folder.
        hub: the address of the Hugging Face hub; None: no network.
        timeout: the seconds that Snakemake may take.
    """

    folder: Path
    experiment: str = "tiny"
    configfiles: tuple[str, ...] = (OVERLAY,)
    hub: str | None = None
    timeout: int = TIMEOUT

    @property
    def results(self) -> Path:
        """The folder of the experiment's results."""
        return self.folder / "results" / self.experiment

    def configure(self, **changes: Any) -> None:
        """Write the tiny configuration with ``changes``."""
        (self.folder / OVERLAY).write_text(yaml.safe_dump(merged(tiny_config(), changes), allow_unicode=True))

    def command(self, *arguments: str) -> list[str]:
        """Return the command line that runs Snakemake with the experiment's configuration."""
        return [sys.executable, "-m", "snakemake", *arguments, "--cores", "2", "--configfile", *self.configfiles]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start Snakemake without waiting; its output, standard error included, is a pipe."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=environment() if self.hub is None else environment() | {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": self.hub},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake to its end; ``stdout`` includes standard error."""
        with self.start(*arguments) as process:
            try:
                output, _ = process.communicate(timeout=self.timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, output)

    def succeed(self, *arguments: str) -> str:
        """Run Snakemake, expect success and return its output."""
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def fail(self, *arguments: str) -> str:
        """Run Snakemake, expect failure and return its output."""
        done = self.snakemake(*arguments)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stdout
        return done.stdout

    def planned(self, *arguments: str) -> set[Job]:
        """Return the jobs that a dry run lists, without the target rule `all`."""
        output = self.succeed("--dry-run", *arguments)
        jobs = set(planned_jobs(output))
        assert jobs or "Nothing to be done" in output, output
        return jobs - {("all", "")}


def planned_jobs(output: str) -> Iterator[Job]:
    """Yield the jobs in the output of a dry run: a line `rule NAME:`, then indented lines, one with the wildcards.

    Jobs of a group have more indentation.
    """
    for block in re.split(r"^ *(?=(?:local)?rule \w+:$)", output, flags=re.MULTILINE)[1:]:
        name = block.partition(" ")[2].partition(":")[0]
        wildcards = re.search(r"^ +wildcards: (.*)$", block, re.MULTILINE)
        yield name, wildcards[1] if wildcards else ""


def environment() -> dict[str, str]:
    """Return environment variables for Snakemake: no network, no settings of the user."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SNAKEMAKE_")}
    return kept | {"HF_HUB_OFFLINE": "1"}


def demo_texts() -> list[str]:
    """Return texts of the embedded data in Latin, Greek, Cyrillic and Devanagari letters."""
    texts = [text for pair in read_english(DEMO / "pairs.en.tsv") for text in (pair.query, pair.passage)]
    for language in ("de", "el", "hi", "ru"):
        texts += read_tmx(DEMO / f"en-{language}.tmx", language).values()
    return texts


def write_tiny_model(folder: Path) -> None:
    """Write a BertModel with random weights and a Unigram tokenizer of the embedded data's scripts."""
    texts = demo_texts()
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(
        texts, trainers.UnigramTrainer(vocab_size=2000, special_tokens=SPECIAL, unk_token=UNKNOWN, show_progress=False)
    )
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    pieces = [token for encoding in tokenizer.encode_batch(texts) for token in encoding.ids]
    assert pieces.count(SPECIAL.index(UNKNOWN)) < len(pieces) / 100
    names = {f"{name.strip('[]').lower()}_token": name for name in SPECIAL}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(folder)


def copy_sources(folder: Path) -> None:
    """Copy the files of the workflow, without results and resources."""
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / part, folder / part)
