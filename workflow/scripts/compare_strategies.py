"""Compare the strategies of an experiment: intervals, paired tests, the tested claim, and the domain shift.

Reads the per-query measures of every run; writes `{intervals,comparisons,shift}.csv` and `{claim,shift}.json` into one folder
and the tables `{significance,shift}.{csv,md,tex,html}` into another.
"""

import json
from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.files import write_json, write_text
from hybridbatch.compare.claim import check_claim
from hybridbatch.compare.comparisons import analyse
from hybridbatch.compare.domain_shift import measure_shift, shift_sentences
from hybridbatch.compare.question_scores import read_question_scores
from hybridbatch.config.layout import Layout
from hybridbatch.config.statistics import Statistics
from hybridbatch.evaluate.names import table_measures
from hybridbatch.evaluate.summary import to_csv
from hybridbatch.report.statistics_tables import shift_page, significance_page
from hybridbatch.report.table import write_page


def main(argv: list[str] | None) -> None:
    """Run the program."""
    arguments = cli.parser(__doc__)
    arguments.add_argument(
        "--measures", nargs="+", type=cli.named_file, required=True, metavar="RUN=FILE", help="measures of every run"
    )
    arguments.add_argument(
        "--layout", type=cli.section(Layout), required=True, help="benchmarks, strategies and measures, as JSON"
    )
    arguments.add_argument(
        "--settings", type=cli.section(Statistics), required=True, help="the section statistics, as JSON"
    )
    arguments.add_argument(
        "--separate",
        nargs="*",
        default=[],
        metavar="NAME",
        help="benchmarks in which equal ids are different questions",
    )
    arguments.add_argument(
        "--domains",
        type=json.loads,
        required=True,
        help="in_domain, out_of_domain: benchmarks; held_out: benchmarks by domain; as JSON",
    )
    arguments.add_argument(
        "--statistics", type=Path, required=True, metavar="FOLDER", help="folder of the numbers to write"
    )
    arguments.add_argument("--tables", type=Path, required=True, metavar="FOLDER", help="folder of the tables to write")
    options = arguments.parse_args(argv)

    layout, settings = options.layout, options.settings
    metrics = {table: names[0] for table, names in table_measures(layout.metrics).items()}
    scores = read_question_scores(dict(options.measures), layout.benchmarks, metrics, options.separate, layout.main)
    out_of_domain = options.domains["out_of_domain"]
    intervals, comparisons = analyse(scores, layout.strategies, settings, out_of_domain)
    shift = measure_shift(scores, layout.strategies, settings, **options.domains)
    for name, frame in (("intervals", intervals), ("comparisons", comparisons), ("shift", shift)):
        write_text(options.statistics / f"{name}.csv", to_csv(frame))
    write_json(options.statistics / "claim.json", check_claim(scores, comparisons, settings, out_of_domain))
    write_json(options.statistics / "shift.json", shift_sentences(shift, comparisons, settings))
    for page in (significance_page(comparisons, settings), shift_page(shift, settings)):
        write_page(options.tables, page, layout.notice)


if __name__ == "__main__":
    cli.run(main)
