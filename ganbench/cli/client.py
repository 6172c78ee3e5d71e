"""Each job of the pipeline starts this file. It hands its arguments to the worker, or becomes `python -m ganbench`.

Python runs this file by itself (`python -I -S client.py VERB ...`): without site-packages it starts in 15 milliseconds.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, MutableMapping

ADDRESS = "GANBENCH_WORKER"  # environment variable: the worker's socket
STARTED = b"+"  # the worker's first answer; the second one is the exit code, in one byte
LOST = 1  # exit code of a job whose worker died
ON_GPU = "--device=cuda"  # the option of a job that computes on a GPU
DEVICES = "GANBENCH_DEVICES"  # environment variable: the GPUs of the machine that the pipeline runs on, with commas
VISIBLE = "CUDA_VISIBLE_DEVICES"  # environment variable of CUDA: the GPUs that a process sees, with commas
DRIVER = "/proc/driver/nvidia/gpus"  # has a folder for each GPU
WAIT = 0.2  # seconds between two looks for a free GPU


def devices(environment: Mapping[str, str]) -> list[str]:
    """The GPUs that a pipeline may use: those that its own process sees."""
    if VISIBLE in environment:
        return [name.strip() for name in environment[VISIBLE].split(",") if name.strip()]
    try:
        return [str(i) for i in range(len(os.listdir(DRIVER)))]
    except OSError:
        return []


def assign_device(arguments: list[str], environment: MutableMapping[str, str]) -> None:
    """Let a job see one GPU of its own if it asks for a GPU, else none. Return as soon as a GPU is free.

    On a cluster the scheduler has assigned the GPU, and nothing lists the devices.
    """
    if ON_GPU not in arguments:
        environment[VISIBLE] = ""
    elif environment.get(DEVICES):
        environment[VISIBLE] = take(environment[DEVICES].split(","), environment.get("TMPDIR", "/tmp"))


def take(names: list[str], folder: str) -> str:
    """Wait for a free GPU and lock it. The lock ends with the process, also after `os.execv`.

    Args:
        names: of the GPUs.
        folder: of the files that are locked, the same for all jobs.
    """
    import fcntl

    files = [
        os.open(
            f"{folder}/ganbench-{os.getuid()}-gpu-{name.replace('/', '_')}.lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW
        )
        for name in names
    ]
    while True:
        for name, file in zip(names, files, strict=True):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            os.set_inheritable(file, True)
            return name
        time.sleep(WAIT)


def ask(address: str, arguments: list[str]) -> int | None:
    """Let the worker run a verb with this process's environment, folder and standard streams.

    Returns:
        The exit code, or None if no worker took the job.
    """
    request = {
        "arguments": arguments,
        "folder": os.getcwd(),
        "environment": dict(os.environ),
    }
    content = json.dumps(request).encode()
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(address)
            socket.send_fds(connection, [len(content).to_bytes(4, "big")], [0, 1, 2])
            connection.sendall(content)
            if connection.recv(1) != STARTED:
                return None
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the job itself, and this waits for its end
            code = connection.recv(1)
    except OSError:
        return None
    return code[0] if code else LOST


def main() -> None:
    """Run the verb in `sys.argv`, and end with its exit code."""
    arguments = sys.argv[1:]
    assign_device(arguments, os.environ)
    address = os.environ.get(ADDRESS)
    code = ask(address, arguments) if address else None
    if code is None:
        os.execv(sys.executable, [sys.executable, "-m", "ganbench", *arguments])
    sys.exit(code)


if __name__ == "__main__":
    main()
