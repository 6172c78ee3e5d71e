"""The result of a scoring: one object for Python, the command line and JSON. `schema/scores.schema.json` is its schema."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, ValidationError, model_validator

from ganbench import files
from ganbench.display.text import fitted, interval, number, value, width, wrap
from ganbench.errors import UserError, counted, plain, printable

if TYPE_CHECKING:
    from pandas import DataFrame

SCHEMA = Path(__file__).parent / "schema" / "scores.schema.json"


Count = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
Pair = tuple[StrictFloat, StrictFloat]
Ends = Annotated[list[float], Field(min_length=2, max_length=2)]


class _Part(BaseModel):
    """A frozen part of a result. It keeps further entries, beyond its fields, under their own names."""

    model_config = ConfigDict(frozen=True, extra="allow")

    @property
    def extra(self) -> dict[str, Any]:
        """The further entries."""
        return self.model_extra or {}


class Measured(_Part):
    """One metric's value and how far to trust it; further numbers are in `extra`."""

    value: StrictFloat | None = Field(description="None where it was not computed, and then `reason` says why")
    interval: Pair | None = Field(description="95 % interval of the value")
    perfect: StrictFloat | None = Field(
        default=None, description="what a perfect generator scores on average at these sizes"
    )
    n: Count = Field(description="generated samples that it was computed on")
    version: Count = Field(description="of the metric; raised whenever its number can move")
    reason: str | None

    @property
    def bound(self) -> float | None:
        """The lower end of the 95 % interval of a metric that has no value but is at least that (`support`)."""
        return self.extra.get("lower_bound") if self.value is None else None

    @property
    def answered(self) -> bool:
        """Whether the metric has a value, or at least a bound."""
        return self.value is not None or self.bound is not None

    @property
    def shown(self) -> str:
        """The value as people read it; a bound after "≥"; empty without both."""
        return value(self.value) if self.bound is None else f"≥ {number(round(self.bound))}"


class Further(BaseModel):
    """The further numbers that reports read. A file of another origin can have anything under their names."""

    model_config = ConfigDict(strict=True)

    lower_bound: float | None = None
    verdict: str | None = None
    unbiased: float | None = None
    unbiased_interval: Ends | None = None
    halves: dict[str, float] = {"value": 0.0}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name, partner in PARTNERS.items():
            if getattr(self, name, None) is not None and getattr(self, partner) is None:
                raise ValueError(f"{name} without {partner}")
        if "value" not in self.halves:
            raise ValueError("halves without value")
        return self


class Copies(Further):
    """The same for `memorisation`."""

    unclipped: float | None = None
    exact: Count | None = None
    near: Count | None = None
    duplicates_train_ref: Count = 0
    c_t: float | None = None
    authenticity_difference: float | None = None
    authenticity_interval: Ends | None = None
    sensitivity: dict[str, float] = {}


class Group(BaseModel):
    """A class, or a cluster, of held-out samples: see `ganbench.metrics.missing`."""

    model_config = ConfigDict(strict=True)

    group: int
    real: float
    made: float
    missing: bool


class Groups(Further):
    """The same for `missing`."""

    by: Literal["class", "cluster"] = "class"
    groups: list[Group] = []


class Equality(Further):
    """The same for `equality`."""

    detectable: float | None = None


READ: dict[str, type[Further]] = {
    "memorisation": Copies,
    "missing": Groups,
    "equality": Equality,
}  # all others: `Further`
PARTNERS = {
    "verdict": "lower_bound",
    "unbiased": "unbiased_interval",
    "exact": "near",
    "authenticity_interval": "authenticity_difference",
}


class ExtractorCard(_Part):
    """The features in which sets are compared."""

    id: str = Field(description="name, and the first digits of its weights' hash")
    sha256: str | None = Field(description="of the weights; None without weights")


class Identity(_Part):
    """Which samples they were."""

    name: str
    n: Count
    sha256: str = Field(description="over dtype, shape and bytes of the samples")
    shape: list[Count] | None = Field(None, description="of one sample")
    dtype: str | None = None


class Protocol(_Part):
    """What must be equal before two results may be compared."""

    name: str | None = Field(None, description="of another evaluator whose protocol it is; None for ganbench's own")
    ganbench: str = Field(description="version of this package")
    features: ExtractorCard
    reference: Identity
    train: Identity | None
    seed: Annotated[int, Field(ge=0, lt=2**63)]


class Result(_Part):
    """Scores of one sample set: `result.metrics["fid"].value`, and `result.to_json()` for machines."""

    protocol: Protocol
    features_why: str | None = Field(None, description="why these features, where none were asked for")
    samples: Identity
    preflight: list[str] = Field([], description="what was found in the sets that were read, and the warnings")
    metrics: dict[str, Measured]
    embeddings: dict[str, str] = Field(
        {}, description="SHA-256 of the features of samples, reference and train, over dtype, shape and bytes"
    )
    provenance: dict[str, Any] | None = Field(
        None,
        description="code, machine and cost of the command that wrote this file, see `ganbench.training.provenance`",
    )

    @model_validator(mode="before")
    @classmethod
    def _without_digest(cls, content: Any) -> Any:
        """The digest belongs to the document, not to the scores."""
        return {k: v for k, v in content.items() if k != files.DIGEST} if isinstance(content, dict) else content

    def __str__(self) -> str:
        """A short table: value and interval of each metric, then the names of the metrics that were not computed."""
        about = f"{counted(self.samples.n, 'sample')} against {self.protocol.reference.name}"
        lines = [plain(f"{self.samples.name}: {about}, features {self.protocol.features.id}")]
        rows = [
            {"metric": name, "value": m.shown, "95 % interval": interval(m.interval)}
            for name, m in self.metrics.items()
            if m.answered
        ]
        lines += fitted(rows, tuple(rows[0]), width()) if rows else []
        missing = [name for name, m in self.metrics.items() if not m.answered]
        lines += [wrap(f"not computed: {', '.join(missing)}", "  ")] if missing else []
        return printable("\n".join(lines))

    def __repr__(self) -> str:
        """The sets and the values in one line."""
        values = "".join(f", {name}={m.shown or None}" for name, m in self.metrics.items())
        return printable(f"<Result {self.samples.name!r} against {self.protocol.reference.name!r}{values}>")

    def _repr_html_(self) -> str:
        """The table of `__str__` for a notebook. Names of files are escaped."""
        import pandas as pd

        rows = [
            {"metric": name, "value": m.shown, "95 % interval": interval(m.interval), "not computed": m.reason or ""}
            for name, m in self.metrics.items()
        ]
        about = f"{counted(self.samples.n, 'sample')} against {self.protocol.reference.name}"
        title = html.escape(plain(f"{self.samples.name}: {about}, features {self.protocol.features.id}"))
        return f"<p>{title}</p>{pd.DataFrame(rows).to_html(index=False, border=0)}"

    def to_frame(self) -> DataFrame:
        """The metrics as a pandas table, one row per metric: value, ends of its 95 % interval, perfect, n and reason."""
        import pandas as pd

        rows = {
            name: {
                "value": m.value,
                "low": None if m.interval is None else m.interval[0],
                "high": None if m.interval is None else m.interval[1],
                "perfect": m.perfect,
                "n": m.n,
                "reason": m.reason,
            }
            for name, m in self.metrics.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")

    def to_json(self) -> str:
        """The result as a JSON document with its digest; a number that JSON does not have (NaN) is a `ValueError`."""
        return json.dumps(files.seal(self.model_dump(mode="json")), indent=1, allow_nan=False)


def read(path: Path) -> Result:
    """Read what `ganbench score --json` or `ganbench publish` wrote.

    Raises:
        UserError: there is no such file, it holds no result, or it was changed after it was written.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder; give the file that `ganbench score ... --json FILE` wrote")
    if not path.exists():
        raise UserError(f"{path}: no such file")
    try:
        content = files.parse(files.read(path))
    except ValueError as error:
        raise _no_result(path, str(error)) from None
    scores = content.get("scores", content) if isinstance(content, dict) else content
    if isinstance(scores, dict) and not files.is_sound(scores):
        raise _no_result(path, "it was changed or damaged: its digest is that of another result")
    try:
        result = Result.model_validate(scores)
        for name, measured in result.metrics.items():
            READ.get(name, Further).model_validate(measured.extra)
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(map(str, fault["loc"]))
        raise _no_result(path, f"{field}: {fault['msg']}" if field else "it holds no scores") from None
    for name, measured in result.metrics.items():
        if measured.interval is not None and measured.interval[0] > measured.interval[1]:
            raise _no_result(path, f"metrics.{name}.interval: its lower end is above its upper end")
    return result


def _no_result(path: Path, why: str) -> UserError:
    return UserError(f"{path}: not a result, because {why}; `ganbench score ... --json FILE` writes results")


def schema() -> str:
    """The JSON schema of a result, for programs that read results."""
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Result.model_json_schema()}
    about["properties"][files.DIGEST] = {"type": "string", "description": "SHA-256 of all other fields, keys sorted"}
    return json.dumps(about, indent=1) + "\n"
