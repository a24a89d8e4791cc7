"""Transfer to unseen languages: the table and the figure."""

from pathlib import Path

from example_measures import UNSEEN, layout, transfer_summary

import write_transfer as program
from hybridbatch.compare.transfer import group_means
from hybridbatch.report.transfer import transfer_page


def test_the_table_has_a_column_per_group_and_marks_the_best() -> None:
    (table,) = transfer_page(group_means(transfer_summary(), UNSEEN)).tables
    assert table.title == "b, monolingual"
    assert [column.heading for column in table.columns] == [
        "backbone", "strategy", "seeds", "seen (2)", "unseen (2)", "Cyrl (1)", "Hans (1)", "Latn (2)", "Indo-European (3)", "Sino-Tibetan (1)",
    ]  # fmt: skip
    untuned, hybrid = table.rows
    assert (untuned[1].text, hybrid[1].text, hybrid[2].value) == ("none", "hybrid", 2)
    assert all(cell.mark == "best" for cell in hybrid[3:]) and not any(cell.mark for cell in untuned)


def test_the_best_rank_distance_is_the_lowest() -> None:
    distances = transfer_summary().assign(setting="multi", metric="rank_distance")
    (table,) = transfer_page(group_means(distances, UNSEEN)).tables
    assert table.title == "b, language bias"
    assert [row[3].mark for row in table.rows] == ["best", ""]


def test_the_program_writes_table_and_figure_alike_twice(tmp_path: Path) -> None:
    file = tmp_path / "summary.csv"
    transfer_summary().to_csv(file, index=False)
    for folder in ("one", "two"):
        argv = ["--summary", str(file), *layout(unseen=UNSEEN)]
        program.main([*argv, "--tables", str(tmp_path / folder), "--figures", str(tmp_path / folder)])
    written = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert written == [f"transfer.{suffix}" for suffix in ("csv", "html", "md", "pdf", "svg", "tex")]
    for name in written:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert "change of mAP" in (tmp_path / "one" / "transfer.svg").read_text(encoding="utf-8")
