"""Declare that programs compute the same as at an earlier commit, so that existing results are not computed again.

For changes that add a switch, off by default, to code that long jobs depend on. Test that results are equal before declaring it.
"""

import csv
import io
import subprocess
import tempfile
from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.files import write_text
from hybridbatch.jobs.code import EQUIVALENTS, fingerprint, own_fingerprint, read_equivalents

SCRIPTS = Path("workflow/scripts")


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument("--commit", required=True, help="the earlier commit")
    parser.add_argument("--programs", nargs="+", required=True, help="programs in workflow/scripts, such as `train`")
    arguments = parser.parse_args(argv)
    rows = read_equivalents(SCRIPTS / EQUIVALENTS)
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", arguments.commit, SCRIPTS], check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        for program in arguments.programs:
            own = own_fingerprint(SCRIPTS / f"{program}.py")
            earlier = fingerprint(Path(folder) / SCRIPTS / f"{program}.py")
            if own != earlier:
                rows[program, own] = earlier
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["program", "code", "computes_as"])
    writer.writerows(sorted((*key, earlier) for key, earlier in rows.items()))
    write_text(SCRIPTS / EQUIVALENTS, text.getvalue())


if __name__ == "__main__":
    cli.run(main)
