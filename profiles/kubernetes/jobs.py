"""Submit, query and cancel Kubernetes Jobs with kubectl, for Snakemake's executor cluster-generic."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).with_name("job.yaml")
# Kubernetes sends SIGTERM to the first process only. This one forwards it to all others and waits for the last of them, so that
# training can write a checkpoint.
FIRST_PROCESS = r"""
if [ $$ = 1 ]; then trap 'kill -TERM -1' TERM; fi
/bin/sh "$0" &
job=$!
wait $job
status=$?
if [ $status -gt 128 ]; then
    while kill -0 -1 2> /dev/null; do sleep 1; done
fi
exit $status
"""


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("submit", help="print the name of a new Job").add_argument("jobscript", type=Path)
    actions.add_parser("status", help="print success, failed or running").add_argument("name")
    actions.add_parser("cancel", help="remove Jobs").add_argument("names", nargs="+")
    arguments = parser.parse_args()
    if arguments.action == "submit":
        manifest = job(yaml.safe_load(TEMPLATE.read_text(encoding="utf-8")), arguments.jobscript, Path.cwd())
        created = kubectl("create", "--filename=-", "--output=json", given=json.dumps(manifest))
        created.check_returncode()
        show(json.loads(created.stdout)["metadata"]["name"])
    elif arguments.action == "status":
        show(status(arguments.name))
    else:
        kubectl("delete", "job", "--wait=false", "--ignore-not-found", *arguments.names).check_returncode()


def job(template: dict[str, Any], jobscript: Path, folder: Path) -> dict[str, Any]:
    """Return the manifest of a Job that runs a job script.

    Args:
        template: the manifest that all Jobs share.
        jobscript: Snakemake's script; its second line holds the job's properties.
        folder: the working directory.
    """
    properties = json.loads(jobscript.read_text(encoding="utf-8").partition("# properties = ")[2].partition("\n")[0])
    resources = properties["resources"]
    amounts = {"cpu": str(properties["threads"]), "memory": f"{resources['mem_mb']}M"}
    if resources.get("gpu"):
        amounts["nvidia.com/gpu"] = str(resources["gpu"])
    name = (properties.get("rule") or properties["groupid"]).replace("_", "-").lower()
    template["metadata"]["generateName"] = f"{name}-"
    template["spec"]["activeDeadlineSeconds"] = 60 * resources["runtime"]
    container = template["spec"]["template"]["spec"]["containers"][0]
    container["command"] = ["/bin/bash", "-c", FIRST_PROCESS, str(jobscript.resolve())]
    container["workingDir"] = str(folder)
    container["resources"] = {"requests": amounts, "limits": amounts}
    return template


def status(name: str) -> str:
    """Return ``success``, ``failed`` or ``running``; a missing Job has failed, and one that cannot be queried counts as running."""
    asked = kubectl("get", "job", name, "--ignore-not-found", "--output=json")
    if asked.returncode != 0:
        return "running"
    if not asked.stdout.strip():
        return "failed"
    found = json.loads(asked.stdout)["status"]
    if found.get("succeeded"):
        return "success"
    conditions = {entry["type"] for entry in found.get("conditions", []) if entry["status"] == "True"}
    return "failed" if "Failed" in conditions else "running"


def kubectl(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run kubectl; its errors go to standard error."""
    return subprocess.run(["kubectl", *arguments], input=given, stdout=subprocess.PIPE, text=True, check=False)


def show(line: str) -> None:
    """Print a line for Snakemake."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
