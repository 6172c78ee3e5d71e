"""The record of a run: `run.json`, typed. It says what was trained, how far, and with which code. It needs no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PositiveInt, ValidationError

from ganbench import baseline, code, files, paths
from ganbench.config import TrainConfig
from ganbench.errors import UserError

MOST_IMAGES = 10**12  # of a budget: at 10,000 images per second, a run sees so many in three years
RECORD = "run.json"
TRUSTED = "GANBENCH_TRUST"  # environment variable: hashes of baselines whose code may run, see `Identity.source`
SIGNS = (RECORD, "history.jsonl", "state/training.safetensors")  # a folder with one of these files holds a run
PARTS = {"quarter": 1 / 4, "half": 1 / 2}  # of the budget, after which the GAN is kept too


class Identity(BaseModel):
    """Everything that a run's weights depend on, except a budget that only says when to stop."""

    model_config = ConfigDict(frozen=True, extra="allow")

    baseline: str = Field(description="name of the baseline: its file's, without .py")
    source: str = Field(description="SHA-256 of the baseline's code, see `code.source_hash`")
    config: dict[str, JsonValue] = Field(description="all settings, the defaults included")
    dataset: str
    data: str = Field(description="version of the dataset")
    seed: int
    recipe: int = Field(description="`ganbench.config.RECIPE` at that time")
    layers: dict[str, str] | None = Field(None, description="the hashes of layers that are not those of the recipe")
    schedule_images: int | None = Field(None, description="the budget, if the learning rates depend on it")

    def to_json(self, indent: int | None = None) -> str:
        """The fields as a JSON document, in their order. A record that is older than a field is written without it."""
        return json.dumps(self.facts(), indent=indent)

    def facts(self) -> dict[str, Any]:
        """The fields that were given or read, as JSON values."""
        return self.model_dump(mode="json", exclude_unset=True)

    def differences(self, stored: dict[str, Any]) -> list[str]:
        """The fields and settings in which another run's identity, as JSON, differs: "lr_g 0.1 there, 0.2 now".

        A run that is older than one of the loop's settings was trained with that setting's default. A run that names no
        number of processes had one.
        """
        defaults = TrainConfig.model_validate({}).model_dump(mode="json") | {"processes": 1}
        ours, theirs = (
            defaults | fields.get("config", {}) | {key: value for key, value in fields.items() if key != "config"}
            for fields in (self.model_dump(mode="json"), stored)
        )
        return [f"{key} {theirs.get(key)} there, {ours[key]} now" for key in ours if theirs.get(key) != ours[key]]


class Run(Identity):
    """A run that has ended: it reached its budget, or it diverged."""

    baseline_path: str = Field(description="the baseline's file, relative to `paths.definitions()`")
    overrides: dict[str, JsonValue] = Field(description="settings that differ from the baseline's `Config`")
    shape: tuple[PositiveInt, ...] = Field(
        min_length=1, description="of one sample: [d], [C, T], [C, H, W] or [C, T, H, W]"
    )
    classes: int = Field(ge=0, description="of the data; 0 without labels")
    cond: tuple[PositiveInt, ...] = Field((), description="shape of one condition; [] without conditions")
    images: int = Field(description="budget, in real images seen")
    seen: int = Field(description="real images seen")
    diverged: str | None = Field(description="which loss was not finite, and when")
    seconds: float = Field(description="of the clock, in training; the work that an interruption lost is not counted")
    cpu_seconds: float = Field(description="of all threads of the process, counted like `seconds`")
    parameters: dict[str, int] = Field(description="trainable numbers of G and of D")
    device: str
    processor: str = Field(description="the model of the processor, and of the GPU if one was used")
    numerics: dict[str, JsonValue] = Field(description="deterministic, tf32: how the device computes")
    threads: int
    versions: dict[str, str] = Field(description="of ganbench, torch and Python")
    provenance: dict[str, JsonValue] | None = Field(
        None,
        description="see `ganbench.training.provenance`, without the fields above; of the process that ended the training",
    )

    @classmethod
    def read(cls, folder: Path) -> Run:
        """The record in a run's folder.

        Raises:
            UserError: there is none, or it is no record of a run.
        """
        path = folder / RECORD
        try:
            return cls.model_validate(files.parse(files.read(path)))
        except (FileNotFoundError, NotADirectoryError):
            raise UserError(
                f"{folder} holds no finished run (no {RECORD}); train one with `ganbench train ... --out {folder}`"
            ) from None
        except ValidationError as error:
            fault = error.errors()[0]
            raise _damaged(path, f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
        except ValueError as error:
            raise _damaged(path, str(error)) from None

    def write(self, folder: Path) -> None:
        """Write the record into a run's folder."""
        files.write(folder / RECORD, self.to_json(indent=1) + "\n")

    def locate_baseline(self) -> Path:
        """The baseline's file, the same to the bit as when the run was trained. It is compared before anyone executes it.

        A baseline of this name is looked for among `baseline.names()` first, so that a run can be moved to another
        machine, and then at the recorded path.

        Raises:
            UserError: no file is there, or each file that is there has changed.
        """
        recorded = paths.definitions() / self.baseline_path
        named = [baseline.resolve(self.baseline)] if self.baseline in baseline.names() else []
        present = [path for path in (*named, recorded) if path.is_file()]
        for path in present:
            if code.source_hash(path) == self.source:
                return path
        if present:
            changed = " and ".join(dict.fromkeys(map(str, present)))
            raise UserError(f"{changed} has changed since this run was trained; train again, or restore the file")
        raise UserError(
            f"the baseline '{self.baseline}' of this run is not installed, and its file {recorded} is missing; "
            f"copy the baseline's file to that place"
        )


def _damaged(path: Path, why: str) -> UserError:
    return UserError(f"{path} is damaged ({why}); train the run again")
