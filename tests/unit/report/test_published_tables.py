"""The tables of the paper with our numbers: their layout, and deviations in every format."""

import html
import re
from pathlib import Path

import pandas as pd
import pytest
from published_numbers import FILE, NAMES, UNTESTED, judged, summary_of

from hybridbatch.compare.published_cells import Names, PublishedCell, read_published
from hybridbatch.report.published_tables import published_page
from hybridbatch.report.table import write_page


@pytest.fixture(scope="module")
def cells() -> list[PublishedCell]:
    return read_published(FILE)


def test_numbers_are_printed_like_the_papers(cells: list[PublishedCell]) -> None:
    cell = next(cell for cell in cells if cell.key.metric == "map")
    page = published_page(judged([cell], summary_of([cell], 0.02004)))
    assert page.tables[1].rows[0][1].text == "0.7781 / 0.7581 / +0.0200"


def test_a_table_says_what_its_candidates_are(cells: list[PublishedCell]) -> None:
    names = Names(NAMES.benchmarks, NAMES.backbones, {"xquad_r": "the sentence alone"})
    tables = published_page(judged(cells, summary_of(cells), names)).tables
    assert {table.note for table in tables if table.title.startswith("Table 3:")} == {"Candidates: the sentence alone"}
    assert {table.note for table in tables if table.title.startswith("Table 12:")} == {""}


def test_tables_are_laid_out_as_in_the_paper(cells: list[PublishedCell]) -> None:
    tables = [t for t in published_page(judged(cells, summary_of(cells))).tables if t.title.startswith("Table")]
    assert [table.title for table in tables] == [
        "Table 3: xquad_r, xlm-r",
        "Table 3: xquad_r, xlm-r",
        "Table 4: mlqa_r, xlm-r",
        "Table 4: mlqa_r, xlm-r",
        "Table 5: xquad_r, labse",
        "Table 5: xquad_r, labse",
        "Table 6: mlqa_r, labse",
        "Table 6: mlqa_r, labse",
        "Table 7: xquad_r, Rank distance",
        "Table 8: mlqa_r, Rank distance",
        "Table 12: miracl, xlm-r",
        "Table 13: miracl, labse",
    ]
    assert tables[1].groups == [
        ("", 1),
        ("Monolingual Recall@1", 3),
        ("Cross-lingual Recall@1", 3),
        ("Multilingual Recall@10", 3),
    ]
    assert tables[8].groups == [("", 1), ("xlm-r", 3), ("labse", 3)]
    assert tables[8].rows[-1][1].text == "410.2 / 410.2 / +0.0"
    assert [column.heading for column in tables[0].columns] == [
        "language",
        *["monolingual", "crosslingual", "hybrid"] * 3,
    ]
    assert [row[0].text for row in tables[10].rows] == [
        "sw",
        "bn",
        "hi",
        "ko",
        "th",
        "te",
        "fi",
        "ja",
        "es",
        "fr",
        "ru",
        "zh",
        "fa",
        "ar",
        "id",
        "mean",
        "median",
    ]


def test_above_and_below_are_equally_loud_in_every_format(cells: list[PublishedCell], tmp_path: Path) -> None:
    summary = summary_of(cells)
    summary.loc[0, "value"] += 0.1
    summary.loc[1, "value"] -= 0.1
    document = judged(cells, summary)
    write_page(tmp_path, published_page(document), "No <reproduction> of 100% & more_")
    page = (tmp_path / "published.html").read_text(encoding="utf-8")
    for verdict, symbol, shown in (
        ("above", "▲", "0.8581 / 0.7581 / +0.1000"),
        ("below", "▼", "0.6318 / 0.7318 / -0.1000"),
    ):
        assert re.search(
            f'<td class="number {verdict}" data-value="0.[0-9]+"><b>{re.escape(shown)} {symbol}</b></td>', page
        )
        assert f"**{shown} {symbol}**" in (tmp_path / "published.md").read_text(encoding="utf-8")
        arrow = r"$\bigtriangleup$" if verdict == "above" else r"$\bigtriangledown$"
        assert f"\\textbf{{{shown} {arrow}}}" in (tmp_path / "published.tex").read_text(encoding="utf-8")
        # The legend says in words what the symbol means.
        assert f"{symbol}: {verdict} the published number" in html.unescape(page)
    assert "No &lt;reproduction&gt;" in page
    frame = pd.read_csv(tmp_path / "published.csv")
    assert len(frame) == 936 + 96 + 12
    assert frame.loc[0, "verdict"] == "above"


def test_latex_compiles_in_form(cells: list[PublishedCell], tmp_path: Path) -> None:
    write_page(tmp_path, published_page(judged(cells, summary_of(cells, 0.05))), None)
    text = (tmp_path / "published.tex").read_text(encoding="utf-8")
    for tabular in re.findall(r"\\begin{tabular}{(\w+)}(.*?)\\end{tabular}", text, re.DOTALL):
        columns, body = tabular
        for line in re.findall(r"^(?!\\multicolumn)(.*) \\\\$", body, re.MULTILINE):
            assert line.count(" & ") == len(columns) - 1
    assert not re.search("[▲▼–]", text)


def test_only_covered_tables_are_shown_in_full(cells: list[PublishedCell]) -> None:
    bias = [cell for cell in cells if cell.table == 8]
    tables = published_page(judged(cells, summary_of(bias))).tables
    assert [table.title for table in tables] == ["Verdicts", "Table 8: mlqa_r, Rank distance", "Effect ratios"]
    assert [cell.text for cell in tables[0].rows[-1]] == ["all", "", "", "42", "0", "0", "894"]


def test_effects_come_first_in_points_and_ranks(cells: list[PublishedCell]) -> None:
    bias = [cell for cell in cells if cell.table == 8 and cell.key.backbone == "xlm-r"]
    mono = [cell for cell in cells if cell.table == 4 and cell.key[1:3] == ("mono", "map")]
    rows = [
        ("mlqa_r", "mono", "map", "hybrid", "monolingual", "me5", 0.0123, 0.001, 0.02),
        ("mlqa_r", "mono", "map", "hybrid", "crosslingual", "me5", -0.0001, -0.01, 0.01),
        ("mlqa_r", "multi", "rank_distance", "hybrid", "monolingual", "me5", 12.3, 1.0, 20.0),
    ]
    comparisons = pd.DataFrame(rows, columns=UNTESTED.columns)
    summary = summary_of(mono + bias).replace({"xlm-r": "me5"})
    tables = published_page(judged(cells, summary, comparisons=comparisons)).tables
    assert [table.title for table in tables] == ["Effects", "Verdicts", "Other systems on mlqa_r"]
    # Of the paper's means: .6481 - .6475 and .6864 - .6807; .6481 - .6256 and .6864 - .6710; 227.1 - 287.5 and 195.0 - 225.3.
    assert [[cell.text for cell in row][2:] for row in tables[0].rows] == [
        ["hybrid - monolingual", "+0.1", "+0.6", "me5", "+1.2", "+0.1", "+2.0", "xlm-r, labse"],
        ["hybrid - crosslingual", "+2.2", "+1.5", "me5", "+0.0", "-1.0", "+1.0", "open"],
        ["hybrid - monolingual", "-60", "-30", "me5", "+12", "+1", "+20", "neither"],
    ]
