"""What users bring: ten kinds of input that other evaluators take, or take wrongly. Each kind is a table of examples and siblings."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sample_files import file_of, png, write_folder, write_tar, write_zip
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset, TensorDataset

from ganbench import Scorer, errors, features, samples, score
from ganbench.errors import UserError
from ganbench.samples import labels

RNG = np.random.default_rng(0)
A, B, C = (RNG.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8) for n in (60, 50, 70))
GREY = RNG.integers(0, 256, (50, 8, 8), dtype=np.uint8)
Y = np.arange(50) % 5
T = torch.tensor(B).permute(0, 3, 1, 2)
PICTURES = [Image.fromarray(x) for x in B]
DIGITS = load_digits()
X = np.rint(DIGITS.images * 255 / 16).astype(np.uint8)
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
PIXELS: dict[str, Any] = {"features": "pixels", "metrics": ["fid"]}


def warnings_of(what: Any, **declared: Any) -> str:
    return "\n".join(samples.read(what, samples.declared(**declared)).manifest["found"]["warnings"])


# K1: labels only from what says that it is labels, and compared by name


def folders(of: Callable[[int], str], n: int = 300) -> dict[str, bytes]:
    return {of(i): png(X[i]) for i in range(n)}


def dataset_tool(listed: Any) -> dict[str, bytes]:
    """What the dataset tool of StyleGAN writes: folders of 100 images, and classes in `dataset.json`."""
    files = folders(lambda i: f"{i // 100:05d}/img{i:08d}.png")
    given = listed([[name, int(DIGITS.target[i])] for i, name in enumerate(files)])
    return files | {"dataset.json": json.dumps({"labels": given}).encode()}


RIGHT: list[tuple[str, dict[str, bytes]]] = [
    ("numbers", folders(lambda i: f"{DIGITS.target[i]}/{i}.png")),
    ("padded numbers", folders(lambda i: f"{DIGITS.target[i]:02d}/{i}.png")),
    ("class_0", folders(lambda i: f"class_{DIGITS.target[i]}/{i}.png")),
    ("digit-0", folders(lambda i: f"digit-{DIGITS.target[i]}/{i}.png")),
    ("dataset.json", dataset_tool(lambda pairs: pairs)),
    ("dataset.json as a mapping", dataset_tool(dict)),
]
NOT_COMPARED: list[tuple[str, dict[str, bytes], str]] = [
    ("words", folders(lambda i: f"{WORDS[DIGITS.target[i]]}/{i}.png"), "no classes eight, five"),
    ("letters", folders(lambda i: f"{'abcdefghij'[DIGITS.target[i]]}/{i}.png"), "no classes a, b"),
    ("from 1 to 10", folders(lambda i: f"{DIGITS.target[i] + 1}/{i}.png"), "no class 10"),
    ("parts by number", folders(lambda i: f"{i // 100:05d}/img{i:08d}.png"), "parts of the set, and not classes"),
    (
        "one folder above",
        folders(lambda i: f"images/{DIGITS.target[i]}/{i}.png"),
        "if its 10 folders are classes, give this",
    ),
    ("parts by name", folders(lambda i: f"batch_{i // 100}/{i}.png"), "parts of the set, and not classes"),
    ("ranks", folders(lambda i: f"rank{i % 2}/{i}.png"), "parts of the set, and not classes"),
    ("no labels in dataset.json", dataset_tool(lambda pairs: None), "dataset.json has none"),
    ("vectors", dataset_tool(lambda pairs: [[n, [0.0, 1.0]] for n, _ in pairs]), "are vectors, and no classes"),
]


@pytest.fixture(scope="module")
def digits() -> Scorer:
    return Scorer.of("digits", features="pixels", metrics=["classification_accuracy"])


@pytest.mark.parametrize("write", [write_folder, write_zip, write_tar])
@pytest.mark.parametrize(("name", "files"), RIGHT, ids=[name for name, _ in RIGHT])
def test_labels_with_the_names_of_the_reference_are_used(
    digits: Scorer, tmp_path: Path, name: str, files: dict[str, bytes], write: Callable[..., Path]
) -> None:
    given = samples.read(write(tmp_path / "set", files))
    assert Counted(given.y) == Counted(DIGITS.target[:300])
    if write is write_folder and name in ("numbers", "dataset.json"):
        value = digits(given).metrics["classification_accuracy"].value
        assert value is not None
        assert value > 0.8


class Counted(dict):  # type: ignore[type-arg]
    """How often each class comes."""

    def __init__(self, y: np.ndarray | None) -> None:
        super().__init__({} if y is None else zip(*np.unique(y, return_counts=True), strict=True))


@pytest.mark.parametrize(("name", "files", "why"), NOT_COMPARED, ids=[name for name, _, _ in NOT_COMPARED])
def test_folders_that_are_not_its_classes_give_no_accuracy(
    digits: Scorer, tmp_path: Path, name: str, files: dict[str, bytes], why: str
) -> None:
    result = digits(write_folder(tmp_path / "set", files))
    assert result.metrics["classification_accuracy"].value is None
    assert why in "\n".join(result.preflight)


def test_folders_through_which_the_files_run_on_may_be_parts(tmp_path: Path) -> None:
    given = write_folder(tmp_path / "set", folders(lambda i: f"{i // 100}/{i:06d}.png"))
    assert "run on through the folders (0, 1, 2), which were read as classes; if the folders only cut" in warnings_of(
        given
    )


def test_an_image_that_dataset_json_does_not_list_is_named(tmp_path: Path) -> None:
    files = dataset_tool(lambda pairs: pairs[:-1])
    with pytest.raises(
        UserError, match=r"dataset.json has no class for 00002/img00000299.png; give each image a class"
    ):
        samples.read(write_zip(tmp_path / "a.zip", files))


def test_a_class_that_is_no_number_is_named_with_its_value(tmp_path: Path) -> None:
    files = dataset_tool(lambda pairs: [[name, WORDS[y]] for name, y in pairs])
    with pytest.raises(UserError, match=r'dataset.json has "zero", and not a whole number, for 00000/img00000000.png'):
        samples.read(write_zip(tmp_path / "a.zip", files))


def test_numbers_of_samples_under_another_name_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=B, y=Y)
    assert "y has a number per sample and is not read: labels are read under arr_1" in warnings_of(tmp_path / "a.npz")


def test_classes_are_compared_by_name_whatever_their_numbers(tmp_path: Path) -> None:
    def words(skip: int) -> dict[str, bytes]:
        return {f"{WORDS[t]}/{i}.png": png(X[i]) for i, t in enumerate(DIGITS.target[:400].tolist()) if t != skip}

    reference = write_folder(tmp_path / "reference", words(skip=-1))
    fewer = write_folder(tmp_path / "fewer", words(skip=8))  # "eight" is the first word, so all numbers differ
    value = score(fewer, reference, features="pixels", metrics=["classification_accuracy"]).metrics
    accuracy = value["classification_accuracy"].value
    assert accuracy is not None
    assert accuracy > 0.8


# K2: one image is never a batch


class Images(Dataset):  # type: ignore[type-arg]
    """A dataset that never ends for a loop without a length."""

    def __init__(self, item: Callable[[int], Any]) -> None:
        self.item = item

    def __len__(self) -> int:
        return len(B)

    def __getitem__(self, i: int) -> Any:
        return self.item(i % len(B))


IN_PYTHON: list[tuple[str, Any, bool]] = [  # what, the source, whether it has labels
    ("a list of tensors", list(T), False),
    ("a tuple of tensors", tuple(T), False),
    ("a list of arrays", list(B), False),
    ("a list of arrays, channels first", list(B.transpose(0, 3, 1, 2)), False),
    ("a generator of images", lambda: (x for x in T), False),
    ("a list of PIL images", PICTURES, False),
    ("a list of lists of PIL images", [PICTURES[:20], PICTURES[20:]], False),
    ("pairs of a PIL image and a class", list(zip(PICTURES, Y.tolist(), strict=True)), True),
    ("pairs of a tensor and a class", list(zip(T, torch.tensor(Y), strict=True)), True),
    ("rows of Hugging Face", [{"image": x, "label": int(y)} for x, y in zip(PICTURES, Y, strict=True)], True),
    ("batches of Hugging Face", [{"img": PICTURES[:9], "label": Y[:9]}, {"img": PICTURES[9:], "label": Y[9:]}], True),
    ("TensorDataset", TensorDataset(T, torch.tensor(Y)), True),
    ("TensorDataset without labels", TensorDataset(T), False),
    ("a dataset of images", Images(lambda i: T[i]), False),
    ("a dataset of PIL images", Images(lambda i: (PICTURES[i], int(Y[i]))), True),
    ("a dataset of mappings", Images(lambda i: {"pixel_values": T[i], "label": Y[i]}), True),
    ("a loader of [x]", DataLoader(TensorDataset(T), 20), False),
    ("a loader of (x, y)", DataLoader(TensorDataset(T, torch.tensor(Y)), 20), True),
    ("a loader of (x, y, index)", DataLoader(TensorDataset(T, torch.tensor(Y), torch.arange(50)), 20), True),
    ("a loader of mappings", DataLoader(Images(lambda i: {"image": T[i], "label": Y[i]}), 7), True),
    ("a loader without batches", DataLoader(TensorDataset(T, torch.tensor(Y)), batch_size=None), True),
    ("a loader of images without batches", DataLoader(Images(lambda i: T[i]), batch_size=None), False),
    ("a loader with captions", DataLoader(Images(lambda i: (T[i], "a caption")), 20), False),
    ("a loader with attributes", DataLoader(TensorDataset(T, torch.zeros(50, 40, dtype=torch.int64)), 20), False),
    ("an array and its labels", (B, Y), True),
    ("a mapping of an array and its labels", {"images": B, "labels": Y}, True),
    ("two batches", [B[:20], B[20:]], False),
    ("batches with a remainder of one image", [B[:49], B[49:]], False),
    ("batches with a remainder of three images", [T[:47], T[47:]], False),
]


@pytest.mark.parametrize(("what", "source", "labelled"), IN_PYTHON, ids=[what for what, _, _ in IN_PYTHON])
def test_images_from_python_are_the_set_that_they_are(what: str, source: Any, labelled: bool) -> None:
    given = samples.read(source() if callable(source) else source)
    assert np.array_equal(given.x, B)
    assert (given.y is None) != labelled
    assert given.y is None or np.array_equal(given.y, Y)


BY_THREE = [DataLoader(TensorDataset(torch.tensor(GREY), *labels), 3) for labels in ((), (torch.tensor(Y),))]


@pytest.mark.parametrize(
    "source", [list(GREY), list(GREY[:, None]), [GREY[:47], GREY[47:]], list(GREY[..., None]), *BY_THREE]
)
def test_grey_images_from_python_keep_one_channel(source: Any) -> None:
    assert np.array_equal(samples.read(source).x, GREY[..., None])


def test_points_one_by_one_are_the_points() -> None:
    points = RNG.normal(size=(30, 2)).astype(np.float32)
    for source in (list(points), TensorDataset(torch.tensor(points)), [points[:20], points[20:]]):
        assert np.array_equal(samples.read(source).x, points)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (B[0], "is a single image, but a score needs a set"),
        (T[0], "is a single image, but a score needs a set"),
        (B[0, ..., :1], "is a single image"),
        ([B[0], C[0, :5]], "all must be alike"),
        ([(T[0], T[1])], "an item has two images"),
        (PICTURES[0], "is no set of samples"),
        (["a.png", "b.png"], "an item is str; images, points"),
        (list(GREY / 255.0), "an item of 8 x 8 floats can be a grey image or a batch of points: for images declare"),
        ([Image.new("I", (8, 8))], "mode I cannot be read .*; convert it: choose which value becomes black"),
        ([{"noise": T}], "a mapping has 'noise'; images, points"),
        ([Image.new("CMYK", (8, 8))], "a PIL image of mode CMYK"),
        ([Image.new("RGBA", (8, 8), (1, 2, 3, 9))], "is transparent"),
        ([], "gave no samples"),
        (GREY.reshape(50, -1), "flat images: give them their shape"),
        (GREY.astype(np.int64), "convert them: x.astype"),
        (GREY > 127, "255 \\* x.astype"),
        (3.5, "float is no set of samples"),
    ],
)
def test_what_is_no_set_says_what_to_give(source: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        samples.read(source)


def test_what_stands_in_the_place_of_labels_and_is_none_is_named() -> None:
    source = DataLoader(TensorDataset(T, torch.rand(50)), 20)
    assert "the second part of each item is float32 of shape (20,); it is no label" in warnings_of(source)


# K3: a declared range that the values contradict


@pytest.mark.parametrize(
    ("x", "range_", "message"),
    [
        (B.astype(np.float32) / 255, "0,255", "almost black; for images from 0 to 1 declare `range='0,1'`"),
        (B.astype(np.float32) / 255, "-1,1", "below the middle of the declared range -1 to 1"),
        (B.astype(np.float32) / 255 / 255, "0,1", "divided by 255 twice"),
        (X[:50].astype(np.float32) * 16 / 255, "0,255", "almost black"),
        (B // 128, None, "no value is above 1 of 255, so all images are almost black"),
        (B // 2 + 128, None, "no value is below 128 of 255"),
        ([x.astype(np.float32) / 255 for x in B], "0,255", "for images from 0 to 1 declare"),
        (B.astype(np.float32) / 255, "0,1", ""),
        (B.astype(np.float32) / 127.5 - 1, "-1,1", ""),
        (B, "0,1", ""),
    ],
)
def test_values_that_contradict_the_range_are_named(x: Any, range_: str | None, message: str) -> None:
    said = warnings_of(x, range_=range_)
    assert message in said if message else said == ""


def test_each_set_has_its_own_range() -> None:
    wanted = score(B, A, **PIXELS).metrics["fid"].value
    ones, signed, ranges = A.astype(np.float32) / 255, B.astype(np.float32) / 127.5 - 1, ("-1,1", (0, 1))
    result = score(signed, ones, range=dict(zip(("samples", "reference"), ranges, strict=True)), **PIXELS)
    assert result.metrics["fid"].value == wanted
    scorer = Scorer.of(ones, range={"samples": "-1,1", "reference": "0,1"}, **PIXELS)
    assert scorer(signed).metrics["fid"].value == wanted
    with pytest.raises(UserError, match="no set with a range 'gen'"):
        score(signed, ones, range={"gen": "0,1"}, **PIXELS)


def test_the_command_line_takes_a_range_for_each_set(tmp_path: Path) -> None:
    np.savez(tmp_path / "b.npz", arr_0=B.astype(np.float32) / 127.5 - 1)
    np.savez(tmp_path / "a.npz", arr_0=A.astype(np.float32) / 255)
    options = ["--range=-1,1", "--reference-range", "0,1", "--features", "pixels", "--metrics", "fid", "--json", "-"]
    done = command("score", "b.npz", "--reference", "a.npz", *options, where=tmp_path)
    assert json.loads(done.stdout)["metrics"]["fid"]["value"] == score(B, A, **PIXELS).metrics["fid"].value


def command(*arguments: str, where: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(errors.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "ganbench", *arguments],
        cwd=where,
        env=os.environ | {"PYTHONPATH": path} | environment,
        capture_output=True,
        text=True,
        encoding=environment.get("PYTHONIOENCODING", "utf-8"),
        check=False,
    )


# K4: images and statistics in one file


def statistics(x: np.ndarray) -> dict[str, Any]:
    flat = x.reshape(len(x), -1) / 255
    return {"mu": flat.mean(0), "sigma": np.cov(flat.T)}


def both(path: Path, x: np.ndarray, of: np.ndarray, **further: Any) -> Path:
    np.savez(path, arr_0=x, **statistics(of), **further)
    return path


def test_statistics_beside_images_are_for_fid_and_the_images_for_the_rest(tmp_path: Path) -> None:
    wanted: dict[str, Any] = {"features": "pixels", "metrics": ["fid", "precision", "kid"]}
    result = score(B, both(tmp_path / "adm.npz", A, C), **wanted)
    np.savez(tmp_path / "alone.npz", **statistics(C))
    alone, images = score(B, tmp_path / "alone.npz", **wanted), score(B, A, **wanted)
    assert result.metrics["fid"].value == alone.metrics["fid"].value != images.metrics["fid"].value
    for name in ("precision", "kid"):
        assert result.metrics[name].value == images.metrics[name].value is not None
    said = "\n".join(result.preflight)
    assert "fid is measured against mu and sigma of this file, and all other metrics against its 60 images" in said
    assert result.protocol.reference.extra["statistics"] != result.protocol.reference.sha256


def test_statistics_alone_say_what_they_are_used_for(tmp_path: Path) -> None:
    np.savez(tmp_path / "alone.npz", **statistics(C))
    result = score(B, tmp_path / "alone.npz", features="pixels", metrics=["fid", "precision"])
    assert result.metrics["precision"].reason == (
        "precision needs the samples of a reference, and alone.npz has only statistics"
    )
    said = "alone.npz: statistics of 192 features without images; fid is measured against mu and sigma of this file"
    assert any(line.startswith(said) for line in result.preflight)


@pytest.mark.parametrize("further", [{}, {"arr_1": Y}, {"mu_s": Y.astype(float), "sigma_s": np.eye(50)}])
def test_images_with_statistics_are_samples_and_a_training_set(tmp_path: Path, further: dict[str, np.ndarray]) -> None:
    path = both(tmp_path / "adm.npz", B, C, **further)
    result = score(path, A, train=path, **PIXELS)
    assert result.metrics["fid"].value == score(B, A, **PIXELS).metrics["fid"].value
    assert "its images are read, and its mu and sigma are not used" in "\n".join(result.preflight)


def test_statistics_of_another_number_of_features_are_not_used(tmp_path: Path) -> None:
    np.savez(tmp_path / "adm.npz", arr_0=A, mu=np.zeros(7), sigma=np.eye(7))
    result = score(B, tmp_path / "adm.npz", **PIXELS)
    assert result.metrics["fid"].value == score(B, A, **PIXELS).metrics["fid"].value
    assert "its mu and sigma of 7 features are not used, because pixels has 192" in "\n".join(result.preflight)


def test_a_file_of_statistics_and_images_can_be_embedded_and_read_again(tmp_path: Path) -> None:
    both(tmp_path / "adm.npz", B, C)
    assert command("embed", "adm.npz", "--features", "pixels", "--out", "e.npz", where=tmp_path).returncode == 0
    assert np.array_equal(samples.read(tmp_path / "e.npz").x, B)


# K5: nothing that is an image is left out, and two sets are not one

PNG = png(B[0])
JPEG = file_of(PICTURES[1], "JPEG")


@pytest.mark.parametrize("name", ["1.jfif", "1.jpe", "1", "1.JPG", "sub/1.image", "1.png.tmp"])
@pytest.mark.parametrize("write", [write_folder, write_zip, write_tar])
def test_content_says_what_is_an_image(tmp_path: Path, name: str, write: Callable[..., Path]) -> None:
    assert len(samples.read(write(tmp_path / "set", {"0.png": PNG, name: JPEG})).x) == 2


UNREAD: list[tuple[str, bytes, str]] = [
    ("1.tif", file_of(PICTURES[1], "TIFF"), "TIFF"),
    ("1.tiff", file_of(PICTURES[1], "TIFF"), "TIFF"),
    ("1", file_of(PICTURES[1], "TIFF"), "TIFF"),
    ("1.gif", file_of(PICTURES[1], "GIF"), "GIF"),
    ("1.ppm", file_of(PICTURES[1], "PPM"), "PPM"),
    ("1.jp2", b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    ("1.heic", b"\0\0\0\x18ftypheic", "HEIC"),
    ("1.avif", b"\0\0\0\x18ftypavif", "AVIF"),
    ("1.tga", b"\0\0\x02", "TGA"),
    ("1.pcx", file_of(PICTURES[1], "PCX"), "PCX"),
    ("1.sgi", file_of(PICTURES[1], "SGI"), "SGI"),
    ("1", b"P5\t8 8\t255\t" + bytes(64), "PPM"),
    ("1.nii.gz", b"\x1f\x8b", "NIfTI.*choose slices"),
    ("1.nef", b"MM\0*", "raw data of a camera"),
    ("1.dcm", b"\0" * 128 + b"DICM", "DICOM.*window of grey values"),
]


@pytest.mark.parametrize(("name", "content", "form"), UNREAD, ids=[form for _, _, form in UNREAD])
@pytest.mark.parametrize("write", [write_folder, write_zip, write_tar])
def test_an_image_that_is_not_read_is_an_error(
    tmp_path: Path, name: str, content: bytes, form: str, write: Callable[..., Path]
) -> None:
    with pytest.raises(UserError, match=f"1 image in a form that is not read, {form}"):
        samples.read(write(tmp_path / "set", {"0.png": PNG, name: content}))


def test_a_link_to_a_folder_is_named_as_a_link(tmp_path: Path) -> None:
    other = write_folder(tmp_path / "other", {"1.png": PNG})
    given = write_folder(tmp_path / "set", {"0.png": PNG, "notes.txt": b"x"})
    (given / "more").symlink_to(other)
    (given / "1.png").symlink_to(other / "1.png")
    read = samples.read(given)
    assert len(read.x) == 2
    said = "\n".join(read.manifest["found"]["warnings"])
    assert "not followed, so their images are left out: 1 link to folders (more/)" in said
    assert "1 other file (notes.txt)" in said
    (tmp_path / "links").mkdir()
    (tmp_path / "links/more").symlink_to(other)
    with pytest.raises(UserError, match="links to folders are not followed"):
        samples.read(tmp_path / "links")


SETS = [
    ("train", "test"), ("train", "val"), ("training", "validation"), ("real", "fake"), ("real", "generated"),
    ("train2017", "val2017"), ("trainA", "testA"), ("real_images", "fake_images"), ("Train", "Test"), ("samples", "reference"),
    ("hf/train", "hf/test"), ("hf/train/cat", "hf/test/cat"), ("trainA", "trainB"), ("gt", "pred"), ("input", "output"),
    ("cifar10-train", "cifar10-test"), ("fakes_ema", "reals"), ("ground_truth", "generated"), ("train", "unlabeled"),
]  # fmt: skip


@pytest.mark.parametrize("pair", SETS, ids=["-".join(pair) for pair in SETS])
@pytest.mark.parametrize("write", [write_folder, write_zip, write_tar])
def test_two_sets_in_one_folder_are_refused(tmp_path: Path, pair: tuple[str, str], write: Callable[..., Path]) -> None:
    files = {f"{pair[0]}/{i}.png": PNG for i in range(3)} | {f"{pair[1]}/{i}.png": PNG for i in range(2)}
    with pytest.raises(UserError, match=r"it holds several sets, in the folders .* and .*; give one of these folders"):
        samples.read(write(tmp_path / "set", files))


@pytest.mark.parametrize(
    "pair",
    [
        ("train", "bus"), ("cat", "dog"), ("bullet train", "test tube"), ("a", "b"), ("1", "2"), ("samples_0", "samples_1"),
    ],
)  # fmt: skip
def test_classes_with_other_names_are_one_set(tmp_path: Path, pair: tuple[str, str]) -> None:
    files = {f"{name}/{i}.png": png(B[i]) for name in pair for i in range(2)}
    assert len(samples.read(write_folder(tmp_path / "set", files)).x) == 4


def test_two_sets_by_the_names_of_files_are_refused(tmp_path: Path) -> None:
    files = {f"{i}_{role}.png": PNG for i in range(3) for role in ("real_A", "fake_B")}
    with pytest.raises(
        UserError, match=r"several sets, such as 0_fake_B.png and 0_real_A.png; move each set into its own"
    ):
        samples.read(write_folder(tmp_path / "images", files))
    others = {f"{name}.png": PNG for name in ("val_1", "val_2", "unrealistic", "test-tube_1")}
    assert len(samples.read(write_folder(tmp_path / "one", others)).x) == 4


UNREADABLE: list[tuple[bytes, str]] = [
    (b"", "an empty file"),
    (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
    (b"<!DOCTYPE html>", "a web page"),
    (file_of(PICTURES[1], "TIFF"), "TIFF; save them as 8-bit PNG"),
    (b"\x89PNG\r\n\x1a\n", "the header is damaged"),
    (b"hello", "the content is no image"),
]


@pytest.mark.parametrize(("content", "why"), UNREADABLE, ids=[why for _, why in UNREADABLE])
def test_a_file_with_the_name_of_an_image_says_what_it_is(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(UserError, match=rf"2 of 3 images cannot be read: 1.png, 2.png \({why}"):
        samples.read(write_folder(tmp_path / "set", {"0.png": PNG, "1.png": content, "2.png": content}))


# K6: a covariance that is none


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s - 0.5 * np.eye(192), "eigenvalue of -0.5"),
        (lambda s: -s, "eigenvalue of -"),
        (lambda s: np.diag([*np.ones(191), -1e-3]), "eigenvalue of -0.001"),
        (lambda s: s + np.eye(192, k=1), "not symmetric"),
        (lambda s: s * np.nan, "NaN"),
        (lambda s: s[:-1], "are expected"),
        (lambda s: s * 1e200, "beyond"),
        (lambda s: s, ""),
        (lambda s: s - 1e-12 * np.eye(192), ""),
        (lambda s: 0 * s, ""),
    ],
)
@pytest.mark.parametrize("images", [False, True])
def test_a_covariance_that_is_none_is_refused(
    tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], message: str, images: bool
) -> None:
    given = statistics(np.concatenate([A, B, C, B[::-1] // 2, A // 3]))
    given["sigma"] = change(given["sigma"])
    np.savez(tmp_path / "s.npz", **(given | ({"arr_0": A} if images else {})))
    with pytest.raises(UserError, match=message) if message else contextlib.nullcontext():
        assert score(B, tmp_path / "s.npz", **PIXELS).metrics["fid"].value is not None


# K7: the last step does not fail


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_score_is_printed_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    np.savez(tmp_path / "b.npz", arr_0=B)
    np.savez(tmp_path / "a.npz", arr_0=A)
    arguments = ["score", "b.npz", "--reference", "a.npz", "--features", "pixels", "--metrics", "fid,support"]
    done = command(*arguments, where=tmp_path, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert "fid (pixels) v" in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "latin-1", "shift_jis", "utf-8"])
def test_every_sign_of_a_report_has_letters_in_any_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    stream.write(errors.printable(f"{''.join(errors.SUBSTITUTES)} 名 \N{GREEK SMALL LETTER ALPHA}"))
    stream.flush()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--json", "folder"], "folder is a folder"),
        (["--html", "folder"], "folder is a folder"),
        (["--json", "a.npz/x.json"], "a.npz is a file"),
        (["--json", "b.npz"], "an input of this command"),
        (["--json", "x", "--html", "x"], "the place of another output"),
    ],
)
def test_outputs_are_tested_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    from ganbench.cli import scores

    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("a.npz").touch()
    Path("b.npz").touch()
    given = dict(zip(options[::2], options[1::2], strict=True))
    page = Path(given["--html"]) if "--html" in given else None
    with pytest.raises(UserError, match=message):
        scores.score("b.npz", "a.npz", json_out=given.get("--json"), html=page)


# K8: messages that lead on


def truncated(path: Path) -> None:
    whole = io.BytesIO()
    np.savez(whole, arr_0=B)
    path.write_bytes(whole.getvalue()[:-200])


def lmdb(path: Path) -> None:
    write_folder(path, {"data.mdb": b"\0" * 16 + b"\xde\xc0\xef\xbe", "lock.mdb": b""})


def save(**arrays: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, **arrays)

    return write


def content(start: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(start + b"\0" * 600)

    return write


LEADING: list[tuple[str, Callable[[Path], Any], str]] = [
    ("truncated.npz", truncated, "the beginning of a zip or .npz whose end is missing"),
    ("lfs.npz", content(b"version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
    ("page.npz", content(b"<!DOCTYPE html>"), "a web page"),
    ("a.h5", content(b"\x89HDF\r\n\x1a\n"), "HDF5; save its array: np.save"),
    ("a.mat", content(b"MATLAB 5.0 MAT-file"), "scipy.io.loadmat"),
    ("lmdb", lmdb, "LMDB; read its values with lmdb"),
    ("data.mdb", content(b"\0" * 16 + b"\xde\xc0\xef\xbe"), "LMDB"),
    ("a.dcm", content(b"\0" * 128 + b"DICM"), "DICOM; .*window of grey values"),
    ("a.tif", content(b"II*\0"), "a single image in TIFF"),
    ("idx3-ubyte", content(b"\0\0\x08\x03"), "np.frombuffer"),
    ("a.arrow", content(b"ARROW1\0\0"), "to_parquet"),
    ("saved", lambda path: write_folder(path, {"data-0.arrow": b"x"}), "load_from_disk"),
    ("files", lambda path: write_folder(path, {"0.npy": b"x"}), "np.stack"),
    ("pickles", lambda path: write_folder(path, {"data_batch_1": b"\x80\x02}"}), "data_batch_1 is a pickle"),
    ("raw", lambda path: write_folder(path, {"train-images-idx3-ubyte": b"\0\0\x08\x03"}), "np.frombuffer"),
    ("a.csv", content(b"1,2"), "np.loadtxt"),
    ("a.avi", content(b"RIFF\0\0\0\0AVI "), "a video"),
    ("a.pkl", content(b"\x80\x04"), "statistics as .npz with mu and sigma"),
    ("a.tfrecord", content(b"\x01\0"), "TFRecord; read it with tf.data"),
    ("mean.npz", save(mean=np.zeros(3), cov=np.eye(3)), r"np.savez\(FILE, mu=mean, sigma=cov\)"),
    ("batches.npz", save(arr_0=B[:20], arr_1=B[20:40], arr_2=B[40:]), "arr_0, arr_1, arr_2 are batches; join them"),
    ("two.npz", save(arr_0=B[:20], arr_1=B[20:40]), "are batches; join them"),
    ("none.npz", save(arr_0=B[:0]), "has no samples, but a score needs a set"),
    ("deep.npz", save(arr_0=GREY.astype(np.uint16)), "of medical images a window"),
    ("signed.npz", save(arr_0=GREY.astype(np.int16)), "of medical images a window"),
]


@pytest.mark.parametrize(("name", "write", "message"), LEADING, ids=[name for name, _, _ in LEADING])
def test_a_message_leads_on(tmp_path: Path, name: str, write: Callable[[Path], Any], message: str) -> None:
    write(tmp_path / name)
    with pytest.raises(UserError, match=message):
        score(tmp_path / name, A, **PIXELS)


@pytest.mark.parametrize("seed", [-1, "a", 1.5, 2**63])
def test_a_seed_that_is_none_is_one_line(seed: Any) -> None:
    with pytest.raises(UserError, match="a whole number from 0 to"):
        score(B, A, seed=seed, **PIXELS)


def test_each_set_from_python_is_named_by_its_place() -> None:
    result = score(B, A, train=C, **PIXELS)
    assert [line.partition(":")[0] for line in result.preflight] == ["samples", "reference", "training set"]


def test_one_metric_and_a_range_of_numbers_are_taken_as_meant() -> None:
    wanted = score(B, A, **PIXELS).metrics["fid"].value
    for range_ in ((0, 1), [0.0, 1.0], "0, 1"):
        result = score(B.astype(np.float32) / 255, A, features="pixels", metrics="fid", range=range_)
        assert result.metrics["fid"].value == wanted
    assert set(score(B, A, features="pixels", metrics="fid, kid").metrics) == {"fid", "kid"}
    with pytest.raises(UserError, match="no range '0,2'"):
        score(B, A, range=(0, 2), **PIXELS)


@pytest.mark.filterwarnings("ignore")
def test_an_error_in_torchscript_says_why(tmp_path: Path) -> None:
    class Wrong(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.float().reshape(x.shape[0], 7)

    torch.jit.script(Wrong()).save(tmp_path / "wrong.pt")
    with pytest.raises(UserError, match=r"shape '\[64, 7\]' is invalid"):
        score(B, A, features=str(tmp_path / "wrong.pt"), metrics="fid")


# K9: sets of unequal size


@pytest.fixture
def shrinking(monkeypatch: pytest.MonkeyPatch) -> str:
    """An extractor that takes images of any size and averages them over four quarters; as `resize` says, it resizes."""
    from ganbench.features import plain

    def describe(extractor: features.Extractor) -> dict[str, Any]:
        about = {"id": extractor.name, "input": None, "d": 12, "sha256": None, "test_accuracy": None}
        return about | {"resize": "means to 2 x 2"}

    def load(extractor: features.Extractor) -> features.Run:
        def run(x: np.ndarray) -> tuple[np.ndarray, None]:
            n, height, width, channels = x.shape
            quarters = x.reshape(n, 2, height // 2, 2, width // 2, channels).mean((2, 4))
            return (quarters.reshape(n, -1) / 255).astype(np.float32), None

        return run

    monkeypatch.setattr(plain, "describe", describe)
    monkeypatch.setattr(plain, "load", load)
    return "identity"


LARGE = np.kron(A, np.ones((1, 2, 2, 1), np.uint8))


@pytest.mark.parametrize(
    ("given", "reference", "train"),
    [(B, LARGE, None), (np.kron(B, np.ones((1, 2, 4, 1), np.uint8)), A, None), (B, A, LARGE), (LARGE, A, LARGE)],
)
def test_sets_of_unequal_size_are_compared_where_they_are_resized(
    shrinking: str, monkeypatch: pytest.MonkeyPatch, given: np.ndarray, reference: np.ndarray, train: np.ndarray | None
) -> None:
    monkeypatch.setattr(features, "_check", lambda *_: None)
    result = score(given, reference, train, features=shrinking)
    assert result.metrics["fid"].value is not None
    said = "\n".join(result.preflight)
    assert "resizes both. Real images against the same images at another size have an FID above 0" in said
    assert result.metrics["parzen"].reason == "parzen measures pixels, and the sets have images of different sizes"


@pytest.mark.parametrize("reference", [LARGE, A[:, :4], A[:, :, :4]])
def test_sets_of_unequal_size_are_refused_where_nothing_resizes(reference: np.ndarray) -> None:
    scorer = Scorer.of(reference, **PIXELS)
    assert scorer.remarks(scorer.open(B)) == []  # it does not say that pixels resizes both
    with pytest.raises(UserError, match="they must have the same width and height; resize one set"):
        score(B, reference, **PIXELS)


# K10: the caller's torch neither leaks in nor is moved


@contextlib.contextmanager
def default_dtype() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def low_precision() -> Iterator[None]:
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision("highest")


STATES: list[tuple[str, Callable[[], Any]]] = [
    ("autocast to float16", lambda: torch.autocast("cpu", dtype=torch.float16)),
    ("autocast to bfloat16", lambda: torch.autocast("cpu", dtype=torch.bfloat16)),
    ("a default dtype", default_dtype),
    ("a default device", lambda: torch.device("meta")),
    ("no gradients", torch.no_grad),
    ("gradients", torch.enable_grad),
    ("inference", torch.inference_mode),
    ("a lower precision", low_precision),
]


@pytest.mark.parametrize(("name", "state"), STATES, ids=[name for name, _ in STATES])
def test_a_state_of_torch_changes_no_feature_and_reaches_no_cache(
    name: str, state: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    x = X[:64, ..., None]
    plain = features.embed("digits-cnn", x)
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path))
    with state():
        inside = features.embed("digits-cnn", x)
        assert torch.is_inference_mode_enabled() == (name == "inference")
        assert torch.is_grad_enabled() == (name not in ("no gradients", "inference"))
        assert torch.is_autocast_enabled("cpu") == name.startswith("autocast")
        assert torch.get_default_dtype() == (torch.float64 if name == "a default dtype" else torch.float32)
    for embedding in (inside, features.embed("digits-cnn", x)):
        assert np.array_equal(embedding.features, plain.features)
        assert np.array_equal(np.asarray(embedding.logits), np.asarray(plain.logits))


def test_a_state_of_torch_changes_no_metric_that_trains_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    from ganbench.metrics import network_accuracy

    monkeypatch.setattr(network_accuracy, "STEPS", 5)
    gen, scorer = (
        (X[:100, ..., None], DIGITS.target[:100]),
        Scorer.of("digits", train="digits:train", metrics="network_accuracy"),
    )
    wanted = scorer(gen).metrics["network_accuracy"].value
    for name, state in STATES:
        with state():
            assert scorer(gen).metrics["network_accuracy"].value == wanted, name


def test_a_score_moves_no_generator_of_the_caller(tmp_path: Path) -> None:
    import random

    own = tmp_path / "own.py"
    own.write_text(
        "import torch\ndef extract(x):\n    torch.rand(3)\n    return x.reshape(len(x), -1)[:, :3].astype('float32')\n"
    )
    for extractor in ("digits-cnn", str(own)):
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        score(X[:100, ..., None], "digits", features=extractor, metrics="fid")
        drawn = torch.rand(1).item(), np.random.rand(), random.random()  # noqa: NPY002
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        assert drawn == (torch.rand(1).item(), np.random.rand(), random.random())  # noqa: NPY002


@pytest.mark.parametrize("word", [word for word in labels.ROLES if word not in ("train", "training")])
def test_a_folder_of_every_role_is_refused_beside_train(word: str) -> None:
    with pytest.raises(UserError, match="it holds several sets"):
        labels.require_one_set("x", [f"{word}/0.png", "train/1.png"])
