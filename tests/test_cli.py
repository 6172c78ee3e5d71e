"""The command line as people type it, right and wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from ganbench import data, features, metrics
from ganbench.cli import main, run
from ganbench.cli._common import ORDER, check_files
from ganbench.features import Extractor, require_weights
from ganbench.samples import SampleSet, write
from ganbench.training.run import Run

VERBS = (
    "train",
    "calibrate",
    "sample",
    "interpolate",
    "arithmetic",
    "control",
    "embed",
    "score",
    "compare",
    "spread",
    "schema",
    "leaderboard",
    "overview",
    "publish",
    "verify",
    "cite",
    "list",
    "data build",
)


class Done(NamedTuple):
    stdout: str
    stderr: str


@pytest.fixture
def ganbench(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Run the command line in this process (a process of its own for each would load torch each time)."""

    def run(*arguments: str | Path, code: int = 0) -> Done:
        monkeypatch.setattr(sys, "argv", ["ganbench", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        done = Done(*capsys.readouterr())
        assert (exit_.value.code or 0) == code, done.stderr
        return done

    return run


@pytest.fixture
def error(ganbench: Callable[..., Done]) -> Callable[..., str]:
    """Run a wrong command and return the one line that answers it."""

    def run(*arguments: str | Path, code: int = 2) -> str:
        done = ganbench(*arguments, code=code)
        assert done.stdout == ""
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1, done.stderr
        return lines[0]

    return run


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_an_example_in_its_help(ganbench: Callable[..., Done], verb: str) -> None:
    out = ganbench(*verb.split(), "--help").stdout
    assert "Example" in out
    assert f"ganbench {verb}" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scor"], "Did you mean 'score'"),
        (["list", "metric"], "did you mean 'metrics'"),
        (["data", "build", "dgits"], "did you mean 'digits'"),
        (["train", "baselines/dcgn.py", "--dataset", "digits", "--out", "x"], "no baseline 'dcgn'; did you mean 'dcgan'?"),
        (["train", "baselines/gan.py", "--dataset", "rng", "--out", "x"], "no dataset or file 'rng'; did you mean 'ring'"),
        (["train", "gan", "--dataset", "ring", "--out", "x", "--images", "9" * 23], "a run can see at most 1,000,000,000,000 images"),
        (["train", "baselines/gan.py", "--dataset", "ring", "--out", "x", "--set", "z"], "write it as key=value"),
        (["sample", "runs/gan-ring-s0"], "Missing option '--out'"),
        (["sample", "nowhere", "--out", "a.npz"], "holds no finished run"),
        (["interpolate", "nowhere", "--out", "a.png"], "holds no finished run"),
        (["interpolate", "nowhere", "--points", "3,-1", "--out", "a.png"], "whole numbers from 0"),
        (["arithmetic", "nowhere", "--out", "a.png"], "Missing option '--plus'"),
        (["score", "nowhere", "--reference", "digits"], "no dataset or file 'nowhere'"),
        (["score", "nowhere/", "--reference", "digits"], "nowhere: no such file or folder"),
        (["score", "digits:test", "--reference", "digits", "--metrics", "fdi"], "did you mean 'fid'"),
        (["score", "digits:test", "--reference", "digits", "--metrics", "FID"], "did you mean 'fid'"),
        (["score", "digits:test", "--reference", "digits", "--precision", "fp8"], "no precision 'fp8'"),
        (["spread", "digits:test", "--reference", "digits", "--others", "pixel"], "did you mean 'pixels'"),
        (["spread", "a=digits:test", "a=digits:train", "--reference", "digits"], "two sample sets are called 'a'"),
        (["score", "digits:test", "--reference", "digits:tset"], "did you mean 'test'"),
        (["score", "digits:test", "--reference", "digits", "--features", "digit-cnn"], "did you mean 'digits-cnn'"),
        (["score", "ring:test", "--reference", "digits"], "they must be alike"),
        (["score", "digits:test"], "Missing option '--reference'"),
        (["leaderboard", "quik"], "did you mean 'quick'"),
        (["control", "copykat", "--dataset", "ring", "--out", "a.npz"], "did you mean 'copycat'"),
        (["control", "real", "--dataset", "digits", "--n", "9999", "--out", "a.npz"], "not 9,999"),
    ],
)  # fmt: skip
def test_wrong_command_is_answered_in_one_line(
    error: Callable[..., str], tmp_path: Path, arguments: list[str], message: str
) -> None:
    arguments = [str(tmp_path / a) if a in ("x", "a.npz") else a for a in arguments]
    assert message in error(*arguments)


@pytest.mark.parametrize("kind", ["baselines", "datasets", "metrics", "extractors", "boards"])
def test_list_is_for_people_and_for_machines(ganbench: Callable[..., Done], kind: str) -> None:
    entries = json.loads(ganbench("list", kind, "--json").stdout)
    text = ganbench("list", kind).stdout
    assert entries
    for entry in entries:
        assert entry["about"]
        assert entry["name"] in text


def test_scores_have_the_documented_form(ganbench: Callable[..., Done], tmp_path: Path) -> None:
    out = tmp_path / "scores.json"
    ganbench("score", "ring:train", "--reference", "ring", "--metrics", "fid,modes,classifier_score", "--json", out)
    result = json.loads(out.read_text())
    parts = {"protocol", "features_why", "samples", "preflight", "metrics", "embeddings", "provenance", "digest"}
    assert set(result) == parts
    assert result["features_why"] == "the reference has points"
    assert result["protocol"]["reference"]["name"] == "ring:test"
    assert result["protocol"]["train"]["name"] == "ring:train"
    assert result["protocol"]["features"] == features.describe("identity")
    for name, m in result["metrics"].items():
        assert {"value", "interval", "n", "version", "reason"} <= set(m)
        assert m["n"] == 20_000
        assert m["version"] == metrics.get(name).card.version
    assert result["metrics"]["modes"]["value"] == 8
    assert result["metrics"]["classifier_score"]["value"] is None
    assert "extractor" in result["metrics"]["classifier_score"]["reason"]


def test_json_on_stdout_is_one_document(ganbench: Callable[..., Done]) -> None:
    done = ganbench("score", "ring:train", "--reference", "ring", "--metrics", "fid", "--json", "-")
    assert json.loads(done.stdout)["metrics"]["fid"]["value"] >= 0


def test_folder_of_pngs_scores_like_the_array_it_was_made_from(ganbench: Callable[..., Done], tmp_path: Path) -> None:
    x = np.asarray(data.load("digits", "test").x)
    (tmp_path / "samples").mkdir()
    for i, image in enumerate(x):
        Image.fromarray(image[..., 0]).save(tmp_path / "samples" / f"{i:05}.png")
    np.savez(tmp_path / "samples.npz", x)
    results = [
        json.loads(ganbench("score", path, "--reference", "digits:train", "--json", "-").stdout)["metrics"]
        for path in (tmp_path / "samples", tmp_path / "samples.npz")
    ]
    assert results[0] == results[1]
    assert results[0]["fid"]["value"] is not None


def test_points_are_scored_with_identity(ganbench: Callable[..., Done], tmp_path: Path) -> None:
    np.save(tmp_path / "points.npy", np.asarray(data.load("ring", "train").x[:3000], np.float64))
    done = ganbench("score", tmp_path / "points.npy", "--reference", "ring", "--features", "identity")
    assert "modes" in done.stdout


def test_reference_may_be_a_file(ganbench: Callable[..., Done], tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(500, 3)))
    np.save(tmp_path / "b.npy", np.random.default_rng(1).normal(size=(500, 3)))
    done = ganbench("score", tmp_path / "a.npy", "--reference", tmp_path / "b.npy", "--json", "-")
    result = json.loads(done.stdout)["metrics"]
    assert result["fid"]["value"] < 0.1
    assert result["memorisation"]["reason"] == "memorisation needs the training set: pass `train=`"


def test_embedded_set_scores_like_the_samples_without_loading_torch(
    ganbench: Callable[..., Done], tmp_path: Path
) -> None:
    ganbench("control", "real", "--dataset", "digits", "--n", "398", "--out", tmp_path / "real.npz")
    ganbench("control", "reference", "--dataset", "digits", "--n", "398", "--out", tmp_path / "ref.npz")
    for name in ("real", "ref"):
        out = tmp_path / f"{name}-embedding.npz"
        ganbench("embed", tmp_path / f"{name}.npz", "--features", "digits-cnn", "--disturbed", "--out", out)
    arguments = ["--features", "digits-cnn", "--json", "-"]
    plain = ganbench("score", tmp_path / "real.npz", "--reference", tmp_path / "ref.npz", *arguments)
    code = (
        "import sys; from ganbench.cli import app\n"
        f"app(['score', {str(tmp_path / 'real-embedding.npz')!r}, '--reference', {str(tmp_path / 'ref-embedding.npz')!r},"
        f" *{arguments!r}], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules, 'torch was loaded'"
    )
    embedded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(plain.stdout)["metrics"] == json.loads(embedded.stdout)["metrics"]


@pytest.mark.parametrize("alone", [[], ["data"]])
def test_a_command_that_only_groups_others_shows_them(alone: list[str], ganbench: Callable[..., Done]) -> None:
    assert ganbench(*alone).stdout == ganbench(*alone, "--help").stdout


def test_published_files_that_examples_name_are_there() -> None:
    named = {
        path for file in Path("ganbench/cli").glob("*.py") for path in re.findall(r"results/\S+", file.read_text())
    }
    files = {path for path in named if path.endswith(".json")}
    assert files
    assert [path for path in files if not Path(path).exists()] == []


@pytest.mark.parametrize("arguments", [["--help"], ["list", "metrics"], ["list", "boards"], ["score", "--help"]])
def test_light_commands_load_no_torch(arguments: list[str]) -> None:
    code = (
        "import sys; from ganbench.cli import app\n"
        f"app({arguments!r}, standalone_mode=False)\n"
        "heavy = {'torch', 'torchvision', 'sklearn', 'matplotlib', 'dvc'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder of samples in which no image can be decoded."""
    (tmp_path / "samples").mkdir()
    for i in range(3):
        (tmp_path / "samples" / f"{i}.png").write_bytes(b"no image")
    return tmp_path / "samples"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--metrics", "fdi"), "no metric 'fdi'; did you mean 'fid'?"),
        (("--features", "inceptoin"), "no extractor 'inceptoin'; did you mean 'inception'?"),
        (("--features", "mine.py"), "mine.py"),
        (("--features", "inception", "--precision", "half"), "no precision 'half'"),
        (("--features", "inception", "--weights", "nowhere.pth"), "weights nowhere.pth: no such file"),
        (("--json", "."), ". is a folder; give the name of a file"),
        (("--html", "."), ". is a folder; give the name of a file"),
        (("--html", "pyproject.toml/page.html"), "pyproject.toml is a file"),
        (("--range", "0,2"), "no range '0,2'"),
    ],
)
def test_arguments_are_checked_before_any_image_is_decoded(
    error: Callable[..., str], broken: Path, options: tuple[str, ...], message: str
) -> None:
    assert message in error("score", broken, "--reference", "digits", *options)
    assert "cannot be read" in error("score", broken, "--reference", "digits")


def test_weights_out_of_reach_are_named_before_any_image_is_decoded(
    ganbench: Callable[..., Done], broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANBENCH_WEIGHTS", str(broken.parent / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(broken.parent / "torch"))
    monkeypatch.setenv("GANBENCH_WEIGHTS_MIRROR", "http://127.0.0.1:9")
    for verb in (("score", broken, "--reference", "digits"), ("spread", broken, "--reference", "digits")):
        done = ganbench(*verb, "--features", "inception", code=3)
        assert "ganbench: weights-inception-2015-12-05-6726825d.pth is not on this machine" in done.stderr


def test_embedded_sets_need_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganbench.features._weights.read", lambda *_: pytest.fail("the weights were read"))
    require_weights(Extractor("inception"), "a.npz", "b.npz", None)
    with pytest.raises(pytest.fail.Exception):
        require_weights(Extractor("inception"), "a.npz", "digits", None)


def test_a_single_image_cannot_be_scored(ganbench: Callable[..., Done], tmp_path: Path) -> None:
    x = np.asarray(data.load("digits", "test").x)
    (tmp_path / "one").mkdir()
    Image.fromarray(x[0][..., 0]).save(tmp_path / "one" / "a.png")
    np.savez(tmp_path / "many.npz", x)
    for samples, reference in (("one", "many.npz"), ("many.npz", "one")):
        arguments = ("score", tmp_path / samples, "--reference", tmp_path / reference, "--features", "pixels")
        last = ganbench(*arguments, code=2).stderr.splitlines()[-1]
        assert last == "ganbench: one is a single sample, but a score needs a set: give at least 2 samples"


def test_a_result_without_any_number_is_an_error(ganbench: Callable[..., Done], tmp_path: Path) -> None:
    out = tmp_path / "scores.json"
    done = ganbench("score", "digits:train", "--reference", "digits", "--metrics", "modes", "--json", out, code=2)
    assert "digits:train: no metric could be computed (modes is for datasets" in done.stderr.splitlines()[-1]
    assert not out.exists()


def test_the_scores_of_a_run_that_diverged_are_no_error(ganbench: Callable[..., Done], tmp_path: Path) -> None:
    empty = SampleSet(np.empty((0, 2), np.float32), None, {"name": "gone", "reason": "diverged: D is NaN"})
    write(tmp_path / "gone.npz", empty)
    done = ganbench("score", tmp_path / "gone.npz", "--reference", "ring", "--metrics", "fid", "--json", "-")
    assert json.loads(done.stdout)["metrics"]["fid"]["reason"] == "diverged: D is NaN"


def test_metrics_that_cannot_apply_share_one_line(ganbench: Callable[..., Done]) -> None:
    out = ganbench("score", "digits:train", "--reference", "digits", "--features", "pixels").stdout
    table, _, rest = out.partition("\n\n")[2].partition("\n\n")
    assert "fid (pixels) ↓" in table
    assert not {"modes", "wasserstein_1d", "classifier_score"} & set(table.split())
    assert "modes, total_variation (for datasets whose modes are known)" in " ".join(rest.split())
    assert "wasserstein_1d (for data on the line)" in " ".join(rest.split())


def test_a_metric_that_was_asked_for_is_in_the_table(ganbench: Callable[..., Done]) -> None:
    out = ganbench(
        "score", "digits:train", "--reference", "digits", "--features", "pixels", "--metrics", "recall,modes,fid"
    ).stdout
    rows = [line.split()[0] for line in out.splitlines() if line.startswith("  ")]
    assert rows[:3] == ["fid", "recall", "modes"]  # in the order of the questions


@pytest.mark.parametrize("columns", [80, 120])
def test_scores_fit_the_terminal(ganbench: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    out = ganbench("score", "digits:train", "--reference", "digits").stdout
    assert max(map(len, out.splitlines())) <= columns


def test_a_bound_in_place_of_a_value_is_shown_and_explained(ganbench: Callable[..., Done]) -> None:
    out = ganbench("score", "ring:test", "--reference", "ring:train", "--metrics", "support").stdout
    assert re.search(r"support ↑ +≥ [\d,]+", out)
    assert "≥ only a lower bound is known" in out
    assert "lower_bound" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("control", "real", "--dataset", "ring", "--n", "50", "--out", "{}/file/x.npz"), "file"),
        (
            ("control", "real", "--dataset", "ring", "--n", "50", "--out", "{}/folder.npz"),
            "folder.npz is a folder; give the name of a file",
        ),
    ],
)
def test_a_file_that_cannot_be_written_is_one_line(
    error: Callable[..., str], tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.npz").mkdir()
    assert message in error(*(argument.format(tmp_path) for argument in arguments))


def test_a_full_disk_is_named_and_takes_no_scores_away(ganbench: Callable[..., Done]) -> None:
    runs = [next(Path("results/quick/runs").glob(f"{row}-digits-*-s0.json")) for row in ("gan", "wgan")]
    done = ganbench("compare", *runs, "--json", "/dev/full", code=2)
    assert done.stderr == "ganbench: /dev/full: No space left on device\n"
    assert "verdict" in done.stdout


def test_trained_run_can_be_sampled_and_scored(ganbench: Callable[..., Done], tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "samples.npz"
    ganbench(
        "train", "baselines/gan.py", "--dataset", "ring", "--images", "1000", "--set", "width_g=8", "--out", run
    )  # fmt: skip
    assert "1,000 images" in ganbench(
        "train", "baselines/gan.py", "--dataset", "ring", "--images", "1000", "--set", "width_g=8", "--out", run
    ).stderr  # fmt: skip
    ganbench("sample", run, "--n", "300", "--seed", "1", "--out", out)
    result = json.loads(ganbench("score", out, "--reference", "ring", "--json", "-").stdout)
    assert result["samples"]["n"] == 300


@pytest.mark.parametrize("arguments", [["list", "boards"], ["data"], ["--help"], ["schema"]])
def test_a_pipe_that_is_closed_early_prints_no_traceback(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # Python meets the closed pipe when it empties its buffer
    command = subprocess.Popen(
        [sys.executable, "-m", "ganbench", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert command.stdout
    command.stdout.close()
    assert command.communicate()[1] == ""


def test_startup_is_a_command_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-m", "ganbench", "scor"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "ganbench: No such command 'scor'. Did you mean 'score'? (see --help)\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("list",), "ganbench: say what to list: baselines, datasets, metrics, extractors, boards"),
        (
            ("data", "chek"),
            "ganbench: No such command 'chek'. The commands are add, build, import, obtain. (see --help)",
        ),
        (("data", "buidl"), "ganbench: No such command 'buidl'. Did you mean 'build'? (see --help)"),
    ],
)
def test_missing_word_is_answered_with_the_words_to_choose_from(
    error: Callable[..., str], arguments: tuple[str, ...], message: str
) -> None:
    assert error(*arguments) == message


def test_help_of_data_names_no_verb_that_is_missing(ganbench: Callable[..., Done]) -> None:
    assert "check" not in ganbench("data", "--help").stdout


def test_closed_stdout_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["ganbench", "list", "boards"])
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code


def test_pipeline_without_a_failed_job_is_not_said_to_have_failed_jobs() -> None:
    shown = run.Follower()
    assert run.ending(shown, 1) == "the pipeline stopped before its end, but no job failed"
    assert run.ending(shown, -15) == "the pipeline was killed (SIGTERM)"
    shown.take({"event": "job_error", "id": 1, "rule": "train", "logs": []})
    assert run.ending(shown, 1) == "1 job failed"
    shown.take({"event": "job_error", "id": 2, "rule": "train", "logs": []})
    assert run.ending(shown, 1) == "2 jobs failed"


def test_progress_of_a_pipeline_takes_the_end_of_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    rules = re.findall(r"^rule (\w+):", Path("Snakefile").read_text(encoding="utf-8"), re.MULTILINE)
    events: list[dict[str, Any]] = [{"event": "run_info", "jobs": dict.fromkeys(rules, 1)}]
    for number, rule in enumerate(rules):
        events += [{"event": "job_info", "id": number, "rule": rule}, {"event": "job_finished", "id": number}]
    run.watch(events, run.Follower())
    assert "train: 1/1 jobs" in capsys.readouterr().err


def test_a_run_is_named_by_baseline_dataset_and_seed_unless_told(
    ganbench: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ganbench.training.loop.train", lambda path, dataset, out, **_: SimpleNamespace(diverged=f"in {out.as_posix()}")
    )
    assert "in runs/gan-ring-s3." in ganbench("train", "baselines/gan.py", "--dataset", "ring", "--seed", "3").stderr


@pytest.mark.parametrize("file", ["a.png", "cats/1.png", "notes.txt"])
def test_train_refuses_a_folder_of_other_files_before_any_work(
    error: Callable[..., str], tmp_path: Path, file: str
) -> None:
    photos = tmp_path / "photos"
    (photos / file).parent.mkdir(parents=True)
    (photos / file).write_bytes(b"mine")
    said = error("train", "gan", "--dataset", tmp_path / "is-not-read.npz", "--out", photos)
    assert f"--out {photos}: this folder holds other files ('{file.partition('/')[0]}') and no run" in said
    assert "choose a new or an empty folder" in said
    assert [path.name for path in photos.rglob("*") if path.is_file()] == [Path(file).name]


def test_default_folder_of_other_files_is_refused_too(
    error: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    baseline = Path("baselines/gan.py").resolve()
    monkeypatch.chdir(tmp_path)
    Path("runs/gan-ring-s0").mkdir(parents=True)
    Path("runs/gan-ring-s0/a.png").touch()
    assert "runs/gan-ring-s0: this folder holds other files" in error("train", baseline, "--dataset", "ring")


@pytest.mark.parametrize("sign", [".DS_Store", "history.jsonl", "run.json", "state/training.safetensors"])
def test_train_goes_on_in_a_run_folder_and_in_an_empty_one(
    ganbench: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sign: str
) -> None:
    monkeypatch.setattr(
        "ganbench.training.loop.train", lambda path, dataset, out, **_: SimpleNamespace(diverged="here")
    )
    (tmp_path / "r" / sign).parent.mkdir(parents=True)
    (tmp_path / "r" / sign).touch()
    if not sign.startswith("."):
        (tmp_path / "r" / "samples.npz").touch()
    ganbench("train", "gan", "--dataset", "ring", "--out", tmp_path / "r")


def test_train_says_which_baseline_refuses_which_dataset_and_what_to_do(
    error: Callable[..., str], tmp_path: Path
) -> None:
    said = error("train", "dcgan", "--dataset", "ring", "--out", tmp_path / "r")
    assert said.startswith(
        "ganbench: dcgan cannot train on ring: these networks are for square images from 8x8 to 128x128"
    )
    assert "choose another dataset (`ganbench list datasets`) or another baseline (`ganbench list baselines`)" in said
    assert not (tmp_path / "r").exists()


def test_train_says_how_many_images_were_really_seen(ganbench: Callable[..., Done], tmp_path: Path) -> None:
    size = ("--set", "width_g=8", "--set", "batch=64", "--out", tmp_path / "r")
    said = ganbench("train", "gan", "--dataset", "ring", "--images", "500", *size).stderr
    assert "512 images (more than the budget of 500: steps are whole) in" in said


def test_users_own_gan_is_trained_by_its_path(ganbench: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(Path("baselines/gan.py").read_text())
    ganbench(
        "train", tmp_path / "mine.py", "--dataset", "ring", "--images", "500", "--set", "width_g=8", "--out", tmp_path / "r"
    )  # fmt: skip
    refused = ganbench("sample", tmp_path / "r", "--n", "10", "--out", tmp_path / "s.npz", code=2).stderr
    assert f"needs the code of {tmp_path / 'mine.py'}" in refused
    assert refused.endswith("if you trust it, pass --trust\n")
    ganbench("sample", tmp_path / "r", "--n", "10", "--trust", "--out", tmp_path / "s.npz")
    assert np.load(tmp_path / "s.npz")["arr_0"].shape == (10, 2)


def test_baseline_is_trained_by_its_name(ganbench: Callable[..., Done], tmp_path: Path) -> None:
    size = ("--images", "100", "--set", "width_g=8", "--out", tmp_path / "r")
    assert "100 images in" in ganbench("train", "gan", "--dataset", "ring", *size).stderr
    assert Run.read(tmp_path / "r").baseline == "gan"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = (", "cannot be imported: SyntaxError"),
        ("import nothing_of_this_name", "cannot be imported: ModuleNotFoundError"),
        ("x = 1", "one subclass of Gan"),
    ],
)
def test_broken_gan_is_one_line(error: Callable[..., str], tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "mine.py").write_text(source)
    assert message in error("train", tmp_path / "mine.py", "--dataset", "ring", "--out", tmp_path / "r")


@pytest.mark.parametrize(
    "verb",
    [
        ("score", "{}", "--reference", "{}", "--features", "pixels", "--metrics", "fid"),
        ("embed", "{}", "--features", "pixels", "--out", "embedding.npz"),
        ("spread", "{}", "--reference", "{}", "--features", "pixels", "--others", ""),
        ("overview", "samples={}", "--out", "samples.png"),
    ],
    ids=lambda verb: verb[0],
)
def test_who_reads_floats_asks_for_their_range_and_takes_it(
    ganbench: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("floats.npy", np.asarray(data.load("digits", "test").x[:60]).astype(np.float32) / 255)
    arguments = [part.format("floats.npy") for part in verb]
    assert "--range 0,1" in ganbench(*arguments, code=2).stderr
    ganbench(*arguments, "--range", "0,1", "--layout", "nhwc")


@pytest.mark.parametrize(
    "verb",
    [("score", "--reference", "digits"), ("spread", "--reference", "digits"), ("embed", "--out", "e.npz")],
    ids=lambda verb: verb[0],
)
def test_weights_for_an_extractor_that_has_none_are_refused(error: Callable[..., str], verb: tuple[str, ...]) -> None:
    for option in (("--weights", "mine.pth"), ("--precision", "bf16")):
        found = error(verb[0], "digits:train", *verb[1:], "--features", "pixels", *option)
        assert "pixels is not such a network" in found


SCORE = ("score", "digits:train", "--reference", "digits", "--features", "pixels", "--metrics", "fid")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*SCORE, "--json", "/proc/x.json"), "/proc/x.json cannot be written"),
        ((*SCORE, "--html", "/proc/x/y.html"), "/proc/x/y.html cannot be written"),
        ((*SCORE, "--json", "{}/file/x.json"), "file is a file"),
        ((*SCORE, "--json", "{}/file/x/y.json"), "file is a file"),
        ((*SCORE, "--json", "{}/" + 300 * "x"), "File name too long"),
        ((*SCORE, "--json", "{}/new/" + 300 * "x"), "File name too long"),
        ((*SCORE, "--json", "{}/x", "--html", "{}/folder/../x"), "x is the place of another output"),
        ((*SCORE, "--html", "-"), "-: this output cannot go to the terminal; give the name of a file"),
        (("score", "{}/a.npz", "--reference", "digits", "--json", "{}/a.npz"), "a.npz is an input of this command"),
        (("score", "{}/a.npz", "--reference", "digits", "--json", "{}/a.json"), "the place of the manifest of"),
        (("compare", "{}/a.json", "{}/b.json", "--json", "/proc/c.json"), "/proc/c.json cannot be written"),
        (("compare", "{}/a.json", "{}/b.json", "--json", "{}/b.json"), "b.json is an input of this command"),
        (("spread", "digits:train", "--reference", "digits", "--out", "/proc/x"), "/proc/x cannot be written"),
        (("spread", "digits:train", "--reference", "digits", "--out", "/proc"), "/proc cannot be written"),
        (("embed", "digits", "--out", "{}/x.txt"), "x.txt: the name of this file must end with .npz"),
        (("embed", "{}/a.npz", "--out", "{}/a.npz"), "a.npz is an input of this command"),
        (("sample", "{}", "--out", "{}/x.txt"), "x.txt: the name of this file must end with .npz"),
        (("sample", "{}", "--out", "/proc/a.npz"), "/proc/a.npz cannot be written"),
        (("sample", "{}", "--out", "{}/folder/b.npz"), "b.json is a folder"),
        (("control", "real", "--dataset", "ring", "--out", "/proc/a.npz"), "/proc/a.npz cannot be written"),
        (("interpolate", "{}", "--out", "/proc/a.gif"), "/proc/a.gif cannot be written"),
        (("interpolate", "{}", "--out", "{}/a.jpg"), "a.jpg: the name of this file must end with .png or .gif"),
        (("arithmetic", "{}", "--plus", "1,2", "--out", "/proc/a.png"), "/proc/a.png cannot be written"),
        (("overview", "a=digits", "--out", "/proc/a.png"), "/proc/a.png cannot be written"),
        (("overview", "a=digits", "--out", "{}/a.svg"), "a.svg: the name of this file must end with .png"),
    ],
)  # fmt: skip
def test_places_of_outputs_are_checked_before_any_work(
    error: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    def work(*_: object, **__: object) -> None:
        pytest.fail("the work was begun")

    for function in ("scoring.sources.open_set", "scoring.result.read", "training.checkpoint.load", "data.load"):
        monkeypatch.setattr(f"ganbench.{function}", work)
    (tmp_path / "file").touch()
    (tmp_path / "folder" / "b.json").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    assert message in error(*(argument.replace("{}", str(tmp_path)) for argument in arguments))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_check_of_a_place_changes_no_file(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text("{}")
    os.mkfifo(tmp_path / "pipe")
    before = kept.stat().st_mtime_ns
    check_files(kept, tmp_path / "new/folder/a.json", tmp_path / "pipe", None)
    assert (kept.read_text(), kept.stat().st_mtime_ns) == ("{}", before)
    assert {path.name for path in tmp_path.iterdir()} == {"kept.json", "pipe"}


def test_messages_of_the_library_name_options(error: Callable[..., str], tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 8, 8, 1), np.float32))
    last = error("score", tmp_path / "a.npy", "--reference", "digits")
    assert "give the values of black and white: --range 0,1 or --range=-1,1 or --range 0,255" in last
    assert "`" not in last


def test_a_report_and_a_page_name_options_and_the_file_given(
    ganbench: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a short name is on one line
    drawn = SampleSet(np.asarray(data.load("digits", "train").x[:300]), None, {"name": "gan-digits-s0"})
    write(tmp_path / "mine.npz", drawn)
    page = tmp_path / "page.html"
    done = ganbench("score", "mine.npz", "--reference", "digits:test", "--metrics", "fid,memorisation", "--html", page)
    title = "mine.npz, samples of gan-digits-s0"
    assert " ".join(done.stdout.split()).startswith(f"{title} (300 samples) against digits:test (797 samples)")
    assert "needs the training set: pass --train" in " ".join(done.stdout.split())
    assert f"<h1>{title} against digits:test</h1>" in page.read_text()
    assert "needs the training set: pass --train" in page.read_text()


def test_a_score_on_forty_columns_has_whole_names(
    ganbench: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = ganbench("score", "digits:train", "--reference", "digits").stdout
    assert max(map(len, out.splitlines())) <= 40
    assert "…" not in out
    assert "  sliced_wasserstein (digits-exposed) ↓\n" in out
    assert "  precision (digits-exposed) →\n" in out
    assert "→ best near the value of a perfect generator" in " ".join(out.split())


def test_a_spread_is_one_table_with_a_legend(ganbench: Callable[..., Done], monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in ("80", "40"):
        monkeypatch.setenv("COLUMNS", columns)
        out = ganbench("spread", "digits:train", "--reference", "digits", "--others", "").stdout
        assert max(map(len, out.splitlines())) <= int(columns)
        assert out.count("95 % interval  ") == (columns == "80")
        assert "house: ganbench's own protocol" in out
        assert "fid: least by " in out
        assert "farthest: how far" in out


def test_commands_stand_in_the_order_of_use(ganbench: Callable[..., Done]) -> None:
    listed = re.findall(r"^  ([a-z]+)  ", ganbench("--help").stdout, re.MULTILINE)
    assert listed == list(ORDER)
    assert listed[:5] == ["score", "list", "train", "sample", "compare"]
