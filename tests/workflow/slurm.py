"""A real SLURM cluster of one node for tests, with its own munged, slurmctld and slurmd in a folder."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from plugins import missing_plugin

# Job steps do not inherit SLURM_CONF, so the configuration must be in SLURM's default folder.
SYSTEM_FOLDER = Path("/etc/slurm")
CONFIGURATION = ["slurm.conf", "gres.conf"]
DAEMONS = ["munged", "slurmctld", "slurmd"]
CLIENTS = ["sbatch", "squeue", "scancel", "scontrol", "sinfo", "srun"]
PLUGIN = "snakemake_executor_plugin_slurm"
SECONDS = 30
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])

Query = Callable[..., str]


def reason_to_skip() -> str | None:
    """Return why SLURM cannot be started here; None if it can."""
    if os.getuid() != 0:
        return "only root can start SLURM's daemons"
    missing = [name for name in DAEMONS + CLIENTS if shutil.which(name, path=SEARCH_PATH) is None]
    if missing:
        return f"{', '.join(missing)} not found: apt-get install slurm-wlm munge"
    if any((SYSTEM_FOLDER / name).exists() for name in CONFIGURATION):
        return f"{SYSTEM_FOLDER} belongs to another SLURM"
    return missing_plugin(PLUGIN)


@contextmanager
def single_node(folder: Path) -> Iterator[Query]:
    """Run a cluster of this machine in a new folder; yield a function that runs one of SLURM's commands and returns its output."""
    folder.mkdir(mode=0o755, parents=True)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "slurm.conf").write_text(configuration(folder), encoding="utf-8")
    # Any device does as a GPU, because no job opens it.
    (folder / "gres.conf").write_text("Name=gpu File=/dev/null\n", encoding="utf-8")
    key = folder / "munge.key"
    key.touch(mode=0o400)
    key.write_bytes(secrets.token_bytes(128))
    with ExitStack() as stack:
        SYSTEM_FOLDER.mkdir(exist_ok=True)
        for name in CONFIGURATION:
            link = SYSTEM_FOLDER / name
            link.symlink_to(folder / name)
            stack.callback(link.unlink)
        options = [
            f"--socket={folder}/munge.socket",
            f"--key-file={key}",
            f"--seed-file={folder}/munge.seed",
            f"--pid-file={folder}/munge.pid",
        ]
        # --force: munged refuses the folder of a test as unsafe for keys.
        start(stack, folder, "munged", "--foreground", "--force", *options)
        wait_until((folder / "munge.socket").exists, "munged does not answer")
        start(stack, folder, "slurmctld", "-D", "-c")
        wait_until(lambda: "UP" in query("scontrol", "ping"), "slurmctld does not answer")
        start(stack, folder, "slurmd", "-D", "-c")
        wait_until(is_idle, "the node is not idle")
        yield query
        # A job must not outlive its daemon.
        query("scancel", "--user=root")
        wait_until(is_idle, "jobs do not end")


def configuration(folder: Path) -> str:
    """Return slurm.conf: no cgroups, no accounting, and a node that claims more cores, memory and GPUs than it has."""
    host = socket.gethostname().partition(".")[0]
    lines = {
        "ClusterName": "test",
        "SlurmctldHost": f"{host}(127.0.0.1)",
        "SlurmctldPort": free_port(),
        "SlurmdPort": free_port(),
        "SlurmUser": "root",
        "SlurmdUser": "root",
        "AuthType": "auth/munge",
        # A requeued job waits until its first credential expires, by default 120 s.
        "AuthInfo": f"socket={folder}/munge.socket,cred_expire=5",
        "CredType": "cred/munge",
        "StateSaveLocation": folder / "state",
        "SlurmdSpoolDir": folder / "spool",
        "SlurmctldPidFile": folder / "slurmctld.pid",
        "SlurmdPidFile": folder / "slurmd.pid",
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "JobAcctGatherType": "jobacct_gather/none",
        "AccountingStorageType": "accounting_storage/none",
        "MpiDefault": "none",
        "SwitchType": "switch/none",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_Core_Memory",
        "SchedulerParameters": "sched_interval=2,bf_interval=2,batch_sched_delay=0",
        # Seconds for which squeue lists finished jobs.
        "MinJobAge": 600,
        # Seconds between SIGTERM and SIGKILL.
        "KillWait": 10,
        "ReturnToService": 2,
        "SlurmdParameters": "config_overrides",
        "GresTypes": "gpu",
    }
    node = f"NodeName={host} NodeAddr=127.0.0.1 CPUs=32 RealMemory=512000 Gres=gpu:1 State=UNKNOWN"
    partition = f"PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP"
    return "\n".join([*(f"{name}={value}" for name, value in lines.items()), node, partition, ""])


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def start(stack: ExitStack, folder: Path, daemon: str, *options: str) -> None:
    """Start a daemon in the foreground; it ends with the stack."""
    path = shutil.which(daemon, path=SEARCH_PATH)
    assert path is not None
    log = stack.enter_context((folder / f"{daemon}.log").open("w"))
    process = subprocess.Popen([path, *options], stdout=log, stderr=log, cwd=folder)

    def stop() -> None:
        process.terminate()
        try:
            process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    stack.callback(stop)


def is_idle() -> bool:
    return query("sinfo", "--noheader", "--format=%T").strip() == "idle"


def query(*command: str) -> str:
    """Run one of SLURM's commands and return what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    return done.stdout + done.stderr


def wait_until(condition: Callable[[], bool], failure: str, seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, failure
        time.sleep(0.1)
