"""What people answered on a page of `judging`: shares of answers with intervals, agreement, and what the controls say.

An interval of a share is Clopper-Pearson's, with the number of answers that would be as informative if all were independent
(Korn & Graubard 1998, Survey Methodology 24(2)). Answers to one picture are alike, and answers of one person are alike. So the
variance is that of the crossed clusters (Cameron, Gelbach & Miller 2011, Journal of Business & Economic Statistics 29(2)).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy.special import stdtrit

from ganbench import files
from ganbench.display.text import fitted, number
from ganbench.errors import UserError, counted, plain
from ganbench.scoring import judging
from ganbench.scoring.judging import Kind, Plan
from ganbench.scoring.result import Result
from ganbench.statistics import ALPHA, Interval, share, student

FIELD = "human"  # in a result of `ganbench score`
FEW = 5  # people, below which an interval for other people is very wide

MEASURES = {
    "errors": "wrong answers (50 %: people cannot tell)",
    "generated_called_real": "generated pictures called real",
    "real_called_generated": "real pictures called generated",
    "preferred": "pairs in which A is preferred",
    "control": "control, B against B (50 % is right)",
}


class Answer(BaseModel):
    """One answer, as the page saves it."""

    model_config = ConfigDict(frozen=True, strict=True)

    trial: int = Field(ge=0)
    images: list[str] = Field(description="hashes, from left to right")
    choice: int = Field(ge=0, le=1, description="as `Trial.truth`")
    exposure: int | None = Field(description="milliseconds that were asked for")
    shown: int | None = Field(description="milliseconds that the picture was shown")
    ms: int = Field(ge=0, description="from the picture to the answer")


class Session(BaseModel):
    """All answers of one person."""

    model_config = ConfigDict(frozen=True, strict=True)

    page: str
    session: int = Field(ge=0, description="draws the order and the sides; drawn by the browser")
    width: int = Field(ge=0, description="of a picture on the screen, in CSS pixels")
    answers: list[Answer]


class Share(NamedTuple):
    """A share of answers, and how certain it is."""

    value: float
    of_pictures: Interval  # for other pictures of the same sets, and the same people
    of_people: Interval | None  # for other pictures and other people; None if there was one person


def estimate(right: np.ndarray) -> Share:
    """The share of ones among answers `[people, pictures]`, each 0 or 1."""
    people, pictures = right.shape
    p, rest = float(right.mean()), right - right.mean()
    by_picture = float(np.square(rest.sum(0)).sum()) / right.size**2
    of_pictures = _interval(p, by_picture, right.size, pictures, pictures - 1)
    if people == 1:
        return Share(p, of_pictures, None)
    by_person = float(np.square(rest.sum(1)).sum()) / right.size**2 * people / (people - 1)
    both = max(by_picture, by_person, by_picture + by_person - float(np.square(rest).sum()) / right.size**2)
    return Share(p, of_pictures, _interval(p, both, right.size, pictures, min(people, pictures) - 1))


def _interval(p: float, variance: float, answers: int, pictures: int, freedom: int) -> Interval:
    """Korn and Graubard's interval of a share p. Where all answers are equal, they count as one answer per picture."""
    worth = p * (1 - p) / variance if variance > 0 else pictures
    few = stdtrit(max(answers - 1, 1), 1 - ALPHA / 2) / stdtrit(max(freedom, 1), 1 - ALPHA / 2)
    n = min(worth, answers) * (float(few) ** 2 if freedom < pictures - 1 else 1.0)
    return share(p * n, n)


def alpha(answers: np.ndarray) -> float | None:
    """Krippendorff's alpha of nominal answers `[people, questions]`; a negative answer is missing.

    1 is agreement, 0 is what chance gives. None if no question has two answers, or if all answers are equal
    (Krippendorff 2004, Content Analysis, chapter 11).
    """
    values = np.unique(answers[answers >= 0])
    counts = (answers[None] == values[:, None, None]).sum(1).astype(float)  # [values, questions]
    counts = counts[:, counts.sum(0) >= 2]
    m, totals = counts.sum(0), counts.sum(1)
    n = totals.sum()
    expected = n**2 - np.square(totals).sum()
    if not expected:
        return None
    observed = ((m**2 - np.square(counts).sum(0)) / (m - 1)).sum()
    return float(1 - (n - 1) * observed / expected)


def read(path: Path, page: str, plan: Plan) -> Session:
    """The answers in a file that a page saved.

    Raises:
        UserError: it is no such file, it is of another page, or an answer is missing, doubled or about other pictures.
    """
    try:
        session = Session.model_validate(files.parse(files.read(path)))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise UserError(f"{path}: not answers of a page of `ganbench judge`, because {where}: {fault['msg']}") from None
    except ValueError as error:
        raise UserError(f"{path}: not answers of a page of `ganbench judge`, because {error}") from None
    if session.page != page:
        raise UserError(f"{path}: these answers are of another page ({session.page[:8]}, and this page is {page[:8]})")
    asked = sorted(answer.trial for answer in session.answers)
    if asked != list(range(len(plan.trials))):
        answered = len(set(asked) & set(range(len(plan.trials))))
        raise UserError(
            f"{path}: {answered:,} of {counted(len(plan.trials), 'question')} have an answer, "
            f"and the file has {counted(len(asked), 'answer')}; each question needs one answer"
        )
    for answer in session.answers:
        if sorted(answer.images) != sorted(plan.trials[answer.trial].images):
            raise UserError(f"{path}: the answer to question {answer.trial} is about other pictures than the page has")
    return session


def score(page: Path, paths: Sequence[Path]) -> dict[str, Any]:
    """The result of a page and of the files of answers that it saved, as JSON values. No name of a file is in it.

    Raises:
        UserError: see `judging.read` and `read`; a session is given twice; or nobody was attentive.
    """
    digest, plan = judging.read(page)
    sessions = [read(path, digest, plan) for path in paths]
    numbers = [session.session for session in sessions]
    for i, path in enumerate(paths):
        if numbers[i] in numbers[:i]:
            earlier = paths[numbers.index(numbers[i])]
            raise UserError(f"{path}: these answers are of the same session as {earlier}; give each person once")
    choices = np.array(
        [[a.choice for a in sorted(session.answers, key=lambda a: a.trial)] for session in sessions], np.int64
    )
    right = choices == np.array([trial.truth for trial in plan.trials])
    kinds = np.array([trial.kind for trial in plan.trials])
    attention = right[:, kinds == "check"].mean(1)
    attentive = attention >= plan.attentive
    if not attentive.any():
        raise UserError(
            f"nobody answered {plan.attentive:.0%} of the attention checks rightly, so there is nothing to score"
        )
    of_kind: dict[Kind, np.ndarray] = {kind: right[attentive][:, kinds == kind] for kind in ("main", "control")}
    truth = np.array([trial.truth for trial in plan.trials if trial.kind == "main"])
    shares = _shares(plan, of_kind["main"], truth) | {"control": estimate(of_kind["control"])}
    main = [trial for trial in plan.trials if trial.kind == "main"]
    return {
        "page": digest,
        **plan.model_dump(mode="json", include={"ganbench", "task", "exposure", "seed", "sets"}),
        "judges": int(attentive.sum()),
        "judges_left_out": int((~attentive).sum()),
        "attention": float(attention[attentive].mean()),
        "images": len({name for trial in main for name in trial.images}),
        "judgements": int(attentive.sum()) * len(main),
        "shares": {name: _json(value) for name, value in shares.items()},
        "alpha": alpha(choices[attentive][:, kinds == "main"]) if attentive.sum() > 1 else None,
        "threshold": _threshold(plan, [s for s, kept in zip(sessions, attentive, strict=True) if kept]),
        "seconds_per_answer": float(
            np.median([a.ms for s, kept in zip(sessions, attentive, strict=True) if kept for a in s.answers]) / 1000
        ),
    }


def _shares(plan: Plan, right: np.ndarray, truth: np.ndarray) -> dict[str, Share]:
    """What the main questions of each task measure, of right answers `[people, questions]`."""
    if plan.task == "better":
        return {"preferred": estimate(right)}
    errors = {"errors": estimate(~right)}
    if plan.task == "pair":
        return errors
    return errors | {
        "generated_called_real": estimate(~right[:, truth == 1]),
        "real_called_generated": estimate(~right[:, truth == 0]),
    }


def _json(value: Share) -> dict[str, Any]:
    return {
        "value": value.value,
        "interval": list(value.of_pictures),
        "interval_people": None if value.of_people is None else list(value.of_people),
    }


def _threshold(plan: Plan, sessions: Sequence[Session]) -> dict[str, Any] | None:
    """The exposure at which people answer 75 % rightly, in milliseconds: the mean of the second half of each staircase.

    HYPE takes the mode of a staircase. The mean uses all of its steps. None without a staircase.
    """
    if plan.exposure != judging.STAIRCASE:
        return None
    stairs = [
        [a.exposure for a in s.answers if a.exposure is not None and plan.trials[a.trial].kind == "main"]
        for s in sessions
    ]
    if not all(stairs):
        raise UserError("answers of a staircase have no exposures; they are not what the page saved")
    means = np.array([np.mean(steps[len(steps) // 2 :]) for steps in stairs])
    return {"value": float(means.mean()), "interval_people": list(student(means)) if len(means) > 1 else None}


def remarks(result: dict[str, Any]) -> list[str]:
    """What a reader must know before the numbers are used."""
    lines = []
    low, high = result["shares"]["control"]["interval"]
    if not low <= 0.5 <= high:
        lines.append(
            f"caution: the control has {result['shares']['control']['value']:.0%} and must have 50 %, "
            "so do not use these numbers"
        )
    if result["judges_left_out"]:
        lines.append(f"left out: {counted(result['judges_left_out'], 'person')} who missed attention checks")
    if result["judges"] < FEW:
        who = "one person says" if result["judges"] == 1 else f"{result['judges']} people say"
        lines.append(f"caution: {who} little about other people; ask {FEW} or more")
    return lines


def text(result: dict[str, Any], columns: int) -> str:
    """A table of a result, and its remarks."""
    sets = result["sets"]
    names = f"A = {sets['a']['name']}, B = {sets['b']['name']}"
    judged = f"{counted(result['judges'], 'judge')}, {counted(result['images'], 'image')}"
    head = f"{judging.TASKS[result['task']]} {names}: {judged}, {counted(result['judgements'], 'judgement')}"
    rows = [
        {
            "share of": MEASURES[name],
            "value": f"{value['value']:.1%}",
            "other pictures": _percent(value["interval"]),
            "other people too": _percent(value["interval_people"]),
        }
        for name, value in result["shares"].items()
    ]
    lines = [plain(head), *fitted(rows, tuple(rows[0]), columns), "The brackets are 95 % intervals."]
    if result["alpha"] is not None:
        lines.append(f"agreement (Krippendorff's alpha): {number(result['alpha'])}; 1 is agreement, 0 is chance")
    if result["threshold"] is not None:
        spread = result["threshold"]["interval_people"]
        between = "" if spread is None else f" [{number(spread[0])}, {number(spread[1])}]"
        lines.append(f"exposure at 75 % right answers: {number(result['threshold']['value'])}{between} ms")
    return "\n".join([*lines, *remarks(result)])


def _percent(ends: Sequence[float] | None) -> str:
    return "" if ends is None else f"[{ends[0]:.0%}, {ends[1]:.0%}]"


def beside(scores: Result, result: dict[str, Any]) -> Result:
    """A result of `ganbench score` with the result of people beside the metrics.

    Raises:
        UserError: the people did not judge the samples that were scored.
    """
    judged = result["sets"]["a"]
    if judged["sha256"] != scores.samples.sha256:
        raise UserError(
            f"the scores are of other samples ({scores.samples.name}) than people have judged ({judged['name']})"
        )
    return scores.model_copy(update={FIELD: result})
