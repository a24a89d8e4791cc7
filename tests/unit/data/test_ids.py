"""Ids: repetitions are found, and intervals of their hashes split them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridbatch.data import ids
from hybridbatch.data.ids import first_repeated, in_interval, position, sample


def write(folder: Path, names: list[str]) -> Path:
    pq.write_table(pa.table({"id": pa.array(names, pa.string())}), folder / "ids.parquet", row_group_size=7)
    return folder / "ids.parquet"


@given(st.lists(st.text(max_size=2), max_size=30))
def test_repeated_ids_are_found(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    found = first_repeated(write(tmp_path_factory.mktemp("ids"), names), "id")
    assert (found is None) == (len(set(names)) == len(names))
    assert found is None or names.count(found) > 1


def test_equal_hashes_are_not_repetitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "hash", lambda _: 1, raising=False)
    assert first_repeated(write(tmp_path, ["a", "b", "c"]), "id") is None
    assert first_repeated(write(tmp_path, ["a", "b", "a"]), "id") == "a"


@given(st.lists(st.text(), unique=True), st.floats(0.01, 0.99))
def test_disjoint_intervals_split_the_ids(names: list[str], cut: float) -> None:
    for name in names:
        assert in_interval(name, (0, cut)) != in_interval(name, (cut, 1))
        assert in_interval(name, (0, 1))


def test_position_is_stable_and_uniform() -> None:
    assert position("facts-danube-1") == pytest.approx(0.15786, abs=1e-5)
    assert sum(position(str(number)) < 0.1 for number in range(10_000)) == pytest.approx(1000, abs=100)


@given(st.sets(st.integers(0, 3000), max_size=400), st.integers(1, 60), st.floats(0, 0.5))
def test_a_sample_is_a_hundredth_and_at_least_so_many_of_the_lowest(
    numbers: set[int], at_least: int, low: float
) -> None:
    interval = (low, low + 0.4)
    names = [str(number) for number in numbers if in_interval(str(number), interval)]
    taken = list(sample(names, str, at_least, interval))
    hundredth = sum(position(name) < low + 0.004 for name in names)
    assert sorted(taken, key=position) == sorted(names, key=position)[: max(at_least, hundredth)]
    assert list(sample(names, str, None, interval)) == names


def test_a_sample_of_many_rows_is_a_hundredth() -> None:
    names = [str(number) for number in range(20_000)]
    taken = list(sample(names, str, 10, always={"5", "7"}))
    assert {"5", "7"} <= {*taken}
    assert len(taken) == pytest.approx(200, abs=50)
    assert taken == [name for name in names if name in taken]
