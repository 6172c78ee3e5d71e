"""Images per second of our loop, beside torch-mimicry's trainer and a bare loop, on the same networks and batches.

    python benchmarks/training.py [--quick] [--out benchmarks/results/training.md]

torch-mimicry is no dependency: its sdist of 2020 asks for tensorflow, which nothing here needs.

    pip install --no-deps torch-mimicry==0.1.16

On a current torch it loads only with empty stand-ins for tensorflow, tensorboard, scikit-image and `torch._six`. The loops
train the same networks in float32, on batches of 64 from 2,000 images in memory: our DCGAN's networks under mimicry's base
classes (its losses are then "ns"), mimicry's DCGAN, whose networks are residual, under our `dcgan`'s losses, and mimicry's
SNGAN under our `sngan`'s (hinge, five D steps for one of G's). One more row has SNGAN as each package builds it, and one more
column our loop with `precision=bf16`. Of our DCGAN's layers some take a short way on a CPU (`ganbench/layers/strided.py`);
the other loops get torch's own with the same weights, as one would write them by hand.
mimicry's trainer gets a `DataLoader` over float tensors, which spares it the decoding of images, and writes no checkpoint.
The bare loop is what one writes by hand: no seeding, no history, no checks, no resuming. Each loop has a process to itself,
as it has in use, since memory that one loop has given back serves the next; ours keeps its own, as `ganbench train` does.

The loops take turns. Of the rounds the median counts, of rates and of a round's ratios, which have the 95 % interval of that
median. The shortest run would be a loop's luck: it spares those that give memory back the page faults which they have in use.

The multiplications of one step are counted too: mimicry's step of G also works out the gradients of D's weights. What our
loop wins beyond that is the order of kernels in memory, NHWC (`ganbench.training.memory.channels_last`), which helps 3x3
convolutions most, the short way, and the memory that it keeps. They win less the wider the networks are: at the DCGAN paper's
width of 128 all loops wait for the same arithmetic.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import torch
import torchvision  # noqa: F401 - before the stand-ins, which it would take for the real thing
import typer
from scipy.stats import quantile_test
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from ganbench import baseline
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers import strided
from ganbench.training import loop, memory
from ganbench.training.images import to_float
from ganbench.training.order import TrainingData

SPEC = DataSpec((3, 32, 32))
BATCH = 64
PROMISED = {"torch-mimicry": 1.3, "bare loop": 0.9}  # times as fast as
WIDEST = 32  # of the boards' networks

STAND_INS = ("tensorflow", "tensorboard", "torch.utils.tensorboard", "torch._six", "skimage")
for absent in STAND_INS:
    sys.modules[absent] = MagicMock()
try:
    from torch_mimicry.nets.dcgan import dcgan_32
    from torch_mimicry.nets.gan import gan as mimicry
    from torch_mimicry.nets.sngan import sngan_32
    from torch_mimicry.training import Trainer
except ModuleNotFoundError as error:
    print(f"{error}: pip install --no-deps torch-mimicry==0.1.16", file=sys.stderr)
    sys.exit(2)
finally:
    for absent in STAND_INS:
        del sys.modules[absent]


class TheirG(mimicry.BaseGenerator):  # type: ignore[misc]
    """Our generator behind the interface of mimicry's generators."""

    def __init__(self, net: nn.Module, z: int) -> None:
        super().__init__(nz=z, ngf=0, bottom_width=0, loss_type="ns")
        self.net = net

    def forward(self, z: Tensor) -> Tensor:
        """Draw samples."""
        images: Tensor = self.net(z)
        return images


class TheirD(mimicry.BaseDiscriminator):  # type: ignore[misc]
    """Our discriminator behind the interface of mimicry's discriminators."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__(ndf=0, loss_type="ns")
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Judge samples."""
        logits: Tensor = self.net(x)[:, None]
        return logits


class TheirTrainer(Trainer):  # type: ignore[misc]
    """mimicry's trainer without the checkpoint at its end."""

    def _save_model_checkpoints(self, global_step: int) -> None:
        pass


Players = tuple[Gan, nn.Module, nn.Module]  # our GAN, and G and D as mimicry trains them


def dcgan(width: int, precision: str) -> Players:
    """Our DCGAN's networks."""
    gan = baseline.create(Path("baselines/dcgan.py"), SPEC, {"batch": BATCH, "width": width, "precision": precision})
    return gan, TheirG(gan.G, gan.config.z), TheirD(gan.D)


def residual_dcgan(width: int, precision: str) -> Players:
    """mimicry's DCGAN networks."""
    gan, _, _ = dcgan(width, precision)
    gan.G, gan.D = dcgan_32.DCGANGenerator32(nz=gan.config.z, ngf=width), dcgan_32.DCGANDiscriminator32(ndf=width)
    return gan, gan.G, gan.D


def own_sngan(width: int, precision: str) -> Players:
    """SNGAN's networks as each package builds them."""
    settings = {"batch": BATCH, "width_g": width, "width_d": width, "precision": precision}
    gan = baseline.create(Path("baselines/sngan.py"), SPEC, settings)
    return gan, sngan_32.SNGANGenerator32(ngf=width), sngan_32.SNGANDiscriminator32(ndf=width)


def sngan(width: int, precision: str) -> Players:
    """mimicry's SNGAN networks."""
    gan, G, D = own_sngan(width, precision)
    gan.G, gan.D = G, D
    return gan, G, D


def ours(players: Players, source: TrainingData, steps: int) -> Callable[[], None]:
    """Our loop."""
    gan, _, _ = players
    training = loop.Training(gan, source, 0)
    images = steps * gan.config.batch * gan.config.n_critic

    def run() -> None:
        for _ in loop.steps(training, training.seen + images):
            pass

    return run


def theirs(players: Players, source: TrainingData, steps: int) -> Callable[[], None]:
    """mimicry's trainer with its defaults; what it prints is thrown away."""
    gan, G, D = players
    c = gan.config
    loader = DataLoader(TensorDataset(to_float(source.x), source.y), c.batch, shuffle=True, drop_last=True)
    opt_g, opt_d = (torch.optim.Adam(net.parameters(), 2e-4, c.betas) for net in (G, D))

    def run() -> None:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            TheirTrainer(
                D, G, opt_d, opt_g, loader, steps, folder, n_dis=c.n_critic, device=torch.device("cpu")
            ).train()  # fmt: skip

    return run


def bare(players: Players, source: TrainingData, steps: int) -> Callable[[], None]:
    """The loop that one writes by hand."""
    gan, _, _ = players
    c = gan.config
    x = to_float(source.x)
    params_g, params_d = list(gan.G.parameters()), list(gan.D.parameters())
    opt_g = torch.optim.Adam(params_g, c.lr_g, c.betas, fused=True)
    opt_d = torch.optim.Adam(params_d, c.lr_d, c.betas, fused=True)

    def run() -> None:
        for _ in range(steps):
            for _ in range(c.n_critic):
                chosen = torch.randint(len(x), (c.batch,))
                real = Batch(x[chosen], source.y[chosen])
                opt_d.zero_grad()
                gan.d_loss(real)["loss"].backward(inputs=params_d)
                opt_d.step()
            opt_g.zero_grad()
            gan.g_loss(real)["loss"].backward(inputs=params_g)
            opt_g.step()

    return run


LOOPS: dict[str, Callable[..., Callable[[], None]]] = {
    "ganbench": ours, "torch-mimicry": theirs, "bare loop": bare, "ganbench in bf16": ours,
}  # fmt: skip
CASES: dict[str, Callable[[int, str], Players]] = {
    "DCGAN, ours": dcgan,
    "DCGAN, mimicry's": residual_dcgan,
    "SNGAN, mimicry's": sngan,
    "SNGAN, each its own": own_sngan,
}


def with_torchs_layers(gan: Gan) -> None:
    """Replace our layers with a short way by the torch layers that they are made of."""
    for layer in gan.modules():
        if type(layer).__module__ == strided.__name__:
            layer.__class__ = type(layer).__mro__[1]  # they have the same weights, and differ in `forward` alone


first: Callable[[], None]  # a run of a step
work: Callable[[], None]  # a run of all steps
images: int  # of such a run


def begin(case: str, width: int, loop: str, steps: int) -> None:
    """Set up this process for runs of `steps` steps of one loop."""
    global first, work, images
    torch.set_num_threads(1)
    if LOOPS[loop] is ours:
        memory.keep_freed()  # as `loop.train` does
    x = torch.randint(0, 256, (2000, *SPEC.shape), dtype=torch.uint8)
    if LOOPS[loop] is ours:
        x = x.contiguous(memory_format=torch.channels_last)  # as `TrainingData.load` has it
    source = TrainingData(x, torch.zeros(2000, dtype=torch.int64), SPEC)
    players = CASES[case](width, "bf16" if "bf16" in loop else "fp32")
    if LOOPS[loop] is not ours:
        with_torchs_layers(players[0])
    first, work = (LOOPS[loop](players, source, n) for n in (1, steps))
    images = steps * BATCH * players[0].config.n_critic


def arithmetic() -> int:
    """Floating-point operations of the matrix products and convolutions of the first step, which also sets up."""
    with FlopCounterMode(display=False) as counter:
        first()
    return int(counter.get_total_flops())


def rate() -> float:
    """Images per second of a run."""
    start = time.perf_counter()
    work()
    return images / (time.perf_counter() - start)


class Times(NamedTuple):
    """How many times as fast: the median of the rounds' ratios and its 95 % interval, nan where the rounds are too few."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f}" + ("" if np.isnan(self.low) else f" [{self.low:.2f}, {self.high:.2f}]")


def times(ours: pd.Series, theirs: pd.Series) -> Times:
    """Compare two loops by their rates, round by round."""
    ratios = ours / theirs
    return Times(ratios.median(), *quantile_test(ratios).confidence_interval(0.95))


def measure(case: str, width: int, steps: int, rounds: int) -> dict[str, Any]:
    """Images per second of each loop, and how many times as fast as the others ours is."""
    with contextlib.ExitStack() as stack:
        processes = {
            loop: stack.enter_context(ProcessPoolExecutor(1, get_context("spawn"), begin, (case, width, loop, steps)))
            for loop in LOOPS
        }
        operations = {loop: process.submit(arithmetic).result() for loop, process in processes.items()}
        rates = pd.DataFrame(
            {loop: process.submit(rate).result() for loop, process in processes.items()} for _ in range(rounds)
        )
    return (
        {"networks": case, "width": width}
        | {str(loop): median for loop, median in rates.median().items()}
        | {f"times as fast as {loop}": times(rates["ganbench"], rates[loop]) for loop in PROMISED}
        | {
            "arithmetic of torch-mimicry, times ours": operations["torch-mimicry"] / operations["ganbench"],
            "bf16, times as fast": times(rates["ganbench in bf16"], rates["ganbench"]),
            "bf16, times as fast as torch-mimicry": times(rates["ganbench in bf16"], rates["torch-mimicry"]),
        }
    )


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Narrow networks, for a test of this command.")] = False,
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("benchmarks/results/training.md"),
) -> None:
    """Measure."""
    sizes = [(case, 4, 1) for case in CASES]
    if not quick:
        sizes = [("DCGAN, ours", 8, 10), ("DCGAN, ours", 32, 3), ("DCGAN, ours", 128, 1),
                 ("DCGAN, mimicry's", 8, 5), ("DCGAN, mimicry's", 32, 1),
                 ("SNGAN, mimicry's", 8, 2), ("SNGAN, mimicry's", 32, 1), ("SNGAN, each its own", 8, 2),
                 ("SNGAN, each its own", 32, 1)]  # fmt: skip
    rounds = 1 if quick else 25
    table = pd.DataFrame([measure(case, width, steps, rounds) for case, width, steps in sizes])
    narrow = table[table["width"] <= WIDEST]
    verdicts = "\n".join(
        f"- Promised: {promised:g} times as fast as {loop}. At the slower of the boards' widths: "
        + "; ".join(f"{name}: {min(cells)}" for name, cells in narrow.groupby("networks")[f"times as fast as {loop}"])
        for loop, promised in PROMISED.items()
    )
    page = f"""# Speed of training

Written by `python benchmarks/training.py{" --quick" * quick}` on one thread of {os.cpu_count()} cores:
32x32x3, batches of {BATCH}, images per second, medians of {rounds} rounds, ratios with the 95 % interval of their median.
In each row but those of "each its own" all loops train the same networks.
No board has convolutional networks wider than {WIDEST}.

{verdicts}

{table.to_markdown(index=False, floatfmt=("", "", *[".0f"] * len(LOOPS), *[".2f"] * 5))}
"""
    print(page)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
