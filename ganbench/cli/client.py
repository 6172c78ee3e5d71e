"""Each job of the pipeline starts this file. It hands its arguments to the worker, or becomes `python -m ganbench`.

Python runs this file by itself (`python -I -S client.py VERB ...`): without site-packages it starts in 15 milliseconds.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys

ADDRESS = "GANBENCH_WORKER"  # environment variable: the worker's socket
STARTED = b"+"  # the worker's first answer; the second one is the exit code, in one byte
LOST = 1  # exit code of a job whose worker died


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
    address = os.environ.get(ADDRESS)
    code = ask(address, arguments) if address else None
    if code is None:
        os.execv(sys.executable, [sys.executable, "-m", "ganbench", *arguments])
    sys.exit(code)


if __name__ == "__main__":
    main()
