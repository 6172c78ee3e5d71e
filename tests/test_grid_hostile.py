"""Wrong and hostile input to the verbs that take no samples: exit code 2 or 3, one clear line, in time, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hostile import Make, fifo, file, folder, label, link, nothing, refusal

from ganbench import data, paths

SOUND = """\
about: for tests
seeds: [0, 1, 2]
datasets:
  ring:
    images: 1000
    samples: 500
    metrics: [modes, coverage]
    uncalibrated: [modes, coverage]
    rank: coverage
    rows:
      gan:
"""
BASELINE = """\
from torch import Tensor, nn
from ganbench.config import TrainConfig
from ganbench.gan import Batch, Gan


class Config(TrainConfig):
    batch: int = 8


class Mine(Gan):
    Config = Config
"""


def board(old: str, new: str) -> Make:
    assert old in SOUND
    return file("my.yaml", SOUND.replace(old, new, 1))


def photos() -> None:
    Path("photos").mkdir()
    Path("photos/a.png").touch()


TRAIN = ["train", "gan", "--dataset", "ring", "--images", "200", "--out", "out"]
MINE = ["train", "./mine.py", "--dataset", "ring", "--images", "200", "--out", "out"]
WRONG_BOARDS: list[tuple[list[str], Make, str]] = [
    (["quikc"], nothing, "did you mean 'quick'"),
    ([""], nothing, "no board ''"),
    (["nowhere/my.yaml"], nothing, "there is no such file"),
    (["my.yaml"], fifo("my.yaml"), "not a regular file"),
    (["my.yaml"], folder("my.yaml"), "not a regular file"),
    (["my.yaml"], link("my.yaml", "my.yaml"), "my.yaml"),
    (["my.yaml"], link("my.yaml", "/dev/zero"), "not a regular file"),
    (["my.yaml"], link("my.yaml", "/etc/passwd"), "my.yaml"),
    (["/dev/zero"], nothing, "/dev/zero"),
    (["./"], nothing, "not a regular file"),
    (["my\nboard.yaml"], nothing, "there is no such file"),
    (["\x1b[31mred.yaml"], nothing, "there is no such file"),
    (["a" * 5000 + ".yaml"], nothing, "aaa"),
    (["my\x00.yaml"], nothing, ""),
    (["quick.yaml"], file("quick.yaml", SOUND), "the name of a built-in board"),
    (["{x}.yaml"], file("{x}.yaml", SOUND), "cannot be the name of a board"),
    (["my.yaml"], file("my.yaml", ""), "the file is empty"),
    (["my.yaml"], file("my.yaml", b"\xff\xfe"), "UTF-8"),
    (["my.yaml"], file("my.yaml", "a: " + "x" * 2**20), "too many for a board"),
    (["my.yaml"], file("my.yaml", "{" * 10_000), "my.yaml"),
    (["my.yaml"], file("my.yaml", "a: &a [*a]"), "contains itself"),
    (["my.yaml"], board("gan:", "gan: {set: {generator_loss: \"x' || touch pwned #\"}}"), "generator_loss"),
    (["my.yaml"], board("gan:", "'x;touch pwned;': {baseline: gan}"), "cannot be the name of a row"),
    (["my.yaml"], board("gan:", "noise: {baseline: gan}"), "the name of a control"),
    (["my.yaml"], board("    rank", "    gpu: 1\n    rank"), "gpu: must be true or false"),
    (["my.yaml"], board("    rank", "    gpu: cuda\n    rank"), "gpu: must be true or false"),
    (["my.yaml"], board("    rank", "    gpus: true\n    rank"), "did you mean 'gpu'"),
    (["my.yaml"], board("[0, 1, 2]", "{a: 1}"), "seeds: must be a list"),
    (["my.yaml"], board("[0, 1, 2]", "[[0], 1, 2]"), "seeds.0: must be a whole number"),
    (["my.yaml"], board("[0, 1, 2]", "0"), "seeds: must be a list"),
    (["my.yaml"], board("samples: 500", "samples: -1"), "samples: must be at least 2"),
    (["my.yaml"], board("samples: 500", "samples: null"), "samples: must be a whole number"),
    (["my.yaml"], board("images: 1000", "images: .inf"), "images: must be a whole number"),
    (["my.yaml"], board("uncalibrated: [modes, coverage]", "uncalibrated: modes"), "uncalibrated: must be a list"),
    (["my.yaml"], board("    metrics: [modes, coverage]", "    metrics: [modes, 1]"), "metrics.1: must be a text"),
    (["my.yaml"], board("rank: coverage", "rank: [coverage]"), "rank: must be a text"),
    (["my.yaml"], board("    rows:\n      gan:", "    rows: [gan]"), "rows: must be a mapping"),
    (["my.yaml"], board("    rows:\n      gan:", "    rows: gan"), "rows: must be a mapping"),
    (["my.yaml"], board("gan:", "gan: {set: [1]}"), "set: must be a mapping"),
    (["my.yaml"], board("gan:", "gan: {set: {width_g: {a: 1}}}"), "width_g: must be a whole number"),
    (["my.yaml"], board("gan:", "gan: {set: {width_g: 1.5}}"), "width_g: must be a whole number"),
    (["my.yaml"], board("gan:", "gan: {set: {lr_g: .nan}}"), "lr_g: must be a finite number"),
    (["my.yaml"], board("gan:", "gan: {baseline: ../../etc/passwd}"), "no file"),
    (["my.yaml"], board("gan:", "gan: {baseline: ./}"), "baseline"),
    (["my.yaml"], board("gan:", "gan: {images: many}"), "images: must be a whole number"),
    (["my.yaml"], board("  ring:", "  /dev/zero:"), "/dev/zero"),
    (["my.yaml"], board("  ring:", "  ../..:"), "datasets"),
    (["my.yaml"], board("  ring:", "  '':"), "datasets"),
]  # fmt: skip
CASES: list[tuple[list[str], Make, str]] = [
    *(([verb, *words], make, message) for verb in ("check", "plan", "run") for words, make, message in WRONG_BOARDS),
    # plan and run
    (["plan", "my.yaml", "--rows", "gna"], board("about", "about"), "no row 'gna'; did you mean 'gan'"),
    (["plan", "my.yaml", "--rows", ""], board("about", "about"), "no row ''"),
    (["plan", "my.yaml", "--rows", "gan,,"], board("about", "about"), "no row ''"),
    (["plan", "my.yaml", "--rows", "real"], board("about", "about"), "no row 'real'"),
    (["plan", "my.yaml", "quikc"], board("about", "about"), "did you mean 'quick'"),
    (["plan", "my.yaml", "--json", "."], board("about", "about"), ". is a folder"),
    (["plan", "my.yaml", "--json", "my.yaml/x.json"], board("about", "about"), "my.yaml is a file"),
    (["run", "my.yaml", "--rows", "gan;touch pwned"], board("about", "about"), "no row 'gan;touch pwned'"),
    (["run", "my.yaml", "quikc"], board("about", "about"), "did you mean 'quick'"),
    (["run", "my.yaml", "--cores", "0"], board("about", "about"), "--cores"),
    (["run", "my.yaml", "--cores", "many"], board("about", "about"), "--cores"),
    (["run", "my.yaml", "--profile", "slrum"], board("about", "about"), "no profile 'slrum'; did you mean 'slurm'"),
    (["run", "my.yaml", "--profile", "./nowhere"], board("about", "about"), "nowhere has no config.yaml"),
    (["run", "my.yaml", "--profile", ""], board("about", "about"), "no profile ''"),
    (["check"], nothing, "Missing argument"),
    (["check", "quick", "--fast"], nothing, "No such option"),
    # train: the GAN
    (["train"], nothing, "Missing argument"),
    (["train", "gna", "--dataset", "ring"], nothing, "did you mean 'gan'"),
    (["train", "", "--dataset", "ring"], nothing, "no baseline ''"),
    (["train", "../gan", "--dataset", "ring"], nothing, "../gan: no such file"),
    (["train", "gan; touch pwned", "--dataset", "ring"], nothing, "no baseline"),
    (MINE, nothing, "no file mine.py"),
    (MINE, folder("mine.py"), "mine.py"),
    (MINE, fifo("mine.py"), "mine.py"),
    (MINE, link("mine.py", "mine.py"), "mine.py"),
    (MINE, link("mine.py", "/dev/zero"), "mine.py"),
    (MINE, file("mine.py", ""), "mine.py"),
    (MINE, file("mine.py", b"\xff\xfe\x00"), "mine.py"),
    (MINE, file("mine.py", b"\x00" * 100), "mine.py"),
    (MINE, file("mine.py", "def ("), "mine.py"),
    (MINE, file("mine.py", "(" * 5000), "mine.py"),
    (MINE, file("mine.py", "import nonsense_module"), "mine.py"),
    (MINE, file("mine.py", "raise KeyError('x')"), "mine.py"),
    (MINE, file("mine.py", "Config = 1"), "mine.py"),
    (MINE, file("mine.py", BASELINE + "class Second(Gan):\n    pass\n"), "mine.py"),
    # train: the data
    (["train", "gan", "--out", "out"], nothing, "Missing option '--dataset'"),
    (["train", "gan", "--dataset", "rng", "--out", "out"], nothing, "did you mean 'ring'"),
    (["train", "gan", "--dataset", "", "--out", "out"], nothing, ""),
    (["train", "gan", "--dataset", "./nowhere", "--out", "out"], nothing, "no such file or folder"),
    (["train", "gan", "--dataset", "./photos", "--out", "out"], folder("photos"), "photos"),
    (["train", "gan", "--dataset", "./data.npz", "--out", "out"], fifo("data.npz"), "data.npz"),
    (["train", "gan", "--dataset", "./data.npz", "--out", "out"], file("data.npz", b"PK\x03\x04"), "data.npz"),
    (["train", "gan", "--dataset", "/dev/zero", "--out", "out"], nothing, "/dev/zero"),
    (["train", "dcgan", "--dataset", "ring", "--out", "out"], nothing, "dcgan cannot train on ring"),
    (["train", "gan", "--dataset", "ring:train", "--out", "out"], nothing, "ring:train"),
    # train: numbers
    *(([*TRAIN, "--images", value], nothing, "--images") for value in ("0", "-1", "abc", "1.5", "nan", "", "9" * 30)),
    *(([*TRAIN, "--seed", value], nothing, "--seed") for value in ("-1", "abc", "1.5", "")),
    ([*TRAIN, "--device", "nope"], nothing, "--device 'nope'"),
    ([*TRAIN, "--device", "meta"], nothing, "--device 'meta'"),
    ([*TRAIN, "--device", ""], nothing, "--device"),
    # train: settings
    ([*TRAIN, "--set", ""], nothing, "write it as key=value"),
    ([*TRAIN, "--set", "=1"], nothing, "no setting ''"),
    ([*TRAIN, "--set", "widht_g=8"], nothing, "did you mean 'width_g'"),
    ([*TRAIN, "--set", "batch="], nothing, "batch: must be a whole number"),
    ([*TRAIN, "--set", "batch=[1"], nothing, "is not a value"),
    ([*TRAIN, "--set", "batch=!!python/object/apply:os.system ['touch pwned']"], nothing, "is not a value"),
    ([*TRAIN, "--set", "batch={a: 1}"], nothing, "batch: must be a whole number"),
    ([*TRAIN, "--set", "batch=" + "9" * 5000], nothing, "batch"),
    *(([*TRAIN, "--set", f"batch={value}"], nothing, "batch: must") for value in ("0", "-5", "1.5", "true", "nan", "many")),
    *(([*TRAIN, "--set", f"lr_g={value}"], nothing, "lr_g: must") for value in ("0", "-1", "nan", "inf", "abc", "[1]", "null")),
    *(([*TRAIN, "--set", f"width_g={value}"], nothing, "width_g") for value in ("0", "-8", "x")),
    *(([*TRAIN, "--set", f"n_critic={value}"], nothing, "n_critic: must") for value in ("0", "-1", "0.5")),
    *(([*TRAIN, "--set", f"betas={value}"], nothing, "betas") for value in ("[0.5]", "[1, 2]", "0.5", "[0.1, 0.2, 0.3]", "[a, b]")),
    *(([*TRAIN, "--set", f"{key}=nonsense"], nothing, key) for key in ("optimiser", "schedule", "precision", "ema")),
    # train: the folder of the run
    ([*TRAIN[:-1], "mine"], file("mine", "x"), "mine is a file"),
    ([*TRAIN[:-1], "mine/run"], file("mine", "x"), "mine is a file"),
    ([*TRAIN[:-1], "/proc/run"], nothing, "/proc/run"),
    ([*TRAIN[:-1], "/dev/full"], nothing, "/dev/full"),
    ([*TRAIN[:-1], "a" * 300], nothing, "File name too long"),
    ([*TRAIN[:-1], "photos"], photos, "other files"),
    # data
    (["data", "biuld"], nothing, "Did you mean 'build'"),
    (["data", "build"], nothing, "Missing argument"),
    (["data", "build", "rign"], nothing, "did you mean 'ring'"),
    (["data", "build", "../ring"], nothing, "no dataset '../ring'"),
    (["data", "build", "ring", "nope"], nothing, "no dataset 'nope'"),
    (["data", "obtain"], nothing, "Missing argument"),
    (["data", "obtain", "nope"], nothing, "no dataset or file 'nope'"),
    (["data", "obtain", "ring\n"], nothing, "no dataset"),
    (["data", "obtain", "ring", "--version-file", "."], nothing, "."),
    (["data", "obtain", "ring", "--version-file", "mine/x"], file("mine", "x"), "mine"),
    (["data", "obtain", "ring", "--version-file", "/proc/x"], nothing, "/proc/x"),
    (["data", "obtain", "ring", "--version-file", "/dev/full"], nothing, "No space left on device"),
    (["data", "add"], nothing, "Missing argument"),
    (["data", "add", "nowhere"], nothing, "nowhere"),
    (["data", "add", "photos"], folder("photos"), "photos"),
    (["data", "add", "x.npz"], fifo("x.npz"), "x.npz"),
    (["data", "add", "x.npz"], file("x.npz", b""), "x.npz"),
    (["data", "add", "x.npy"], file("x.npy", b"\x93NUMPY\x01\x00"), "x.npy"),
    (["data", "add", "x.pkl"], file("x.pkl", b"\x80\x04N."), "x.pkl"),
    (["data", "add", "/dev/zero"], nothing, "/dev/zero"),
    (["data", "add", "x.npz", "--range", "0,2"], file("x.npz", b""), "no range '0,2'"),
    # list and cite
    (["list"], nothing, "say what to list"),
    (["list", "metric"], nothing, "did you mean 'metrics'"),
    (["list", ""], nothing, "no kind ''"),
    (["list", "\x1b[31m"], nothing, "no kind"),
    (["list", "__builtins__"], nothing, "no kind"),
    (["list", "metrics", "--yaml"], nothing, "No such option"),
    (["cite", "fdi"], nothing, "did you mean 'fid'"),
    (["cite", ""], nothing, "''"),
    (["cite", "fid", "\x1b[31m"], nothing, ""),
    (["cite", "a" * 10_000], nothing, "aaa"),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _imports() -> None:
    """What the first call would wait for is imported before any call is timed."""
    import ganbench.training.loop  # noqa: F401

    assert len(data.load("ring", "test").x)


@pytest.mark.parametrize(("arguments", "make", "message"), CASES, ids=label)
def test_wrong_input_is_one_clear_line_in_time(
    arguments: list[str],
    make: Make,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.setenv("GANBENCH_DATA", str(paths.data()))
    monkeypatch.chdir(here)
    make()
    lines = refusal(arguments, tmp_path, monkeypatch, capsys)
    assert len(lines) == 1 or arguments[0] == "check", lines
    assert all(line.startswith("ganbench: ") for line in lines), lines
    assert message in "".join(lines)
