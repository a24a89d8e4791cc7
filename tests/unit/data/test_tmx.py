"""Translation memories."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pair_files import write_tmx

from hybridbatch.common.errors import UserError
from hybridbatch.data.tmx import read_tmx

# What XML 1.0 can hold, without control characters.
SEGMENTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")).filter(str.strip)
UNIT = '<tu><tuv xml:lang="en">{}</tuv><tuv xml:lang="de">{}</tuv></tu>'


@given(entries=st.dictionaries(SEGMENTS, SEGMENTS, max_size=5))
def test_a_memory_is_read_as_written(tmp_path_factory: pytest.TempPathFactory, entries: dict[str, str]) -> None:
    path = tmp_path_factory.mktemp("memory") / "en-ar.tmx"
    write_tmx(path, "ar", entries)
    assert list(read_tmx(path, "ar").items()) == list(entries.items())


def test_a_truncated_memory_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "en-de.tmx"
    write_tmx(path, "de", {f"text {n}": f"Text {n}" for n in range(9)})
    path.write_text("\n".join(path.read_text(encoding="utf-8").splitlines()[:10]), encoding="utf-8")
    with pytest.raises(UserError, match=r"en-de\.tmx: line 10: is truncated or not XML"):
        read_tmx(path, "de")


def test_a_memory_of_another_language_is_refused(tmp_path: Path) -> None:
    write_tmx(tmp_path / "en-fr.tmx", "de", {"a": "b"})
    with pytest.raises(UserError, match=r"en-fr\.tmx: translation unit 1: is in de, en; it must be in en and fr"):
        read_tmx(tmp_path / "en-fr.tmx", "fr")


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ([("<seg>a</seg>", "<seg>b</seg>"), ("<seg>a</seg>", "<seg>c</seg>")], "unit 2: 'a' has another translation"),
        ([("<seg>a</seg>", "<seg/>")], "unit 1: its de variant has no text"),
        ([("<seg>a</seg>", "")], "unit 1: its de variant has no text"),
        ([("<seg>a <ph/></seg>", "<seg>b</seg>")], "unit 1: its en segment has inline markup"),
    ],
)
def test_unsound_memory_is_refused(tmp_path: Path, units: list[tuple[str, str]], message: str) -> None:
    body = "".join(UNIT.format(*unit) for unit in units)
    (tmp_path / "m.tmx").write_text(f'<tmx version="1.4"><body>{body}</body></tmx>', encoding="utf-8")
    with pytest.raises(UserError, match=rf"m\.tmx: translation {message}"):
        read_tmx(tmp_path / "m.tmx", "de")


def test_equal_units_are_one_entry(tmp_path: Path) -> None:
    body = UNIT.format("<seg>a</seg>", "<seg>b</seg>") * 2
    (tmp_path / "m.tmx").write_text(f"<tmx><body>{body}</body></tmx>", encoding="utf-8")
    assert read_tmx(tmp_path / "m.tmx", "de") == {"a": "b"}
    assert read_tmx(tmp_path / "m.tmx", "EN", source_language="de") == {"b": "a"}
