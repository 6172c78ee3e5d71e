"""The rules of the pre-flight: each is a warning or an error that names the files and says what to do."""

# mypy: no-strict-optional, disable-error-code="no-any-return"

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sample_files import (
    GREY,
    RGB,
    file_of,
    members,
    png,
    webdataset,
    write_folder,
    write_shards,
    write_tar,
    write_zip,
)  # fmt: skip

from ganbench import paths, samples
from ganbench.errors import UserError
from ganbench.samples import Declared, encoded, preflight

RNG = np.random.default_rng(3)


def warnings_of(path: Path) -> list[str]:
    return samples.read(path).manifest["found"]["warnings"]


def pair(path: Path, odd: bytes, suffix: str = "png", size: tuple[int, int] = (8, 8), mode: str = "RGB") -> Path:
    """A folder of one plain image and an odd one."""
    plain = file_of(Image.fromarray(RNG.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).convert(mode), "PNG")
    return write_folder(path / "set", {"a.png": plain, f"odd.{suffix}": odd})


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            GREY.astype(np.float32) / 255,
            r"values from 0 to .*; give the values of black and white: `range='0,1'` or `range='-1,1'`",
        ),
        (GREY.astype(np.uint16), "images are uint8"),
        (np.zeros((5, 8, 8, 4), np.uint8), r"no axis of 1 or 3 channels.*drop the alpha"),
        (np.zeros((5, 8, 8, 2), np.uint8), r"no axis of 1 or 3 channels"),
        (np.zeros((5, 3, 3, 3), np.uint8), r"say `layout='nchw'` or `layout='nhwc'`"),
        (np.zeros((5, 0, 8, 3), np.uint8), r"must have at least one pixel"),
        (np.zeros(5, np.float32), "points are floats"),
        (np.array(5, np.uint8), "images are uint8"),
        (np.array([{"a": 1}], dtype=object), "an object array is a pickle, and pickles are never loaded"),
        (np.array([[1.0, np.nan], [1.0, 2.0]]), "NaN or infinite"),
        (np.full((3, 8, 8, 1), np.inf, np.float32), "NaN or infinite"),
    ],
)
def test_arrays_of_uncertain_meaning_are_refused(tmp_path: Path, x: np.ndarray, message: str) -> None:
    np.save(tmp_path / "a.npy", x, allow_pickle=True)
    with pytest.raises(UserError, match=message):
        samples.read(tmp_path / "a.npy")
    if x.dtype != object:
        with pytest.raises(UserError, match=message):
            samples.read(x)


def test_grey_images_without_a_channel_axis_get_one(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", GREY[..., 0])
    assert np.array_equal(samples.read(tmp_path / "a.npy").x, GREY)


def test_floats_outside_the_declared_range_are_refused_beyond_rounding() -> None:
    x = np.full((4, 8, 8, 1), 0.5)
    for edge, fine in ((1.0019, True), (-0.0019, True), (1.01, False), (-0.01, False)):
        x[2, 3, 3] = edge
        if fine:
            assert samples.read(x, Declared(range=(0.0, 1.0))).x[2, 3, 3, 0] == (255 if edge > 1 else 0)
        else:
            with pytest.raises(UserError, match="outside the declared range 0 to 1"):
                samples.read(x, Declared(range=(0.0, 1.0)))


def test_declared_layout_settles_what_could_be_either() -> None:
    x = RNG.integers(0, 256, (5, 3, 3, 3), dtype=np.uint8)
    assert np.array_equal(samples.read(x, Declared(layout="nhwc")).x, x)
    assert np.array_equal(samples.read(x, Declared(layout="nchw")).x, x.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("option", [{"range_": "0,2"}, {"layout": "chw"}])
def test_unknown_declaration_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="known: "):
        samples.declared(**option)


def test_wrong_files_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "nothing.npz").touch()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/a.txt").touch()
    np.savez(tmp_path / "other.npz", weights=GREY, biases=GREY)
    np.savez(tmp_path / "labels.npz", arr_0=GREY, arr_1=np.arange(3))
    (tmp_path / "one.png").write_bytes(png(GREY[0]))
    (tmp_path / "a.tar.gz").write_bytes(b"\x1f\x8b\x08")
    for name, message in {
        "missing.npz": "no such file",
        "empty": "no images",
        "texts": "no images .* it holds a.txt",
        "text.npz": "its form is unknown. Samples are",
        "nothing.npz": "an empty file",
        "other.npz": "holds weights, biases, but samples are expected under one of 'arr_0'",
        "labels.npz": "one per sample",
        "one.png": "a single image; give the folder",
        "a.tar.gz": r"unpack it first \(gunzip\)",
    }.items():
        with pytest.raises(UserError, match=message) as error:
            samples.read(tmp_path / name)
        assert "\n" not in str(error.value)


TRANSPARENT = Image.new("RGBA", (8, 8), (1, 2, 3, 254))
DEEP = Image.fromarray(RNG.integers(0, 65536, (8, 8), dtype=np.uint16))
KEYED = file_of(Image.new("RGB", (8, 8), (1, 2, 3)), "PNG", transparency=(1, 2, 3))
ANIMATED = file_of(Image.new("RGB", (8, 8)), "PNG", save_all=True, append_images=[Image.new("RGB", (8, 8), (9, 9, 9))])


@pytest.mark.parametrize(
    ("odd", "suffix", "message"),
    [
        (file_of(TRANSPARENT, "PNG"), "png", "transparent"),
        (KEYED, "png", "transparent"),
        (file_of(DEEP, "PNG"), "png", "16 bits"),
        (file_of(Image.new("CMYK", (8, 8)), "JPEG"), "jpg", "neither grey nor RGB"),
        (file_of(Image.new("RGB", (9, 8)), "PNG"), "png", r"2 sizes \(width x height\): 8 x 8 is"),
        (ANIMATED, "png", "several frames"),
        (png(RGB[0])[:-30], "png", "cannot be read"),
        (b"\x89PNG\r\n\x1a\nnothing", "png", "cannot be read"),
        (b"", "png", "cannot be read"),
        (b"GIF89a not ours", "png", "cannot be read"),
    ],
)
def test_odd_images_in_a_folder_are_named(tmp_path: Path, odd: bytes, suffix: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"{message}.*odd\.{suffix}|odd\.{suffix}.*{message}") as error:
        samples.read(pair(tmp_path, odd, suffix))
    assert "1 of 2 images" in str(error.value) or "of 1 of 2 images, but not" in str(error.value)


def test_16_bit_colour_is_refused_although_its_decoder_would_cut_it_to_8(tmp_path: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(range(48)) for _ in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    deep = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    with pytest.raises(UserError, match="16 bits"):
        samples.read(pair(tmp_path, deep))


EXIF = Image.Exif()
EXIF[0x0112] = 6


@pytest.mark.parametrize(
    ("odd", "suffix", "mode", "message"),
    [
        (file_of(Image.new("RGBA", (8, 8), (1, 2, 3, 255)), "PNG"), "png", "RGB", "opaque"),
        (file_of(Image.fromarray(np.full((8, 8), 257 * 7, np.uint16)), "PNG"), "png", "L", "divided by 257"),
        (file_of(Image.new("P", (8, 8)), "PNG"), "png", "RGB", "palette"),
        (file_of(Image.new("1", (8, 8)), "PNG"), "png", "L", "palette or 1 bit"),
        (file_of(Image.new("RGB", (8, 8)), "JPEG"), "jpg", "RGB", "1 of 2 images is JPEG.*FID.*2104.11222"),
        (file_of(Image.new("RGB", (8, 8)), "PNG", exif=EXIF), "png", "RGB", "EXIF orientation"),
        (file_of(Image.new("L", (8, 8), 7), "PNG"), "png", "RGB", "1 grey image among 2.*odd.png"),
        (b"hello", "txt", "RGB", r"left out, because no image was recognised: 1 other file \(odd.txt\)"),
    ],
)
def test_what_is_read_with_a_doubt_is_warned_of(
    tmp_path: Path, odd: bytes, suffix: str, mode: str, message: str
) -> None:
    import re

    found = warnings_of(pair(tmp_path, odd, suffix, mode=mode))
    assert any(re.search(message, warning) for warning in found), found
    plain = pair(tmp_path / "plain", file_of(Image.new(mode, (8, 8)), "PNG"), mode=mode)
    assert warnings_of(plain) == []


def test_pixels_of_doubtful_images_are_the_exact_ones(tmp_path: Path) -> None:
    colours = RNG.integers(0, 256, (8, 8), dtype=np.uint8)
    palette = Image.fromarray(colours, "P") if False else Image.fromarray(colours).convert("P")
    deep = Image.fromarray(colours.astype(np.uint16) * 257)
    bits = Image.fromarray(colours > 127)
    for name, image, wanted in (
        ("palette", palette, colours[..., None].repeat(3, -1)),
        ("deep", deep, colours[..., None]),
        ("bits", bits, np.where(colours > 127, 255, 0)[..., None]),
    ):
        one = samples.read(write_folder(tmp_path / name, {"0.png": file_of(image, "PNG")}))
        assert np.array_equal(one.x[0], wanted), name


def test_exact_copies_are_counted_and_named(tmp_path: Path) -> None:
    files = {f"{i}.png": png(GREY[i % 3]) for i in range(5)}
    one = samples.read(write_folder(tmp_path / "a", files))
    assert one.manifest["found"]["copies"] == 2
    assert one.manifest["found"]["warnings"] == [
        "2 exact copies of other samples among 5 samples: 3.png = 0.png, 4.png = 1.png"
    ]


def test_system_files_are_ignored_and_counted(tmp_path: Path) -> None:
    junk = {".DS_Store": b"x", "__MACOSX/._0.png": b"x", "Thumbs.db": b"x", ".hidden/0.png": b"x"}
    for form, write in (("folder", write_folder), ("a.zip", write_zip), ("a.tar", write_tar)):
        one = samples.read(write(tmp_path / form, junk | {"0.png": png(GREY[0])}))
        assert (len(one.x), one.manifest["found"]["ignored"]) == (1, 4)
        assert one.manifest["found"]["warnings"] == []


def test_order_is_that_of_the_names_bytes(tmp_path: Path) -> None:
    names = ["10.png", "9.png", "B.png", "a.png", "é.png"]
    one = samples.read(write_folder(tmp_path / "a", {name: png(RGB[i]) for i, name in enumerate(names)}))
    assert np.array_equal(one.x, RGB[: len(names)])


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["cat/0.png", "dog/0.png", "dog/1/0.png"], [0, 1, 1]),
        (["10/0.png", "2/0.png", "2/1.png"], [10, 2, 2]),
        (["01/0.png", "1/0.png"], [0, 1]),
        (["cat/0.png", "cat/1.png"], None),
        (["0.png", "cat/0.png", "dog/0.png"], None),
    ],
)
def test_class_folders_give_labels_only_if_every_image_is_in_one(
    tmp_path: Path, names: list[str], labels: list[int] | None
) -> None:
    one = samples.read(write_folder(tmp_path / "a", {name: png(GREY[i]) for i, name in enumerate(names)}))
    assert (one.y is None and labels is None) or one.y.tolist() == labels
    assert bool(one.manifest["found"]["labels"]) == (labels is not None)


def test_webdataset_without_a_class_for_every_image_is_refused(tmp_path: Path) -> None:
    image = png(GREY[0])
    for files, message in (
        ({"a.png": image, "b.png": image, "a.cls": b"1"}, "b.png has no b.cls"),
        ({"a.png": image, "a.cls": b"cat"}, "is not a class number"),
    ):
        with pytest.raises(UserError, match=message):
            samples.read(write_tar(tmp_path / "a.tar", files))


def test_parquet_without_certain_images_is_refused(tmp_path: Path) -> None:
    image = png(GREY[0])
    for columns, message in (
        ({"a": [1, 2]}, "one column of images is expected"),
        ({"a": [image], "b": [image]}, "one column of images is expected"),
        ({"a": [image, None]}, "row 1 has no image"),
        ({"a": [{"bytes": None, "path": "a.png"}]}, "one column of images|row 0 has no image"),
        ({"a": [image], "label": ["cat"]}, "whole numbers needed"),
    ):
        pq.write_table(pa.table(columns), tmp_path / "a.parquet")
        with pytest.raises(UserError, match=message):
            samples.read(tmp_path / "a.parquet")


def test_shards_that_are_no_whole_set_are_refused(tmp_path: Path) -> None:
    shards = [p.read_bytes() for p in sorted(write_shards(tmp_path / "whole", RGB, ".parquet").iterdir())]
    tar = write_tar(tmp_path / "a.tar", webdataset(RGB)).read_bytes()
    unlabelled = write_tar(tmp_path / "b.tar", members(RGB, False)).read_bytes()
    for i, (files, message) in enumerate(
        (
            ({"train-00000-of-00003.parquet": shards[0]}, "1 of 3 shards are in this folder"),
            ({"train-0.parquet": shards[0], "test-0.parquet": shards[1]}, "shards of 2 sets"),
            ({"0.parquet": shards[0], "1.tar": tar}, "its own folder"),
            ({"0.tar": tar, "1.tar": unlabelled}, "labels are none in some shards"),
            ({"0.parquet": shards[0][:-20]}, "cannot be read"),
        )
    ):
        with pytest.raises(UserError, match=message):
            samples.read(write_folder(tmp_path / str(i), files))


def test_a_shard_that_changes_after_it_was_looked_at_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoded, "HELD", 0)
    path = write_shards(tmp_path / "a", RGB, ".tar")
    one = samples.read(path)
    write_tar(next(iter(path.iterdir())), webdataset(RGB))
    with pytest.raises(UserError, match="changed while it was read"):
        np.asarray(one.x)


def test_report_says_what_was_found(tmp_path: Path) -> None:
    files = {f"{'ab'[i % 2]}/{i}.png": png(RGB[i]) for i in range(4)} | {
        "a/9.jpg": file_of(Image.fromarray(RGB[9]), "JPEG")
    }
    first, *warnings = preflight.lines(samples.read(write_folder(tmp_path / "mine", files)).manifest)
    for part in (
        "mine: 5 colour images of 7 x 8 pixels from folder",
        "4 PNG RGB, 1 JPEG RGB",
        "values 0 to 255",
        "2 class folders, a = 0, b = 1",
    ):
        assert part in first
    assert [w.startswith("mine: warning: 1 of 5 images is JPEG") for w in warnings] == [True]


def test_rules_in_the_docs_are_those_of_the_code() -> None:
    table = [line for line in str(preflight.__doc__).splitlines() if line.startswith("|")]
    assert len(table) > 20
    assert "\n".join(table) in (paths.definitions() / "docs" / "scoring.md").read_text()
