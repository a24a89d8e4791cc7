"""Compare an experiment with the paper: a verdict for each published number.

Reads `summary.csv`, `comparisons.csv` and the published numbers; writes `verdicts.json` and `published.{csv,md,tex,html}`.
"""

import json
from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.files import write_json
from hybridbatch.compare.published_cells import Names, read_published
from hybridbatch.compare.published_comparison import verdicts_document
from hybridbatch.compare.published_effects import COMPARED, SIZES
from hybridbatch.config.layout import Layout
from hybridbatch.config.published import PublishedNumbers
from hybridbatch.evaluate.summary import read_csv, read_summary
from hybridbatch.report.published_tables import published_page
from hybridbatch.report.table import write_page


def main(argv: list[str] | None) -> None:
    """Run the program."""
    arguments = cli.parser(__doc__)
    arguments.add_argument("--summary", type=Path, required=True, metavar="FILE", help="summary.csv")
    arguments.add_argument("--comparisons", type=Path, required=True, metavar="FILE", help="comparisons.csv")
    arguments.add_argument("--published", type=Path, required=True, metavar="FILE", help="the published numbers")
    arguments.add_argument(
        "--settings",
        type=cli.section(PublishedNumbers),
        required=True,
        help="the section published with resolved names, as JSON",
    )
    arguments.add_argument(
        "--candidates", type=json.loads, default={}, help="what is encoded as a candidate, by benchmark, as JSON"
    )
    arguments.add_argument(
        "--effects",
        type=json.loads,
        required=True,
        help="[strategy, baseline, the paper's name of the baseline] of each difference that the paper has, too, as JSON",
    )
    arguments.add_argument("--layout", type=cli.section(Layout), required=True, help="contents of the tables, as JSON")
    arguments.add_argument("--verdicts", type=Path, required=True, metavar="FILE", help="verdicts.json to write")
    arguments.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="folder of the tables to write")
    options = arguments.parse_args(argv)
    settings = options.settings
    names = Names(settings.benchmarks, settings.backbones, options.candidates)
    cells = read_published(options.published)
    summary = read_summary(options.summary)
    comparisons = read_csv(options.comparisons, [*COMPARED, "backbone", *SIZES], SIZES)
    document = verdicts_document(cells, summary, names, settings.tolerances, comparisons, options.effects)
    write_page(options.output, published_page(document), options.layout.notice)
    write_json(options.verdicts, document)


if __name__ == "__main__":
    cli.run(main)
