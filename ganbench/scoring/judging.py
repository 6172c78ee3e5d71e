"""A page on which people judge pictures, after HYPE (Zhou et al. 2019, arXiv:1904.01121).

The page is one file. It holds the pictures and its plan, and it asks no other host. A person answers by keyboard or by touch,
and saves the answers as a file. `judgements` scores these files against the plan in the page.

Beside the pictures in question the plan has two kinds of planted ones:

- Controls are pictures of set B against pictures of set B. Nobody can tell them apart, so answers to them are right in half of
  all cases. If they are not, the page or its scoring is wrong.
- Attention checks are pictures of noise. A person who looks at the screen answers them rightly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jinja2 import Environment
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ganbench import files
from ganbench._version import __version__
from ganbench.errors import UserError, choose
from ganbench.samples import SampleSet, alike, amount, content_hash
from ganbench.scoring.embedding import identity
from ganbench.scoring.page import picture
from ganbench.scoring.result import Identity

TEMPLATE = Path(__file__).parent / "judge.html"
MOST_BYTES = 64_000_000  # of a page: browsers of phones open it
SHORTEST, LONGEST = 30, 10_000  # milliseconds of a fixed exposure: two frames of a screen, and more than anyone needs
Exposure = int | Literal["staircase"] | None  # milliseconds; adapted to each person; until the answer
STAIRCASE: Literal["staircase"] = "staircase"
STAIRS = {"start": 500, "right": -10, "wrong": 30, "low": 100, "high": 1000}  # milliseconds; at rest at 75 % right
ATTENTIVE = 0.8  # least share of attention checks that a person whose answers count has answered rightly

TASKS = {
    "real": "Is this picture real or generated?",
    "pair": "Which of the two pictures is real?",
    "better": "Which of the two pictures is better?",
}
Task = Literal["real", "pair", "better"]
Kind = Literal["main", "control", "check"]


class Trial(BaseModel):
    """One question. What answer counts as right is `truth`.

    Of a single picture, 0 means real and 1 means generated. Of a pair, it is the number of the real picture in `images`, and
    in the task `better` of the picture of set A. Of a control, a coin has drawn `truth`.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    images: list[str] = Field(description="hashes of one or two pictures", min_length=1, max_length=2)
    truth: Literal[0, 1]


class Plan(BaseModel):
    """What a page asks, and of which samples. The page shows it in another order to each person."""

    model_config = ConfigDict(frozen=True)

    ganbench: str
    task: Task
    exposure: Exposure = Field(description="milliseconds; null: until the answer")
    stairs: dict[str, int]
    attentive: float
    seed: int
    sets: dict[Literal["a", "b"], Identity]
    trials: list[Trial] = Field(min_length=1)


class Sizes(NamedTuple):
    """How many questions of each kind a page has."""

    main: int  # pictures of each set, or pairs
    control: int
    check: int

    @classmethod
    def of(cls, n: int) -> Sizes:
        """A fifth of `n` are controls and a tenth are attention checks, but at least 5 of each."""
        return cls(n, max(5, n // 5), max(5, n // 10))


def exposure_of(text: str) -> Exposure:
    """Read `--exposure`: "none", "staircase", or milliseconds.

    >>> exposure_of("250"), exposure_of("none"), exposure_of("staircase")
    (250, None, 'staircase')
    """
    if text == "none":
        return None
    if text == STAIRCASE:
        return STAIRCASE
    if text.isascii() and text.isdigit() and SHORTEST <= int(text) <= LONGEST:
        return int(text)
    raise UserError(f"--exposure {text}: write none, staircase, or {SHORTEST} to {LONGEST:,} milliseconds")


def page(a: SampleSet, b: SampleSet, *, task: str, n: int, exposure: Exposure, seed: int) -> str:
    """HTML of a page that asks about `n` pictures of each set. Equal arguments give an equal page.

    Args:
        a: generated images.
        b: real images; for the task `better`, images of another generator.
        task: a key of `TASKS`.
        n: pictures of each set, or pairs; controls and attention checks come on top, see `Sizes`.
        exposure: how long a picture is shown, in milliseconds; "staircase" adapts it to each person; None: until the answer.
        seed: draws the pictures, the pairs and their order.

    Raises:
        UserError: the sets are no images of one size, or too small, or the page would be larger than `MOST_BYTES`.
    """
    choose(task, TASKS, "task")
    if task == "better" and exposure == STAIRCASE:
        raise UserError("--exposure staircase needs answers that are right or wrong, and 'which is better' has none")
    a, b = _comparable(a, b)
    trials, pictures = _trials(a, b, task, Sizes.of(n), np.random.default_rng(seed))
    plan = Plan.model_validate(
        {
            "ganbench": __version__,
            "task": task,
            "exposure": exposure,
            "stairs": STAIRS,
            "attentive": ATTENTIVE,
            "seed": seed,
            "sets": {"a": identity(a), "b": identity(b)},
            "trials": trials,
        }
    )
    text = (
        Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        .from_string(TEMPLATE.read_text(encoding="utf-8"))
        .render(
            question=TASKS[task],
            single=task == "real",
            plan=files.seal(plan.model_dump(mode="json")),
            pictures={name: picture(x) for name, x in pictures.items()},
            size=b.x.shape[1:3],
            exposure=exposure,
        )
    )
    if len(text) > MOST_BYTES:
        raise UserError(
            f"the page would have {len(text) / 1e6:,.0f} MB, and a page has at most {MOST_BYTES / 1e6:,.0f} MB; "
            f"choose a smaller --n than {n}, or smaller images"
        )
    return text


def _comparable(a: SampleSet, b: SampleSet) -> list[SampleSet]:
    """The sets with the same number of channels; nothing but the pictures themselves may show where they are from."""
    for given in (a, b):
        if given.x.ndim != 4:
            raise UserError(f"{given.manifest['name']} has no images, and people judge images")
    if a.x.shape[1:3] != b.x.shape[1:3]:
        sizes = " and ".join(f"{s.manifest['name']} has {amount(None, s.x.shape[1:])}" for s in (a, b))
        raise UserError(f"{sizes}; their size would show which is which, so resize one of them first")
    return alike([a, b])


def _trials(
    a: SampleSet, b: SampleSet, task: str, sizes: Sizes, rng: np.random.Generator
) -> tuple[list[Trial], dict[str, np.ndarray]]:
    """The questions in a drawn order, and the pictures by their hashes. No row of a set is used twice."""
    pictures: dict[str, np.ndarray] = {}

    def add(x: np.ndarray) -> str:
        name = content_hash(x[None])
        pictures[name] = x
        return name

    generated = [add(a.x[i]) for i in _rows(a, sizes.main, rng)]
    real = [add(b.x[i]) for i in _rows(b, sizes.main + 2 * sizes.control + sizes.check, rng)]
    noise = [add(rng.integers(0, 256, b.x.shape[1:], np.uint8)) for _ in range(sizes.check)]
    main, rest = real[: sizes.main], real[sizes.main :]
    first, second, others = rest[: sizes.control], rest[sizes.control : 2 * sizes.control], rest[2 * sizes.control :]
    if task == "real":
        singles: list[tuple[Kind, Sequence[str], Literal[0, 1]]] = [
            ("main", generated, 1), ("main", main, 0), ("control", first, 1), ("control", second, 0), ("check", noise, 1),
        ]  # fmt: skip
        trials = [Trial(kind=kind, images=[name], truth=truth) for kind, names, truth in singles for name in names]
    else:
        of_a: Literal[0, 1] = 0 if task == "better" else 1
        pairs = [Trial(kind="main", images=list(both), truth=of_a) for both in zip(generated, main, strict=True)]
        for both in zip(first, second, strict=True):
            pairs.append(Trial(kind="control", images=list(both), truth=1 if rng.random() < 0.5 else 0))
        pairs += [Trial(kind="check", images=list(both), truth=1) for both in zip(noise, others, strict=True)]
        trials = pairs
    return [trials[i] for i in rng.permutation(len(trials))], pictures


def _rows(given: SampleSet, count: int, rng: np.random.Generator) -> list[int]:
    if len(given.x) < count:
        reason = given.manifest.get("reason")
        raise UserError(
            f"{given.manifest['name']} has {amount(len(given.x), given.x.shape[1:])}"
            + (f" ({reason})" if reason else f", and this page needs {count:,}; choose a smaller --n")
        )
    rows: list[int] = rng.choice(len(given.x), count, replace=False).tolist()
    return rows


def read(path: Path) -> tuple[str, Plan]:
    """The hash of the plan in a page, and the plan.

    Raises:
        UserError: there is no such file, or it is no page that `page` made, or its plan was changed.
    """
    try:
        text = files.read(path).decode()
        script = re.search(r'<script type="application/json" id="plan">(.*?)</script>', text, re.DOTALL)
        if script is None:
            raise ValueError("it has no plan")
        sealed = files.parse(script[1].encode())
        if not isinstance(sealed, dict) or files.DIGEST not in sealed or not files.is_sound(sealed):
            raise ValueError("its plan was changed")
        return sealed[files.DIGEST], Plan.model_validate(sealed)
    except (UnicodeDecodeError, ValidationError, json.JSONDecodeError):
        why = "it has no plan that this version reads"
    except ValueError as error:
        why = str(error)
    raise UserError(f"{path}: not a page of `ganbench judge`, because {why}")
