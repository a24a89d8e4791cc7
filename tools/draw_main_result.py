"""Draw the main result in the README from the tables in docs/results/xquad: docs/images/main-result.svg.

Run it in the root of the repository: `python tools/draw_main_result.py`.
"""

import argparse
import csv
from pathlib import Path

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt

BENCHMARK = "xquad_r"
STRATEGIES = {
    "none": ("untuned", "#9aa0a6"),
    "monolingual": ("monolingual", "#4c78a8"),
    "hybrid": ("hybrid", "#e45756"),
    "crosslingual": ("cross-lingual", "#54a24b"),
}
PANELS = [
    ("mono", "map", "mono mAP", "one language", (0, 1)),
    ("cross", "map", "cross mAP", "two languages", (0, 1)),
    ("multi", "map", "multi mAP", "all languages", (0, 1)),
    ("bias", "rank_distance", "rank distance", "lower is better", (0, 1350)),
]
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "hybridbatch",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--tables", type=Path, default=Path("docs/results/xquad/tables"), help="folder of the CSV tables"
    )
    parser.add_argument("--output", type=Path, default=Path("docs/images/main-result.svg"), help="SVG file to write")
    arguments = parser.parse_args()
    with plt.rc_context(STYLE):
        draw(arguments.tables, arguments.output)


def draw(tables: Path, output: Path) -> None:
    """Draw a panel for each table: means over languages and seeds, with standard deviations over seeds."""
    figure, axes = plt.subplots(1, len(PANELS), figsize=(10, 3.1), layout="constrained")
    figure.suptitle(
        "multilingual-e5-small (4-bit weights) on XQuAD-R, 11 languages; mean ± standard deviation of 3 seeds"
    )
    for axis, (table, metric, title, subtitle, limits) in zip(axes, PANELS, strict=True):
        scores = read_means(tables / f"{table}.csv", metric)
        for position, (strategy, (_, colour)) in enumerate(STRATEGIES.items()):
            mean, deviation = scores[strategy]
            axis.bar(position, mean, yerr=deviation, color=colour, width=0.72, capsize=3, ecolor="#333333")
            text = f"{mean:.0f}" if metric == "rank_distance" else f"{mean:.3f}".lstrip("0")
            axis.annotate(text, (position, mean + (deviation or 0)), (0, 3), textcoords="offset points", ha="center")
        axis.set_title(f"{title}\n{subtitle}", fontsize=10)
        axis.set_ylim(*limits)
        axis.set_xticks(range(len(STRATEGIES)), [name for name, _ in STRATEGIES.values()], rotation=30, ha="right")
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, metadata={"Date": None})
    plt.close(figure)


def read_means(file: Path, metric: str) -> dict[str, tuple[float, float | None]]:
    """Return each strategy's mean over languages and seeds, and its standard deviation over seeds if it has several."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if (row["benchmark"], row["metric"]) == (BENCHMARK, metric)]
    return {row["strategy"]: (float(row["mean"]), float(row["mean_sd"]) if row["mean_sd"] else None) for row in rows}


if __name__ == "__main__":
    main()
