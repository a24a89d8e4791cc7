"""Files and folders are complete or absent, have the modes of the umask, and are fingerprinted by content."""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import (
    MANIFEST,
    atomic_folder,
    atomic_path,
    fingerprint,
    read_json,
    read_table,
    sha256,
    write_json,
    write_manifest,
    write_table,
    write_text,
)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_appears_complete_and_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "new/folder/file"
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    with atomic_path(path) as temporary:
        temporary.write_text("other")
        assert path.read_text() == "whole"
    assert path.read_text() == "other"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "old")
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), atomic_path(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise error
    assert (tmp_path / "file").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_folder_appears_complete_and_replaces_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "new/model"
    for content in ("first", "second"):
        before = [path.name for path in folder.iterdir()] if folder.exists() else None
        with atomic_folder(folder) as temporary:
            (temporary / "inner").mkdir()
            (temporary / "inner" / content).write_text(content)
            assert ([path.name for path in folder.iterdir()] if folder.exists() else None) == before
        assert [path.name for path in (folder / "inner").iterdir()] == [content]
    assert list(folder.parent.iterdir()) == [folder]


def test_an_error_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with atomic_folder(folder) as temporary:
        (temporary / "weights").write_text("old")
    with pytest.raises(ValueError, match="stop"), atomic_folder(folder) as temporary:
        (temporary / "weights").write_text("half")
        raise ValueError("stop")
    assert (folder / "weights").read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("mask", "file", "folder"), [(0o022, 0o644, 0o755), (0o027, 0o640, 0o750), (0o002, 0o664, 0o775)]
)
def test_modes_follow_the_umask(tmp_path: Path, mask: int, file: int, folder: int) -> None:
    with umask(mask):
        write_text(tmp_path / "file", "")
        with atomic_folder(tmp_path / "model") as temporary:
            (temporary / "inner").mkdir(mode=0o700)
            (temporary / "inner/private").touch(mode=0o600)
        assert os.umask(mask) == mask
    assert mode(tmp_path / "file") == file
    assert mode(tmp_path / "model/inner/private") == file
    assert mode(tmp_path / "model") == mode(tmp_path / "model/inner") == folder


@pytest.mark.parametrize("write", [atomic_path, atomic_folder])
def test_an_unwritable_folder_is_named(tmp_path: Path, write: Any) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file/below: cannot be written") as error, write(tmp_path / "file/below"):
        pytest.fail("nothing may be written")
    assert str(error.value).endswith("choose a writable folder")


def test_json_is_readable_and_sorted(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": "ä", "a": [1]})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "a": [\n    1\n  ],\n  "b": "ä"\n}\n'
    assert read_json(tmp_path / "a.json") == {"a": [1], "b": "ä"}


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b"\xff"])
def test_bad_json_is_reported_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.json: .*delete it and run again$") as error:
        read_json(tmp_path / "a.json")
    assert "\n" not in str(error.value)


def test_tables(tmp_path: Path) -> None:
    table = pa.table({"text": ["a", None, "文"], "rank": [1, 2, 3]})
    write_table(tmp_path / "t.parquet", table)
    assert read_table(tmp_path / "t.parquet") == table
    assert read_table(tmp_path / "t.parquet", ["rank"]).column_names == ["rank"]
    whole = (tmp_path / "t.parquet").read_bytes()
    for content in (whole[:-20], b"", b"text\na\n"):
        (tmp_path / "t.parquet").write_bytes(content)
        with pytest.raises(UserError, match=r"t\.parquet: cannot be read as parquet"):
            read_table(tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"absent\.parquet: cannot be read as parquet"):
        read_table(tmp_path / "absent.parquet")


def test_a_manifest_lists_every_file_with_its_hash(tmp_path: Path) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling/config.json").write_text("{}")
    (tmp_path / "weights").write_bytes(b"abc")
    write_manifest(tmp_path, {"seed": 1})
    first = (tmp_path / MANIFEST).read_bytes()
    files = json.loads(first)["files"]
    assert list(files) == ["1_Pooling/config.json", "weights"]
    assert files["weights"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files["1_Pooling/config.json"] == sha256(tmp_path / "1_Pooling/config.json")
    write_manifest(tmp_path, {"seed": 1})
    assert (tmp_path / MANIFEST).read_bytes() == first
    (tmp_path / "weights").write_bytes(b"abd")
    write_manifest(tmp_path, {"seed": 1})
    assert (tmp_path / MANIFEST).read_bytes() != first


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def reordered(value: Any) -> Any:
    """Return the same value with the keys of every mapping in reverse order."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.slow
@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_the_order_of_keys_does_not_change_a_fingerprint(value: dict[str, Any]) -> None:
    assert fingerprint(reordered(value)) == fingerprint(value)


@given(VALUES, VALUES)
def test_fingerprints_differ_where_the_json_does(first: Any, second: Any) -> None:
    same = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert (fingerprint(first) == fingerprint(second)) == same


def test_the_order_of_a_list_changes_a_fingerprint() -> None:
    assert fingerprint({"languages": ["de", "en"]}) != fingerprint({"languages": ["en", "de"]})
