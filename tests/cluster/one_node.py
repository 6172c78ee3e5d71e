"""A Slurm of one node on this machine, for tests: started from Debian's packages, without systemd and accounting.

    apt-get install --no-install-recommends slurm-wlm munge
    pip install 'ganbench[slurm]'
    python tests/cluster/one_node.py     # as root: a small board through Slurm, with a killed job; prints what it measured

The folder /etc/slurm of the machine must be absent or made by this file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

REPOSITORY = Path(__file__).parents[2]
NEEDED = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "scancel")  # programs
SETTINGS = Path("/etc/slurm")  # Snakemake's plug-in removes SLURM_CONF from the environment of a job
KEY = Path("/etc/munge/munge.key")
CONF = """\
# made by ganbench
ClusterName=ganbench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
SlurmUser=root
SlurmdUser=root
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
MinJobAge=3600
SchedulerParameters=batch_sched_delay=0,bf_interval=5,sched_min_interval=2
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={megabytes} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
BOARD: dict[str, Any] = {
    "about": "A small board for a cluster.",
    "seeds": [0, 1, 2],
    "datasets": {
        "ring": {
            "images": 200_000,
            "samples": 300,
            "metrics": ["fid", "modes"],
            "uncalibrated": ["fid", "modes"],
            "rank": "fid",
            "rows": {"gan": {"set": {"width_g": 8, "width_d": 8}}},
        },
    },
}
TIMES = ("seconds", "cpu_seconds")  # columns that differ between two runs of the same bits
LIMIT = 3600.0  # seconds


def missing() -> str | None:
    """Why no Slurm can be started here; None if it can."""
    absent = [name for name in NEEDED if not program(name)]
    if absent:
        return f"Slurm is not installed ({', '.join(absent)}): apt-get install slurm-wlm munge"
    if os.getuid() != 0:
        return "only root can start a Slurm"
    conf = SETTINGS / "slurm.conf"
    if conf.is_file() and not conf.read_text().startswith(CONF.partition("\n")[0]):
        return f"{conf} belongs to another Slurm"
    return None


def program(name: str) -> str | None:
    """The path of a program; daemons lie in folders that not every PATH has."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


@contextmanager
def slurm(folder: Path) -> Iterator[None]:
    """Run the daemons of a Slurm of one node, with all state in a folder, and end them afterwards."""
    host = os.uname().nodename.partition(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    SETTINGS.mkdir(exist_ok=True)
    megabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    values = {"host": host, "folder": folder, "cpus": os.cpu_count(), "megabytes": megabytes}
    (SETTINGS / "slurm.conf").write_text(CONF.format(**values))
    pids = []
    try:
        if not call("munge", "-n", check=False).stdout.startswith("MUNGE"):
            pids.append(start_munge())
        for daemon, options in (("slurmctld", ["-c"]), ("slurmd", [])):
            subprocess.run([str(program(daemon)), *options], check=True)
            wait_for((folder / f"{daemon}.pid").is_file, 30)
            pids.append(int((folder / f"{daemon}.pid").read_text()))
        wait_for(lambda: call("sinfo", "-h", "-o", "%T").stdout.strip() in ("idle", "mixed", "allocated"), 60)
        yield
    finally:
        for pid in reversed(pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        (SETTINGS / "slurm.conf").unlink()


def start_munge() -> int:
    """Start the daemon that signs the messages of Slurm; returns its process number."""
    Path("/run/munge").mkdir(exist_ok=True)
    shutil.chown("/run/munge", "munge", "munge")
    if not KEY.is_file():
        KEY.write_bytes(os.urandom(1024))
        shutil.chown(KEY, "munge", "munge")
        KEY.chmod(0o400)
    subprocess.run(["runuser", "-u", "munge", "--", str(program("munged"))], check=True)
    wait_for(Path("/run/munge/munged.pid").is_file, 30)
    return int(Path("/run/munge/munged.pid").read_text())


def call(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program and keep its output."""
    return subprocess.run(command, check=check, capture_output=True, text=True)


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Return as soon as the condition holds.

    Raises:
        TimeoutError: it does not hold in time.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the condition did not hold in time")
        time.sleep(0.1)


def house(folder: Path) -> Path:
    """A folder in which a pipeline runs: the definitions of ganbench and the small board."""
    folder.mkdir()
    for name in ("Snakefile", "dvc.lock", "dvc.yaml"):
        shutil.copy(REPOSITORY / name, folder)
    for name in ("baselines", "profiles", "results/calibration"):
        shutil.copytree(REPOSITORY / name, folder / name)
    (folder / "small.yaml").write_text(yaml.safe_dump(BOARD))
    return folder


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start the pipeline of the small board in a folder; its output goes to `pipeline.log`."""
    environment = os.environ | {"PYTHONPATH": f"{REPOSITORY}:{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-m", "snakemake", "leaderboard", *options, "--config", "board=small.yaml"]
    with (folder / "pipeline.log").open("w") as log:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, text=True)


def training(folder: Path) -> str | None:
    """A run that trains, and has a checkpoint but no result."""
    for state in folder.glob("runs/gan-*/state/training.safetensors"):
        run = state.parents[1]
        history = run / "history.jsonl"
        if not (run / "run.json").is_file() and history.is_file() and history.read_bytes().count(b"\n") > 40:
            return run.name
    return None


def kill_a_job(folder: Path, process: subprocess.Popen[str]) -> str:
    """Kill the job of a training after a part of its budget, with all its processes; returns the name of its run."""
    wait_for(lambda: process.poll() is not None or training(folder) is not None, LIMIT)
    run = training(folder)
    assert run is not None, (folder / "pipeline.log").read_text()[-4000:]
    jobs = [line.split(maxsplit=1) for line in call("squeue", "-h", "-t", "R", "-o", "%i %k").stdout.splitlines()]
    number = next(number for number, comment in jobs if run in comment)
    call("scancel", "--signal=KILL", "--full", number)
    return run


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of everything that the pipeline made of a run's bits, and of the table without its times."""
    out = {}
    for pattern in ("model*.safetensors", "samples-*.npz", "embedding-*.npz", "scores-*.json", "curve-*.json"):
        for path in sorted(folder.glob(f"runs/*/{pattern}")):
            out[str(path.relative_to(folder))] = hashlib.sha256(timeless(path)).hexdigest()
    table = pd.read_csv(folder / "runs/boards/small/leaderboard.csv").drop(columns=list(TIMES), errors="ignore")
    out["leaderboard.csv"] = hashlib.sha256(table.to_csv().encode()).hexdigest()
    return out


def timeless(path: Path) -> bytes:
    """The content of a file; scores without their provenance, which has times, and without the digest of all."""
    if not path.name.startswith("scores-"):
        return path.read_bytes()
    facts = json.loads(path.read_text())
    return json.dumps({name: fact for name, fact in facts.items() if name not in ("provenance", "digest")}).encode()


def measure(folder: Path) -> dict[str, Any]:
    """Run the small board locally and through Slurm, with a killed job; what came out.

    Raises:
        AssertionError: a pipeline failed; the message is the end of its log.
    """
    local, remote = house(folder / "local"), house(folder / "slurm")
    out: dict[str, Any] = {}
    begun = time.monotonic()
    finish(start(local, "--cores", "2"), local)
    out["seconds, local"] = round(time.monotonic() - begun)
    with slurm(folder / "daemons"):
        begun = time.monotonic()
        process = start(
            remote,
            *("--workflow-profile", "profiles/slurm", "--jobs", "4", "--slurm-status-command", "squeue"),
            *("--slurm-init-seconds-before-status-checks", "5"),
            *("--default-resources", "slurm_partition=main", "slurm_account=none", "mem_mb=1500", "runtime=30"),
        )  # fmt: skip
        out["killed"] = kill_a_job(remote, process)
        finish(process, remote)
        out["seconds, Slurm"] = round(time.monotonic() - begun)
        jobs = call("scontrol", "show", "job", "-o").stdout.splitlines()
        out["submitted"] = len(jobs)
        out["CPUs of each job"] = sorted({match[1] for job in jobs if (match := re.search(r"NumCPUs=(\d+)", job))})
        out["memory of the jobs"] = sorted(
            {match[1] for job in jobs if (match := re.search(r"MinMemoryNode=(\w+)", job))}
        )
        out["time limits"] = sorted({match[1] for job in jobs if (match := re.search(r"TimeLimit=(\S+)", job))})
        out["states"] = sorted({match[1] for job in jobs if (match := re.search(r"JobState=(\w+)", job))})
    ours, theirs = digests(local), digests(remote)
    out["files compared"] = len(ours)
    out["files that differ"] = sorted(
        name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)
    )
    log = (remote / f"runs/logs/{out['killed']}-train.log").read_text()
    out["resumed"] = next(iter(re.findall(r"resumed at [\d,]+ images", log)), None)
    return out


def finish(process: subprocess.Popen[str], folder: Path) -> None:
    """Wait for the end of a pipeline, which must be a good one."""
    code = process.wait(LIMIT)
    assert code == 0, (folder / "pipeline.log").read_text()[-4000:]


if __name__ == "__main__":
    why = missing()
    if why:
        sys.exit(why)
    with tempfile.TemporaryDirectory(prefix="ganbench-slurm-") as scratch:
        sys.stdout.write(json.dumps(measure(Path(scratch)), indent=1) + "\n")
