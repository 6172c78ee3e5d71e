"""Hyper-parameters: what every baseline's `Config` shares, and how `key=value` settings are read. No torch here."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ganbench.errors import UserError, choose

RECIPE = 5  # raised whenever the loop, the layers or the controls change what a run with the same settings gives


Decay = Annotated[float, Field(ge=0, lt=1)]


class TrainConfig(BaseModel):
    """What the loop needs to know. A baseline subclasses it as `Config`, with its paper's values as the defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: int = Field(64, ge=1, description="real samples per critic step")
    n_critic: int = Field(1, ge=1, description="discriminator steps per generator step, each on a fresh batch")
    optimiser: Literal["adam", "rmsprop", "sgd"] = "adam"
    lr_g: float = Field(2e-4, gt=0, allow_inf_nan=False)
    lr_d: float = Field(2e-4, gt=0, allow_inf_nan=False)
    betas: tuple[Decay, Decay] = Field((0.5, 0.999), description="Adam's")
    momentum: float = Field(0.0, ge=0, lt=1, description="SGD's")
    ema: float | None = Field(None, gt=0, lt=1, description="decay per generator step of the averaged weights")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="of the players' layers, by torch.autocast")


Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], values: Mapping[str, Any], where: str) -> Model:
    """Build a pydantic model. A wrong value becomes one line that names the field, a wrong name the nearest right name.

    A field of `TrainConfig` that a baseline declares anew, for its paper's default, keeps the bounds of `TrainConfig`.
    """
    for key in values:
        choose(key, model.model_fields, f"setting of {where}")
    try:
        built = model.model_validate(values)
        if isinstance(built, TrainConfig):
            TrainConfig.model_validate({name: getattr(built, name) for name in TrainConfig.model_fields})
        return built
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or where}: {e['msg']}" for e in error.errors())
        raise UserError(f"{where}: {faults}") from None


def settings(pairs: list[str]) -> dict[str, Any]:
    """Read `key=value` arguments, values as YAML.

    >>> settings(["lr_g=0.001", "betas=[0.0, 0.9]"])
    {'lr_g': 0.001, 'betas': [0.0, 0.9]}
    """
    out: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"--set {pair}: write it as key=value, for example --set lr_g=0.0001")
        try:
            out[key.strip()] = _number(yaml.safe_load(value))
        except yaml.YAMLError:
            raise UserError(
                f"--set {pair}: '{value}' is not a value; quote lists, for example --set 'betas=[0, 0.9]'"
            ) from None
    return out


def _number(value: Any) -> Any:
    """YAML 1.1 reads 1e-4 as a string, people write it as a number."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def fields(baseline: Path) -> set[str]:
    """The settings of a baseline's file, read from its source so that a grid can be checked without importing torch."""
    for node in ast.parse(baseline.read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name == "Config":
            own = {n.target.id for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
            return own | set(TrainConfig.model_fields)
    raise UserError(f"{baseline} defines no class Config; see 'Add a GAN' in the README")
