"""Kill ganbench at random moments (SIGKILL), start it again, and compare the bits with those of an undisturbed command.

    python tests/kills.py                              20 kills of each verb; prints the table
    python tests/kills.py --out results/kills          the same, and writes the page results/kills/README.md
    python tests/kills.py --kills 3 sample pipeline    three kills of two verbs

Half of the kills come at a random moment. The other half come right after a random change of the command's files.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from ganbench import files

REPOSITORY = Path(__file__).parents[1]
SMALL = ("--set", "width_g=8", "--set", "width_d=8")
TRAIN = ("train", "gan", "--dataset", "ring", *SMALL)
BOARD = """\
about: for kills
seeds: [0, 1, 2]
datasets:
  ring:
    images: 2000
    samples: 300
    metrics: [fid, modes]
    rank: fid
    rows:
      gan: {set: {width_g: 8, width_d: 8}}
"""
TIMES = {"seconds", "cpu_seconds", "provenance", "digest"}  # how long something took, and what depends on it
TABLES = (".md", ".parquet")  # the content of a .csv in another form; they have the times too
POLL = 0.002  # seconds between two looks at a folder, at least


class Verb(NamedTuple):
    """What is killed."""

    command: tuple[str, ...]
    prepare: Callable[[Path], None]  # makes what the command needs in an empty folder
    resumes: bool  # whether the command goes on where it was, so that several kills make one chain


class Kills(NamedTuple):
    """What kills of a verb did."""

    verb: str
    tried: int  # commands that were killed before their end
    same: int  # after which the same command ended with the same bits as the undisturbed one
    left: int  # temporary files that were left after the last command


def start(command: tuple[str, ...], folder: Path) -> subprocess.Popen[bytes]:
    """Start a verb in a folder, in a session of its own."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "GANBENCH_CACHE": str(folder / "cache")}
    environment |= {"GANBENCH_DATA": str(folder / "data" if command[0] == "data" else REPOSITORY / "data")}
    whole = [sys.executable, "-m", "ganbench", *command]
    with (folder / "cache.log").open("wb") as log:
        return subprocess.Popen(whole, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)


class Watched(NamedTuple):
    """A command that was watched to its end."""

    killed: bool
    seconds: float
    changes: int  # how often the files of the folder were seen to change


def watch(command: tuple[str, ...], folder: Path, seconds: float = math.inf, changes: float = math.inf) -> Watched:
    """Start a verb, and kill it with all its processes after some seconds, or after some changes of its files."""
    begun, last, seen = time.monotonic(), files_of(folder), 0
    process = start(command, folder)
    while process.poll() is None:
        looked = time.monotonic()
        now = files_of(folder)
        seen, last = seen + (now != last), now
        if looked - begun > seconds or seen >= changes:
            while living := session(process.pid):  # a process that is killed may just have started another one
                for number in living:
                    with suppress(ProcessLookupError):
                        os.kill(number, signal.SIGKILL)
            return Watched(process.wait() == -signal.SIGKILL, time.monotonic() - begun, seen)
        time.sleep(max(POLL, 3 * (time.monotonic() - looked)))  # a watcher that slows nothing down
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: {(folder / 'cache.log').read_text()}")
    return Watched(False, time.monotonic() - begun, seen)


def session(number: int) -> list[int]:
    """The living processes of a session: those of a pipeline, its scheduler, its worker and its jobs."""
    out = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # the process has ended
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == number and fields[0] != "Z":
                out.append(int(stat.parent.name))
    return out


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of each file of a folder, temporary files included, without the cache and Snakemake's notes."""
    out = {}
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("cache", ".snakemake")]
        for path in (Path(where, name) for name in names if name != "cache.log"):
            with suppress(OSError):  # it was renamed meanwhile
                stat = path.stat()
                out[str(path)] = stat.st_size, stat.st_mtime_ns
    return out


def state(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file in a folder, without times, locks, logs, checkpoints and the cache."""
    out = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        skipped = name.startswith("cache") or "/state/" in name or "/logs/" in name or "/." in f"/{name}"
        if path.is_file() and not skipped and path.suffix not in TABLES:
            out[name] = sha256(timeless(path)).hexdigest()
    return out


def timeless(path: Path) -> bytes:
    """The content of a file without the times that it records."""
    content = path.read_bytes()
    if path.suffix == ".csv":
        lines = list(csv.DictReader(io.StringIO(content.decode())))
        return json.dumps(without_times(lines)).encode()
    if path.suffix not in (".json", ".jsonl"):
        return content
    documents = content.splitlines() if path.suffix == ".jsonl" else [content]
    return b"\n".join(json.dumps(without_times(json.loads(line))).encode() for line in documents)


def without_times(value: object) -> object:
    """The same JSON value without its times."""
    if isinstance(value, dict):
        return {name: without_times(part) for name, part in value.items() if name not in TIMES}
    return [without_times(part) for part in value] if isinstance(value, list) else value


def nothing(folder: Path) -> None:
    """The command needs no files."""


def a_run(folder: Path) -> None:
    """A trained run."""
    watch((*TRAIN, "--images", "500", "--out", "run"), folder)


def a_grid(folder: Path) -> None:
    """The grid of a board."""
    (folder / "small.yaml").write_text(BOARD)


def a_board(folder: Path) -> None:
    """A board that was run."""
    a_grid(folder)
    watch(VERBS["pipeline"].command, folder)


VERBS = {
    "train": Verb((*TRAIN, "--images", "20000", "--out", "run"), nothing, True),
    "sample": Verb(("sample", "run", "--n", "50000", "--out", "out.npz"), a_run, False),
    "embed": Verb(("embed", "digits:train", "--features", "digits-cnn", "--out", "out.npz"), nothing, False),
    "score": Verb(("score", "ring:train", "--reference", "ring", "--metrics", "fid", "--json", "out.json"), nothing, False),
    "data": Verb(("data", "build", "ring"), nothing, False),
    "publish": Verb(("publish", "./small.yaml", "--uncommitted"), a_board, False),
    "pipeline": Verb(("run", "./small.yaml", "--cores", "2"), a_grid, True),
}  # fmt: skip


def kill(name: str, kills: int, rng: random.Random, scratch: Path) -> Kills:
    """Kill a verb, then run the same command to its end and compare; several kills before the end if it resumes."""
    verb, ready, whole, folder = VERBS[name], scratch / "ready", scratch / "whole", scratch / "killed"
    ready.mkdir()
    verb.prepare(ready)
    shutil.copytree(ready, whole, symlinks=True)
    undisturbed = watch(verb.command, whole)
    expected = state(whole)
    tried = same = chain = 0
    for attempt in range(3 * kills):
        if not folder.exists():
            shutil.copytree(ready, folder, symlinks=True)
        at = rng.uniform(0.05, 0.8)
        if attempt % 2:
            killed = watch(verb.command, folder, changes=max(1, round(at * undisturbed.changes))).killed
        else:
            killed = watch(verb.command, folder, seconds=at * undisturbed.seconds).killed
        unlock(verb.command, folder)
        tried, chain = tried + killed, chain + killed
        last = tried == kills
        if killed and (last or not verb.resumes):
            watch(verb.command, folder)
        if not killed or last or not verb.resumes:
            same += chain * (state(folder) == expected)
            chain = 0
            if last:
                break
            shutil.rmtree(folder)
    return Kills(name, tried, same, sum(1 for _ in scratch.rglob(f"{files.PARTIAL}*")))


def unlock(command: tuple[str, ...], folder: Path) -> None:
    """Remove the lock of a killed pipeline, as its message says."""
    if any((folder / ".snakemake/locks").glob("*")):
        watch((*command, "--", "--unlock"), folder)


def page(lines: list[Kills]) -> str:
    """The results as a page in Markdown."""
    rows = [f"| `{k.verb}` | {k.tried} | {k.same} | {k.left} |" for k in lines]
    head = "| verb | killed before its end | same bits after the same command | temporary files left |"
    return "\n".join([ABOUT, head, "|:---|---:|---:|---:|", *rows, ""])


ABOUT = """\
# Kills

`python tests/kills.py --out results/kills` kills each verb with `kill -9`, starts the same command again, and compares all files with
those of an undisturbed command. Half of the kills come at a random moment. The other half come right after a random change of the
command's files. `train` and the pipeline resume, so they are killed several times before their end. A kill of the pipeline ends all of
its processes.

The comparison leaves out times, logs and checkpoints. `pipeline` is `ganbench run` on a board with three runs and nine controls.
"""


def main() -> None:
    """Read the options, kill, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verbs", nargs="*", help=f"some of {', '.join(VERBS)}; by default all")
    parser.add_argument("--kills", type=int, default=20, help="of each verb")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--out", type=Path, help="folder of the page")
    options = parser.parse_args()
    rng, lines = random.Random(options.seed), []
    for verb in options.verbs or VERBS:
        with tempfile.TemporaryDirectory(prefix="kills-") as scratch:
            lines.append(kill(verb, options.kills, rng, Path(scratch)))
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        sys.stderr.write(f"{lines[-1]}, {usage.ru_utime + usage.ru_stime:.0f} CPU s so far\n")
    sys.stdout.write(page(lines))
    if options.out is not None:
        files.write(options.out / "README.md", page(lines))


if __name__ == "__main__":
    main()
