"""Run Snakemake's lint, but accept rules and functions in the same file: an input function belongs next to its rule."""

import re
import subprocess
import sys

ACCEPTED = "Mixed rules and functions in same snakefile."


def main() -> None:
    """Print the findings and exit with status 1 if there is one that is not accepted."""
    command = [sys.executable, "-m", "snakemake", "--lint"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    findings = re.findall(r"(?m)^    \* (.*):$", done.stdout)
    if done.returncode and (not findings or set(findings) != {ACCEPTED}):
        sys.exit(done.stdout)


if __name__ == "__main__":
    main()
