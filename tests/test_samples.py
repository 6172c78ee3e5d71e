"""Sample sets: every form that users bring reads back the same pixels, labels and hash, and nothing is rescaled on the way."""

# mypy: no-strict-optional, disable-error-code="arg-type"

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file
from sample_files import (
    GREY,
    LABELS,
    RGB,
    file_of,
    members,
    png,
    webdataset,
    write_folder,
    write_parquet,
    write_shards,
    write_tar,
    write_zip,
)  # fmt: skip

from ganbench import data, samples, scoring
from ganbench.errors import UserError
from ganbench.samples import Declared, SampleSet, Stack, encoded, sets, tensors

BOTH = pytest.mark.parametrize("x", [GREY, RGB], ids=["grey", "rgb"])


def array_file(name: str, write: Callable[[Path, np.ndarray], object]) -> Callable[[Path, np.ndarray], Path]:
    def make(path: Path, x: np.ndarray) -> Path:
        write(path / name, x)
        return path / name

    return make


FLAT: dict[str, Callable[[Path, np.ndarray], Path]] = {
    "folder": lambda path, x: write_folder(path / "a", members(x, False)),
    "zip": lambda path, x: write_zip(path / "a.zip", members(x, False)),
    "tar": lambda path, x: write_tar(path / "a.tar", members(x, False)),
    "webp": lambda path, x: write_folder(
        path / "a", {f"{i:02}.webp": file_of(Image.fromarray(p.squeeze()).convert("RGB"), "WEBP", lossless=True) for i, p in enumerate(x)}
    ),
    "npy": array_file("a.npy", np.save),
    "npz": array_file("a.npz", lambda path, x: np.savez(path, arr_0=x)),
    "compressed npz": array_file("a.npz", lambda path, x: np.savez_compressed(path, x)),
    "fortran npy": array_file("a.npy", lambda path, x: np.save(path, np.asfortranarray(x))),
    "channels first": array_file("a.npy", lambda path, x: np.save(path, x.transpose(0, 3, 1, 2))),
    "safetensors": array_file("a.bin", lambda path, x: save_file({"pictures": x}, path)),
}  # fmt: skip
LABELLED: dict[str, Callable[[Path, np.ndarray], Path]] = {
    "class folders": lambda path, x: write_folder(path / "a", members(x, True)),
    "zip of class folders": lambda path, x: write_zip(path / "a.zip", members(x, True)),
    "tar of class folders": lambda path, x: write_tar(path / "a.tar", members(x, True)),
    "webdataset": lambda path, x: write_tar(path / "a.tar", webdataset(x)),
    "parquet": lambda path, x: write_parquet(path / "a.parquet", [png(p) for p in x], False),
    "parquet of bytes": lambda path, x: write_parquet(path / "a", [png(p) for p in x], True),
    "shards of parquet": lambda path, x: write_shards(path / "a", x, ".parquet"),
    "shards of webdataset": lambda path, x: write_shards(path / "a", x, ".tar"),
    "npz": array_file("a.npz", lambda path, x: np.savez(path, x, LABELS)),
    "safetensors": array_file("a.bin", lambda path, x: save_file({"images": x, "labels": LABELS}, path)),
}


@pytest.fixture(params=["held", "on disk"])
def _size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides of the limit up to which sets are held in memory."""
    if request.param == "on disk":
        monkeypatch.setattr(encoded, "HELD", 0)
        monkeypatch.setattr(tensors, "HELD", 0)


@BOTH
@pytest.mark.usefixtures("_size")
@pytest.mark.parametrize("form", [*FLAT, *LABELLED])
def test_every_form_reads_back_the_same_pixels_labels_and_hash(tmp_path: Path, x: np.ndarray, form: str) -> None:
    one = samples.read((FLAT | LABELLED)[form](tmp_path, x))
    one, _ = samples.alike([one, samples.read(x)])  # WebP has no grey
    assert np.array_equal(np.asarray(one.x), x)
    assert (one.y is not None and np.array_equal(one.y, LABELS)) == (form in LABELLED)
    assert one.manifest["sha256"] == samples.content_hash(x) == samples.content_hash(np.asarray(one.x))


def test_a_form_is_told_by_what_it_is_and_not_by_its_name(tmp_path: Path) -> None:
    for form, write in (FLAT | LABELLED).items():
        (tmp_path / form).mkdir()
        path = write(tmp_path / form, RGB)
        odd = path.rename(path.with_name("samples"))
        assert np.array_equal(samples.read(odd).x, RGB), form


@BOTH
def test_arrays_tensors_loaders_and_functions_read_like_files(x: np.ndarray) -> None:
    tensor = torch.from_numpy(x).permute(0, 3, 1, 2)
    data = torch.utils.data.TensorDataset(tensor, torch.from_numpy(LABELS))
    whole = iter(tensor)
    for what, n, y in (
        (x, None, None),
        (tensor, None, None),
        (torch.utils.data.DataLoader(data, batch_size=5), None, LABELS),
        (torch.utils.data.DataLoader(tensor, batch_size=5), 12, None),
        ([{"image": x[:7], "label": LABELS[:7]}, {"image": x[7:], "label": LABELS[7:]}], None, LABELS),
        (lambda k: torch.stack([next(whole) for _ in range(k)]), 12, None),
    ):
        one = samples.read(what, n=n)
        assert np.array_equal(one.x, x)
        assert (one.y is None) == (y is None) or np.array_equal(one.y, y)
        assert one.manifest["sha256"] == samples.content_hash(x)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_of_a_declared_range_become_their_grey_levels(
    tmp_path: Path, low: float, high: float, dtype: type
) -> None:
    np.save(tmp_path / "a.npy", (RGB / 255 * (high - low) + low).astype(dtype))
    assert np.array_equal(samples.read(tmp_path / "a.npy", Declared(range=(low, high))).x, RGB)


def test_saved_statistics_are_read_as_moments(tmp_path: Path) -> None:
    features = np.random.default_rng(0).normal(size=(50, 4))
    mu, sigma = features.mean(0), np.cov(features, rowvar=False)
    np.savez(tmp_path / "stats.npz", mu=mu, sigma=sigma)
    one = samples.read(tmp_path / "stats.npz")
    assert one.moments is not None
    assert np.array_equal(one.moments[0], mu)
    assert np.array_equal(one.moments[1:], sigma)
    assert len(one.x) == 0
    np.savez(tmp_path / "bad.npz", mu=mu, sigma=sigma[:2])
    with pytest.raises(UserError, match=r"\[d\] and \[d, d\]"):
        samples.read(tmp_path / "bad.npz")


def test_statistics_as_reference_give_the_fid_of_their_samples(tmp_path: Path) -> None:
    gen, ref = np.random.default_rng(0).normal(size=(2, 300, 4)).astype(np.float32)
    np.savez(
        tmp_path / "stats.npz", mu=ref.astype(np.float64).mean(0), sigma=np.cov(ref.astype(np.float64), rowvar=False)
    )
    wanted = ["fid", "kid", "memorisation"]
    whole = scoring.score(gen, ref, features="identity", metrics=wanted).metrics
    found = scoring.score(gen, tmp_path / "stats.npz", features="identity", metrics=wanted).metrics
    assert found["fid"].value == pytest.approx(whole["fid"].value, rel=1e-9)
    assert found["fid"].interval == pytest.approx(whole["fid"].interval, rel=1e-9)
    assert (found["fid"].perfect, found["fid"].reason) == (None, None)
    assert "needs the samples of a reference" in found["kid"].reason
    with pytest.raises(UserError, match="the extractor that made them: `features=`"):
        scoring.score(gen, tmp_path / "stats.npz")
    with pytest.raises(UserError, match="can only be a reference"):
        scoring.score(tmp_path / "stats.npz", ref, features="identity")


@pytest.mark.parametrize("x", [GREY, RGB, np.random.default_rng(2).normal(size=(12, 2)).astype(np.float32)])
def test_written_set_is_read_back(tmp_path: Path, x: np.ndarray) -> None:
    samples.write(tmp_path / "a.npz", SampleSet(x, LABELS, {"source": "test"}))
    back = samples.read(tmp_path / "a.npz")
    assert np.array_equal(back.x, x)
    assert back.x.dtype == x.dtype
    assert np.array_equal(back.y, LABELS)
    assert back.manifest["source"] == "test"
    assert back.manifest["sha256"] == samples.content_hash(x)


def test_file_has_the_fields_names(tmp_path: Path) -> None:
    samples.write(tmp_path / "a.npz", SampleSet(GREY, LABELS, {}))
    with np.load(tmp_path / "a.npz") as file:
        assert set(file) == {"arr_0", "arr_1"}
    assert json.loads((tmp_path / "a.json").read_text())["n"] == 12


def test_equal_sets_are_equal_files(tmp_path: Path) -> None:
    for name in "ab":
        samples.write(tmp_path / f"{name}.npz", SampleSet(GREY, None, {}))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_manifest_of_other_samples_is_refused(tmp_path: Path) -> None:
    samples.write(tmp_path / "a.npz", SampleSet(GREY, None, {}))
    np.savez(tmp_path / "a.npz", RGB)
    with pytest.raises(UserError, match=r"a.json: this file does not describe a.npz"):
        samples.read(tmp_path / "a.npz")


def test_a_stack_gives_the_rows_of_its_array_whatever_is_asked_for() -> None:
    calls: list[tuple[int, int]] = []

    def fetch(a: int, b: int) -> np.ndarray:
        calls.append((a, b))
        return RGB[a:b]

    stack = Stack("a", RGB.shape, RGB.dtype, fetch)
    assert (len(stack), stack.ndim, stack.shape, stack.dtype, stack.nbytes) == (12, 4, RGB.shape, RGB.dtype, RGB.nbytes)
    for rows in (
        slice(0, 5),
        slice(5, 10),
        slice(10, 15),
        slice(None, None, 3),
        slice(7, 2),
        4,
        [3, 1, 1],
        RGB[:, 0, 0, 0] > 99,
    ):
        assert np.array_equal(stack[rows], RGB[rows]), rows
    assert calls[:3] == [(0, 5), (5, 10), (10, 12)], "in a pass from the front, each block is fetched once"


def test_a_pass_over_a_large_set_holds_few_of_its_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tracemalloc

    n, side = 60, 400
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    write_folder(tmp_path, {f"{i}.bmp": file_of(Image.fromarray(np.roll(noise, i, 0)), "BMP") for i in range(n)})
    for module in (encoded, tensors, sets):
        monkeypatch.setattr(module, "HELD", 0) if hasattr(module, "HELD") else None
        monkeypatch.setattr(module, "BLOCK", 10 * noise.nbytes) if hasattr(module, "BLOCK") else None
    tracemalloc.start()
    one = samples.read(tmp_path)
    for start in range(0, n, 4):
        one.x[start : start + 4]
    assert tracemalloc.get_traced_memory()[1] < n * noise.nbytes / 2
    tracemalloc.stop()


def test_equal_channels_of_all_images_can_be_one_and_one_can_be_three() -> None:
    grey, kept_as_colour, colour = samples.read(GREY), samples.read(GREY.repeat(3, -1)), samples.read(RGB)
    a, b = samples.alike([grey, kept_as_colour])
    assert a is grey
    assert np.array_equal(b.x, GREY)
    assert a.manifest["sha256"] == b.manifest["sha256"]
    a, b, c = samples.alike([grey, kept_as_colour, colour])
    assert (b, c) == (kept_as_colour, colour)
    assert np.array_equal(a.x, kept_as_colour.x)


@pytest.mark.parametrize("metric", ["fid", "memorisation", "support", "parzen"])
def test_a_set_on_disk_scores_like_the_same_one_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: str
) -> None:
    x = np.asarray(data.load("digits", "train").x)
    files = {f"{i:03}.png": png(x[i % 200]) for i in range(300)}
    path = write_folder(tmp_path / "a", files)
    held = scoring.score(path, "digits", metrics=[metric])
    monkeypatch.setattr(encoded, "HELD", 0)
    assert isinstance(samples.read(path).x, Stack)
    on_disk = scoring.score(path, "digits", metrics=[metric])
    assert on_disk.metrics == held.metrics
    assert on_disk.samples == held.samples


def test_rows_of_an_uncompressed_npz_are_read_from_where_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(0).integers(0, 256, (60, 5, 5, 3), dtype=np.uint8)
    monkeypatch.setattr("ganbench.samples.tensors.HELD", 0)
    inner = zipfile.ZipExtFile.read
    for save, again in ((np.savez, False), (np.savez_compressed, True)):
        save(tmp_path / "x.npz", a_name_before=np.arange(7), arr_0=x)
        opened = samples.read(tmp_path / "x.npz").x
        read: list[int] = []
        with monkeypatch.context() as patch:
            patch.setattr(zipfile.ZipExtFile, "read", lambda file, n=-1, read=read: read.append(n) or inner(file, n))
            np.testing.assert_array_equal(opened[[40, 3, 59, 3]], x[[40, 3, 59, 3]])
            np.testing.assert_array_equal(opened[5:9], x[5:9])
        assert bool(read) == again
