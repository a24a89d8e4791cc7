"""mMARCO's files: a pair per query and relevant passage, the same ids in every language, no text of another id."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridbatch.common.errors import UserError
from hybridbatch.data.pairs import Pair
from hybridbatch.data.readers import mmarco

NUMBERS = st.integers(0, 8)


def lay_out(folder: Path, triples: list[tuple[int, int, int]], language: str = "en") -> tuple[Path, Path, Path]:
    collection, queries, ids = folder / f"{language}_c.tsv", folder / f"{language}_q.tsv", folder / "t.tsv"
    # Passages are not in the order of their ids; one holds a line separator that is no line end.
    lines = [f"{n}\t{language} passage\u2028{n}\n" for n in reversed(range(20))]
    collection.write_text("".join(lines), encoding="utf-8", newline="")
    queries.write_text("".join(f"{n}\t{language} query {n}\n" for n in range(20)), encoding="utf-8", newline="")
    ids.write_text("".join("\t".join(map(str, triple)) + "\n" for triple in triples), encoding="utf-8")
    return collection, queries, ids


@settings(max_examples=25, deadline=None)
@given(triples=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=40))
def test_a_pair_for_each_query_and_passage_with_its_first_negative(
    tmp_path_factory: pytest.TempPathFactory, triples: list[tuple[int, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("mmarco")
    first: dict[tuple[int, int], int] = {}
    for query, passage, other in triples:
        first.setdefault((query, passage), other)
    for language in ("en", "de"):
        assert list(mmarco.join(*lay_out(folder, triples, language))) == [
            Pair(f"{q}-{p}", f"{language} query {q}", f"{language} passage\u2028{p}", f"{language} passage\u2028{n}")
            for (q, p), n in first.items()
        ]


def test_blocks_do_not_repeat_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    triples = [(n % 7, n % 5, n % 3) for n in range(500)]
    whole = mmarco.distinct_triples(lay_out(tmp_path, triples)[2]).tolist()
    monkeypatch.setattr(mmarco, "BLOCK", 64)
    assert mmarco.distinct_triples(tmp_path / "t.tsv").tolist() == whole
    assert len(whole) == 35


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("t.tsv", "1\t2\n", r"t\.tsv: is not a file of three ids per line"),
        ("t.tsv", "1\t2\tx\n", r"t\.tsv: is not a file of three ids per line"),
        ("t.tsv", "1\t2\t99\n", r"t\.tsv: names id 99, which is not in .*en_c\.tsv"),
        ("t.tsv", "99\t2\t1\n", r"t\.tsv: names id 99, which is not in .*en_q\.tsv"),
        ("en_c.tsv", "0\ttext\nno tab\n", r"en_c\.tsv: line 2: has no tab; it must be an id, a tab and a text"),
        ("en_c.tsv", "0\ttext\nx\ttext\n", r"en_c\.tsv: line 2: 'x' is not a number"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, file: str, content: str, message: str) -> None:
    paths = lay_out(tmp_path, [(1, 2, 3)])
    (tmp_path / file).write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message) as caught:
        list(mmarco.join(*paths))
    assert "\n" not in str(caught.value)
