"""What an experiment costs besides computing: jobs, seconds in which none ran, seconds that programs take to start; and a dry run.

Reads Snakemake's log of a finished run (--log), or runs the demo from the start in a folder of its own (--run). Its times are whole
seconds. A program's start is the time of its `--help`, imports included, measured here, medians of --repeats.
"""

import datetime
import re
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "benchmarks")]

from processes import SCRIPTS, machine, run_measured  # noqa: E402

from hybridbatch.common.cli import parser, run  # noqa: E402
from hybridbatch.common.errors import UserError  # noqa: E402

TIME = re.compile(r"^\[(\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4})\]")
RULE = re.compile(r"^\s*(?:local)?(?:rule|checkpoint) (\w+):")
JOB = re.compile(r"^\s+jobid: (\d+)")
FINISHED = re.compile(r"^Finished jobid: (\d+)")
ELAPSED = re.compile(r"^Elapsed time: (\d+):(\d\d):([\d.]+)")


class Job(NamedTuple):
    """A job of a log, in seconds since the epoch."""

    rule: str
    start: float
    end: float


class Log(NamedTuple):
    """What a log says: its finished jobs, and the seconds of the whole run."""

    jobs: list[Job]
    seconds: float


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    source = options.add_mutually_exclusive_group(required=True)
    source.add_argument("--log", type=Path, help="Snakemake's log of a run that is finished")
    source.add_argument("--run", action="store_true", help="run the demo: some minutes")
    options.add_argument("--cores", default="all", help="cores for the demo")
    options.add_argument("--config", type=Path, default=Path("config/paper.yaml"), help="experiment of the dry run")
    options.add_argument("--repeats", type=int, default=3, help="dry runs, and starts of each program")
    arguments = options.parse_args(argv)
    log = read_log(_run_demo(arguments.cores) if arguments.run else arguments.log)
    out = sys.stdout
    out.write(f"{machine()}\n\n")
    starts = _starts(sorted({job.rule for job in log.jobs}), arguments.repeats)
    out.write("\n".join(table(log, starts)) + "\n\n")
    seconds, peak = _dry_runs(arguments.config, arguments.repeats)
    out.write(
        f"snakemake -n --configfile {arguments.config}: {statistics.median(seconds):.1f} s "
        f"({', '.join(f'{value:.1f}' for value in seconds)}), {peak / 2**20:.0f} MiB\n"
    )


def read_log(file: Path) -> Log:
    """Read Snakemake's log.

    Raises:
        UserError: if it cannot be read, or is not that of a run which finished.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); name a file of .snakemake/log") from error
    now, rule, seconds = 0.0, "", None
    begun: dict[str, tuple[str, float]] = {}
    jobs = []
    for line in lines:
        if match := TIME.match(line):
            now = datetime.datetime.strptime(match[1], "%a %b %d %H:%M:%S %Y").timestamp()
        elif match := RULE.match(line):
            rule = match[1]
        elif match := JOB.match(line):
            begun[match[1]] = (rule, now)
        elif (match := FINISHED.match(line)) and match[1] in begun:
            jobs.append(Job(*begun.pop(match[1]), now))
        elif match := ELAPSED.match(line):
            seconds = int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
    if seconds is None or not jobs:
        raise UserError(f"{file}: is not the log of a run that finished; name another, or measure one with --run")
    return Log(jobs, seconds)


def busy(jobs: Sequence[Job]) -> float:
    """Return the seconds in which at least one job ran."""
    total, reached = 0.0, 0.0
    for job in sorted(jobs, key=lambda job: job.start):
        total += max(0.0, job.end - max(job.start, reached))
        reached = max(reached, job.end)
    return total


def table(log: Log, starts: dict[str, float]) -> list[str]:
    """Return Markdown: the whole run, then its rules."""
    counts = Counter(job.rule for job in log.jobs)
    spent = sum(counts[rule] * seconds for rule, seconds in starts.items())
    worked = sum(job.end - job.start for job in log.jobs)
    idle = max(0.0, log.seconds - busy(log.jobs))
    lines = [
        f"{len(log.jobs)} jobs, {log.seconds:.0f} s; no job ran for {idle:.0f} s ({idle / log.seconds:.0%}); "
        f"jobs took {worked:.0f} s together, {spent:.0f} s of it starting programs",
        "",
        "| rule | jobs | seconds together | start of its program, s |",
        "|---|---|---|---|",
    ]
    for rule, jobs in counts.most_common():
        took = sum(job.end - job.start for job in log.jobs if job.rule == rule)
        start = f"{starts[rule]:.2f}" if rule in starts else "-"
        lines.append(f"| {rule} | {jobs} | {took:.0f} | {start} |")
    return lines


def _starts(rules: Sequence[str], repeats: int) -> dict[str, float]:
    """Return the seconds that the program of each rule takes to import what it needs; rules without one are left out."""
    names = {"search_bm25": "bm25"}
    programs = {rule: SCRIPTS / f"{names.get(rule, rule)}.py" for rule in rules}
    with tempfile.TemporaryDirectory() as scratch:
        return {
            rule: statistics.median(
                run_measured([sys.executable, str(program), "--help"], Path(scratch)).seconds for _ in range(repeats)
            )
            for rule, program in programs.items()
            if program.exists()
        }


def _run_demo(cores: str) -> Path:
    """Run the demo from nothing; return its log."""
    with tempfile.TemporaryDirectory() as name:
        places = [f"results_dir={name}/results", f"resources_dir={name}/resources"]
        command = [sys.executable, "-m", "snakemake", "--cores", cores, "--config", *places]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    found = re.search(r"^Complete log\(s\): (.+)$", done.stderr, re.MULTILINE)
    if found is None:
        raise RuntimeError("snakemake names no log")
    return Path(found[1])


def _dry_runs(config: Path, repeats: int) -> tuple[list[float], int]:
    """Return the seconds of each dry run, after one that warms the caches, and the largest peak memory in bytes."""
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "--directory", str(ROOT)]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(ROOT / config)]
    with tempfile.TemporaryDirectory() as scratch:
        usages = [run_measured(command, Path(scratch)) for _ in range(repeats + 1)][1:]
    return [usage.seconds for usage in usages], max(usage.peak for usage in usages)


if __name__ == "__main__":
    run(main)
