"""The overhead of an experiment: number of jobs, time in which none runs, time that programs take to start, and a dry run.

Reads Snakemake's log of a finished run (--log), or runs the demo from scratch in a temporary folder (--run). Times in the log are
whole seconds. The start of a program is the time of its `--help`, imports included: the median of --repeats.
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

from processes import ROOT, SCRIPTS, machine, run_measured, run_program

from hybridbatch.common.cli import parser, run
from hybridbatch.common.errors import UserError

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
    """The finished jobs of a log, and the seconds of the whole run."""

    jobs: list[Job]
    seconds: float


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    source = options.add_mutually_exclusive_group(required=True)
    source.add_argument("--log", type=Path, help="Snakemake's log of a finished run")
    source.add_argument("--run", action="store_true", help="run the demo, which takes minutes")
    options.add_argument("--cores", default="all", help="cores for the demo")
    options.add_argument("--config", type=Path, default=Path("config/paper.yaml"), help="experiment of the dry run")
    options.add_argument("--repeats", type=int, default=3, help="number of dry runs, and of starts of each program")
    arguments = options.parse_args(argv)
    log = read_log(_run_demo(arguments.cores) if arguments.run else arguments.log)
    out = sys.stdout
    out.write(f"{machine()}\n\n")
    starts = _starts(sorted({job.rule for job in log.jobs}), arguments.repeats)
    out.write("\n".join(table(log, starts)) + "\n\n")
    seconds, peak = _dry_runs(arguments.config, arguments.repeats)
    out.write(
        f"snakemake -n --configfile {arguments.config}: {statistics.median(seconds):.1f} s "
        f"({', '.join(f'{value:.1f}' for value in seconds)}), {peak:.0f} MiB\n"
    )


def read_log(file: Path) -> Log:
    """Read Snakemake's log.

    Raises:
        UserError: if it cannot be read, or its run has not finished.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); name a file in .snakemake/log") from error
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
        raise UserError(f"{file}: is not the log of a finished run; name another, or measure one with --run")
    return Log(jobs, seconds)


def busy(jobs: Sequence[Job]) -> float:
    """Return the seconds in which at least one job ran."""
    total, reached = 0.0, 0.0
    for job in sorted(jobs, key=lambda job: job.start):
        total += max(0.0, job.end - max(job.start, reached))
        reached = max(reached, job.end)
    return total


def table(log: Log, starts: dict[str, float]) -> list[str]:
    """Return a summary of the run and a Markdown table of its rules."""
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
    """Return the seconds that the program of each rule takes to import its modules; rules without a program are left out."""
    return {
        rule: statistics.median(run_program(rule, "--help").seconds for _ in range(repeats))
        for rule in rules
        if (SCRIPTS / f"{rule}.py").exists()
    }


def _run_demo(cores: str) -> Path:
    """Run the demo from scratch; return its log."""
    with tempfile.TemporaryDirectory() as name:
        folders = [f"results_dir={name}/results", f"resources_dir={name}/resources"]
        command = [sys.executable, "-m", "snakemake", "--cores", cores, "--config", *folders]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    found = re.search(r"^Complete log\(s\): (.+)$", done.stderr, re.MULTILINE)
    if found is None:
        raise RuntimeError("Snakemake names no log")
    return Path(found[1])


def _dry_runs(config: Path, repeats: int) -> tuple[list[float], float]:
    """Return the seconds of each dry run, after one that warms the caches, and the largest peak memory in MiB."""
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "--directory", ROOT]
    command += ["--snakefile", ROOT / "Snakefile", "--configfile", ROOT / config]
    usages = [run_measured(command) for _ in range(repeats + 1)][1:]
    return [usage.seconds for usage in usages], max(usage.mebibytes for usage in usages)


if __name__ == "__main__":
    run(main)
