"""A process that has imported the modules of all verbs. It forks for each job of a pipeline.

The import of torch takes longer than most jobs of a board. The worker pays for it once. A job is still a process with
one thread. It has the environment, the folder and the standard streams of the shell that started the client. Only Linux
has a worker; elsewhere, and on the nodes of a cluster, a job is `python -m ganbench`.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import traceback
from typing import Any, NamedTuple, NoReturn

from ganbench import files
from ganbench.cli.client import ADDRESS, STARTED

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # of pyarrow: a process with two threads cannot fork safely
}
PRELOADED = (
    "torch._dynamo",  # an optimiser imports it in its first step
    "scipy.stats",
    "scipy.spatial",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "ganbench.data",
    "ganbench.training.sampling",
    "ganbench.boards.controls",
    "ganbench.boards.leaderboard",
    "ganbench.display.pictures",
    "ganbench.scoring.sources",
)


class Worker:
    """The worker of one pipeline, as the pipeline sees it."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.scratch = contextlib.ExitStack()  # holds the folder of the socket

    def start(self) -> None:
        """Start the process; the jobs of this process's shells find it by the environment variable `GANBENCH_WORKER`."""
        if not hasattr(os, "pidfd_open"):
            return
        address = str(self.scratch.enter_context(files.shared_scratch()) / "worker")
        command = [sys.executable, "-m", "ganbench.cli.worker", address]
        self.process = subprocess.Popen(
            command, env=os.environ | ONE_THREAD, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        if self.process.stdout.readline():  # a line says that the worker listens
            os.environ[ADDRESS] = address

    def stop(self) -> None:
        """End the process."""
        os.environ.pop(ADDRESS, None)
        if self.process is not None:
            self.process.communicate()  # closes its standard input, by which it ends
            self.process = None
        self.scratch.close()


class Job(NamedTuple):
    """A job that runs."""

    pid: int
    pidfd: int  # readable when the process has ended
    connection: socket.socket  # to the client, readable when the client is gone


def serve(address: str) -> None:
    """Fork for each client that connects to `address`, until standard input is closed; then end what still runs."""
    os.close(os.pidfd_open(os.getpid()))  # an old kernel refuses it here, before any client has connected
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(128)
    print("listening", flush=True)
    for module in PRELOADED:
        importlib.import_module(module)
    gc.freeze()  # the collector of a child must not touch, and so copy, the memory that all share
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the jobs, and the pipeline then ends the worker
    jobs: list[Job] = []
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(0, selectors.EVENT_READ, None)
            selector.register(listener, selectors.EVENT_READ, None)
            while tend(selector, listener, jobs):
                pass
    finally:
        for job in jobs:
            os.kill(job.pid, signal.SIGTERM)


def tend(selector: selectors.BaseSelector, listener: socket.socket, jobs: list[Job]) -> bool:
    """Wait until something happens, and act on it; False once standard input is closed."""
    for key, _ in selector.select():
        if key.fd == 0:
            return False
        if key.fd == listener.fileno():
            new = begin(listener.accept()[0])
            if new is not None:
                jobs.append(new)
                selector.register(new.pidfd, selectors.EVENT_READ, new)
                selector.register(new.connection, selectors.EVENT_READ, new)
            continue
        job: Job = key.data
        if key.fd == job.pidfd:
            if job.connection in selector.get_map():
                selector.unregister(job.connection)
            selector.unregister(job.pidfd)
            jobs.remove(job)
            end(job)
        elif job in jobs:  # the client was killed
            selector.unregister(job.connection)
            os.kill(job.pid, signal.SIGTERM)
    return True


def begin(connection: socket.socket) -> Job | None:
    """Read a client's request and fork; None if the client was killed before it had sent its request."""
    size, streams, _, _ = socket.recv_fds(connection, 4, 3)
    length = int.from_bytes(size, "big")
    with connection.makefile("rb") as file:
        content = file.read(length)
    pid = None
    if size and len(content) == length:
        pid = os.fork()
        if pid == 0:
            work(json.loads(content), streams)
    for stream in streams:
        os.close(stream)
    if pid is None:
        connection.close()
        return None
    with contextlib.suppress(ConnectionError):  # the client was killed: `tend` sees it and ends the job
        connection.send(STARTED)
    return Job(pid, os.pidfd_open(pid), connection)


def end(job: Job) -> None:
    """Tell the client how its job ended: the exit code, or as in a shell 128 and the signal."""
    _, status = os.waitpid(job.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    os.close(job.pidfd)
    with job.connection, contextlib.suppress(ConnectionError):  # the client was killed
        job.connection.send(bytes([code if code >= 0 else 128 - code]))


def work(request: dict[str, Any], streams: list[int]) -> NoReturn:
    """Be the job, in the forked process."""
    code = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        # the worker's own streams know whether its files could seek, and the client's can differ
        sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["ganbench", *request["arguments"]]
        from ganbench.cli import main

        main()
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # what the worker registered for its own end is not for its children


if __name__ == "__main__":
    serve(sys.argv[1])
