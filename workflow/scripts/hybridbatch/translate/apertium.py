"""Apertium, the rule-based translator, as the system has it installed."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import langcodes

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import fingerprint, sha256
from hybridbatch.translate.translate_pairs import WholeTexts

DATA = "/usr/share/apertium"
# Apertium's stream format: these characters mean something else unless a backslash stands before them.
SPECIAL = re.compile(r"([\\\[\]{}<>^$@/])")
ESCAPED = re.compile(r"\\(.)")
# An end of sentence and an empty blank, put after every text as apertium's own text format does, and taken off again.
END = ".[]"


class ApertiumEngine(WholeTexts):
    """Translates with the `apertium` program, one process a batch; its revision follows from the data of the pair."""

    name = "apertium"

    def __init__(self, source: str, target: str) -> None:
        self._mode = find_mode(source, target)
        self._pair = (source, target)
        self.revision = _revision(self._mode)
        self.options: Mapping[str, str | int | float | bool | None] = {"mode": self._mode, "unknown_words": "unmarked"}

    def split(self, text: str, source: str) -> list[str]:  # noqa: ARG002
        """Return the lines of a text: rules must not move words from one to another."""
        lines = re.findall(r"\s*[^\n]*\S[^\n]*\n*", text)
        return lines or [text]

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        """Translate one batch in one process; words that the dictionaries lack stay as they are.

        Raises:
            UserError: if the program fails or loses a text.
        """
        if (source, target) != self._pair:
            raise ValueError(f"the engine was made for {self._pair}, not for {(source, target)}")
        # A null character ends a text: nothing passes from one to the next, and their order stays.
        stream = "".join(f"{_escape(text)}\0" for text in texts)
        done = subprocess.run(
            ["apertium", "-u", "-z", "-f", "none", self._mode],
            input=stream.encode(),
            capture_output=True,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        parts = done.stdout.decode(errors="replace").split("\0")
        if done.returncode or len(parts) < len(texts):
            reason = (
                " ".join(done.stderr.decode(errors="replace").split()) or f"{len(parts)} of {len(texts)} texts came"
            )
            raise UserError(f"apertium {self._mode}: failed ({reason}); install the language pair again")
        return [_plain(part) for part in parts[: len(texts)]]


def find_mode(source: str, target: str) -> str:
    """Return the name of the installed mode for a pair of languages, such as ``eng-spa``.

    Raises:
        UserError: naming the Debian package, if the program or the pair is missing.
    """
    if shutil.which("apertium") is None:
        raise UserError("engine: apertium is not installed; install it, on Debian with `apt-get install apertium`")
    installed = _modes()
    for one in _names(source):
        for other in _names(target):
            if f"{one}-{other}" in installed:
                return f"{one}-{other}"
    one, other = _plain_code(source), _plain_code(target)
    raise UserError(
        f"engine: apertium has no mode from {source} to {target} (installed: {', '.join(sorted(installed)) or 'none'}); install "
        f"the pair, on Debian `apt-get install apertium-{one}-{other}` or `apertium-{other}-{one}`, or leave the language out"
    )


def _modes() -> set[str]:
    return {file.stem for file in (_data() / "modes").glob("*.mode")}


def _data() -> Path:
    return Path(os.environ.get("APERTIUM_DATADIR", DATA))


def _revision(mode: str) -> str:
    """Return the SHA-256 over the mode and every file of data that it names."""
    file = _data() / "modes" / f"{mode}.mode"
    named = [Path(name) for name in re.findall(r"'([^']+)'", file.read_text(encoding="utf-8"))]
    return fingerprint([sha256(part) for part in [file, *named] if part.is_file()])


def _names(language: str) -> list[str]:
    """Return the names that modes have for a language, with a region first: eng_US, eng; en in older pairs."""
    tag = langcodes.Language.get(language)
    plain = [_plain_code(language), str(tag.language)]
    return [*([f"{name}_{tag.territory}" for name in plain] if tag.territory else []), *plain]


def _plain_code(language: str) -> str:
    return langcodes.Language.get(language).to_alpha3()


def _escape(text: str) -> str:
    return SPECIAL.sub(r"\\\1", " ".join(text.replace("\0", " ").split())) + END


def _plain(text: str) -> str:
    return ESCAPED.sub(r"\1", text.strip().removesuffix(END)).strip()
