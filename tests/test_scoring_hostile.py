"""Wrong and hostile input to the verbs that read samples, results and runs: exit code 2 or 3, a clear line, nothing written."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import Make, fifo, file, folder, label, link, nothing, refusal

from ganbench import paths, samples
from ganbench.samples import SampleSet
from ganbench.scoring import Scorer, embed
from ganbench.training import loop

ESCAPE = "a\x1b]0;title\x07\x9b2J\r"
SHELL = "a;touch pwned;$(touch pwned) `touch pwned`"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with points, images, an embedding, a trained run, and three results."""
    top = tmp_path_factory.mktemp("house")
    rng = np.random.default_rng(0)
    points, other, ref, far = (rng.normal(size=(60, 2)).astype(np.float32) for _ in range(4))
    np.save(top / "points.npy", points)
    np.save(top / "ref.npy", ref)
    images = rng.integers(0, 256, (2, 40, 8, 8, 1), dtype=np.uint8)
    for name, x in zip(("images", "real"), images, strict=True):
        samples.write(top / f"{name}.npz", SampleSet(x, None, {"name": name}))
    samples.write(top / "emb.npz", embed(SampleSet(images[0], None, {"name": "emb"}), "pixels"))
    for name, x, reference in (("a", points, ref), ("b", other, ref), ("far", points, far)):
        result = Scorer.of(reference, points, features="identity", metrics=["fid", "memorisation", "support"])(x)
        (top / f"{name}.json").write_text(result.to_json())
    overrides = {"width_g": 4, "width_d": 4, "batch": 16}
    loop.train(paths.definitions() / "baselines/gan.py", "ring", top / "run", seed=0, images=64, overrides=overrides)
    return top


def array(name: str, x: Any) -> Make:
    return lambda: np.save(name, x)


def archive(name: str = "x.npz", **arrays: Any) -> Make:
    return lambda: np.savez(name, **arrays)


def both(*makes: Make) -> Make:
    def make() -> None:
        for each in makes:
            each()

    return make


def points(value: float) -> np.ndarray:
    """Points, the first coordinate of the first point replaced."""
    x = np.random.default_rng(1).normal(size=(60, 2)).astype(np.float32)
    x[0, 0] = value
    return x


def header(text: bytes) -> Make:
    """A .npy with this header and no data."""
    return file("x.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)


def closed(name: str) -> Make:
    """Take away all permissions. The superuser reads every file, so there the file is a folder."""

    def make() -> None:
        if os.geteuid():
            Path(name).chmod(0)
        else:
            Path(name).unlink()
            Path(name).mkdir()

    return make


def document(name: str, *place: str | int, value: Any) -> Make:
    """Change a value of a JSON file. The digest goes too, because a forger would leave it out."""

    def make() -> None:
        content = json.loads(Path(name).read_text())
        content.pop("digest", None)
        inner = content
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = value
        Path(name).write_text(json.dumps(content))

    return make


def unlinked(name: str) -> Make:
    return lambda: Path(name).unlink()


def cut(name: str, size: int) -> Make:
    return lambda: os.truncate(name, size)


POINTS = ["--reference", "ref.npy", "--features", "identity", "--metrics", "fid"]
SCORE = ["score", "x.npy", *POINTS]
ARCHIVE = ["score", "x.npz", *POINTS]
IMAGES = ["--reference", "real.npz", "--features", "pixels", "--metrics", "fid"]
SHAPES: list[tuple[list[str], Make, str]] = [
    (SCORE, array("x.npy", points(np.nan)), "NaN or infinite values in 1 sample"),
    (SCORE, array("x.npy", points(np.inf)), "NaN or infinite values in 1 sample"),
    (SCORE, array("x.npy", np.zeros((60, 3), np.float32)), "they must be alike"),
    (SCORE, array("x.npy", np.zeros((0, 2), np.float32)), "has no samples"),
    (SCORE, array("x.npy", np.zeros((1, 2), np.float32)), "a single sample"),
    (SCORE, array("x.npy", np.zeros((60, 0), np.float32)), "x"),
    (SCORE, array("x.npy", np.zeros(60, np.float32)), "points are floats [n, d]"),
    (SCORE, array("x.npy", np.float32(1)), "points are floats [n, d]"),
    (SCORE, array("x.npy", np.zeros((60, 2), np.int64)), "points are floats [n, d]"),
    (SCORE, array("x.npy", np.zeros((60, 2), np.complex64)), "points are floats [n, d]"),
    (SCORE, array("x.npy", np.zeros((60, 2), bool)), "points are floats [n, d]"),
    (SCORE, array("x.npy", np.full((60, 2), "a")), "points are floats [n, d]"),
    (SCORE, array("x.npy", np.zeros(60, [("x", "f4"), ("y", "f4")])), "points are floats [n, d]"),
    (SCORE, array("x.npy", np.zeros((60, 2), "M8[s]")), "points are floats [n, d]"),
    (SCORE, array("x.npy", np.array([[None, 1]] * 60, object)), "an object array is a pickle"),
    (SCORE, array("x.npy", np.full((60, 2), 1e300)), "NaN or infinite"),
    (SCORE, array("x.npy", np.zeros((60, 2, 2, 2, 2), np.float32)), "points are floats [n, d]"),
    (SCORE, array("x.npy", np.zeros((60, 8, 8, 5), np.uint8)), "no axis of 1 or 3 channels"),
    (SCORE, array("x.npy", np.zeros((60, 8, 8, 3), np.float32)), "--range"),
    ([*SCORE, "--range", "0,1"], array("x.npy", np.full((60, 8, 8, 3), 7.0)), "outside the declared range"),
    ([*SCORE, "--range", "0,1"], array("x.npy", np.full((60, 8, 8, 3), np.nan)), "NaN or infinite"),
    (SCORE, array("x.npy", np.zeros((60, 8, 8, 1), np.uint8)), "x"),
    (SCORE, file("x.npy", b""), "an empty file"),
    (SCORE, file("x.npy", b"\x93NUMPY"), "x.npy"),
    (SCORE, file("x.npy", b"\x93NUMPY\x09\x00" + bytes(200)), "format (9, 0) is not supported"),
    (SCORE, header(b"{" * 5000), "a broken header"),
    (SCORE, header(b"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999999999, 2)}"), "header claims shape"),
    (SCORE, header(b"{'descr': '<f4', 'fortran_order': False, 'shape': (-4, 2)}"), "x.npy"),
    (SCORE, header(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 'a')}"), "a broken header"),
    (SCORE, header(b"{'descr': '<V99999999999', 'fortran_order': False, 'shape': (2, 2)}"), "x.npy"),
    (SCORE, header(b"__import__('os').system('touch pwned')"), "a broken header"),
    (SCORE, both(array("x.npy", points(0)), cut("x.npy", 300)), "header claims shape"),
    (SCORE, file("x.npy", b"\x80\x04cos\nsystem\n(X\x0b\x00\x00\x00touch pwnedtR."), "pickles are never loaded"),
    (ARCHIVE, archive(a=points(0), b=points(0)), "samples are expected under one of"),
    (ARCHIVE, archive(arr_0=points(0), arr_1=np.zeros(60)), "labels are float64"),
    (ARCHIVE, archive(arr_0=points(0), arr_1=np.zeros(59, int)), "one per sample"),
    (ARCHIVE, archive(arr_0=points(0), arr_1=np.array(3)), "x.npz"),
    (ARCHIVE, archive(arr_0=points(0), arr_1=np.array([None] * 60, object)), "an object array is a pickle"),
    (ARCHIVE, archive(arr_0=points(0), features=np.zeros((59, 2), np.float32)), "features has 59 rows"),
    (ARCHIVE, archive(mu=np.zeros(2), sigma=np.eye(2)), "statistics"),
    (ARCHIVE, archive(), "x.npz"),
    (ARCHIVE, file("x.npz", b""), "an empty file"),
    (ARCHIVE, file("x.npz", b"PK\x03\x04" + bytes(100)), "whose end is missing"),
    (ARCHIVE, both(archive(arr_0=points(0)), cut("x.npz", 400)), "whose end is missing"),
    (["score", "emb.npz", *IMAGES], cut("emb.npz", 3000), "whose end is missing"),
    (["score", "emb.npz", *IMAGES], both(unlinked("emb.npz"), folder("emb.npz")), "emb.npz"),
]  # fmt: skip


def features(**arrays: Any) -> Make:
    """An embedding with other arrays, and with a manifest that names its extractor and no hashes."""

    def make() -> None:
        manifest = json.loads(Path("emb.json").read_text())
        del manifest["hashes"]
        Path("emb.json").write_text(json.dumps(manifest))
        with np.load("emb.npz") as old:
            np.savez("emb.npz", **(dict(old) | arrays))

    return make


EMBEDDING = ["score", "emb.npz", *IMAGES]
FOREIGN: list[tuple[list[str], Make, str]] = [
    # manifests
    *((EMBEDDING, document("emb.json", key, value=value), "emb.json") for key, value in (
        ("name", 3), ("name", None), ("name", ["a"]), ("sha256", 3), ("hashes", []), ("hashes", 3), ("hashes", {"arr_0": 3}),
        ("found", 3), ("found", {"form": 3}), ("found", {"warnings": 3}), ("found", []), ("reason", 3), ("reason", {"a": 1}), ("reason", "diverged"), ("found", {"files": {"a": "b"}}), ("found", {"warnings": [3]}),
        ("dataset", 3), ("dataset", []), ("features", 3),
    )),
    (EMBEDDING, document("emb.json", "hashes", "features", value="0" * 64), "features is not what its manifest records"),
    (EMBEDDING, file("emb.json", "[]"), "not a manifest"),
    (EMBEDDING, file("emb.json", "{"), "not a manifest"),
    (EMBEDDING, file("emb.json", b"\xff"), "not a manifest"),
    (EMBEDDING, file("emb.json", "[" * 100_000), "not a manifest"),
    (EMBEDDING, file("emb.json", '{"n": ' + "9" * 5000 + "}"), "not a manifest"),
    # embeddings
    (EMBEDDING, features(features=np.zeros(40, np.float32)), "features"),
    (EMBEDDING, features(features=np.zeros((40, 8, 8), np.float32)), "features"),
    (EMBEDDING, features(features=np.full((40, 64), "a")), "features"),
    (EMBEDDING, features(features=np.full((40, 64), np.nan, np.float32)), "NaN or infinite"),
    (EMBEDDING, features(features=np.zeros((40, 3), np.float32)), "unequal dimension"),
    (EMBEDDING, features(features=np.zeros((40, 64), np.complex64)), "features"),
    (EMBEDDING, features(logits=np.zeros(40, np.float32)), "logits"),
    (EMBEDDING, features(logits=np.full((40, 10), "a")), "logits"),
    (EMBEDDING, features(disturbed=np.zeros((40, 2, 2, 2), np.float32)), "disturbed"),
    (EMBEDDING, features(condition=np.full(40, "a")), "condition"),
    (EMBEDDING, features(discriminator=np.zeros(3)), "discriminator"),
    (EMBEDDING, features(features=np.array(1.0)), "a single number"),
]  # fmt: skip

STATISTICS = ["score", "images.npz", "--reference", "stats.npz", "--features", "pixels", "--metrics", "fid"]
COVARIANCE = np.eye(64)
PATHS: list[tuple[list[str], Make, str]] = [
    # statistics
    (STATISTICS, archive("stats.npz", mu=np.zeros(63), sigma=COVARIANCE), "[d] and [d, d] are expected"),
    (STATISTICS, archive("stats.npz", mu=np.zeros((64, 1)), sigma=COVARIANCE), "[d] and [d, d] are expected"),
    (STATISTICS, archive("stats.npz", mu=np.array(1.0), sigma=COVARIANCE), "a single number"),
    (STATISTICS, archive("stats.npz", mu=np.zeros(64, int), sigma=COVARIANCE), "[d] and [d, d] are expected"),
    (STATISTICS, archive("stats.npz", mu=np.full(64, "a"), sigma=COVARIANCE), "[d] and [d, d] are expected"),
    (STATISTICS, archive("stats.npz", mu=np.full(64, np.nan), sigma=COVARIANCE), "not a covariance"),
    (STATISTICS, archive("stats.npz", mu=np.zeros(64), sigma=np.triu(np.ones((64, 64)))), "not a covariance"),
    (STATISTICS, archive("stats.npz", mu=np.zeros(64), sigma=-COVARIANCE), "covariance"),
    (STATISTICS, archive("stats.npz", mu=np.zeros(64), sigma=np.full((64, 64), np.inf)), "not a covariance"),
    (STATISTICS, archive("stats.npz", mu=np.full(64, 1e200), sigma=COVARIANCE), "beyond 1e+100"),
    # the kind of file
    *((["score", name, *POINTS], make, message) for name, make, message in (
        ("nowhere", nothing, "no dataset or file 'nowhere'"),
        ("nowhere.npz", nothing, "nowhere.npz: no such file or folder"),
        ("", nothing, ""),
        (".", nothing, ""),
        ("/", nothing, ""),
        ("x", folder("x"), "x"),
        ("x.npz", fifo("x.npz"), "not a regular file"),
        ("/dev/zero", nothing, "not a regular file"),
        ("/dev/stdin", nothing, "/dev/stdin"),
        ("/proc/self/mem", nothing, "/proc/self/mem"),
        ("/etc/shadow", nothing, ""),
        ("x.npz", link("x.npz", "x.npz"), "x.npz"),
        ("x.npz", link("x.npz", "nowhere"), "no such file"),
        ("x.npz", link("x.npz", "/dev/zero"), "not a regular file"),
        ("images.npz", closed("images.npz"), "images.npz"),
        ("a" * 5000, nothing, "aaa"),
        ("points.npy/x.npz", nothing, "points.npy/x.npz"),
        (f"{ESCAPE}.npz", file(f"{ESCAPE}.npz", b"x"), "\\x1b]0;title\\x07\\x9b2J\\r.npz"),
        ("two\nlines.npz", file("two\nlines.npz", b"x"), "two\\nlines.npz"),
        (f"{SHELL}.npz", file(f"{SHELL}.npz", b"x"), "touch pwned"),
        ("x.txt", file("x.txt", "no samples"), "its form is unknown"),
        ("run", file("run/run.json", "{"), "is damaged"),
        ("ring:tset", nothing, "did you mean 'test'"),
        ("digits", nothing, "they must be alike"),
    )),
    (["score", "texts", *POINTS], both(folder("texts"), file("texts/a.txt", "a"), file("texts/b.csv", "1,2")), "texts"),
    (["score", "loop", *POINTS], both(folder("loop"), link("loop/a", ".")), "loop"),
    (["score", "gone", *POINTS], both(folder("gone"), link("gone/a.png", "a.png")), "gone"),
    (["score", "pipe", *POINTS], both(folder("pipe"), fifo("pipe/a.png")), "not a regular file"),
    (["score", "cut", *POINTS], both(folder("cut"), file("cut/a.png", b"\x89PNG\r\n\x1a\n")), "cut"),
    (["score", "names", *POINTS], both(folder("names"), file(f"names/{ESCAPE}.png", b"x")), "\\x1b]0;title"),
    (["score", "points.npy", *POINTS, "--train", "nowhere.npz"], nothing, "nowhere.npz: no such file"),
    (["score", "points.npy", *POINTS, "--train", "x.npz"], archive(mu=np.zeros(2), sigma=np.eye(2)), "statistics"),
    (["score", "points.npy", "--reference", "x.npz", "--features", "identity"], fifo("x.npz"), "not a regular file"),
    (["score", "points.npy", "--reference", "x.npy"], array("x.npy", points(np.nan)), "NaN or infinite"),
    (["score", "points.npy", "--reference", "x.npy"], array("x.npy", points(0)[:1]), "a single sample"),
]  # fmt: skip

MINE = ["score", "images.npz", "--reference", "real.npz", "--metrics", "fid", "--features"]
OPTIONS: list[tuple[list[str], Make, str]] = [
    (["score"], nothing, "Missing argument"),
    (["score", "points.npy"], nothing, "Missing option '--reference'"),
    *((["score", "points.npy", *POINTS[:4], "--metrics", text], nothing, message) for text, message in (
        ("fdi", "did you mean 'fid'"), ("", "no metric ''"), ("fid,,kid", "no metric ''"), ("fid kid", "no metric"),
        ("_order", "no metric '_order'"), ("../fid", "no metric '../fid'"), (ESCAPE, "no metric 'a\\x1b"), ("a" * 9000, "no metric"),
        ("modes", "no metric could be computed"), ("classifier_score", "no metric could be computed"),
    )),
    *((["score", "points.npy", "--reference", "ref.npy", "--features", text], nothing, message) for text, message in (
        ("identiy", "did you mean 'identity'"), ("", "no extractor ''"), ("nowhere.py", "no such file"), ("nowhere.pt", "no such file"),
        ("pixels", "points"), ("digits-cnn", "points"), ("/dev/null.py", "no such file"), (ESCAPE, "\\x1b"), ("./", "no extractor"),
    )),
    (["score", "points.npy", *POINTS, "--seed", "-1"], nothing, "--seed"),
    (["score", "points.npy", *POINTS, "--seed", "1.5"], nothing, "--seed"),
    (["score", "points.npy", *POINTS, "--seed", "9" * 5000], nothing, "seed"),
    (["score", "points.npy", *POINTS, "--range", "0,2"], nothing, "no range '0,2'"),
    (["score", "points.npy", *POINTS, "--range", ""], nothing, "no range ''"),
    (["score", "points.npy", *POINTS, "--layout", "hwcn"], nothing, "no layout 'hwcn'"),
    (["score", "points.npy", *POINTS, "--precision", "fp8"], nothing, "no precision 'fp8'"),
    (["score", "points.npy", *POINTS, "--weights", "nowhere"], nothing, "weights"),
    (["score", "points.npy", *POINTS, "--weights", "ref.npy#sha256=zz"], nothing, "weights"),
    ([*MINE, "x.py"], folder("x.py"), "x.py"),
    ([*MINE, "x.py"], fifo("x.py"), "x.py"),
    ([*MINE, "x.py"], link("x.py", "/dev/zero"), "x.py"),
    ([*MINE, "x.py"], file("x.py", ""), "has no function extract"),
    ([*MINE, "x.py"], file("x.py", b"\xff\x00"), "x.py"),
    ([*MINE, "x.py"], file("x.py", "def ("), "x.py:1"),
    ([*MINE, "x.py"], file("x.py", "(" * 5000), "x.py"),
    ([*MINE, "x.py"], file("x.py", "extract = 3"), "has no function extract"),
    ([*MINE, "x.py"], file("x.py", "raise SystemExit(0)"), "SystemExit"),
    ([*MINE, "x.py"], file("x.py", "import nonsense_module"), "x.py:1"),
    *(([*MINE, "x.py"], file("x.py", f"import numpy as np\ndef extract(x):\n    return {body}\n"), "x.py") for body in (
        "None", "x[0]", "3", "'text'", "[]", "{}", "[x, x, x]", "np.full((len(x), 2), np.nan)", "np.zeros((len(x), 0))",
        "[['a', 'b']] * len(x)", "[[1], [1, 2]]", "x", "1 / 0", "extract(x)", "exit()",
    )),
    ([*MINE, "x.pt"], file("x.pt", b""), "x.pt"),
    ([*MINE, "x.pt"], file("x.pt", b"\x80\x04N."), "x.pt"),
    ([*MINE, "x.pt"], file("x.pt", b"PK\x03\x04"), "x.pt"),
    ([*MINE, "x.onnx"], file("x.onnx", b"nonsense"), "x.onnx"),
]  # fmt: skip

SCORED = ["score", "points.npy", *POINTS]
OUTPUTS: list[tuple[list[str], Make, str]] = [
    *(([*command, option, path], both(folder("there"), make), message)
      for command, option, suffix in (
          (SCORED, "--json", ".json"), (SCORED, "--html", ".html"), (["embed", "points.npy", "--features", "identity"], "--out", ".npz"),
          (["compare", "a.json", "b.json"], "--json", ".json"), (["sample", "run", "--n", "2"], "--out", ".npz"),
          (["curve", "run", "--reference", "ref.npy", "--n", "2"], "--out", ".json"), (["interpolate", "run"], "--out", ".png"),
          (["arithmetic", "run", "--plus", "0"], "--out", ".png"), (["overview", "a=points.npy"], "--out", ".png"),
          (["control", "noise", "--dataset", "ring", "--n", "9"], "--out", ".npz"),
      )
      for path, make, message in (
          (f"points.npy/x{suffix}", nothing, "points.npy is a file"), (f"/proc/x{suffix}", nothing, "/proc/x"),
          (f"folder{suffix}", folder(f"folder{suffix}"), f"folder{suffix} is a folder"),
      )),
    ([*SCORED, "--json", "points.npy"], nothing, "points.npy is an input of this command"),
    ([*SCORED, "--json", "ref.npy"], nothing, "ref.npy is an input of this command"),
    ([*SCORED, "--html", "points.npy"], nothing, "points.npy is an input of this command"),
    ([*SCORED, "--json", "x", "--html", "x"], nothing, "the place of another output"),
    ([*SCORED, "--json", "x"], link("x", "points.npy"), "an input of this command"),
    (["compare", "a.json", "b.json", "--json", "a.json"], nothing, "a.json is an input of this command"),
    (["embed", "emb.npz", "--features", "pixels", "--out", "emb.npz"], nothing, "an input of this command"),
    (["embed", "points.npy", "--out", "x.txt"], nothing, "must end with .npz"),
    (["sample", "run", "--out", "x.zip"], nothing, "must end with .npz"),
    (["interpolate", "run", "--out", "x.jpg"], nothing, "must end with .png or .gif"),
    (["arithmetic", "run", "--plus", "0", "--out", "x.gif"], nothing, "must end with .png"),
    (["overview", "a=points.npy", "--out", "x.txt"], nothing, "must end with .png"),
    (["overview", "a=points.npy", "--out", ""], nothing, ""),
    (["control", "noise", "--dataset", "ring", "--out", "x"], nothing, "must end with .npz"),
    (["spread", "points.npy", "--reference", "ref.npy", "--out", "ref.npy"], nothing, "ref.npy is a file"),
    (["spread", "points.npy", "--reference", "ref.npy", "--out", "."], nothing, "other files"),
    (["watch", "run", "--out", "."], nothing, "other files"),
    (["calibrate", "ring", "--out", "ref.npy"], nothing, "ref.npy is a file"),
    (["calibrate", "ring", "--out", "."], nothing, "other files"),
    (["calibrate", "sanity", "--out", "ref.npy"], nothing, "ref.npy is a file"),
    (["calibrate", "sanity", "--out", "."], nothing, "other files"),
]  # fmt: skip

A = ["compare", "a.json", "b.json"]
RESULTS: list[tuple[list[str], Make, str]] = [
    (["compare"], nothing, "Missing argument"),
    (["compare", "a.json"], nothing, "at least two"),
    (["compare", "a.json", "a.json"], nothing, "the same file is given twice"),
    (["compare", "a.json", "nowhere.json"], nothing, "nowhere.json: no such file"),
    (["compare", "a.json", "."], nothing, ". is a folder"),
    (["compare", "a.json", "x"], fifo("x"), "x"),
    (["compare", "a.json", "/dev/zero"], nothing, "/dev/zero"),
    (["compare", "a.json", "points.npy"], nothing, "it is not a text file"),
    (["compare", "a.json", "far.json"], nothing, "their protocols differ in reference.sha256"),
    (["compare", "a.json", f"{ESCAPE}.json"], file(f"{ESCAPE}.json", "{}"), "\\x1b]0;title"),
    *((A, file("a.json", text), "a.json: not a result") for text in (
        "", "null", "3", "[]", '"a"', "{}", '{"a": 1', "{'a': 1}", '{"scores": 3}', '{"scores": {}}', '{"metrics": NaN}',
        "[" * 100_000, "9" * 5000, '{"a": 1e999}', '{"metrics": {}}', "\x00", '{"digest": 3}', '{"digest": "0", "metrics": {}}',
    )),
    *((A, file("a.json", text), message) for text, message in (
        ('{"metrics": {}, "metrics": {}}', "has the name 'metrics' twice"), ('{"a": NaN}', "the number NaN"), ('{"a": -Infinity}', "the number -Inf"),
        ('{"a": 1e999}', "the number 1e999"), ("[" * 100_000, "nested too deeply"), (f'{{"{ESCAPE[:2]}": 1, "{ESCAPE[:2]}": 1}}', "it is not JSON"),
        ('{"a\\u001b": 1, "a\\u001b": 1}', "'a\\x1b' twice"),
    )),
    (A, closed("a.json"), "a.json"),
    (A, cut("a.json", 300), "it is not JSON"),
    (A, document("a.json", "metrics", value={}), "they have none in common"),
    *((A, document("a.json", *place, value=value), "a.json: not a result") for place, value in (
        (("metrics",), []), (("metrics",), None), (("metrics", "fid"), 3), (("metrics", "fid"), None), (("protocol",), None),
        (("protocol", "seed"), "a"), (("protocol", "seed"), 1.5), (("protocol", "features"), "pixels"), (("protocol", "reference"), None),
        (("protocol", "ganbench"), 3), (("samples",), []), (("samples", "n"), "many"), (("samples", "n"), -5), (("samples", "n"), 2**70), (("samples", "n"), True), (("metrics", "fid", "value"), 10**400), (("samples", "name"), 3),
        (("samples", "sha256"), 3), (("samples", "shape"), "a"), (("samples", "shape"), [-1]), (("preflight",), "a"), (("preflight",), [3]),
        (("metrics", "fid", "value"), "small"), (("metrics", "fid", "value"), [1]), (("metrics", "fid", "value"), True),
        (("metrics", "fid", "interval"), [1]), (("metrics", "fid", "interval"), "a"), (("metrics", "fid", "interval"), [2, 1]),
        (("metrics", "fid", "interval"), [1, None]), (("metrics", "fid", "perfect"), "a"), (("metrics", "fid", "n"), -1),
        (("metrics", "fid", "version"), "a"), (("metrics", "fid", "reason"), 3), (("metrics", "fid", "unbiased"), "a"),
        (("metrics", "fid", "unbiased_interval"), 3), (("metrics", "fid", "unbiased_interval"), ["a", "b"]),
        (("metrics", "fid", "halves"), 3), (("metrics", "fid", "halves"), {"value": "a"}), (("metrics", "fid", "halves"), {}),
        (("metrics", "memorisation", "sensitivity"), 3), (("metrics", "memorisation", "sensitivity"), {"a": "b"}),
        (("metrics", "memorisation", "duplicates_train_ref"), "a"), (("metrics", "memorisation", "c_t"), "a"),
        (("metrics", "memorisation", "authenticity_interval"), 3), (("metrics", "memorisation", "authenticity_interval"), ["a"]),
        (("metrics", "memorisation", "exact"), "a"), (("metrics", "support", "lower_bound"), "a"),
        (("metrics", "memorisation", "halves"), {"n": 2}), (("metrics", "support", "verdict"), "density contraction"), (("metrics", "support", "verdict"), 3), (("metrics", "support", "verdict"), []),
    )),
]  # fmt: skip

SAMPLE = ["sample", "run", "--out", "x.npz"]
RUNS: list[tuple[list[str], Make, str]] = [
    (["sample", "run"], nothing, "Missing option '--out'"),
    (["sample", "nowhere", "--out", "x.npz"], nothing, "holds no finished run"),
    (["sample", "points.npy", "--out", "x.npz"], nothing, "holds no finished run"),
    (["sample", "", "--out", "x.npz"], nothing, "holds no finished run"),
    *(([*SAMPLE, "--n", value], nothing, "--n") for value in ("0", "-1", "1.5", "many", "nan")),
    ([*SAMPLE, "--n", "1" + "0" * 12], nothing, "--n"),
    ([*SAMPLE, "--n", "9" * 400], nothing, "--n"),
    *(([*SAMPLE, "--seed", value], nothing, "seed") for value in ("-1", "a", "9" * 4000)),
    *(([*SAMPLE, "--truncation", value], nothing, "truncation") for value in ("0", "-1", "nan", "inf", "a")),
    ([*SAMPLE, "--class", "0"], nothing, "not conditional"),
    ([*SAMPLE, "--class", "a"], nothing, "--class"),
    ([*SAMPLE, "--part", "third"], nothing, "no --part 'third'"),
    ([*SAMPLE, "--device", "nope"], nothing, "--device 'nope'"),
    ([*SAMPLE, "--device", "meta"], nothing, "--device 'meta'"),
    ([*SAMPLE, "--part", "half"], unlinked("run/model-half.safetensors"), "model-half.safetensors is missing"),
    (SAMPLE, unlinked("run/model.safetensors"), "model.safetensors is missing"),
    (SAMPLE, file("run/model.safetensors", b""), "is damaged"),
    (SAMPLE, cut("run/model.safetensors", 100), "is damaged"),
    (SAMPLE, file("run/model.safetensors", b"\xff" * 200), "is damaged"),
    (SAMPLE, both(unlinked("run/model.safetensors"), fifo("run/model.safetensors")), "model.safetensors"),
    (SAMPLE, both(unlinked("run/model.safetensors"), folder("run/model.safetensors")), "model.safetensors"),
    (SAMPLE, both(unlinked("run/model.safetensors"), link("run/model.safetensors", "/dev/zero")), "model.safetensors"),
    (SAMPLE, unlinked("run/run.json"), "holds no finished run"),
    (SAMPLE, both(unlinked("run/run.json"), fifo("run/run.json")), "run.json"),
    (SAMPLE, both(unlinked("run/run.json"), folder("run/run.json")), "run.json"),
    (SAMPLE, both(unlinked("run/run.json"), link("run/run.json", "/dev/zero")), "run.json"),
    *((SAMPLE, file("run/run.json", text), "run.json is damaged") for text in (
        "", "{", "null", "[]", "3", "{}", "[" * 100_000, "9" * 5000, b"\xff\xfe", '{"shape": NaN}',
    )),
    *((SAMPLE, document("run/run.json", key, value=value), "run") for key, value in (
        ("shape", []), ("shape", [-1]), ("shape", ["a"]), ("classes", -1), ("seen", "a"),
        ("overrides", 3), ("overrides", {"width_g": -1}), ("overrides", {"nope": 1}),
        ("overrides", {"width_g": "a"}), ("source", "0" * 64),
        ("source", 3), ("dataset", 3), ("diverged", 3), ("cond", ["a"]), ("images", None), ("parameters", 3), ("threads", "a"),
    )),
    (SAMPLE, both(document("run/run.json", "baseline", value=ESCAPE), document("run/run.json", "baseline_path", value="../x.py")), "\\x1b]0;title"),
    (SAMPLE, document("run/run.json", "overrides", value={"width_g": 10**6}), "the memory is too small"),
    (SAMPLE, document("run/run.json", "shape", value=[10**9, 10**9]), "the memory is too small"),
    # pictures
    *((["interpolate", "run", "--out", "x.png", "--points", value], nothing, "") for value in (
        "", "0", "a,b", "0,-1", "0,1.5", "0,,1", "0," + "9" * 30, "0,\u0661",
    )),
    *((["interpolate", "run", "--out", "x.png", "--steps", value], nothing, "--steps") for value in ("0", "-1", "a", "1000000000")),
    (["interpolate", "run", "--out", "x.png", "--classes", "0"], nothing, "not conditional"),
    (["interpolate", "run", "--out", "x.png", "--through", "0,1"], nothing, "not conditional"),
    (["interpolate", "run", "--out", "x.png", "--classes", "0", "--through", "0,1"], nothing, "choose one"),
    (["interpolate", "run", "--out", "x.png", "--seed", "-1"], nothing, "--seed"),
    (["interpolate", "nowhere", "--out", "x.png"], nothing, "holds no finished run"),
    (["arithmetic", "run", "--out", "x.png"], nothing, "Missing option '--plus'"),
    *((["arithmetic", "run", "--out", "x.png", "--plus", value], nothing, "") for value in ("", "a", "-1", "0," + "9" * 30)),
    (["arithmetic", "run", "--out", "x.png", "--plus", "0", "--class", "1"], nothing, "not conditional"),
    (["arithmetic", "run", "--out", "x.png", "--plus", "0", "--minus", "x"], nothing, "whole numbers from 0"),
    (["overview", "--out", "x.png"], nothing, "Missing argument"),
    (["overview", "points.npy", "--out", "x.png"], nothing, "TITLE=SAMPLES"),
    (["overview", "=points.npy", "--out", "x.png"], nothing, "TITLE=SAMPLES"),
    (["overview", "a=", "--out", "x.png"], nothing, "TITLE=SAMPLES"),
    (["overview", "a=points.npy", "a=ref.npy", "--out", "x.png"], nothing, "'a'"),
    (["overview", "a=nowhere.npz", "--out", "x.png"], nothing, "no such file"),
    (["overview", "a=points.npy", "b=x.npy", "--out", "x.png"], array("x.npy", np.zeros((9, 3), np.float32)), "dimensions"),
    (["overview", "a=points.npy", "b=images.npz", "--out", "x.png"], nothing, "points"),
    # curve
    (["curve", "run", "--out", "x.json"], nothing, "Missing option '--reference'"),
    (["curve", "nowhere", "--reference", "ref.npy", "--out", "x.json"], nothing, "holds no finished run"),
    (["curve", "run", "--reference", "nowhere.npy", "--out", "x.json"], nothing, "no such file"),
    (["curve", "run", "--reference", "ref.npy", "--out", "x.json", "--metric", "fdi"], nothing, "did you mean 'fid'"),
    (["curve", "run", "--reference", "ref.npy", "--out", "x.json", "--metric", ""], nothing, "no metric ''"),
    (["curve", "run", "--reference", "ref.npy", "--out", "x.json", "--metric", "fid.nope"], nothing, "nope"),
    (["curve", "run", "--reference", "ref.npy", "--out", "x.json", "--n", "0"], nothing, "--n"),
    (["curve", "run", "--reference", "real.npz", "--out", "x.json", "--n", "9"], nothing, "they must"),
]  # fmt: skip

BOARDS: list[tuple[list[str], Make, str]] = [
    *(([verb, *words], make, message)
      for verb in ("publish", "leaderboard")
      for words, make, message in (
          (["quikc"], nothing, "did you mean 'quick'"), ([""], nothing, "no board ''"), (["../x"], nothing, "no such file"),
          (["nowhere.yaml"], nothing, "no such file"), (["quick"], nothing, "is not built"), (["x.yaml"], fifo("x.yaml"), "not a regular file"),
          ([ESCAPE], nothing, "\\x1b"), (["quick", "--fast"], nothing, "No such option"), (["quick"], file("runs", "x"), "is not built"),
      )),
    (["publish"], nothing, "Missing argument"),
    *((["calibrate", "ring", *words], nothing, message) for words, message in (
        (["--n", "1"], "--n"), (["--n", "9999999"], "held-out samples"), (["--repeats", "1"], "--repeats"), (["--seed", "-1"], "--seed"),
        (["--seeds", "0"], "--seeds"), (["--n", "many"], "--n"), (["--n", "9" * 30], "held-out samples"),
    )),
    (["calibrate"], nothing, "Missing argument"),
    (["calibrate", "rign"], nothing, "did you mean 'ring'"),
    (["calibrate", ""], nothing, ""),
    (["calibrate", "./nowhere"], nothing, "nowhere"),
    (["calibrate", "sanity", "--n", "3"], nothing, "need at least"),
    (["calibrate", "sanity", "--jobs", "0"], nothing, "--jobs"),
    (["calibrate", "ring", "--out", "old"], both(folder("old"), file("old/promises.csv", "x"), file("old/manifest.json", "[]")), "manifest.json is damaged"),
    (["calibrate", "sanity", "--out", "old"], both(folder("old"), file("old/verdicts.csv", "x"), file("old/manifest.json", "[")), "manifest.json"),
    # control
    (["control", "copykat", "--dataset", "ring", "--out", "x.npz"], nothing, "did you mean 'copycat'"),
    (["control", "real", "--dataset", "rign", "--out", "x.npz"], nothing, "did you mean 'ring'"),
    (["control", "real", "--dataset", "ring", "--n", "0", "--out", "x.npz"], nothing, "--n"),
    (["control", "real", "--dataset", "ring", "--n", "99999999", "--out", "x.npz"], nothing, "held-out samples"),
    (["control", "copycat", "--dataset", "ring", "--n", "99999999", "--out", "x.npz"], nothing, "training samples"),
    (["control", "noise", "--dataset", "ring", "--n", "9" * 30, "--out", "x.npz"], nothing, "--n"),
    (["control", "noise", "--dataset", "digits", "--n", "99999999999", "--out", "x.npz"], nothing, "the memory is too small"),
    (["control", "noise", "--dataset", "ring", "--seed", "-3", "--out", "x.npz"], nothing, "--seed"),
    # embed
    (["embed", "nowhere.npz", "--out", "x.npz"], nothing, "no such file"),
    (["embed", "points.npy", "--features", "pixels", "--out", "x.npz"], nothing, "points"),
    (["embed", "points.npy", "--features", "nope", "--out", "x.npz"], nothing, "no extractor 'nope'"),
    (["embed", "ring:nope", "--out", "x.npz"], nothing, "no split 'nope'"),
    (["embed", "x.npy", "--out", "x.npz"], array("x.npy", points(np.nan)), "NaN or infinite"),
    (["embed", "x.npz", "--features", "pixels", "--out", "y.npz"], archive(mu=np.zeros(2), sigma=np.eye(2)), "statistics"),
    # spread
    (["spread", "points.npy"], nothing, "Missing option '--reference'"),
    (["spread", "--reference", "ref.npy"], nothing, "Missing argument"),
    (["spread", "a=points.npy", "a=ref.npy", "--reference", "ref.npy"], nothing, "two sample sets are called 'a'"),
    (["spread", "=points.npy", "--reference", "ref.npy"], nothing, "NAME=SAMPLES"),
    (["spread", "a=", "--reference", "ref.npy"], nothing, "NAME=SAMPLES"),
    (["spread", "x.npy", "--reference", "ref.npy"], array("x.npy", points(0)[:1]), "a single sample"),
    (["spread", "x.npy", "--reference", "ref.npy"], array("x.npy", np.zeros((60, 5), np.float32)), "they must be alike"),
    (["spread", "points.npy", "--reference", "ref.npy", "--others", "nope"], nothing, "no extractor 'nope'"),
    (["spread", "images.npz", "--reference", "x.npz", "--features", "pixels"], archive(mu=np.zeros(64), sigma=np.eye(64)), "statistics"),
    # schema and cache
    (["schema", "x"], nothing, "unexpected extra argument"),
    (["cache", "claer"], nothing, "Did you mean 'clear'"),
]  # fmt: skip


def refused(
    house: Path,
    case: tuple[list[str], Make],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> str:
    """The last line of a refused command in a copy of the house."""
    arguments, make = case
    here = tmp_path / "here"
    shutil.copytree(house, here)
    monkeypatch.setenv("GANBENCH_DATA", str(paths.data()))
    monkeypatch.chdir(here)
    make()
    lines = refusal(arguments, tmp_path, monkeypatch, capsys)
    assert [line.startswith("ganbench: ") for line in lines] == [False] * (len(lines) - 1) + [True], lines
    return lines[-1]


@pytest.mark.parametrize(
    ("arguments", "make", "message"),
    [*SHAPES, *FOREIGN, *PATHS, *OPTIONS, *OUTPUTS, *RESULTS, *RUNS, *BOARDS],
    ids=label,
)
def test_wrong_input_is_one_clear_line_in_time(
    arguments: list[str],
    make: Make,
    message: str,
    house: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert message in refused(house, (arguments, make), tmp_path, monkeypatch, capsys)


IMAGES_BY_CNN = ["score", "digits:test", "--reference", "digits", "--metrics", "fid"]


@pytest.mark.parametrize(
    ("arguments", "name", "value", "message"),
    [
        (SCORED, "GANBENCH_CACHE_GB", "abc", "GANBENCH_CACHE_GB=abc: write a number of gigabytes"),
        (SCORED, "GANBENCH_CACHE_GB", "-1", "GANBENCH_CACHE_GB=-1"),
        (SCORED, "GANBENCH_CACHE_GB", "nan", "GANBENCH_CACHE_GB=nan"),
        (SCORED, "GANBENCH_CACHE_GB", "1e999", "GANBENCH_CACHE_GB=1e999"),
        (["cache"], "GANBENCH_CACHE_GB", "abc", "GANBENCH_CACHE_GB=abc"),
        (["run", "quick"], "GANBENCH_CACHE_GB", "abc", "GANBENCH_CACHE_GB=abc"),
        (IMAGES_BY_CNN, "GANBENCH_CACHE_GB", "abc", "GANBENCH_CACHE_GB=abc"),
        (["score", "ring:test", "--reference", "ring"], "GANBENCH_DATA", "points.npy", "points.npy"),
        (["score", "ring:test", "--reference", "ring"], "GANBENCH_DATA", "/proc", "/proc"),
        (["embed", "ring:test", "--out", "x.npz"], "GANBENCH_DATA", "points.npy/x", "points.npy"),
        (["control", "real", "--dataset", "ring", "--out", "x.npz"], "GANBENCH_DATA", "points.npy", "points.npy"),
        (["calibrate", "ring"], "GANBENCH_DATA", "points.npy", "points.npy"),
    ],
)
def test_wrong_environment_variable_is_one_line(
    arguments: list[str],
    name: str,
    value: str,
    message: str,
    house: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    assert message in refused(
        house, (arguments, lambda: monkeypatch.setenv(name, value)), tmp_path, monkeypatch, capsys
    )


def test_dataset_in_a_foreign_manifest_is_a_name_and_never_a_path(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(house, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "data"))
    for name in ("../here/real.npz", "nowhere", "ring"):
        document("emb.json", "dataset", value=name)()
        result = Scorer.of(Path("emb.npz"), features="pixels", metrics=["fid", "modes"])(Path("real.npz"))
        assert result.metrics["modes"].value is None
    assert not (tmp_path / "data").exists()


def test_facts_of_a_set_come_from_its_samples_and_not_from_its_manifest(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    samples.write(tmp_path / "x.npz", SampleSet(x, None, {"name": "x"}))
    found = {"form": "a folder", "grey": True, "n": 3, "copies": 7, "warnings": ["JPEG"]}
    document(str(tmp_path / "x.json"), "found", value=found)()
    read = samples.read(tmp_path / "x.npz")
    assert {name: read.manifest["found"][name] for name in found} == found | {"grey": False, "n": 20, "copies": 0}
    assert samples.common_channels([read]) == 3
