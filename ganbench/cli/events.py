"""Snakemake with its events as lines of JSON. `ganbench run` starts it: `python -m ganbench.cli.events OPTIONS...`.

Snakemake gives its events to logger plug-ins. Snakemake looks for plug-ins among the installed packages. This file
registers itself instead. It writes to a pipe, and `GANBENCH_EVENTS` holds the pipe's number.
"""

from __future__ import annotations

import json
import os
import sys
from logging import ERROR, LogRecord
from typing import Any

from snakemake.cli import main
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

PIPE = "GANBENCH_EVENTS"  # environment variable: the number of an open file


class LogHandler(LogHandlerBase):
    """Writes what `ganbench run` shows: the plan, and the start, the end and the failure of jobs."""

    writes_to_stream = False
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Open the pipe."""
        self.pipe = open(int(os.environ[PIPE]), "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - until the end

    def emit(self, record: LogRecord) -> None:
        """Write an event. Other records go only to the log."""
        event = str(getattr(record, "event", None))
        about = vars(record)
        content: dict[str, Any]
        if event == "run_info":
            content = {"jobs": {rule: n for rule, n in about["stats"].items() if rule != "total"}}
        elif event == "job_info":
            content = {"id": about["jobid"], "rule": about["rule_name"], "wildcards": dict(about["wildcards"])}
            content["reason"] = about["reason"]
        elif event == "job_finished":
            content = {"id": about["job_id"]}
        elif event == "job_error":
            content = {"id": about["jobid"], "rule": about["rule_name"], "logs": [str(path) for path in about["log"]]}
        elif record.levelno >= ERROR:
            event, content = "error", {"text": record.getMessage()}
        else:
            return
        self.pipe.write(json.dumps({"event": event, **content}) + "\n")
        self.pipe.flush()


if __name__ == "__main__":
    LoggerPluginRegistry().register_plugin("snakemake_logger_plugin_ganbench", sys.modules[__name__])
    main([*sys.argv[1:], "--logger", "ganbench"])
