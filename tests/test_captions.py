"""From a caption to a picture and to its score: training, sampling and scoring of GANs that draw from captions."""

# mypy: disable-error-code="operator,misc"

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganbench import Scorer, baseline, cli, data, features
from ganbench.errors import UserError
from ganbench.samples import SampleSet
from ganbench.scoring import inputs
from ganbench.scoring.embedding import embed
from ganbench.training import loop, sampling
from ganbench.training.sampling import Drawing

TINY = {"width": 4, "z": 4, "caption": 4, "batch": 8}
CONDITIONS = [
    "attribute_accuracy",
    "r_precision",
    "condition_diversity",
    "paired_error",
    "partner_retrieval",
    "class_kept",
]


def trained(name: str, dataset: str, out: Path) -> Path:
    overrides = TINY | ({"blocks": 1, "images_stage_1": 8} if name == "stackgan" else {})
    loop.train(baseline.resolve(name), dataset, out, seed=0, images=16, overrides=overrides, device="cpu")
    return out


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained("gan_cls", "shapes-32", tmp_path_factory.mktemp("runs") / "gan_cls")


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["ganbench", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_caption_gives_pictures_of_it(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "circles.npz"
    code = command(monkeypatch, "sample", run, "--n", 5, "--caption", "a small red circle", "--out", out)
    assert code == 0
    with np.load(out) as file:
        assert file["arr_0"].shape == (5, 32, 32, 3)
        assert "condition" not in file
    other = sampling.sample(run, Drawing(5, 0, caption="a large blue star on black"))
    same = sampling.sample(run, Drawing(3, 0, caption="a small red circle"))
    with np.load(out) as file:
        assert np.array_equal(file["arr_0"][:3], same.x)
        assert not np.array_equal(file["arr_0"], other.x)
    assert same.manifest["caption"] == "a small red circle"


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("a small rde circle", "no word for captions 'rde'; did you mean 'red'?"),
        ("a ring above a star", "is not of one object"),
        ("", "the caption has no words"),
    ],
)
def test_fault_of_a_caption_is_one_line(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caption: str, words: str
) -> None:  # fmt: skip
    assert command(monkeypatch, "sample", run, "--n", 5, "--caption", caption, "--out", tmp_path / "x.npz") == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert words in lines[0]


def test_stages_of_stackgan_draw_from_captions_and_attributes(tmp_path: Path) -> None:
    folder = trained("stackgan", "shapes-32-attributes", tmp_path / "stackgan")
    assert sampling.sample(folder, Drawing(4, 0, caption="an orange hoop")).x.shape == (4, 32, 32, 3)


def test_run_without_captions_refuses_a_caption(tmp_path: Path) -> None:
    loop.train(baseline.resolve("gan"), "ring", tmp_path / "gan", seed=0, images=100, overrides={}, device="cpu")
    with pytest.raises(UserError, match="gan on ring does not draw from captions"):
        sampling.sample(tmp_path / "gan", Drawing(4, 0, caption="a star"))


def of_test(n: int, k: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """The real pictures of the first n conditions of the held-out split, and these conditions."""
    condition = np.random.default_rng(0).permutation(k * len(data.load("shapes-32", "test").x))[:n]
    return np.asarray(data.load("shapes-32", "test").x[condition // k]), condition


def given(x: np.ndarray, condition: np.ndarray | None, **manifest: object) -> SampleSet:
    return SampleSet(x, None, {"name": "made", "run": {"dataset": "shapes-32"}} | manifest, condition=condition)


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer.of("shapes-32", metrics=CONDITIONS)


def test_true_pictures_have_perfect_scores(scorer: Scorer) -> None:
    x, condition = of_test(600)
    results = scorer(given(x, condition)).metrics
    assert results["attribute_accuracy"].value == results["attribute_accuracy"].perfect == 1
    assert results["attribute_accuracy"].extra["held_out_all"] == 1
    assert set(results["attribute_accuracy"].extra) >= {"place", "ground", "shape", "colour", "size"}
    assert results["paired_error"].value == 0
    assert results["paired_error"].extra["ssim"] == pytest.approx(1)
    assert results["partner_retrieval"].value > 0.95  # two pictures can have one vector
    assert results["r_precision"].value > 0.8
    assert results["r_precision"].perfect > 0.85
    assert results["class_kept"].reason == "class_kept needs an extractor with class logits"
    assert features.default("shapes-32") == features.default("shapes-relations-64") == "shapes-encoder"


def test_swapped_captions_and_shuffled_partners_are_seen(scorer: Scorer) -> None:
    x, condition = of_test(600)
    results = scorer(given(np.roll(x, 1, 0), condition)).metrics
    assert results["attribute_accuracy"].value == pytest.approx(0.2, abs=0.05)
    assert results["attribute_accuracy"].extra["all"] < 0.02
    assert results["r_precision"].value < 0.05
    assert results["partner_retrieval"].value < 0.02
    assert results["paired_error"].value > 0.1


def test_ignored_condition_and_one_output_per_condition_are_seen(scorer: Scorer) -> None:
    x, condition = of_test(600)
    twice = np.repeat(condition[:300], 2)
    low, high = scorer(given(x, twice)).metrics["condition_diversity"].interval
    assert low < 1 < high
    one_each = scorer(given(np.repeat(x[:300], 2, 0), twice)).metrics["condition_diversity"]
    assert one_each.value == pytest.approx(0, abs=1e-9)
    assert 0 < one_each.perfect < 0.5  # captions that leave attributes out fit several pictures


def test_captions_alone_are_scored_without_partners(scorer: Scorer) -> None:
    x, _ = of_test(150)
    results = scorer(given(x, None, caption="a circle")).metrics
    shown = data.language("shapes-32").attributes(x)[:, 2] == 0  # type: ignore[union-attr]
    assert results["attribute_accuracy"].value == pytest.approx(shown.mean())
    reason = "partner_retrieval needs samples that `ganbench sample` made from conditions of the reference"
    assert results["partner_retrieval"].reason == reason


def test_conditions_of_another_dataset_are_not_used(scorer: Scorer) -> None:
    x, condition = of_test(150)
    samples = given(x, condition).with_(manifest={"name": "made", "run": {"dataset": "shapes-64"}})
    assert "conditions of the reference" in scorer(samples).metrics["partner_retrieval"].reason
    assert scorer(samples.with_(manifest={"name": "made", "run": "?"})).metrics["attribute_accuracy"].value is None


def test_condition_that_is_not_there_is_named(scorer: Scorer) -> None:
    x, condition = of_test(150)
    condition[3] = 10**6
    with pytest.raises(UserError, match="made names conditions that shapes-32 does not have: there are 5,184"):
        scorer(given(x, condition))


def test_pixels_give_no_vectors_of_captions() -> None:
    x, condition = of_test(120)
    real = Scorer.of("shapes-32", features="pixels", metrics=["fid"]).reference
    made = inputs.gather(embed(given(x, condition), "pixels"), inputs.gather_real(embed(real, "pixels"), None), real)
    assert "gen_captions" not in made
    assert "ref_captions" not in made
    assert made["gen_truth"].shape == made["gen"].shape
    assert np.array_equal(made["gen_truth_pixels"][:3], made["gen_pixels"][:3])


def test_samples_of_a_run_carry_all_that_the_metrics_need(run: Path, scorer: Scorer) -> None:
    drawn = sampling.sample(run, Drawing(200, 0))
    results = scorer(drawn).metrics
    assert all(
        results[name].value is not None for name in CONDITIONS if name not in ("class_kept", "condition_diversity")
    )
    assert results["condition_diversity"].reason is not None  # 200 conditions, each once
