"""Where a number comes from: the code, the machine and the packages that made it, and what the work cost.

These facts stand beside a result. No name of a run, no identity of a run and no score depends on them.
"""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from ganbench import paths
from ganbench._version import __version__

CODE = ("ganbench", "baselines", "Snakefile")  # what can move a number and has no hash of its own in a record
PACKAGES = (
    *("torch", "torchvision", "numpy", "scipy", "scikit-learn", "faiss-cpu", "faiss-gpu", "pillow", "pandas"),
    *("efficientnet-lite-pytorch", "onnxruntime", "safetensors", "snakemake", "dvc"),
)


class Work:
    """A piece of work. It begins when this object is made."""

    def __init__(self) -> None:
        self._maker = maker()
        self._begun, self._begun_cpu = time.monotonic(), time.process_time()

    def record(self) -> dict[str, Any]:
        """The facts of `maker`, taken at the begin, and what the work has cost until now.

        `date` is that of now, in UTC. `threads` is the largest number of threads of a library. `seconds` are of the clock, and
        `cpu_seconds` of all threads of this process. `peak_megabytes` is the largest memory of this process since its start.
        """
        return self._maker | {
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "threads": max((pool["num_threads"] for pool in threadpool_info()), default=1),
            "seconds": round(time.monotonic() - self._begun, 2),
            "cpu_seconds": round(time.process_time() - self._begun_cpu, 2),
            "peak_megabytes": round(_peak() / 1e6),
        }


def maker() -> dict[str, Any]:
    """Code, packages and machine.

    `commit` is that of the checkout which this package was imported from, and `dirty` says whether its code differs from this
    commit. Both are None without a checkout; then `ganbench`, the version, and `sources`, the hash of the package's code, say
    which code it was. `lock` is the hash of `requirements.lock`, None where there is none.
    """
    checkout = paths.source()
    commit, dirty = (None, None) if checkout is None else state(checkout)
    lock = None if checkout is None else checkout / "requirements.lock"
    return {
        "ganbench": __version__,
        "commit": commit,
        "dirty": dirty,
        "sources": sources(),
        "lock": sha256(lock) if lock is not None and lock.is_file() else None,
        "python": platform.python_version(),
        "packages": {package: number for package in PACKAGES if (number := _installed(package))},
        "machine": platform.machine(),
        "processor": processor(),
    }


def state(checkout: Path) -> tuple[str | None, bool | None]:
    """The commit of a checkout, and whether a file of `CODE` differs from it or is new. None for both without git."""
    if not (checkout / ".git").exists():  # an exported tree may lie in another repository
        return None, None
    # Inside a hook of git these variables name another repository. Without the lock, jobs do not wait for each other.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(checkout), "status", "--porcelain=v2", "--branch", "--", *CODE]
    try:
        done = subprocess.run(
            command, capture_output=True, check=True, text=True, env=environment | {"GIT_OPTIONAL_LOCKS": "0"}
        )
    except (OSError, subprocess.CalledProcessError):
        return None, None
    lines = done.stdout.splitlines()
    commits = [line.removeprefix("# branch.oid ") for line in lines if line.startswith("# branch.oid ")]
    commit = commits[0] if commits and commits[0] != "(initial)" else None
    return commit, any(not line.startswith("#") for line in lines)


def sources() -> str:
    """SHA-256 of the code of this package. It is the same in a wheel and in the checkout that the wheel was made of."""
    out = hashlib.sha256()
    for path in sorted(paths.PACKAGE.rglob("*.py")):
        name = path.relative_to(paths.PACKAGE).as_posix()
        if not name.startswith("shipped/"):
            out.update(f"{name}\0{sha256(path)}\0".encode())
    return out.hexdigest()


def sha256(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def processor() -> str:
    """The model of the processor."""
    facts = Path("/proc/cpuinfo")  # Linux; `platform` leaves the model out there
    lines = facts.read_text().splitlines() if facts.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _installed(package: str) -> str | None:
    """The version of a package, None without it: no result needs all of them."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _peak() -> int:
    """The largest memory of this process, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
