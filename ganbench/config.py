"""Hyper-parameters: the settings that every `Config` has, and the reader of `key=value` settings.

Torch is not imported.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ganbench.errors import UserError, choose

RECIPE = 6  # raised whenever the loop, the layers or the controls change what a run with the same settings gives


Size = Annotated[int, Field(ge=1)]  # of a batch, a layer, a noise
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]  # of learning
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]  # of a term, or a standard deviation
Share = Annotated[float, Field(ge=0, le=1)]
Beta = Annotated[float, Field(ge=0, lt=1)]
Betas = tuple[Beta, Beta]
Decay = Annotated[float, Field(gt=0, lt=1)]  # of an average
Optimiser = Literal["adam", "rmsprop", "sgd"]
Schedule = Literal["constant", "linear"]


class TrainConfig(BaseModel):
    """The settings of the loop. A baseline subclasses it as `Config`, with its paper's values as the defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: Size = Field(64, description="real samples per critic step")
    n_critic: Size = Field(1, description="discriminator steps per generator step, each on a fresh batch")
    optimiser: Optimiser = "adam"
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = Field((0.5, 0.999), description="Adam's")
    momentum: Beta = Field(0.0, description="SGD's")
    schedule: Schedule = Field("constant", description="of both rates; linear: they fall to 0 over the budget")
    ema: Decay | None = Field(None, description="decay per generator step of the averaged weights")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="of the players' layers, by torch.autocast")


Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]  # keys and indices from the outermost mapping

MUST = {  # pydantic's kinds of fault, in plain words
    "missing": "is missing",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping of names to values",
    "model_type": "must be a mapping of names to values",
    "model_attributes_type": "must be a mapping of names to values",
    "literal_error": "must be {expected}",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "too_short": "must have at least {min_length} entries; it has {actual_length}",
    "too_long": "must have at most {max_length} entries; it has {actual_length}",
}
SILENT = ("missing", "too_short", "too_long")  # faults whose message does not repeat the value


class Fault(NamedTuple):
    """A mistake in values that a user wrote."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.place))}: {self.text}" if self.place else self.text


def faults(model: type[BaseModel], values: Mapping[str, Any]) -> list[Fault]:
    """All mistakes in the values of a model, in plain words. Unknown names come first.

    A setting of the loop must also keep the bounds that `TrainConfig` sets: a baseline that declares the setting again
    with its paper's value drops them.
    """
    unknown = [Fault((key,), why) for key in values if (why := _unknown(key, model.model_fields))]
    try:
        checked = model.model_validate({key: value for key, value in values.items() if key in model.model_fields})
    except ValidationError as error:
        return unknown + [_fault(model, details) for details in error.errors()]
    if not isinstance(checked, TrainConfig):
        return unknown
    return unknown + _faults_of_settings(checked, values)


def _faults_of_settings(config: TrainConfig, values: Mapping[str, Any]) -> list[Fault]:
    out = []
    for key, value in values.items():
        made = getattr(config, key, None)  # None for an unknown name
        if made is not None and isinstance(value, bool) and not isinstance(made, bool):
            out.append(Fault((key,), f"must be a number, not {str(value).lower()}"))
        elif not all(math.isfinite(number) for number in _numbers(made)):
            out.append(Fault((key,), f"must be a finite number, not {value}"))
    if out:
        return out
    shared = config.model_dump(include=set(TrainConfig.model_fields))
    try:
        TrainConfig.model_validate(shared)
    except ValidationError as error:
        return [_fault(TrainConfig, details) for details in error.errors()]
    return []


def _numbers(value: Any) -> list[float]:
    values = value if isinstance(value, tuple | list) else [value]
    return [number for number in values if isinstance(number, float)]


def _unknown(key: str, names: Iterable[str]) -> str | None:
    """Why a name is not accepted."""
    try:
        choose(key, names, "setting")
    except UserError as error:
        return str(error)
    return None


def _fault(model: type[BaseModel], details: Any) -> Fault:
    place, kind = tuple(details["loc"]), details["type"]
    if kind == "extra_forbidden":
        return Fault(place, _unknown(str(place[-1]), _names_at(model, place[:-1])) or details["msg"])
    if kind not in MUST:
        return Fault(place, details["msg"])
    text = MUST[kind].format(**details.get("ctx", {}))
    return Fault(place, text if kind in SILENT else f"{text}, not {_shown(details['input'])}")


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str | float) else json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _names_at(model: type[BaseModel], place: Place) -> Iterable[str]:
    """The names in a model that is a field of a model."""
    for key in place:
        field = model.model_fields.get(str(key))
        if field is not None:
            inner = [kind for kind in get_args(field.annotation) if isinstance(kind, type)]
            model = next((kind for kind in inner if issubclass(kind, BaseModel)), model)
    return model.model_fields


def validate(model: type[Model], values: Mapping[str, Any], where: str) -> Model:
    """Build a model. Mistakes become one line that names the field and the nearest right name."""
    wrong = faults(model, values)
    if wrong:
        raise UserError(f"{where}: {'; '.join(map(str, wrong))}")
    return model.model_validate(values)


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
        except (yaml.YAMLError, ValueError):  # a number with thousands of digits is a ValueError
            raise UserError(
                f"--set {pair}: '{value}' is not a value; quote lists, for example --set 'betas=[0, 0.9]'"
            ) from None
    return out


def _number(value: Any) -> Any:
    """YAML 1.1 reads 1e-4 as a string, but people mean a number."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
