"""Compare the strategies of an experiment: intervals, paired tests, the claim that is tested, and the domain shift.

Reads the per-query measures of every run; writes `{intervals,comparisons,shift}.csv` and `{claim,shift}.json` into one folder
and the tables `{significance,shift}.{csv,md,tex,html}` into another.
"""

import json
from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.files import write_json, write_text
from hybridbatch.compare.claim import check_claim
from hybridbatch.compare.comparisons import analyse, read_cells, significance_table
from hybridbatch.compare.domain_shift import measure_shift, shift_sentences, shift_table
from hybridbatch.config.layout import Layout
from hybridbatch.config.statistics import Statistics
from hybridbatch.report.data_tables import write_data_tables


def main(argv: list[str] | None) -> None:
    """Parse the command line, compare and write."""
    arguments = cli.parser(__doc__)
    arguments.add_argument(
        "--measures", nargs="+", type=cli.named_file, required=True, metavar="RUN=FILE", help="every run"
    )
    arguments.add_argument(
        "--layout", type=cli.section(Layout), required=True, help="benchmarks, strategies and measures, as JSON"
    )
    arguments.add_argument(
        "--settings", type=cli.section(Statistics), required=True, help="the section statistics, as JSON"
    )
    arguments.add_argument(
        "--separate", nargs="*", default=[], metavar="NAME", help="benchmarks where equal ids are different questions"
    )
    arguments.add_argument(
        "--domains",
        type=json.loads,
        required=True,
        help="in_domain, out_of_domain: benchmarks; held_out: benchmarks by domain; as JSON",
    )
    arguments.add_argument("--statistics", type=Path, required=True, metavar="FOLDER", help="where the numbers go")
    arguments.add_argument("--tables", type=Path, required=True, metavar="FOLDER", help="where the tables go")
    options = arguments.parse_args(argv)

    layout, settings = options.layout, options.settings
    metrics = {setting: names[0] for setting, names in layout.metrics.items()}
    cells = read_cells(dict(options.measures), layout.benchmarks, metrics, options.separate)
    intervals, comparisons = analyse(cells, layout.strategies, settings)
    shift = measure_shift(cells, layout.strategies, settings, **options.domains)
    for name, frame in (("intervals", intervals), ("comparisons", comparisons), ("shift", shift)):
        write_text(options.statistics / f"{name}.csv", frame.to_csv(index=False, lineterminator="\n"))
    write_json(options.statistics / "claim.json", check_claim(cells, comparisons, settings))
    write_json(options.statistics / "shift.json", shift_sentences(shift, settings))
    tables = [significance_table(comparisons, settings), shift_table(shift, settings)]
    write_data_tables(options.tables, tables, layout.notice)


if __name__ == "__main__":
    cli.run(main)
