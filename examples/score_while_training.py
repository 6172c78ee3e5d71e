"""A plain PyTorch loop that scores its generator as it trains, and keeps the weights that scored best on other real data.

    python examples/score_while_training.py

The score that chooses the weights is taken on one half of the held-out split and the score that is reported on the other:
a number that was chosen for being small says nothing any more.
"""

import argparse

import numpy as np
import torch
from torch import nn

from ganbench import Scorer, data, score
from ganbench.training.images import to_float, to_uint8

Z, BATCH = 16, 64


def networks() -> tuple[nn.Module, nn.Module]:
    """A small generator and discriminator of 8x8 images."""
    G = nn.Sequential(nn.Linear(Z, 128), nn.ReLU(), nn.Linear(128, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
    D = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1))
    return G, D


def draw(G: nn.Module, n: int) -> np.ndarray:
    """n samples as `ganbench` takes them: uint8 `[n, 8, 8, 1]`."""
    with torch.inference_mode():
        return to_uint8(G(torch.randn(n, Z))).numpy()


def main(steps: int, every: int) -> None:
    """Train, score every few steps, report the best."""
    torch.manual_seed(0)
    held_out = data.load("digits", "test").x
    choosing, reporting = held_out[::2], held_out[1::2]
    real = to_float(torch.from_numpy(np.array(data.load("digits", "train").x)).permute(0, 3, 1, 2))

    G, D = networks()
    optimisers = [torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.5, 0.999)) for net in (G, D)]
    score_now = Scorer.of(choosing, "digits:train", features="digits-cnn", metrics=["fid", "memorisation"])

    best, kept = float("inf"), {}
    for step in range(1, steps + 1):
        x, fake = real[torch.randint(len(real), (BATCH,))], G(torch.randn(BATCH, Z))
        d_loss = nn.functional.softplus(-D(x)).mean() + nn.functional.softplus(D(fake.detach())).mean()
        optimisers[1].zero_grad()
        d_loss.backward()
        optimisers[1].step()
        g_loss = nn.functional.softplus(-D(fake)).mean()
        optimisers[0].zero_grad()
        g_loss.backward()
        optimisers[0].step()

        if step % every == 0:
            now = score_now(draw(G, 400)).metrics
            print(f"step {step}: FID {now['fid'].value:.2f}, copied {now['memorisation'].value:.1%}")
            if now["fid"].value < best:
                best, kept = now["fid"].value, {k: v.clone() for k, v in G.state_dict().items()}

    G.load_state_dict(kept)
    final = score(draw(G, 399), reporting, "digits:train", features="digits-cnn", metrics=["fid"]).metrics["fid"]
    print(f"best: FID {final.value:.2f} {final.interval}, a perfect generator has {final.perfect:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--every", type=int, default=200)
    main(**vars(parser.parse_args()))
