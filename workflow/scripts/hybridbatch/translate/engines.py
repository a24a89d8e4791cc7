"""Translation engines: the interface that all of them share, and the lookup in a translation memory."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import sha256
from hybridbatch.data.tmx import read_tmx

Options = Mapping[str, str | int | float | bool | None]


class Engine(ABC):
    """Translates texts from one language into another.

    Name, revision, and options together determine the translations. By default, an engine takes texts of any length, whole.

    Attributes:
        name: the kind of engine.
        source: the language of the texts.
        target: the language of the translations.
        revision: the version of the model or the data.
        options: the settings that change translations.
    """

    name: str

    def __init__(self, source: str, target: str, revision: str, options: Options) -> None:
        self.source = source
        self.target = target
        self.revision = revision
        self.options = options

    def split(self, text: str) -> list[str]:
        """Return the pieces of a text that are translated one by one; joined, they are the text."""
        return [text]

    def length(self, text: str) -> int:
        """Return the length of a piece in the unit that limits a batch; by default, characters."""
        return len(text)

    @abstractmethod
    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate one batch of pieces; return a translation of each, in order, empty where the engine finds none."""


class MemoryEngine(Engine):
    """Looks texts up in a translation memory (TMX); its revision is the SHA-256 of the file."""

    name = "memory"

    def __init__(self, path: Path, source: str, target: str) -> None:
        if not path.is_file():
            raise UserError(f"{path}: does not exist; name a TMX file")
        super().__init__(source, target, sha256(path), {})
        self._path = path

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Return the translations of texts.

        Raises:
            UserError: if the memory is unreadable or lacks a text.
        """
        for text in texts:
            if text not in self._entries:
                raise UserError(f"{self._path}: has no {self.target} translation of {text[:60]!r}; add it")
        return [self._entries[text] for text in texts]

    @cached_property
    def _entries(self) -> dict[str, str]:
        return read_tmx(self._path, self.target, self.source)
