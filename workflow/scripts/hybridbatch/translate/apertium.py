"""Translation with Apertium, a rule-based system, as installed on the machine."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import langcodes

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import fingerprint, sha256
from hybridbatch.translate.engines import Engine

DATA = "/usr/share/apertium"
# In Apertium's stream format, these characters are literal only after a backslash.
SPECIAL = re.compile(r"([\\\[\]{}<>^$@/])")
ESCAPED = re.compile(r"\\(.)")
# A sentence end and an empty blank: apertium's own text format appends them to a text and removes them again.
END = ".[]"


class ApertiumEngine(Engine):
    """Runs the `apertium` program, one process per batch; its revision is a hash of the language pair's data."""

    name = "apertium"

    def __init__(self, source: str, target: str) -> None:
        self._mode = find_mode(source, target)
        super().__init__(source, target, _revision(self._mode), {"mode": self._mode, "unknown_words": "unmarked"})

    def split(self, text: str) -> list[str]:
        """Return the lines of a text, so that rules do not move words between lines."""
        return re.findall(r"\s*[^\n]*\S[^\n]*\n*", text) or [text]

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate one batch in one process; words that are not in the dictionaries stay unchanged.

        Raises:
            UserError: if the program fails or loses a text.
        """
        # A null character makes the program flush its output, so each text is translated independently and in order.
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
                " ".join(done.stderr.decode(errors="replace").split()) or f"{len(parts)} of {len(texts)} texts returned"
            )
            raise UserError(f"apertium {self._mode}: failed ({reason}); reinstall the language pair")
        return [_unescape(part) for part in parts[: len(texts)]]


def find_mode(source: str, target: str) -> str:
    """Return the name of the installed mode of a language pair, such as ``eng-spa``.

    Raises:
        UserError: if the program or the pair is not installed; names the Debian package.
    """
    if shutil.which("apertium") is None:
        raise UserError("engine: apertium is not installed; install it, on Debian with `apt-get install apertium`")
    installed = _modes()
    for one in _names(source):
        for other in _names(target):
            if f"{one}-{other}" in installed:
                return f"{one}-{other}"
    one, other = _alpha3(source), _alpha3(target)
    raise UserError(
        f"engine: apertium has no mode from {source} to {target} (installed: {', '.join(sorted(installed)) or 'none'}); install "
        f"the pair, on Debian `apt-get install apertium-{one}-{other}` or `apertium-{other}-{one}`, or leave the language out"
    )


def _modes() -> set[str]:
    return {file.stem for file in (_data() / "modes").glob("*.mode")}


def _data() -> Path:
    return Path(os.environ.get("APERTIUM_DATADIR", DATA))


def _revision(mode: str) -> str:
    """Return a hash of the mode and every data file that it names."""
    file = _data() / "modes" / f"{mode}.mode"
    named = [Path(name) for name in re.findall(r"'([^']+)'", file.read_text(encoding="utf-8"))]
    return fingerprint([sha256(part) for part in [file, *named] if part.is_file()])


def _names(language: str) -> list[str]:
    """Return the names of a language in modes, those with a region first: eng_US, en_US, eng, en (in older pairs)."""
    tag = langcodes.Language.get(language)
    plain = [_alpha3(language), str(tag.language)]
    return [*([f"{name}_{tag.territory}" for name in plain] if tag.territory else []), *plain]


def _alpha3(language: str) -> str:
    return langcodes.Language.get(language).to_alpha3()


def _escape(text: str) -> str:
    return SPECIAL.sub(r"\\\1", " ".join(text.replace("\0", " ").split())) + END


def _unescape(text: str) -> str:
    return ESCAPED.sub(r"\1", text.strip().removesuffix(END)).strip()
