"""Data of one's own: from any form to one dataset, named by its content, split by a rule, and never mixed up."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganbench import data, features
from ganbench.data import own
from ganbench.errors import UserError
from ganbench.scoring import sources

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
LABELS = np.arange(60) % 3


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of datasets of this test alone."""
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def save_folder(folder: Path, images: np.ndarray, labels: np.ndarray | None = None, name: str = "{:03}") -> Path:
    """Images as PNG, in class folders if there are labels."""
    for i, image in enumerate(images):
        where = folder if labels is None else folder / str(labels[i])
        where.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.squeeze()).save(where / f"{name.format(i)}.png")
    return folder


def save_npz(path: Path, images: np.ndarray, labels: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = [images] if labels is None else [images, labels]
    np.savez(path, *arrays)
    return path


def test_form_path_and_order_of_files_do_not_change_the_version(tmp_path: Path) -> None:
    shuffled = RNG.permutation(len(IMAGES))
    names = [
        data.resolve(save_folder(tmp_path / "a", IMAGES, LABELS)),
        data.resolve(save_npz(tmp_path / "b.npz", IMAGES, LABELS)),
        data.resolve(save_npz(tmp_path / "c.npz", IMAGES[shuffled], LABELS[shuffled])),
        data.resolve(shutil.make_archive(str(tmp_path / "d"), "zip", tmp_path / "a")),
    ]
    assert len({data.version(name) for name in names}) == 1
    assert [name[0] for name in names] == ["a", "b", "c", "d"]
    assert {name[-12:] for name in names} == {data.version(names[0])[:12]}


@pytest.mark.parametrize("change", ["pixel", "label", "fewer"])
def test_other_content_is_another_dataset(tmp_path: Path, change: str) -> None:
    images, labels = IMAGES.copy(), LABELS.copy()
    before = data.resolve(save_npz(tmp_path / "mine.npz", images, labels))
    if change == "pixel":
        images[0, 0, 0, 0] ^= 1
    if change == "label":
        labels[0] = 1
    if change == "fewer":
        images, labels = images[1:], labels[1:]
    after = data.resolve(save_npz(tmp_path / "mine.npz", images, labels))
    assert before != after
    assert data.version(before) != data.version(after)


def test_split_is_by_content_and_copies_stay_on_one_side(tmp_path: Path) -> None:
    twice = np.concatenate([IMAGES, IMAGES])
    name = data.resolve(save_npz(tmp_path / "mine.npz", twice))
    train, test = (np.asarray(data.load(name, split).x) for split in ("train", "test"))
    assert len(train) + len(test) == 120
    assert 6 <= len(test) <= 48
    assert not {x.tobytes() for x in train} & {x.tobytes() for x in test}
    assert sorted(x.tobytes() for x in [*train, *test]) == sorted(x.tobytes() for x in twice)


def test_new_samples_leave_the_others_in_their_split(tmp_path: Path) -> None:
    fewer = data.resolve(save_npz(tmp_path / "fewer.npz", IMAGES[:40]))
    more = data.resolve(save_npz(tmp_path / "more.npz", IMAGES))
    for split in ("train", "test"):
        of_fewer, of_more = ({x.tobytes() for x in data.load(name, split).x} for name in (fewer, more))
        assert of_fewer <= of_more


def test_labels_follow_their_images(tmp_path: Path) -> None:
    name = data.resolve(save_folder(tmp_path / "mine", IMAGES, LABELS))
    label = {image.tobytes(): y for image, y in zip(IMAGES, LABELS, strict=True)}
    for split in ("train", "test"):
        x, y = data.load(name, split)
        assert [label[image.tobytes()] for image in x] == list(y)
    assert data.facts(name).classes == 3


def test_data_without_labels_have_minus_one(tmp_path: Path) -> None:
    name = data.resolve(save_folder(tmp_path / "mine", IMAGES))
    assert set(data.load(name, "train").y) == {-1}
    assert data.facts(name).classes == 0


@pytest.mark.parametrize("form", ["folders", "files", "mixed"])
def test_train_and_test_are_the_splits_where_they_are_given(tmp_path: Path, form: str) -> None:
    for split, rows in (("train", slice(0, 50)), ("test", slice(50, 60))):
        if form == "files" or (form == "mixed" and split == "test"):
            save_npz(tmp_path / f"mine/{split}.npz", IMAGES[rows])
        else:
            save_folder(tmp_path / "mine" / split, IMAGES[rows])
    name = data.resolve(tmp_path / "mine")
    assert {x.tobytes() for x in data.load(name, "test").x} == {x.tobytes() for x in IMAGES[50:]}
    assert len(data.load(name, "train").x) == 50
    assert data.card(name)["split"] == own.BY_FOLDER


def test_copies_of_train_in_test_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_npz(tmp_path / "mine/train.npz", IMAGES)
    save_npz(tmp_path / "mine/test.npz", IMAGES[:7])
    name = data.resolve(tmp_path / "mine")
    assert data.card(name)["copies of train in test"] == 7
    assert "7 samples of test are exact copies" in capsys.readouterr().err


def test_grey_images_have_one_channel_however_they_are_kept(tmp_path: Path) -> None:
    grey = IMAGES[..., :1]
    names = [
        data.resolve(save_npz(tmp_path / "one.npz", grey)),
        data.resolve(save_npz(tmp_path / "three.npz", grey.repeat(3, -1))),
    ]
    assert [data.facts(name).shape for name in names] == [(8, 8, 1)] * 2
    assert data.version(names[0]) == data.version(names[1])


def test_points_are_float32_with_identity_as_extractor(tmp_path: Path) -> None:
    np.save(tmp_path / "points.npy", RNG.normal(size=(50, 3)))
    name = data.resolve(tmp_path / "points.npy")
    assert data.load(name, "train").x.dtype == np.float32
    assert data.facts(name).shape == (3,)
    assert features.default(name) == "identity"


def test_images_never_get_identity_as_extractor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = data.resolve(save_npz(tmp_path / "mine.npz", IMAGES))
    assert features.default(name) != "identity"


def test_data_that_did_not_change_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_npz(tmp_path / "mine.npz", IMAGES)
    name = data.resolve(path)
    monkeypatch.setattr("ganbench.samples.read", lambda *_: pytest.fail("the data were read again"))
    assert data.resolve(path) == name
    assert data.resolve(name) == name


def test_dataset_stays_when_its_source_is_gone(tmp_path: Path) -> None:
    path = save_npz(tmp_path / "mine.npz", IMAGES)
    name = data.resolve(path)
    path.unlink()
    assert len(data.load(name, "train").x) + len(data.load(name, "test").x) == 60


def test_path_does_wherever_a_name_does(tmp_path: Path) -> None:
    path = str(save_npz(tmp_path / "mine.npz", IMAGES))
    name = data.resolve(path)
    np.testing.assert_array_equal(data.load(path, "test").x, data.load(name, "test").x)
    assert data.version(path) == data.version(name)
    assert data.card(path)["name"] == name
    assert data.mixture(path) is None
    assert "8 x 8 x 3" in data.about(path)


def test_name_opens_as_a_sample_set_with_its_splits(tmp_path: Path) -> None:
    name = data.resolve(save_npz(tmp_path / "mine.npz", IMAGES))
    assert len(sources.open_set(f"{name}:test", "train").x) == data.facts(name).test
    assert sources.open_set(name, "train").manifest["dataset"] == name


def test_name_of_a_built_in_dataset_goes_before_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_folder(tmp_path / "digits", IMAGES)
    monkeypatch.chdir(tmp_path)
    assert data.resolve("digits") == "digits"
    assert data.resolve("./digits").startswith("digits-")


def test_relative_path_starts_from_the_given_folder(tmp_path: Path) -> None:
    save_npz(tmp_path / "sub/mine.npz", IMAGES)
    assert data.resolve("mine.npz", tmp_path / "sub").startswith("mine-")


def test_damaged_file_is_noticed(tmp_path: Path, store: Path) -> None:
    name = data.resolve(save_npz(tmp_path / "mine.npz", IMAGES))
    file = store / "own" / name / "train.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match="damaged: delete this folder"):
        data.load(name)


def test_card_says_what_the_data_are(tmp_path: Path, store: Path) -> None:
    name = data.resolve(save_folder(tmp_path / "My Faces!", IMAGES, LABELS))
    card = json.loads((store / "own" / name / "card.json").read_text())
    assert name.startswith("my-faces-")
    assert card["train"] + card["test"] == 60
    assert card["shape"] == [8, 8, 3]
    assert card["version"] == data.version(name)
    assert card["sources"] == ["My Faces!, folder"]
    assert card["labels"].startswith("3 class folders")
    assert card["split"] == own.BY_HASH
    assert set(card["sha256"]) == {"train.npy", "test.npy", "train_labels.npy", "test_labels.npy"}


def sizes(folder: Path) -> None:
    save_folder(folder, IMAGES[:2])
    save_folder(folder, IMAGES[:2, :4], name="small{}")


def shapes(folder: Path) -> None:
    save_npz(folder / "train.npz", IMAGES)
    save_npz(folder / "test.npz", IMAGES[:, :4])


def other_classes(folder: Path) -> None:
    save_folder(folder / "train", IMAGES, LABELS)
    save_folder(folder / "test", IMAGES[:9], LABELS[:9] + 1)


def no_test(folder: Path) -> None:
    save_folder(folder / "train", IMAGES)
    save_folder(folder / "val", IMAGES)


def two_tests(folder: Path) -> None:
    for name in ("train", "test"):
        save_npz(folder / f"{name}.npz", IMAGES)
    save_folder(folder / "test", IMAGES)


def few(folder: Path) -> None:
    save_folder(folder, np.repeat(IMAGES[:1], 5, 0))


def wild_labels(folder: Path) -> None:
    save_npz(folder / "train.npz", IMAGES, LABELS * 1000)
    save_npz(folder / "test.npz", IMAGES, LABELS)


def floats(folder: Path) -> None:
    save_npz(folder / "train.npz", IMAGES / np.float32(255))
    save_npz(folder / "test.npz", IMAGES / np.float32(255))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (sizes, "size"),
        (shapes, r"train have the shape \[8, 8, 3\], samples of test \[4, 8, 3\]"),
        (other_classes, "train and test have other labels"),
        (no_test, "holds 'train', so it needs one 'test' too; it has none"),
        (two_tests, r"it has test and test\.npz"),
        (few, "no sample falls into the split"),
        (wild_labels, "labels go from 0 to 2000 for 60 samples"),
        (floats, r"`range=.*; `ganbench data add .*` takes these options"),
    ],
)
def test_data_that_make_no_dataset_are_refused_in_one_line(
    tmp_path: Path, make: Callable[[Path], Any], message: str
) -> None:
    make(tmp_path / "mine")
    with pytest.raises(UserError, match=message) as error:
        data.resolve(tmp_path / "mine")
    assert "\n" not in str(error.value)
    assert not [p for p in (tmp_path / "data/own").glob("*") if not p.name.startswith(".read")]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("dgits", "no dataset or file 'dgits'; did you mean 'digits'"),
        ("./nowhere", "there is no such file or folder"),
        ("nowhere.npz", "there is no such file or folder"),
    ],
)
def test_neither_a_name_nor_a_path_is_answered_in_one_line(what: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        data.resolve(what)
