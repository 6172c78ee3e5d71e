"""Hostile and broken files: one line, nothing executed, nothing written, no memory or time that the file's size does not explain."""

# mypy: disable-error-code="func-returns-value"

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save
from sample_files import GREY, RGB, file_of, members, png, webdataset, write_folder, write_parquet, write_tar, write_zip

from ganbench import samples
from ganbench.errors import UserError
from ganbench.samples import Declared, encoded, folder

IMAGE = png(GREY[0])


def tar_of(*infos: tuple[tarfile.TarInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for info, data in infos:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def tar_link(kind: bytes) -> bytes:
    info = tarfile.TarInfo("b.png")
    info.type, info.linkname = kind, "/etc/passwd"
    return tar_of((tarfile.TarInfo("a.png"), IMAGE), (info, b""))


def tar_negative() -> bytes:
    """A member of negative size leads the reader back to itself, for ever."""
    header = bytearray(tarfile.TarInfo("a.png").tobuf())
    header[124:136] = b"\xff" * 10 + struct.pack(">h", -1024)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) * 3


def zip_of(name: str, data: bytes = IMAGE, **info: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo(name)
        member.compress_type = zipfile.ZIP_DEFLATED
        for key, value in info.items():
            setattr(member, key, value)
        archive.writestr(member, data)
    return file.getvalue()


def zip_claiming(size: int) -> bytes:
    """A zip whose directory claims that its member swells to `size`."""
    data = bytearray(zip_of("a.png"))
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(data)


def npy_claiming(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue() + b"\0" * 100


def png_claiming(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return start + IMAGE[33:]


class Exploit:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch exploited",)


HOSTILE = {
    "climbs.tar": (tar_of((tarfile.TarInfo("../../a.png"), IMAGE)), "leads out of the archive"),
    "absolute.tar": (tar_of((tarfile.TarInfo("/tmp/a.png"), IMAGE)), "leads out of the archive"),
    "symlink.tar": (tar_link(tarfile.SYMTYPE), "is a link"),
    "hardlink.tar": (tar_link(tarfile.LNKTYPE), "is a link"),
    "device.tar": (tar_link(tarfile.CHRTYPE), "a device"),
    "fifo.tar": (tar_link(tarfile.FIFOTYPE), "a device"),
    "circle.tar": (tar_negative(), "members overlap|cannot be read"),
    "twice.tar": (tar_of((tarfile.TarInfo("a.png"), IMAGE), (tarfile.TarInfo("a.png"), IMAGE)), "two members"),
    "cut.tar": (tar_of((tarfile.TarInfo("a.png"), IMAGE * 9))[:700], "truncated|cannot be read"),
    "climbs.zip": (zip_of("../a.png"), "leads out of the archive"),
    "windows.zip": (zip_of("..\\a.png"), "leads out of the archive"),
    "symlink.zip": (zip_of("a.png", b"/etc/passwd", external_attr=0o120777 << 16), "is a link"),
    "bomb.zip": (zip_claiming(4_000_000_000), "a decompression bomb"),
    "lies.zip": (zip_claiming(10), "cannot be read|changed"),
    "cut.zip": (zip_of("a.png")[:-10], "whose end is missing|cannot be read"),
    "pickle.npz": (pickle.dumps(Exploit()), "pickles are never loaded"),
    "pickle.npy": (b"\x93NUMPY\x01\x00" + struct.pack("<H", 62) + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }     \n" + pickle.dumps([Exploit()]), "object array is a pickle"),
    "pickle.png": (pickle.dumps(Exploit()), "a pickle"),
    "torch.pt": (zip_of("archive/data.pkl", pickle.dumps(Exploit())), "a PyTorch pickle"),
    "huge.npy": (npy_claiming((10**15,)), "header claims shape"),
    "huge2.npy": (npy_claiming((10**6, 10**6, 10**6, 3)), "header claims shape"),
    "negative.npy": (npy_claiming((-1, 8, 8, 1)), "header claims shape|cannot be read"),
    "huge.npz": (zip_of("arr_0.npy", npy_claiming((10**15,))), "header claims shape"),
    "bomb.npz": (zip_of("arr_0.npy", npy_claiming((3 * 10**8, 1, 1, 1)) + bytes(3 * 10**8)), "a decompression bomb"),
    "header.safetensors": (struct.pack("<Q", 2**62) + b"{}", "its form is unknown"),
    "cut.safetensors": (save({"x": RGB})[:-5], "cannot be read"),
    "text.parquet": (b"PAR1 nothing PAR1", "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_one_line_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    data, message = HOSTILE[name]
    (tmp_path / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message) as error:
        samples.read(tmp_path / name)
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("side", "message"), [(50_000, "DecompressionBomb|too many"), (8_200, "too many")])
def test_header_of_a_huge_image_is_refused_before_it_is_decoded(tmp_path: Path, side: int, message: str) -> None:
    with pytest.raises(UserError, match=f"1 of 1 image cannot be read: a.png .*({message})"):
        samples.read(write_folder(tmp_path / "a", {"a.png": png_claiming(side, side)}))


def webp_claiming(width: int, height: int) -> bytes:
    """A film of one small frame on a canvas of `width` x `height`, in fewer than 200 bytes."""
    frame = file_of(Image.new("RGB", (32, 32)), "WEBP", lossless=True)[12:]

    def chunk(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("<I", len(body)) + body

    canvas = b"\x02\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    shown = bytes(6) + (31).to_bytes(3, "little") * 2 + b"\1\0\0\0"
    body = b"WEBP" + chunk(b"VP8X", canvas) + chunk(b"ANIM", bytes(6)) + chunk(b"ANMF", shown + frame)
    return chunk(b"RIFF", body)


def test_webp_of_few_bytes_takes_a_bounded_memory(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "a", {"a.webp": webp_claiming(8_000, 8_000)})
    assert (path / "a.webp").stat().st_size < 200
    with pytest.raises(UserError, match=r"a\.webp .8,000 x 8,000 pixels are too many"):
        samples.read(path)


@pytest.mark.parametrize(
    "name", ["a\nb.png", "a\x1b[31m.png", "a\u2028b.png", b"a\xff.png".decode("utf-8", "surrogateescape")]
)
def test_any_name_is_shown_on_one_line_that_every_terminal_can_print(tmp_path: Path, name: str) -> None:
    path = write_folder(tmp_path / "a", {name: b"no image", "b.png": IMAGE})
    with pytest.raises(UserError, match="1 of 2 images cannot be read") as error:
        samples.read(path)
    assert str(error.value).isprintable()
    str(error.value).encode("utf-8")


def test_links_and_pipes_in_a_folder(tmp_path: Path) -> None:
    target = write_folder(tmp_path / "target", {"0.png": IMAGE})
    (tmp_path / "links").mkdir()
    (tmp_path / "links/0.png").symlink_to(target / "0.png")
    (tmp_path / "links/round").symlink_to(tmp_path / "links")
    one = samples.read(tmp_path / "links")
    assert len(one.x) == 1
    said = ["not followed, so their images are left out: 1 link to folders (round/)"]
    assert one.manifest["found"]["warnings"] == said
    for name, make in (
        ("pipe", os.mkfifo),
        ("device", lambda path: path.symlink_to("/dev/zero")),
        ("broken", lambda path: path.symlink_to("nowhere")),
    ):
        (tmp_path / name).mkdir()
        make(tmp_path / name / "0.png")
        with pytest.raises(UserError, match=r"0\.png (is not a regular file|cannot be read)"):
            samples.read(tmp_path / name)
    with pytest.raises(UserError, match="not a regular file"):
        samples.read(tmp_path / "pipe/0.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "a", {"0.png": IMAGE})
    (path / "0.png").chmod(0)
    with pytest.raises(UserError, match=r"0\.png cannot be read \(Permission denied\)"):
        samples.read(path)


@pytest.mark.parametrize("change", ["removed", "rewritten", "added"])
def test_folder_that_changes_while_it_is_read_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = write_folder(tmp_path / "a", members(GREY, False))
    listing = folder.listing
    looked: list[Path] = []

    def change_after(where: Path) -> list[str]:
        found = listing(where)
        if not looked:
            if change == "removed":
                (path / "11.png").unlink()
            elif change == "added":
                (path / "12.png").write_bytes(IMAGE)
        looked.append(where)
        return found

    monkeypatch.setattr(folder, "listing", change_after)
    if change == "rewritten":
        monkeypatch.setattr(encoded, "HELD", 0)
        one = folder.read(path, Declared())
        (path / "05.png").write_bytes(png(RGB[0]))
        with pytest.raises(UserError, match=r"05\.png changed while it was read"):
            one.x[0:12]
    else:
        with pytest.raises(UserError, match=r"added or removed|cannot be read"):
            folder.read(path, Declared())


def test_archive_that_is_cut_while_it_is_read_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoded, "HELD", 0)
    noise = np.random.default_rng(0).integers(0, 256, (12, 64, 64, 3), np.uint8)
    files = {f"{i:02}.png": png(x) for i, x in enumerate(noise)}
    for path in (write_zip(tmp_path / "a.zip", files), write_tar(tmp_path / "a.tar", files)):
        one = samples.read(path)
        os.truncate(path, 100)
        with pytest.raises(UserError, match="changed while it was read"):
            one.x[6:12]


def test_command_line_ends_with_code_2_and_one_line(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "a", {"a\nb.png": b"no image"})
    command = [sys.executable, "-m", "ganbench", "score", str(path), "--reference", "digits"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("ganbench: a: 1 of 1 image cannot be read: a\\nb.png")


@pytest.mark.slow
def test_ten_seconds_of_coverage_guided_fuzzing_find_nothing() -> None:
    pytest.importorskip("atheris")
    # The largest memory of a process counts what its parent held before. The shell between them forgets that of pytest.
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "tests/fuzz_readers.py", "--seconds", "10"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "DONE" in done.stderr


def npz(x: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, x, np.arange(len(x)))
    return file.getvalue()


def written(write: Callable[[Path], Path]) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        return write(Path(scratch) / "a").read_bytes()


few = RGB[:3]
VALID = {
    "png": png(RGB[0]),
    "jpeg": file_of(Image.fromarray(RGB[0]), "JPEG"),
    "webp": file_of(Image.fromarray(RGB[0]), "WEBP"),
    "bmp": file_of(Image.fromarray(RGB[0]), "BMP"),
    "npz": npz(few),
    "npy": written(lambda path: np.save(path.with_suffix(".npy"), few) or path.with_suffix(".npy")),
    "safetensors": save({"images": few, "labels": np.arange(3)}),
    "zip": written(lambda path: write_zip(path, members(few, True))),
    "tar": written(lambda path: write_tar(path, webdataset(few))),
    "parquet": written(lambda path: write_parquet(path, [png(p) for p in RGB], False)),
}

edits = st.lists(
    st.tuples(
        st.floats(0, 1), st.sampled_from(["set", "cut", "drop", "insert", "swell"]), st.binary(min_size=1, max_size=8)
    ),
    min_size=1,
    max_size=4,
)


def mutated(data: bytes, changes: list[tuple[float, str, bytes]]) -> bytes:
    for where, what, new in changes:
        at = int(where * len(data))
        data = {
            "set": data[:at] + new + data[at + len(new) :],
            "cut": data[: max(1, at)],
            "drop": data[:at] + data[at + len(new) :],
            "insert": data[:at] + new + data[at:],
            "swell": data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :],
        }[what]
    return data


@pytest.mark.parametrize("form", VALID)
@settings(max_examples=60, deadline=None)
@given(changes=edits)
def test_mutated_bytes_are_a_clear_error_or_a_valid_set(
    tmp_path_factory: pytest.TempPathFactory, form: str, changes: list[tuple[float, str, bytes]]
) -> None:
    data = mutated(VALID[form], changes)
    path = tmp_path_factory.mktemp("fuzz") / "a"
    if form in ("png", "jpeg", "webp", "bmp"):
        write_folder(path, {f"0.{form}": data})
    else:
        path.write_bytes(data)
    begun = time.monotonic()
    with suppress(UserError):
        one = samples.read(path)
        x = np.asarray(one.x)
        assert (x.ndim, x.dtype) in ((4, np.dtype(np.uint8)), (2, np.dtype(np.float32)))
        assert samples.content_hash(x) == one.manifest["sha256"]
    assert time.monotonic() - begun < 20
