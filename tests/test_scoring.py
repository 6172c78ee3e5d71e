"""Scoring from Python, and the result that it shares with the command line and with machines."""

# mypy: disable-error-code="func-returns-value"

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
from PIL import Image

import ganbench
from ganbench import Scorer, baseline, data, features, metrics, paths, samples, score, scoring
from ganbench.display import progress
from ganbench.errors import UserError
from ganbench.metrics import _neighbours as neighbours
from ganbench.scoring import inputs, page, result, sources
from ganbench.scoring import scorer as scorer_module
from ganbench.scoring.copies import embed_copies
from ganbench.scoring.verdict import floor
from ganbench.training import loop

FEW = ("fid", "memorisation", "precision")


def without_names(one: result.Result) -> tuple[object, ...]:
    return one.metrics, one.samples.sha256, one.protocol


def test_array_tensor_path_and_name_score_alike(tmp_path: Path) -> None:
    x = np.asarray(data.load("digits", "train").x)
    np.save(tmp_path / "x.npy", x)
    forms = (x, torch.from_numpy(x.copy()), tmp_path / "x.npy", "digits:train", sources.open_set("digits", "train"))
    first, *others = (score(source, "digits", metrics=FEW) for source in forms)
    assert first.metrics["memorisation"].value == 1
    for other in others:
        assert without_names(other) == without_names(first)


def test_float_images_are_refused_and_the_way_out_is_named() -> None:
    with pytest.raises(UserError, match="`range='0,1'` or `range='-1,1'`"):
        score(np.zeros((300, 8, 8, 1), np.float32), "digits")


def test_scorer_gives_scores_numbers_and_embeds_real_data_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.asarray(data.load("digits", "train").x[:300])
    plain = score(x, "digits", metrics=["fid", "memorisation", "support"])
    embedded: list[int] = []
    embed = features.embed
    monkeypatch.setattr(features, "embed", lambda name, x: embedded.append(len(x)) or embed(name, x))
    scorer = Scorer.of("digits", metrics=["fid", "memorisation", "support"])
    assert scorer(x) == plain == scorer(x)
    # held-out images twice: as they are, and disturbed; and 200 training images as 8 kinds of copies
    assert sorted(embedded) == [300, 300, 797, 797, 1000, 1600]
    assert scorer.with_(seed=1, metrics=["fid"])(x).metrics["fid"] == plain.metrics["fid"]
    assert sorted(embedded)[:3] == [300, 300, 300]


def test_searches_of_the_real_data_are_made_once_for_all_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.asarray(data.load("digits", "train").x[:600])
    names = ["memorisation", "precision", "support"]
    searched: list[int] = []
    search = neighbours._search
    monkeypatch.setattr(neighbours, "_search", lambda q, *rest: searched.append(len(q)) or search(q, *rest))
    scorer = Scorer.of("digits", metrics=names)
    scorer(x[:300])
    first, searched[:] = len(searched), []
    second = scorer(x[300:])
    # For memorisation the features, the pixels, the nearest training samples and the cells of both sets; and the set's own
    # neighbours, for precision and support.
    assert first > len(searched) == 6
    assert max(searched) <= 797  # the held-out samples, in their cells
    assert scorer(x[:300]) == Scorer.of("digits", metrics=names)(x[:300])
    assert second == Scorer.of("digits", metrics=names)(x[300:])
    assert scorer.with_(seed=1)(x[300:]) == Scorer.of("digits", metrics=names, seed=1)(x[300:])


def test_halves_of_the_reference_are_scored_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.asarray(data.load("digits", "train").x[:300])
    asked: list[list[metrics.Metric]] = []
    monkeypatch.setattr(
        scorer_module, "real_vs_real", lambda wanted, *rest: asked.append(wanted) or inputs.real_vs_real(wanted, *rest)
    )
    scorer = Scorer.of("digits", metrics=["fid", "parzen"])
    assert (
        scorer(x).metrics["parzen"]
        == scorer(x).metrics["parzen"]
        == score(x, "digits", metrics=["parzen"]).metrics["parzen"]
    )
    assert [[metric.name for metric in wanted] for wanted in asked] == [["parzen"], [], ["parzen"]]


def test_a_long_metric_says_how_much_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scorer_module, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.0)
    monkeypatch.setattr(neighbours, "QUERIES", 50)
    score(np.asarray(data.load("digits", "train").x[:200]), "digits", metrics=["precision", "kid"])
    shown = capsys.readouterr().err
    for line in (
        r"precision: nearest neighbours: 100/797 samples, .* s left",
        r"precision: pairs of samples: 200/200",
        r"kid: pairs",
    ):
        assert re.search(line, shown), line


def test_names_are_checked_before_any_set_is_opened(tmp_path: Path) -> None:
    gone = tmp_path / "gone.npz"
    for wrong, message in (
        ({"metrics": ["fyd"]}, "did you mean 'fid'"),
        ({"features": "incption"}, "did you mean 'inception'"),
        ({"features": features.Extractor("auto", precision="fp8")}, "no precision 'fp8'"),
        ({"features": features.Extractor("auto", "gone.pth")}, "no such file"),
    ):
        with pytest.raises(UserError, match=message):
            Scorer.of(gone, **wrong)
        with pytest.raises(UserError, match=message):
            Scorer.check(**wrong)
    with pytest.raises(UserError, match=r"gone.npz: no such file"):
        Scorer.of(gone)


def test_the_reference_chooses_the_extractor_whatever_is_scored() -> None:
    x = np.asarray(data.load("digits", "test").x)
    assert score(x[:300], "digits").protocol.features.id.startswith("digits-exposed@")
    assert Scorer.of(x, "digits:train").extractor.name == "digits-exposed"
    points = Scorer.of(np.zeros((9, 2), np.float32))
    assert (points.extractor.name, points.why) == ("identity", "the reference has points")
    assert points.with_(features="pixels").why is None


def test_changes_of_a_scorer_are_those_that_were_asked_for() -> None:
    house = Scorer.of("digits", metrics=["fid"])
    assert house.train is not None
    other = house.with_(reference=house.train, seed=3, features="pixels", metrics=["kid"])
    assert other.reference is other.train is house.train
    assert (other.seed, other.extractor.name, other.metrics) == (3, "pixels", ("kid",))
    assert (house.seed, house.extractor.name, house.metrics) == (0, "digits-exposed", ("fid",))
    with pytest.raises(UserError, match="no metric 'kd'"):
        house.with_(metrics=["kd"])


def test_grey_images_with_three_channels_score_like_those_with_one() -> None:
    x = np.asarray(data.load("digits", "test").x)
    scorer = Scorer.of(x.repeat(3, -1), features="digits-cnn", metrics=["fid", "support"])
    assert scorer(x[:300]).metrics == score(x[:300], x, features="digits-cnn", metrics=["fid", "support"]).metrics


def test_one_image_and_a_result_without_values_are_refused() -> None:
    scorer = Scorer.of("digits", metrics=["fid", "support"])
    alone = samples.read(np.asarray(data.load("digits", "test").x[:1]))
    with pytest.raises(UserError, match="samples is a single sample, but a score needs a set"):
        scorer(alone)
    with pytest.raises(UserError, match="samples has no samples, but a score needs a set"):
        scorer(samples.read(np.empty((0, 8, 8, 1), np.uint8)))
    few = samples.read(np.asarray(data.load("digits", "test").x[:150]))
    with pytest.raises(UserError, match=r"too few samples \(150\); every metric needs at least 200"):
        scorer.with_(metrics=["support"])(few)
    for reference, train in ((alone, None), ("digits:test", alone)):
        with pytest.raises(UserError, match="samples is a single sample, but a score needs a set"):
            scorer.with_(reference=reference, train=train)
        with pytest.raises(UserError, match="samples is a single sample, but a score needs a set"):
            Scorer.of(reference, train)
    no_modes = scorer.with_(metrics=["modes"])
    with pytest.raises(UserError, match=r"no metric could be computed \(modes is for datasets"):
        scoring.require_values(no_modes(few), few)
    diverged = alone.with_(manifest={"name": "run", "reason": "diverged"})
    scorer.check_size(diverged)
    scoring.require_values(scorer(diverged), diverged)


def test_every_input_of_a_metric_is_filled_by_its_set() -> None:
    # made from the conditions and captions of the reference: tests/test_captions.py
    asked = {"condition", "truth", "truth_pixels", "truth_labels", "stated", "attributes", "captions", "held_out"}
    for entry in metrics.INPUTS.values():
        # made by the scorer, from the training set or from pairs of images
        made = entry.name in ("train_copies", "train_copies_pixels", "gen_lpips", "ref_lpips")
        assert made or entry.of in ("data", "seed") or entry.part in {*inputs.PARTS, *asked}, entry.name


def test_sensitivity_has_eight_kinds_for_images_and_two_for_features() -> None:
    x = np.asarray(data.load("digits", "test").x[:200])
    plain = score(x, "digits", metrics=["memorisation"]).metrics["memorisation"].extra
    kinds = ["exact", "noise", "shift", "rotation", "brightness", "blur", "JPEG", "flip"]
    assert list(plain["sensitivity"]) == kinds
    assert plain["sensitivity"]["exact"] == 1
    assert plain["spaces"] == ["features", "pixels", "moved pixels"]
    train = scoring.embed(sources.open_set("digits:train", "train"), "digits-cnn")
    carried = score(x, "digits", train, metrics=["memorisation"]).metrics["memorisation"].extra
    assert list(carried["sensitivity"]) == ["exact", "noise"]


def test_changed_images_are_copies_of_chosen_training_images() -> None:
    x = np.asarray(data.load("digits", "train").x)
    copies = embed_copies(x, "pixels")
    originals = copies.images["exact"]
    rows = {row.tobytes() for row in x}
    assert len(originals) == 200
    assert all(image.tobytes() in rows for image in originals)
    assert (copies.images["flip"][:, :, ::-1] == originals).all()
    assert (copies.images["shift"][:, :, 1:] == originals[:, :, :-1]).all()
    for kind, images in copies.images.items():
        assert images.dtype == np.uint8
        assert images.shape == originals.shape
        assert kind == "exact" or (images != originals).any()
        assert (embed_copies(x, "pixels").images[kind] == images).all()


def test_floor_is_that_of_reference_halves_where_no_perfect_is_known() -> None:
    found = score(
        "digits:train", "digits:test", metrics=["precision", "fid", "modes"]
    )  # no training set, so no `perfect`
    assert found.metrics["precision"].perfect is None
    x = np.asarray(data.load("digits", "test").x)
    order = np.random.default_rng(0).permutation(len(x))
    halves = score(x[order[: len(x) // 2]], x[order[len(x) // 2 :]], features="digits-exposed", metrics=["precision"])
    assert found.metrics["precision"].extra["halves"] == {"value": halves.metrics["precision"].value, "n": 398}
    assert "halves" not in found.metrics["fid"].extra
    assert "halves" not in found.metrics["modes"].extra
    assert floor(found.metrics["precision"]).startswith("~0.9")


def test_what_was_read_stands_in_the_result_and_on_the_page(tmp_path: Path) -> None:
    x = np.asarray(data.load("digits", "test").x[:60])
    np.save(tmp_path / "mine.npy", np.concatenate([x, x[:2]]))
    gen, ref = sources.open_set(str(tmp_path / "mine.npy"), "test"), sources.open_set("digits", "test")
    found = score(gen, ref, features="pixels", metrics=["fid"])
    (line,) = [line for line in found.preflight if "warning" not in line]
    assert line.startswith("mine")
    assert "62 grey images of 8 x 8 pixels from .npy" in line
    assert "2 exact copies" in line
    assert line in page.render(found, gen, ref, None)


def test_committed_scores_and_a_fresh_one_have_the_form_of_the_schema() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(result.SCHEMA.read_text()))
    committed = sorted(paths.definitions().glob("results/*/runs/*.json"))
    assert len(committed) > 50
    for path in committed:
        validator.validate(json.loads(path.read_text())["scores"])
        assert result.read(path).metrics
    fresh = score("ring:train", "ring", metrics=["fid", "modes", "classifier_score"])
    validator.validate(json.loads(fresh.to_json()))
    assert result.Result.model_validate_json(fresh.to_json()) == fresh
    broken = json.loads(fresh.to_json())
    del broken["protocol"]["reference"]["sha256"]
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(broken)


def test_schema_in_the_repository_is_that_of_the_code() -> None:
    assert result.SCHEMA.read_text() == result.schema(), "run `ganbench schema > ganbench/schema/scores.schema.json`"


def test_what_is_no_result_is_refused_in_one_line(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"protocol": {}}'):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(UserError, match="not a result") as error:
            result.read(tmp_path / "a.json")
        assert "\n" not in str(error.value)


def test_importing_ganbench_loads_no_torch_and_no_numpy() -> None:
    code = "import sys, ganbench; assert not {'torch', 'numpy', 'pydantic'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert ganbench.score is scoring.score
    assert ganbench.Scorer is scoring.Scorer
    with pytest.raises(AttributeError, match="scoer"):
        ganbench.scoer  # noqa: B018


def run_of_digits(out: Path) -> Path:
    """A GAN that was trained on a few digits."""
    loop.train(baseline.resolve("gan"), "digits", out, seed=0, images=100, overrides={"width_g": 8})
    return out


def test_a_run_is_drawn_anew_and_the_report_says_so(tmp_path: Path) -> None:
    folder = run_of_digits(tmp_path / "run")
    np.savez(folder / "samples-64.npz", np.zeros((64, 8, 8, 1), np.uint8))
    drawn = sources.open_set(folder, "test")
    first, *warnings = samples.preflight.lines(drawn.manifest)
    assert first.startswith("run: 10,000 grey images of 8 x 8 pixels from a run, drawn anew with seed 0; ")
    assert "run: warning: not read: 1 file of this folder (samples-64.npz)" in warnings


@pytest.mark.parametrize("name", ["a.png", "mine/a.jpg"])
def test_a_run_among_images_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / name).write_bytes(b"an image")
    with pytest.raises(UserError, match=f"is the folder of a run and also has images: {name}. To score the run, draw"):
        score(tmp_path, "digits")


def test_images_beside_files_of_samples_are_scored_and_named(tmp_path: Path) -> None:
    for i in range(3):
        Image.fromarray(np.full((8, 8), 100 * i, np.uint8)).save(tmp_path / f"{i}.png")
    np.savez(tmp_path / "samples-0.npz", np.zeros((5, 8, 8, 1), np.uint8))
    first, warning = samples.preflight.lines(sources.open_set(tmp_path, "test").manifest)
    assert "3 grey images of 8 x 8 pixels from folder" in first
    assert "left out, because no image was recognised: 1 other file (samples-0.npz)" in warning


def test_sizes_are_compared_whatever_the_number_of_channels(tmp_path: Path) -> None:
    colour = np.random.default_rng(0).integers(0, 256, (9, 4, 6, 3), dtype=np.uint8)
    message = (
        "samples has colour images of 6 x 4 pixels, but digits:test has grey images of 8 x 8 pixels; they must have"
    )
    with pytest.raises(UserError, match=message):
        score(colour, "digits")
    with pytest.raises(UserError, match="but digits:test has grey images of 8 x 8 pixels; they must be alike"):
        score(np.zeros((9, 2), np.float32), "digits")


def test_no_message_for_python_names_an_option() -> None:
    """`ganbench.cli` prints `range=` as `--range`; the modules below it write the argument."""
    folders = [paths.PACKAGE / name for name in ("features", "metrics", "samples", "scoring", "display")]
    messages = [
        text.value
        for path in (path for folder in folders for path in folder.rglob("*.py"))
        for text in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(text, ast.Constant) and isinstance(text.value, str)
    ]
    assert len(messages) > 1000
    options = ("--features", "--layout", "--precision", "--range", "--reference", "--train", "--weights")
    assert [text for text in messages if "| found | rule |" not in text and any(o in text for o in options)] == []


def test_a_result_prints_a_short_table_and_one_line_as_itself() -> None:
    scores = score("digits:train", "digits", metrics=["fid", "support", "modes"])
    first, head, _, fid, support, missing = str(scores).splitlines()
    assert first.startswith("digits:train: 1,000 samples against digits:test, features digits-exposed@")
    assert head.split() == ["metric", "value", "95", "%", "interval"]
    assert fid.startswith("fid")
    assert "≥" in support
    assert missing == "not computed: modes"
    assert repr(scores).startswith("<Result 'digits:train' against 'digits:test', fid=0.")
    assert "\n" not in repr(scores)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00", "it is not a text file"),
        (b"fid: 3", "it is not JSON: line 1, column 1"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[1]", "it holds no scores"),
        (b'{"scores": 3}', "it holds no scores"),
        (b'{"metrics": {}}', "protocol: Field required"),
    ],
)
def test_why_a_file_is_no_result_is_said_in_plain_words(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"a.json: not a result, because .*{message}") as error:
        result.read(path)
    assert "codec" not in str(error.value)
