"""Train the encoders of captions and of pictures of scenes: `python -m ganbench.features.scenes.train`.

Both encoders are trained together (Reed et al. 2016, arXiv:1605.05395, equations 2 to 4). With the match s(v, t) of a picture
and a caption, the loss of a batch is the mean of max(0, 1 + s(v_n, t_m) - s(v_n, t_n)) over the wrong captions m of each
picture n, and the same over the wrong pictures of each caption. Here s is the cosine times 8, as vectors have length 8 and
the product is divided by 8.

A caption that leaves attributes out fits several pictures. Pairs whose meanings do not exclude each other are not counted. Half
of a batch differs from another scene of the batch in one attribute: else most wrong captions are wrong in nearly everything,
and the shapes are learnt late.

Scenes with a held-out combination of shape and colour are never shown. The command writes the weights and cards of both
encoders. The weights are shipped, because rounding differs between machines.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from ganbench import files
from ganbench.data import caption_encoder, scenes
from ganbench.data.grammar import Speaker, meaning
from ganbench.display.progress import progress
from ganbench.features.scenes import NAME, WEIGHTS
from ganbench.features.scenes.network import CaptionEncoder, ImageEncoder, to_input

STEPS, BATCH, RATE, SEED = 2000, 96, 2e-3, 0
SILENCE = 0.3  # chance that an attribute is left out, in half of the captions
SCALE = caption_encoder.SIZE**0.5


def draw(n: int, arrangements: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Random scenes int64 `[n, 11]` without a held-out combination."""
    rows = np.full((4 * n, scenes.COLUMNS), -1)
    rows[:, 0], rows[:, scenes.GROUND] = (
        rng.choice(arrangements, len(rows)),
        rng.integers(len(scenes.GROUNDS), size=len(rows)),
    )
    kinds = [scenes.ARRANGEMENTS[a] for a in rows[:, 0]]
    for k in range(scenes.MOST_OBJECTS):
        present = np.array([k < len(kind.centres) for kind in kinds])
        sizes = np.array([kind.sizes for kind in kinds])
        drawn = rng.integers(0, np.stack([np.full(len(rows), 6), np.full(len(rows), 8), sizes], 1))
        at = scenes.FIRST + scenes.PER_OBJECT * k
        rows[:, at : at + scenes.PER_OBJECT] = np.where(present[:, None], drawn, -1)
    kept: np.ndarray = rows[~scenes.held_out(rows)][:n]
    return kept


def batch(n: int, arrangements: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Scenes `[n, 11]`: the second half repeats the first half, with one attribute replaced by another scene's."""
    first = draw(n // 2, arrangements, rng)
    other = first.copy()
    for row, donor in zip(other, first[rng.permutation(len(first))], strict=True):
        columns = np.flatnonzero((row >= 0) & (donor >= 0) & (row != donor))
        columns = columns[columns > 0]  # another arrangement can need other objects
        if len(columns):
            column = rng.choice(columns)
            row[column] = donor[column]
    other = np.where(scenes.held_out(other)[:, None], first[::-1], other)
    sizes = np.array([scenes.ARRANGEMENTS[a].sizes for a in other[:, 0]])
    for k in range(scenes.MOST_OBJECTS):
        size = scenes.FIRST + scenes.PER_OBJECT * k + 2
        other[:, size] = np.minimum(other[:, size], sizes - 1)
    return np.concatenate([first, other])


def excluded(said: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Which captions with the meanings `[n, 11]` do not fit which scenes `[m, 11]`: bool `[m, n]`."""
    unlike: np.ndarray = ((said[None] >= 0) & (said[None] != shown[:, None])).any(2)
    return unlike


def speak(shown: np.ndarray, rng: np.random.Generator) -> list[str]:
    """A caption of each scene `[n, 11]`."""
    return [Speaker(rng.random(Speaker.needed), SILENCE * rng.integers(2)).caption(scene) for scene in shown]


def hinge(pictures: Tensor, captions: Tensor, wrong: Tensor) -> Tensor:
    """The structured loss of vectors `[n, E]` and `[n, E]`; `wrong[i, j]` says that caption j does not fit picture i."""
    s = pictures @ captions.T / SCALE
    own = s.diagonal()
    of_pictures = (1 + s - own[:, None]).clamp(min=0)[wrong].mean()
    of_captions = (1 + s - own[None]).clamp(min=0)[wrong].mean()
    loss: Tensor = of_pictures + of_captions
    return loss


def fit(steps: int) -> tuple[ImageEncoder, CaptionEncoder]:
    """Both encoders after so many steps."""
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    images, text = ImageEncoder(), CaptionEncoder()
    parameters = [*images.parameters(), *text.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    with progress("train the encoders", steps, "steps") as advance:
        for step in range(steps):
            half = [batch(BATCH // 2, kinds, rng) for kinds in (scenes.SINGLE, scenes.SEVERAL)]
            shown = np.concatenate(half)
            captions = speak(shown, rng)
            wrong = torch.from_numpy(excluded(np.stack([meaning(c) for c in captions]), shown))
            vectors = text(*map(torch.from_numpy, caption_encoder.numbered(captions)))
            loss = hinge(images(to_input(scenes.render(shown, scenes.UNIT))), vectors, wrong)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            advance(step + 1, f"loss {loss.item():.3f}")
    return images.eval(), text.eval()


@torch.inference_mode()
def retrieval(
    images: ImageEncoder, text: CaptionEncoder, arrangements: tuple[int, ...], n: int = 400
) -> dict[str, float]:
    """How often the nearest of n pictures is one that the caption fits, for whole captions of new scenes: a share."""
    rng = np.random.default_rng(SEED + 1)
    shown = draw(n, arrangements, rng)
    captions = [Speaker(rng.random(Speaker.needed)).caption(scene) for scene in shown]
    wrong = excluded(np.stack([meaning(c) for c in captions]), shown)
    vectors = text(*map(torch.from_numpy, caption_encoder.numbered(captions)))
    s = (images(to_input(scenes.render(shown, scenes.UNIT))) @ vectors.T).numpy()
    return {"pictures": n, "right": float((~wrong[s.argmax(0), np.arange(n)]).mean())}


def write(module: nn.Module, folder: Path, name: str, facts: dict[str, Any]) -> None:
    """Write `folder/NAME.safetensors` and its card."""
    content = safetensors.torch.save(module.state_dict())
    card = {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), **facts}
    files.write(folder / f"{name}.safetensors", content)
    files.write(folder / f"{name}.json", json.dumps(card, indent=1) + "\n")


def main(steps: int, data_weights: Path, image_weights: Path) -> None:
    """Train both encoders and write them."""
    begun = time.process_time()
    images, text = fit(steps)
    facts = {
        "recipe": {"steps": steps, "batch": BATCH, "rate": RATE, "silence": SILENCE, "seed": SEED},
        "retrieval": {
            "one object": retrieval(images, text, scenes.SINGLE),
            "several objects": retrieval(images, text, scenes.SEVERAL),
        },
        "torch": torch.__version__,
        "cpu_seconds": round(time.process_time() - begun),
    }
    write(text, data_weights, caption_encoder.NAME, facts)
    write(images, image_weights, NAME, facts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Train the encoders of scenes and write their weights into the package."
    )
    parser.add_argument("--steps", type=int, default=STEPS)
    main(parser.parse_args().steps, caption_encoder.WEIGHTS, WEIGHTS)
