"""A second opinion: the code of other evaluators on the same decoded images, beside ganbench's numbers, with the causes.

Each number stands three times: as ganbench scored it, as ganbench computes it under the evaluator's protocol, and as the
evaluator computes it. The first two differ by what the protocol pins. The last two differ by rounding and by draws without a
seed.
"""

from __future__ import annotations

import importlib.util
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ganbench.display.text import fitted, value, wrap
from ganbench.errors import Unreachable, UserError, choose
from ganbench.features import Extractor, _weights, describe, inception, published
from ganbench.samples import SampleSet
from ganbench.scoring import protocols
from ganbench.scoring.protocols import Number
from ganbench.scoring.result import Result

if TYPE_CHECKING:
    from torch import Tensor

    from ganbench.scoring.scorer import Scorer

SMALL = 1e-4  # a relative difference below this is rounding in float32
SCATTER = 4.0  # standard deviations that a mean of random subsets may be away
REPEATS = 5  # draws that show how far KID without a seed scatters


class Opinion(NamedTuple):
    """One number of an evaluator, beside ganbench's."""

    peer: str
    number: str
    ours: float | None  # as the user asked for it; None if it was not asked for
    pinned: float | None  # by ganbench, under the evaluator's protocol
    theirs: float
    causes: list[str]  # why these differ


class Peer(NamedTuple):
    """An evaluator that can be run here."""

    distribution: str
    modules: tuple[str, ...]
    run: Callable[
        [SampleSet, SampleSet, Path], Mapping[str, float]
    ]  # numbers of its protocol, and NAME.sd of a random one


def require(names: Sequence[str], extractor: Extractor) -> None:
    """Refuse evaluators that cannot be run, before any work.

    Args:
        names: of evaluators, at least one.
        extractor: the extractor of the scoring. If it has Inception's weights, its file of weights is used.

    Raises:
        UserError: there is no such evaluator, or the file of weights has another hash.
        Unreachable: an evaluator is not installed, or Inception's weights are not on this machine and cannot be downloaded.
    """
    for name in names:
        peer = PEERS[choose(name, tuple(PEERS), "evaluator to check with")]
        if absent := [module for module in peer.modules if importlib.util.find_spec(module) is None]:
            raise Unreachable(f"{name} needs {absent[0]}, which is not installed: pip install 'ganbench[peers]'")
    _weights.read(inception.WEIGHTS, extractor.weights if published(extractor.name) == inception.WEIGHTS else None)


def opinions(scorers: Mapping[str, Scorer], result: Result, gen: SampleSet, ref: SampleSet) -> list[Opinion]:
    """What other evaluators say about the samples of a result.

    Args:
        scorers: by the name of an evaluator, a scorer under its protocol: see `Scorer.under`.
        result: what ganbench says.
        gen, ref: generated and held-out images.

    Raises:
        UserError: the sets are no images, or the reference has only statistics.
        Unreachable: Inception's weights are not on this machine and cannot be downloaded.
    """
    if gen.x.ndim != 4 or ref.is_statistics:
        raise UserError("other evaluators need the images of both sets, and not points or statistics")
    lines = []
    for name, scorer in scorers.items():
        pinned = result if result.protocol.name == name else scorer(gen)
        with warnings.catch_warnings(action="ignore"):  # the evaluators call what newer libraries call old
            theirs = PEERS[name].run(gen, ref, _weights.place(inception.WEIGHTS, scorer.extractor.weights))
        for number in (number for number in protocols.get(name).numbers if number.name in theirs):
            asked = result.metrics.get(number.name) or result.metrics.get(number.metric)
            ours, same = None if asked is None else asked.value, pinned.metrics[number.name].value
            causes = [] if ours is None else pinned_causes(result, number, name)
            causes += own_causes(same, theirs[number.name], theirs.get(f"{number.name}.sd"))
            lines.append(Opinion(name, number.name, ours, same, theirs[number.name], causes))
    return lines


def pinned_causes(result: Result, number: Number, protocol: str) -> list[str]:
    """What the protocol pins otherwise than the result: network, weights, resize, precision, rule."""
    if result.protocol.name == protocol:
        return []
    facts, own = describe(number.features), result.protocol.features.model_dump()
    causes = []
    if own.get("sha256") != facts["sha256"]:
        causes.append(f"network: {own['id']}, and not {facts['id']}")
    elif own.get("resize") != facts["resize"]:
        causes.append(f"resize: {own.get('resize')}, and not {facts['resize']}")
    if own.get("precision", "fp32") != facts["precision"]:
        causes.append(f"precision: {own['precision']}, and not {facts['precision']}")
    if number.rule is not None and result.protocol.name is None:
        causes.append(f"rule: {number.states}")
    return causes


def own_causes(ours: float | None, theirs: float, sd: float | None) -> list[str]:
    """Why a number under the evaluator's protocol differs from the evaluator's own number."""
    if ours is None:
        return ["ganbench has no number under this protocol"]
    apart = abs(ours - theirs)
    if apart <= SMALL * max(abs(ours), abs(theirs)):
        return [f"rounding: {apart / (max(abs(ours), abs(theirs)) or 1):.1g} of the value"]
    if sd is not None and apart <= SCATTER * sd:
        return [f"its subsets have no seed: its mean scatters by {value(sd)}"]
    return [f"not explained: {value(apart)}"]


def text(lines: Sequence[Opinion], columns: int) -> str:
    """The opinions as a table for each evaluator, with the causes below."""
    parts = []
    for peer in dict.fromkeys(line.peer for line in lines):
        of_peer = [line for line in lines if line.peer == peer]
        rows = [
            {
                "number": line.number,
                "ganbench": value(line.ours),
                "its protocol": value(line.pinned),
                "the evaluator": value(line.theirs),
            }
            for line in of_peer
        ]
        title = f"  {peer} {version(PEERS[peer].distribution)} on the same images"
        causes = [wrap(f"{line.number}: {'; '.join(line.causes)}.", "    ", columns) for line in of_peer]
        parts.append("\n".join([title, *fitted(rows, list(rows[0]), columns), *causes]))
    return "\n\n".join(parts)


def _torch_fidelity(gen: SampleSet, ref: SampleSet, weights: Path) -> dict[str, float]:
    """torch-fidelity's `calculate_metrics`, on the CPU, with its defaults but for subsets that are larger than a set."""
    import torch
    import torch_fidelity
    from torch.utils.data import Dataset

    class Images(Dataset):  # type: ignore[type-arg]
        """Images as torch-fidelity takes them, uint8 `[3, H, W]`."""

        def __init__(self, given: SampleSet) -> None:
            self.x = given.x

        def __len__(self) -> int:
            return len(self.x)

        def __getitem__(self, i: int) -> Tensor:
            return torch.from_numpy(_colour(self.x[i : i + 1])[0].transpose(2, 0, 1).copy())

    said = torch_fidelity.calculate_metrics(
        input1=Images(gen), input2=Images(ref), isc=True, fid=True, kid=True, prc=True, cuda=False, cache=False, verbose=False,
        save_cpu_ram=True, feature_extractor="inception-v3-compat", feature_extractor_weights_path=str(weights),
        kid_subset_size=min(1000, len(gen.x), len(ref.x)),
    )  # fmt: skip
    return {
        "inception_score": said["inception_score_mean"],
        "fid": said["frechet_inception_distance"],
        "kid": said["kernel_inception_distance_mean"],
        "precision": said["precision"],
        "recall": said["recall"],
    }


def _clean_fid(gen: SampleSet, ref: SampleSet, weights: Path) -> dict[str, float]:
    """clean-fid's reader, resize, Frechet distance and KID, on torch-fidelity's network with the same weights.

    Its own network is a download without a hash. KID is drawn `REPEATS` times, because its subsets have no seed.
    """
    import torch
    from cleanfid import fid
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    *blocks, _ = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(weights)).children()

    @torch.inference_mode()
    def features(resized: Tensor) -> Tensor:
        """Features `[n, 2048]` of images in [0, 255] that clean-fid has resized to 299 x 299 pixels."""
        maps: Tensor = torch.nn.Sequential(*blocks)((resized - 128) / 128)
        return maps.flatten(1)

    sets = []
    with tempfile.TemporaryDirectory() as folder:
        for name, given in (("gen", gen), ("ref", ref)):
            place = Path(folder) / name
            place.mkdir()
            for i in range(len(given.x)):
                np.save(place / f"{i:08d}.npy", _colour(given.x[i : i + 1])[0])
            options = {"num_workers": 0, "batch_size": 32, "device": torch.device("cpu"), "verbose": False}
            sets.append(fid.get_folder_features(str(place), features, **options))
    state = np.random.get_state()  # noqa: NPY002  (clean-fid draws from numpy's global generator)
    np.random.seed(0)  # noqa: NPY002
    kids = [fid.kernel_distance(*sets) for _ in range(REPEATS)]
    np.random.set_state(state)  # noqa: NPY002
    try:
        distance = float(fid.fid_from_feats(*sets))
    except TypeError:  # it calls `sqrtm` with an argument that SciPy 1.18 does not have
        raise Unreachable("clean-fid does not run with this version of SciPy: pip install 'scipy<1.18'") from None
    return {"fid": distance, "kid": kids[0], "kid.sd": float(np.std(kids, ddof=1))}


def _colour(x: Any) -> np.ndarray:
    """Images uint8 `[n, H, W, 3]`: a grey value stands in all three channels."""
    images = np.asarray(x)
    return np.repeat(images, 3 // images.shape[-1], -1)


PEERS = {
    "torch-fidelity": Peer("torch-fidelity", ("torch_fidelity",), _torch_fidelity),
    "clean-fid": Peer("clean-fid", ("cleanfid", "torch_fidelity"), _clean_fid),
}
