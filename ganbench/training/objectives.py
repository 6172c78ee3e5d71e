"""What the losses of a GAN say, in words, with the value of each loss while D is undecided.

D is undecided if it gives all samples one answer, and this answer is the best such answer. The files of `baselines/` name the
published runs, so what their losses mean stands here. Another file sets `Gan.objective` to a name of `FAMILIES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ganbench import baseline, code
from ganbench.errors import choose
from ganbench.training.run import Identity

LOG_2 = math.log(2)
Settings = Mapping[str, Any]  # of a baseline's `Config`


class Level(NamedTuple):
    """A value of a loss that has a meaning: D is undecided there."""

    value: float
    formula: str
    means: str

    def __str__(self) -> str:
        number = f"{self.value:.3f}".rstrip("0").rstrip(".")
        return self.formula if self.formula == number else f"{self.formula} = {number}"


class Loss(NamedTuple):
    """How the loss of one player is read."""

    says: str
    level: Level | None = None  # of the game alone, without the terms in `more`; None: no number has a meaning
    more: str = ""  # the terms that the loss has besides, as a noun phrase

    @property
    def words(self) -> str:
        """All about the loss in sentences."""
        level = f"{self.level}: {self.level.means}. " if self.level else ""
        more = f" The loss also has {self.more}, so the line is that of the game alone." if self.more else ""
        return f"{level}{self.says}.{more}"


class Objective(NamedTuple):
    """How both losses of a GAN are read."""

    title: str
    d: Loss
    g: Loss
    critic: bool = False  # whether D(x) is one number per sample, no probability, and high for data


def _log_2(times: float, means: str) -> Level:
    formula = {1.0: "log 2", -1.0: "-log 2"}.get(times, f"{times:g} log 2")
    return Level(times * LOG_2, formula, means)


def _judge(times: float = 2, more: str = "") -> Loss:
    undecided = _log_2(times, "D is undecided, it answers 1/2 for every sample")
    return Loss("At 0, D is right and sure about every sample", undecided, more)


def _deceive(times: float = 1, more: str = "") -> Loss:
    undecided = _log_2(times, "D answers 1/2 for the samples of G")
    return Loss("A higher loss of G means that D recognises the samples", undecided, more)


def _log(d: Loss | None = None, g: Loss | None = None) -> Objective:
    return Objective("the non-saturating game", d or _judge(), g or _deceive())


def _wasserstein(more: str = "") -> Objective:
    d = Loss(
        "Minus D's loss is the distance between data and samples in the critic's own units. A good run rises towards 0",
        Level(0.0, "0", "the critic sees no difference"),
        more,
    )
    g = Loss(
        "G's loss is minus the critic's mean answer for samples. A critic may add any number to all answers, "
        "so no value of G's loss is good by itself"
    )
    return Objective("the Wasserstein game", d, g, critic=True)


def _least_squares(a: float, b: float, c: float) -> Objective:
    middle = (a + b) / 2
    answers = f"it answers {middle:g} for every sample"
    d = Level((b - a) ** 2 / 4, f"({b:g} - {a:g})² / 4", f"D is undecided, {answers}")
    g = Level((middle - c) ** 2 / 2, f"({middle:g} - {c:g})² / 2", f"D answers {middle:g} for the samples of G")
    return Objective(
        "the least squares game",
        Loss(f"D's target is {b:g} for data and {a:g} for samples. At 0, D meets both targets", d),
        Loss(f"G's target for D's answers is {c:g}. A higher loss of G means that D recognises the samples", g),
        critic=b > a,
    )


def _match(what: str) -> Loss:
    return Loss(f"G's loss is {what}. At 0, G matches the data there")


MINIMAX = Objective(
    "the minimax game",
    _judge(),
    Loss(
        "At 0, D recognises every sample, and G learns nothing", _log_2(-1, "D answers 1/2 for the samples of G")
    ),
)  # fmt: skip
HINGE = Objective(
    "the hinge game",
    Loss("At 0, each answer of D is on its side by the margin 1", Level(2.0, "2", "D is undecided")),
    Loss("G's loss is minus D's mean answer for samples. Below 0, D takes the samples for data on average"),
    critic=True,
)
BEGAN = Objective(
    "the boundary equilibrium game",
    Loss("D's loss is its error on data minus k times its error on samples. The entry M falls while the run converges"),
    Loss("G's loss is D's error on samples. The game is balanced if G's loss is gamma times D's error on data"),
)
VAE = Objective(
    "the lower bound of an autoencoder, which is no game",
    Loss("The loss is an upper bound on minus the mean log-likelihood of the data, in nats. Lower is better"),
    Loss("Both players descend the same loss"),
)
SEMI_SUPERVISED = Objective(
    "a game and a classification",
    Loss(f"The loss has two entries. In the entry `unsupervised`, D is undecided at {_log_2(2, '')}"),
    _match("the squared distance between mean features of data and samples"),
)
LAPGAN = Objective(
    "a non-saturating game per size",
    Loss(
        f"D's loss is a sum over the sizes of the pyramid. In the entry of a size, its D is undecided at {_log_2(2, '')}"
    ),
    Loss(f"G's loss is a sum over the sizes of the pyramid. Each size adds {_log_2(1, '')} if its D is undecided"),
)
CYCLEGAN = Objective(
    "two least squares games",
    Loss("At 0, D is right about every sample of both domains", Level(0.5, "1 / 2", "D is undecided in both domains")),
    Loss("G's loss is that of two games, with the errors of the cycles"),
)
FAMILIES: dict[str, Objective] = {
    "non-saturating": _log(),
    "minimax": MINIMAX,
    "wasserstein": _wasserstein(),
    "hinge": HINGE,
    "least squares": _least_squares(0, 1, 1),
}


def _f_gan(settings: Settings) -> Objective:
    if settings["divergence"] == "gan":
        return _log() if settings["generator_loss"] == "alternative" else MINIMAX
    name = str(settings["divergence"]).replace("_", " ")
    d = f"Minus D's loss is a lower bound on the divergence ({name}) between data and samples"
    return Objective(
        "a game of an f-divergence",
        Loss(d, Level(0.0, "0", "D is undecided, the bound is 0")),
        Loss("G's loss follows from D's answers for samples. No value of G's loss is good by itself"),
    )


def _r3gan(settings: Settings) -> Objective:
    penalty = "the penalties R1 and R2" if settings["gamma_1"] or settings["gamma_2"] else ""
    if not settings["relativistic"]:
        return _log(_judge(more=penalty))
    d = Loss(
        "D compares a real sample with a generated sample. At 0, D puts the real one higher every time",
        _log_2(1, "D is undecided, it answers alike for both"),
        penalty,
    )
    g = Loss("A higher loss of G means that D puts the real sample higher", _log_2(1, "D answers alike for both"))
    return Objective("the relativistic game", d, g)


def _ebgan(settings: Settings) -> Objective:
    margin = float(settings["margin"])
    undecided = Level(margin, f"{margin:g}", "D is undecided, samples have the energy of the data")
    return Objective(
        "the energy game",
        Loss("This value is the margin. At 0, data have the energy 0, and samples have at least the margin", undecided),
        Loss("G's loss is the mean energy of the samples. A lower loss means that D takes the samples for data"),
    )


def _tricks(settings: Settings) -> Objective:
    return _log(_judge(more="labels that are smoothed or flipped" if settings["smoothing"] or settings["flip"] else ""))


def _always(objective: Objective) -> Callable[[Settings], Objective]:
    return lambda settings: objective


_PLAIN = ("adagan", "cgan", "cogan", "dcgan", "gan_cls", "minibatch_discrimination", "pacgan")
_LOOKS_AHEAD = Loss("At 0, this D recognises every sample", _log_2(-2, "D still answers 1/2 after its further steps"))
BASELINES: dict[str, Callable[[Settings], Objective]] = {
    **{name: _always(_log()) for name in _PLAIN},
    **{name: _always(HINGE) for name in ("biggan", "sagan", "sngan")},
    **{name: _always(_wasserstein("a penalty on the critic's slope")) for name in ("pggan", "wavegan", "wgan_gp")},
    "acgan": _always(_log(_judge(more="the error of the classes"), _deceive(more="the error of the classes"))),
    "began": _always(BEGAN),
    "bigan": _always(_log(g=_deceive(2))),
    "context_encoder": _always(_log(g=_deceive(more="the error of the filled hole"))),
    "cyclegan": _always(CYCLEGAN),
    "discogan": _always(_log(_judge(4), Loss("G's loss is that of two games, with the errors of the cycles"))),
    "dragan": _always(_log(_judge(more="a penalty on D's slope"))),
    "ebgan": _ebgan,
    "f_gan": _f_gan,
    "feature_matching": _always(_log(g=_match("the squared distance between mean features of data and samples"))),
    "gan": lambda settings: MINIMAX if settings["generator_loss"] == "minimax" else _log(),
    "icgan": _always(_log(g=_deceive(more="another loss in its second stage, that of the encoders"))),
    "infogan": _always(_log(_judge(more="minus L_I"), _deceive(more="minus L_I"))),
    "lapgan": _always(LAPGAN),
    "lsgan": lambda settings: _least_squares(settings["a"], settings["b"], settings["c"]),
    "pix2pix": _always(_log(_judge(1), _deceive(more="the error of the pixels"))),
    "r3gan": _r3gan,
    "semi_supervised": _always(SEMI_SUPERVISED),
    "srgan": _always(_log(g=Loss("G's loss is the error of the pixels, with a game of small weight"))),
    "stackgan": _always(_log(g=_deceive(more="the divergence KL"))),
    "tricks": _tricks,
    "unrolled": _always(_log(g=_LOOKS_AHEAD)),
    "vae": _always(VAE),
    "vgan": _always(_log(g=_deceive(more="the mean of the mask"))),
    "wgan": _always(_wasserstein()),
}


def of(run: Identity, family: str | None) -> Objective | None:
    """How the losses of a run are read; None if nothing says it.

    Args:
        run: a run of ganbench's own baseline is known by the hash of its file.
        family: `Gan.objective`, a name of `FAMILIES`.

    Raises:
        UserError: there is no such family.
    """
    if family is not None:
        return FAMILIES[choose(family, FAMILIES, "objective")]
    file = baseline.folder() / f"{run.baseline}.py"
    own = run.baseline in BASELINES and file.is_file() and code.source_hash(file) == run.source
    return BASELINES[run.baseline](run.config) if own else None
