"""Kill ganbench at random moments (SIGKILL), start it again, and compare the bits with those of an undisturbed command.

python tests/kills.py                    20 kills of each verb; prints the table of docs/reproducibility.md
python tests/kills.py --kills 2 sample   two kills of one verb
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from ganbench import files

REPOSITORY = Path(__file__).parents[1]
TRAIN = ("train", "gan", "--dataset", "ring", "--images", "60000", "--set", "width_g=32", "--set", "width_d=32")
TIMES = ("seconds", "cpu_seconds", "provenance", "digest")  # fields that say how long it took, or depend on it


class Kills(NamedTuple):
    """What kills of a verb did."""

    verb: str
    tried: int  # commands that were killed before their end
    same: int  # after which the same command ended with the same bits as the undisturbed one
    left: int  # temporary files that were left after the last command


def run(arguments: tuple[str, ...], folder: Path, seconds: float | None = None) -> bool:
    """Run a verb in a folder; returns whether it was killed, after some seconds."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "GANBENCH_CACHE": str(folder / "cache")}
    environment |= {"GANBENCH_DATA": str(folder / "data") if arguments[0] == "data" else str(REPOSITORY / "data")}
    command = [sys.executable, "-m", "ganbench", *arguments]
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        _, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {said.decode()}")
    return False


def state(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file in a folder, without times, locks, checkpoints and the cache."""
    out = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(("cache/", "run/state/")) and "/." not in f"/{name}":
            out[name] = sha256(timeless(path)).hexdigest()
    return out


def timeless(path: Path) -> bytes:
    """The content of a file without the times that it records."""
    content = path.read_bytes()
    if path.suffix not in (".json", ".jsonl"):
        return content
    return b"\n".join(json.dumps(without_times(json.loads(line))).encode() for line in documents(path, content))


def documents(path: Path, content: bytes) -> list[bytes]:
    """The JSON documents of a file: a document, or one per line."""
    return content.splitlines() if path.suffix == ".jsonl" else [content]


def without_times(value: object) -> object:
    """The same JSON value without its times."""
    if isinstance(value, dict):
        return {name: without_times(part) for name, part in value.items() if name not in TIMES}
    return [without_times(part) for part in value] if isinstance(value, list) else value


def prepare(verb: str, folder: Path) -> tuple[str, ...]:
    """Make what a verb needs in an empty folder; returns the verb's arguments."""
    match verb:
        case "train":
            return (*TRAIN, "--out", "run")
        case "data":
            return ("data", "build", "ring")
        case "sample":
            run((*TRAIN, "--images", "500", "--out", "run"), folder)
            return ("sample", "run", "--n", "100000", "--out", "out.npz")
        case "embed":
            return ("embed", "digits:train", "--features", "digits-cnn", "--out", "out.npz")
        case "score":
            return ("score", "ring:train", "--reference", "ring", "--json", "out.json")
    raise SystemExit(f"no verb '{verb}'")


def publish(kills: int, rng: random.Random, scratch: Path) -> Kills:
    """Kill the replacement of a published folder of 200 files, between any two of them and between its two renames."""
    target, same = scratch / "results" / "board", 0
    code = (
        "import sys, pathlib; from ganbench import files\n"
        "with files.replacing_folder(pathlib.Path(sys.argv[1])) as new:\n"
        "  for i in range(200): files.write(new / str(i), sys.argv[2] * 1000)"
    )
    command = [sys.executable, "-c", code, str(target)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    begun = time.monotonic()
    subprocess.run([*command, "0"], check=True, env=environment)
    whole, tried = time.monotonic() - begun, 0
    for _ in range(kills):
        process = subprocess.Popen([*command, "1"], env=environment)
        time.sleep(rng.uniform(0.1, whole))
        tried += process.poll() is None
        process.kill()
        process.wait()
        files.sweep(target.parent)
        contents = {path.read_text() for path in target.iterdir()}
        same += len(list(target.iterdir())) == 200 and contents in ({"0" * 1000}, {"1" * 1000})
    return Kills("publish", tried, same, left(scratch))


def left(folder: Path) -> int:
    """How many temporary files and folders are in a folder."""
    return sum(1 for path in folder.rglob(f"{files.PARTIAL}*"))


def kill(verb: str, kills: int, rng: random.Random, scratch: Path) -> Kills:
    """Kill a verb at random moments, each time in an empty folder; a killed training goes on in its folder."""
    first = scratch / "whole"
    first.mkdir()
    arguments = prepare(verb, first)
    begun = time.monotonic()
    run(arguments, first)
    whole, tried, same = time.monotonic() - begun, 0, 0
    for i in range(kills):
        folder = scratch / str(i)
        folder.mkdir()
        prepare(verb, folder)
        tried += run(arguments, folder, rng.uniform(0.2, 1.0) * whole)
        run(arguments, folder)
        same += state(folder) == state(first)
        if i < kills - 1:
            shutil.rmtree(folder)
    return Kills(verb, tried, same, left(folder))


VERBS: dict[str, Callable[[int, random.Random, Path], Kills]] = {
    **{
        verb: lambda kills, rng, scratch, verb=verb: kill(verb, kills, rng, scratch)  # type: ignore[misc]
        for verb in ("train", "sample", "embed", "score", "data")
    },
    "publish": publish,
}


def table(lines: list[Kills]) -> str:
    """The results as a table in Markdown."""
    rows = [f"| `{k.verb}` | {k.tried} | {k.same} | {k.left} |" for k in lines]
    head = "| verb | killed before its end | same bits after the same command | temporary files left |"
    return "\n".join([head, "|---|---|---|---|", *rows])


def main() -> None:
    """Read the options, kill, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verbs", nargs="*", help=f"some of {', '.join(VERBS)}; by default all")
    parser.add_argument("--kills", type=int, default=20, help="of each verb")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    rng, lines = random.Random(options.seed), []
    for verb in options.verbs or VERBS:
        with tempfile.TemporaryDirectory(prefix="kills-") as scratch:
            lines.append(VERBS[verb](options.kills, rng, Path(scratch)))
        sys.stderr.write(f"{lines[-1]}\n")
    sys.stdout.write(f"{table(lines)}\n")


if __name__ == "__main__":
    main()
