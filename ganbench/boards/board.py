"""The content of a board's file: the GANs, their data, and how samples are drawn, scored and ranked."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Row(_Strict):
    """A row of the table: a baseline with some of its settings changed."""

    baseline: str | None = Field(
        None, description="name of a baseline, or path of its file; by default the row's own name"
    )
    set: dict[str, Any] = Field({}, description="settings of its Config that differ from the paper's")
    images: int | None = Field(None, ge=1, description="budget in real images seen; by default the track's")

    @field_validator("set", mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value


class Track(_Strict):
    """One dataset of a board."""

    images: int = Field(ge=1, description="budget of every row, in real images seen")
    samples: int = Field(ge=2, description="generated, reference and control samples alike")
    features: str | None = Field(None, description="extractor; by default the one that suits the data")
    second: str | None = Field(
        None, description="for images: extractor in which the ranking column is measured too; by default pixels"
    )
    metrics: list[str] = Field(
        min_length=1, description="columns: a metric, or a further number of a metric: modes.high_quality"
    )
    uncalibrated: list[str] = Field([], description="metrics that enter without a calibration; the page names them")
    gpu: bool = Field(  # excluded: neither names nor published files depend on it
        False, exclude=True, description="whether each training of this track gets a GPU; by default the CPU trains"
    )
    rank: str = Field(description="the column that rows are ranked by")
    rows: dict[str, Row]

    @field_validator("rows", mode="before")
    @classmethod
    def _a_name_alone_is_a_row(cls, value: Any) -> Any:
        """`dcgan:` with nothing after it means the baseline with the paper's settings."""
        if not isinstance(value, dict):
            return value
        return {name: {} if row is None else row for name, row in value.items()}

    @property
    def metric_names(self) -> list[str]:
        """The metrics behind the columns, each once."""
        return list(dict.fromkeys(column.partition(".")[0] for column in self.metrics))


class Board(_Strict):
    """A leaderboard."""

    about: str
    seeds: list[int] = Field(min_length=3, description="training seeds of every row")
    datasets: dict[str, Track] = Field(min_length=1, description="a dataset's name, or a path of data of one's own")
