"""Compare the strategies of an experiment: intervals, paired tests, the claim that is tested, and the domain shift.

Reads the per-query measures of every run; writes `{intervals,comparisons,shift}.csv` and `{claim,shift}.json` into one folder
and the tables `{significance,shift}.{csv,md,tex,html}` into another.
"""

import json
from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.common.files import write_json, write_text
from hybridbatch.compare.claim import check_claim
from hybridbatch.compare.comparisons import analyse, read_cells, significance_table
from hybridbatch.compare.domain_shift import measure_shift, shift_sentences, shift_table
from hybridbatch.config.statistics import Statistics
from hybridbatch.report.data_tables import write_data_tables
from hybridbatch.report.score_tables import named_files, parse_metrics


def main(argv: list[str] | None) -> None:
    """Parse the command line, compare and write."""
    arguments = parser(__doc__)
    arguments.add_argument("--measures", nargs="+", required=True, metavar="RUN=FILE", help="every run")
    arguments.add_argument("--benchmarks", nargs="+", required=True, metavar="NAME", help="in the order of the tables")
    arguments.add_argument(
        "--strategies",
        nargs="*",
        default=[],
        metavar="NAME",
        help="compared with each other and with the untuned backbone",
    )
    arguments.add_argument(
        "--metrics",
        nargs="*",
        default=[],
        metavar="SETTING=M,M",
        help="the first one is compared; without: the paper's",
    )
    arguments.add_argument(
        "--separate", nargs="*", default=[], metavar="NAME", help="benchmarks where equal ids are different questions"
    )
    arguments.add_argument("--settings", default="{}", metavar="JSON", help="the section statistics")
    arguments.add_argument(
        "--shift",
        default="{}",
        metavar="JSON",
        help="in_domain, out_of_domain: benchmarks; held_out: benchmarks by domain",
    )
    arguments.add_argument("--notice", help="a sentence on top of every table")
    arguments.add_argument("--statistics", type=Path, required=True, metavar="FOLDER", help="where the numbers go")
    arguments.add_argument("--tables", type=Path, required=True, metavar="FOLDER", help="where the tables go")
    options = arguments.parse_args(argv)

    settings = Statistics.model_validate_json(options.settings)
    domains = {"in_domain": [], "out_of_domain": [], "held_out": {}} | json.loads(options.shift)
    metrics = {setting: names[0] for setting, names in parse_metrics(options.metrics).items()}
    cells = read_cells(named_files(options.measures), options.benchmarks, metrics, options.separate)
    intervals, comparisons = analyse(cells, options.strategies, settings)
    shift = measure_shift(cells, options.strategies, settings, **domains)

    for name, frame in (("intervals", intervals), ("comparisons", comparisons), ("shift", shift)):
        write_text(options.statistics / f"{name}.csv", frame.to_csv(index=False, lineterminator="\n"))
    write_json(options.statistics / "claim.json", check_claim(cells, comparisons, settings))
    write_json(options.statistics / "shift.json", shift_sentences(shift, settings))
    tables = [significance_table(comparisons, settings), shift_table(shift, settings)]
    write_data_tables(options.tables, tables, options.notice)


if __name__ == "__main__":
    run(main)
