"""Layouts: each published layout is read as its publisher describes it. The data are made up and small, the layouts are real."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY
from PIL import Image

from ganbench import data
from ganbench.boards import grid
from ganbench.data import layouts, own
from ganbench.errors import UserError

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of datasets of this test alone."""
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "data"))


def paint(path: Path, colour: tuple[int, int, int], width: int = 80, height: int = 80) -> None:
    """A picture of one colour without loss, whatever its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), colour).save(path, "PNG")


def cifar10(root: Path) -> None:
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        rows = np.repeat(np.array([10, 20, 30], np.uint8), 1024)[None].repeat(2, 0)
        batch = {b"data": rows, b"labels": [3, 9], b"batch_label": b"made up", b"filenames": [b"a.png", b"b.png"]}
        (root / name).write_bytes(pickle.dumps(batch, protocol=3))


def celeba64(root: Path) -> None:
    for i in range(4):
        paint(root / "img_align_celeba" / f"{i:06}.jpg", (10 * i, 0, 0), 178, 218)
    (root / "list_eval_partition.txt").write_text("000000.jpg 0\n000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n")


def lsun_bedroom64(root: Path) -> None:
    for i in range(3):
        paint(root / "bedroom_train" / "0" / f"{i}.webp", (i, 0, 0), 100, 80)
    paint(root / "bedroom_val" / "v.webp", (9, 0, 0))


def imagenet128(root: Path) -> None:
    for split in ("train", "val"):
        for i, name in enumerate(("n01440764", "n01443537")):
            paint(root / split / name / f"{name}_1.JPEG", (i, 5, 0), 150, 140)


def side_by_side(root: Path) -> None:
    for split in ("train", "val"):
        for i in range(2):
            paint(root / split / f"{i}_AB.jpg", (i, 1, 1), 32, 16)
            both = np.concatenate([np.full((16, 16, 3), 40 + i), np.full((16, 16, 3), 90 + i)], 1).astype(np.uint8)
            Image.fromarray(both).save(root / split / f"{i}_AB.jpg", "PNG")


def horse2zebra(root: Path) -> None:
    for folder, n, colour in (("trainA", 3, 1), ("trainB", 2, 2), ("testA", 1, 3), ("testB", 2, 4)):
        for i in range(n):
            paint(root / folder / f"{i}.jpg", (colour, 0, 0), 16, 16)


def cub64(root: Path) -> None:
    for i, name in enumerate(("001.A/a.jpg", "001.A/b.jpg", "002.B/c.jpg"), 1):
        paint(root / "images" / name, (0, i, 0), 100, 90)
    (root / "images.txt").write_text("1 001.A/a.jpg\n2 001.A/b.jpg\n3 002.B/c.jpg\n")
    (root / "image_class_labels.txt").write_text("1 1\n2 1\n3 2\n")
    (root / "train_test_split.txt").write_text("1 1\n2 0\n3 1\n")
    (root / "bounding_boxes.txt").write_text("".join(f"{i} 10.0 20.0 50.0 40.0\n" for i in (1, 2, 3)))


def oxford102(root: Path) -> None:
    from scipy.io import savemat

    for i in range(1, 5):
        paint(root / "jpg" / f"image_{i:05}.jpg", (0, 0, i), 90, 70)
    savemat(root / "imagelabels.mat", {"labels": np.array([[2, 1, 102, 5]], np.uint8)})
    savemat(root / "setid.mat", {"trnid": np.array([[4]]), "valid": np.array([[1]]), "tstid": np.array([[3, 2]])})


MAKERS: dict[str, Callable[[Path], None]] = {
    "cifar10": cifar10,
    "celeba64": celeba64,
    "lsun-bedroom64": lsun_bedroom64,
    "imagenet128": imagenet128,
    "facades": side_by_side,
    "edges2shoes": side_by_side,
    "horse2zebra": horse2zebra,
    "cub64": cub64,
    "oxford102-64": oxford102,
}
WANTED = {  # shape, samples, held out, classes, labels of the training samples
    "cifar10": ((32, 32, 3), 10, 2, 10, [3, 9] * 5),
    "celeba64": ((64, 64, 3), 2, 1, 0, [-1, -1]),
    "lsun-bedroom64": ((64, 64, 3), 3, 1, 0, [-1, -1, -1]),
    "imagenet128": ((128, 128, 3), 2, 2, 2, [0, 1]),
    "facades": ((16, 16, 3), 2, 2, 0, [-1, -1]),
    "edges2shoes": ((16, 16, 3), 2, 2, 0, [-1, -1]),
    "horse2zebra": ((16, 16, 3), 2, 2, 0, [-1, -1]),
    "cub64": ((64, 64, 3), 2, 1, 2, [0, 1]),
    "oxford102-64": ((64, 64, 3), 2, 2, 102, [1, 4]),
}


def imported(layout: str, root: Path) -> str:
    folder = root / "download"
    folder.mkdir()
    MAKERS[layout](folder)
    return layouts.add(layout, folder)


def test_every_layout_has_its_test() -> None:
    assert set(MAKERS) == set(WANTED) == set(layouts.LAYOUTS) == set(own.PAPERS)


@pytest.mark.parametrize("layout", sorted(MAKERS))
def test_a_download_becomes_a_dataset_named_by_its_content(layout: str, tmp_path: Path) -> None:
    name = imported(layout, tmp_path)
    facts, (shape, train, test, classes, labels) = data.facts(name), WANTED[layout]
    assert (facts.shape, facts.train, facts.test, facts.classes) == (shape, train, test, classes)
    assert data.load(name).y.tolist() == labels
    assert name == f"{layout}-{data.version(name)[:12]}"
    assert {"licence", "citation", "url"} <= set(data.card(name))


def test_cifar10_has_red_then_green_then_blue(tmp_path: Path) -> None:
    assert data.load(imported("cifar10", tmp_path), "test").x[0, 7, 9].tolist() == [10, 20, 30]


@pytest.mark.parametrize(("layout", "sample", "condition"), [("facades", 40, 90), ("edges2shoes", 90, 40)])
def test_halves_of_a_picture_are_sample_and_condition(layout: str, sample: int, condition: int, tmp_path: Path) -> None:
    name = imported(layout, tmp_path)
    for split in ("train", "test"):
        given = data.conditions(name, split)
        assert given is not None
        assert given.paired
        assert data.load(name, split).x[:, 3, 3, 0].tolist() == [sample, sample + 1]
        assert np.asarray(given.of)[:, 3, 3, 0].tolist() == [condition, condition + 1]
    assert data.facts(name).condition == (16, 16, 3)


def test_two_domains_are_unpaired_and_may_have_other_sizes(tmp_path: Path) -> None:
    name = imported("horse2zebra", tmp_path)
    train, test = (data.conditions(name, split) for split in ("train", "test"))
    assert train is not None
    assert test is not None
    assert (train.paired, len(np.asarray(train.of)), len(np.asarray(test.of))) == (False, 3, 1)
    assert set(np.asarray(train.of)[..., 0].ravel()) == {1}
    assert set(data.load(name).x[..., 0].ravel()) == {2}


def test_flowers_are_held_out_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    x, y = data.load(imported("oxford102-64", tmp_path), "test")
    assert x[:, 0, 0, 2].tolist() == [2, 3]
    assert y.tolist() == [0, 101]


def test_a_bird_is_the_square_around_its_box_cut_at_the_border() -> None:
    pixels = np.zeros((90, 100, 3), np.uint8)
    pixels[2:78, :73] = 200  # the centre is (35, 40), the reach is 37.5
    bird = np.asarray(layouts._bird(Image.fromarray(pixels), [10, 20, 50, 40]))
    assert bird.shape == (64, 64, 3)
    assert (bird[2:-2, 2:-2] == 200).all()


def test_the_central_pixels_of_a_face_are_kept() -> None:
    pixels = np.zeros((218, 178, 3), np.uint8)
    pixels[55:163, 35:143] = 150
    assert (np.asarray(layouts._square(64, 108)(Image.fromarray(pixels), 0)) == 150).all()


@pytest.mark.parametrize("layout", sorted(MAKERS))
def test_another_folder_is_refused_in_a_line_that_names_what_is_missing(layout: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"this folder has no .+; {layout} is read from the unpacked download of "):
        layouts.add(layout, tmp_path)


def test_a_picture_that_is_broken_or_of_another_size_is_named(tmp_path: Path) -> None:
    side_by_side(tmp_path)
    paint(tmp_path / "train" / "2_AB.jpg", (1, 1, 1), 48, 24)
    with pytest.raises(UserError, match=r"picture 2 has the shape \[24, 24, 3\], but the first has \[16, 16, 3\]"):
        layouts.add("facades", tmp_path)
    (tmp_path / "train" / "2_AB.jpg").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"2_AB\.jpg: the picture cannot be read"):
        layouts.add("facades", tmp_path)


def test_a_batch_that_would_run_code_is_refused(tmp_path: Path) -> None:
    cifar10(tmp_path)
    (tmp_path / "data_batch_1").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(UserError, match=r"os\.system, which is no part of an array"):
        layouts.add("cifar10", tmp_path)


PAPERS = sorted((REPOSITORY / "baselines/boards/papers").glob("*.yaml"))


@pytest.mark.parametrize("board", PAPERS, ids=lambda path: path.stem)
def test_a_board_of_papers_data_names_the_missing_download(board: Path) -> None:
    (line,) = grid.problems(str(board))
    assert f"download it from {own.PAPERS[board.stem]}, then `ganbench data import {board.stem} FOLDER`" in line


@pytest.mark.parametrize("board", PAPERS, ids=lambda path: path.stem)
def test_a_board_of_papers_data_lacks_nothing_but_samples_of_tiny_data(board: Path, tmp_path: Path) -> None:
    imported(board.stem, tmp_path)
    wrong = {line.split(": ")[1] for line in grid.problems(str(board))}
    assert wrong == {f"datasets.{board.stem}.samples"}


def test_a_name_without_its_hash_is_the_only_set_of_that_name(tmp_path: Path) -> None:
    name = imported("facades", tmp_path)
    assert data.resolve("facades") == name
    assert data.resolve("facades+grey") == f"{name}+grey"
    paint(tmp_path / "download" / "train" / "2_AB.jpg", (7, 7, 7), 32, 16)
    other = layouts.add("facades", tmp_path / "download")
    with pytest.raises(UserError, match=f"facades can be one of 2 sets: write .*{other}"):
        data.resolve("facades")
