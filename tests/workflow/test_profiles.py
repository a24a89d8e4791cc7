"""Profiles: every key has a reason, every job its resources, and Kubernetes jobs run with a stub of kubectl."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from checkout import OVERLAY, ROOT, Workflow, environment
from plugins import missing_plugin, plugin_environment

pytestmark = pytest.mark.workflow

PROFILES = sorted((ROOT / "profiles").glob("*/*.yaml"))
KUBERNETES = ROOT / "profiles/kubernetes"
PLUGINS = {
    "default": None,
    "kubernetes": "snakemake_executor_plugin_cluster_generic",
    "slurm": "snakemake_executor_plugin_slurm",
}
RULES = "\n".join(
    path.read_text(encoding="utf-8") for path in [ROOT / "workflow/Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
)
BLOCKS = {block.partition(":")[0]: block for block in re.split(r"^rule (?=\w+:$)", RULES, flags=re.MULTILINE)[1:]}
LOCAL = {
    name for call in re.findall(r"^run_locally\(([^)]*)\)", RULES, re.MULTILINE) for name in re.findall(r"\w+", call)
}


def plan(workflow: Workflow, profile: str, *arguments: str) -> str:
    """Return the output of a dry run with a profile; skip without its plugin."""
    reason = missing_plugin(PLUGINS[profile])
    if reason:
        pytest.skip(reason)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--dry-run", *arguments),
            *("--workflow-profile", f"profiles/{profile}", "--configfile", OVERLAY),
        ],
        cwd=workflow.folder,
        env=environment() | plugin_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "file", [path for path in PROFILES if path.name == "profile.yaml"], ids=lambda path: path.parent.name
)
def test_every_key_has_a_reason_above_it(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    keys = [number for number, line in enumerate(lines) if re.match(r" *[\w-]+:", line)]
    assert len(keys) >= len(yaml.safe_load("\n".join(lines)))
    without = [lines[number] for number in keys if not lines[number - 1].lstrip().startswith("# ")]
    assert not without


def test_cluster_profiles_agree_with_the_default_profile() -> None:
    default, *clusters = [yaml.safe_load((ROOT / f"profiles/{name}/profile.yaml").read_text()) for name in PLUGINS]
    # The number of GPUs of a workstation does not apply to a cluster.
    expected = {key: value for key, value in default.items() if key != "resources"}
    for profile in clusters:
        assert {key: profile.get(key) for key in expected} == expected
        assert "resources" not in profile


@pytest.mark.parametrize("profile", PLUGINS)
def test_profile_plans_the_whole_experiment(pristine: Workflow, profile: str) -> None:
    output = plan(pristine, profile)
    assert re.search(r"^train +2$", output, re.MULTILINE)


def test_the_documented_profile_for_generic_resources(fresh: Workflow) -> None:
    page = (ROOT / "docs/how-to/cluster.md").read_text(encoding="utf-8")
    documented = textwrap.dedent(page.partition("  ```yaml\n")[2].partition("  ```")[0])
    rules = list(yaml.safe_load(documented)["set-resources"])
    profile = fresh.folder / "profiles/slurm/profile.yaml"
    assert re.search(r"^        gpu=1$|gpu=1,|gpu=1 ", plan(fresh, "slurm", "--config", "device=cuda"), re.MULTILINE)
    profile.write_text(profile.read_text(encoding="utf-8") + documented, encoding="utf-8")
    output = plan(fresh, "slurm", "--config", "device=cuda")
    resources = dict(re.findall(r"^ *rule (\w+):\n(?:.+\n)*? +resources: (.+)$", output, re.MULTILINE))
    assert {"train", "encode"} <= resources.keys() & set(rules)
    for name, line in resources.items():
        assert ("gres=gpu:1" in line) == (name in rules), line
        assert "gpu=1" not in line
        assert ("device=cuda" in line) == (name in rules), line


@pytest.mark.parametrize(("attempt", "size"), [("1", "16 GB"), ("2", "32 GB"), ("3", "64 GB")])
def test_a_new_attempt_gets_twice_the_memory(pristine: Workflow, attempt: str, size: str) -> None:
    output = pristine.succeed("--dry-run", "--attempt", attempt)
    block = output[output.index("rule train:") :].partition("\n[")[0]
    assert f"mem={size}" in block


@pytest.mark.parametrize("name", sorted(set(BLOCKS) - LOCAL))
def test_rule_states_its_resources(name: str) -> None:
    block = BLOCKS[name]
    assert "    threads:" in block
    assert re.search(r"^        mem=(lambda wildcards, input, attempt: )?growing\(", block, re.MULTILINE)
    assert re.search(r"^        runtime=", block, re.MULTILINE)


def test_downloads_and_reports_are_local() -> None:
    assert {"download_file", "download_hub", "write_config", "write_tables", "draw_figures", "write_report"} <= LOCAL


@pytest.fixture(scope="module")
def jobs() -> ModuleType:
    """The program that talks to kubectl."""
    spec = importlib.util.spec_from_file_location("kubernetes_jobs", KUBERNETES / "jobs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_kubernetes_job_requests_the_resources_of_its_rule(jobs: ModuleType, tmp_path: Path) -> None:
    properties = {
        "type": "single",
        "rule": "trim_backbone",
        "threads": 3,
        "resources": {"mem_mb": 500, "gpu": 2, "runtime": 7},
    }
    script = tmp_path / "script.sh"
    script.write_text(f"#!/bin/sh\n# properties = {json.dumps(properties)}\ntrue\n")
    manifest = jobs.job(yaml.safe_load((KUBERNETES / "job.yaml").read_text(encoding="utf-8")), script, tmp_path)
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    amounts = {"cpu": "3", "memory": "500M", "nvidia.com/gpu": "2"}
    assert container["resources"] == {"requests": amounts, "limits": amounts}
    assert container["workingDir"] == str(tmp_path)
    assert container["command"][-1] == str(script)
    assert manifest["spec"]["activeDeadlineSeconds"] == 7 * 60
    assert manifest["metadata"]["generateName"] == "trim-backbone-"
    assert manifest["spec"]["backoffLimit"] == 0


KUBECTL = """
    import json, subprocess, sys
    from pathlib import Path

    folder = Path(__file__).parent / "jobs"
    folder.mkdir(exist_ok=True)
    if sys.argv[1] == "create":
        manifest = json.load(sys.stdin)
        name = f"{manifest['metadata']['generateName']}{len(list(folder.glob('*.json')))}"
        (folder / f"{name}.json").write_text(json.dumps(manifest))
        container = manifest["spec"]["template"]["spec"]["containers"][0]
        ending = f"/bin/sh {container['command'][-1]}; echo $? > {folder / name}.part; mv {folder / name}.part {folder / name}.status"
        log = (folder / f"{name}.log").open("w")
        subprocess.Popen(["/bin/sh", "-c", ending], cwd=container["workingDir"], stdout=log, stderr=log, start_new_session=True)
        print(json.dumps({"metadata": {"name": name}}))
    else:
        file = folder / f"{sys.argv[3]}.status"
        status = {}
        if file.exists():
            failed = {"failed": 1, "conditions": [{"type": "Failed", "status": "True"}]}
            status = {"succeeded": 1} if file.read_text() == "0\\n" else failed
        print(json.dumps({"status": status}))
"""


@pytest.mark.slow
def test_kubernetes_runs_jobs_and_sees_them_end(fresh: Workflow, tmp_path: Path) -> None:
    reason = missing_plugin(PLUGINS["kubernetes"])
    if reason:
        pytest.skip(reason)
    stub = tmp_path / "bin/kubectl"
    stub.parent.mkdir()
    stub.write_text(f"#!{sys.executable}\n{textwrap.dedent(KUBECTL)}")
    stub.chmod(0o755)
    target = "results/tiny/raw/demo_facts/en.parquet"

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *(sys.executable, "-m", "snakemake", target, "--workflow-profile", "profiles/kubernetes"),
                *("--retries", "1", "--seconds-between-status-checks", "1", "--configfile", OVERLAY),
            ],
            cwd=fresh.folder,
            env=environment() | plugin_environment() | {"PATH": f"{stub.parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )

    data = fresh.folder / "data/demo/pairs.en.tsv"
    text = data.read_text(encoding="utf-8")
    data.write_text("no table", encoding="utf-8")
    assert run().returncode == 1
    data.write_text(text, encoding="utf-8")
    done = run()
    assert done.returncode == 0, done.stderr
    assert (fresh.folder / target).is_file()
    manifests = [json.loads(file.read_text()) for file in sorted((stub.parent / "jobs").glob("*.json"))]
    asked = [m["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] for m in manifests]
    assert asked == ["2000M", "4000M", "2000M"]


def test_kubernetes_forwards_sigterm_and_waits(jobs: ModuleType, tmp_path: Path) -> None:
    namespace = ["unshare", "--pid", "--fork", "--kill-child"]
    number = subprocess.run([*namespace, "sh", "-c", "echo $$"], check=False, capture_output=True, text=True).stdout
    if number != "1\n":
        pytest.skip("only root can create a process namespace")
    program = "import signal, time\nsignal.signal(signal.SIGTERM, lambda *_: (time.sleep(2), open('saved', 'w'), exit(1)))\nopen('ready', 'w')\nsignal.pause()"
    (tmp_path / "program.py").write_text(program)
    # As in a rule, the signal ends the shell between them at once.
    (tmp_path / "script.sh").write_text(f"{sys.executable} program.py\ntrue\n")
    process = subprocess.Popen(
        [*namespace, "/bin/bash", "-c", jobs.FIRST_PROCESS, str(tmp_path / "script.sh")], cwd=tmp_path
    )
    while not (tmp_path / "ready").exists():
        time.sleep(0.1)
    first = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
    os.kill(first, signal.SIGTERM)
    assert process.wait(timeout=60) != 0
    assert (tmp_path / "saved").exists()
