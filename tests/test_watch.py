"""`ganbench watch`: the page says what the run did, and moments change no bit of a run."""

from __future__ import annotations

import json
import re
import shutil
import signal
import threading
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.special import expit
from test_baselines_conformance import build, kinds, source
from test_page import Seen
from torch import nn

from ganbench import baseline, data
from ganbench.boards import films, verification
from ganbench.data.mixture import Mixture
from ganbench.errors import Interrupted, UserError
from ganbench.metrics.modes import modes
from ganbench.samples import SampleSet
from ganbench.training import loop, moments, objectives
from ganbench.training.run import Identity
from ganbench.training.sampling import Drawing, sample
from ganbench.watch import figures, page, view
from ganbench.watch.follow import follow

SMALL = {
    "batch": 32, "z": 2, "width_g": 8, "width_d": 8, "pieces": 2, "dropout_input": 0.5, "optimiser": "adam", "lr_g": 0.001,
    "lr_d": 0.001,
}  # fmt: skip
IMAGES = 640


def train(folder: Path, images: int = IMAGES, moments: int = 0) -> Path:
    loop.train(baseline.resolve("gan"), "ring", folder, seed=0, images=images, overrides=dict(SMALL), moments=moments)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with ten moments."""
    return train(tmp_path_factory.mktemp("runs") / "with", moments=10)


@pytest.fixture(scope="module")
def painted(run: Path, tmp_path_factory: pytest.TempPathFactory) -> page.Album:
    """The pictures of that run, and its page."""
    album = page.Album(tmp_path_factory.mktemp("page"))
    page.write(view.look(run), album)
    return album


@pytest.fixture(scope="module")
def shown(painted: page.Album) -> Path:
    """The folder of the page of that run."""
    return painted.folder


@pytest.fixture
def album(painted: page.Album, tmp_path: Path) -> page.Album:
    """A copy of the pictures, which a test may change."""
    copied = page.Album(Path(shutil.copytree(painted.folder, tmp_path / "page")))
    copied.frames = dict(painted.frames)
    return copied


def frames(film: Image.Image) -> int:
    return int(getattr(film, "n_frames", 1))


def losses_of(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def test_moments_change_no_bit_of_a_run(run: Path, tmp_path: Path) -> None:
    plain = train(tmp_path / "without")
    assert not moments.of_run(plain)
    for name in ("model-quarter", "model-half", "model"):
        assert (run / f"{name}.safetensors").read_bytes() == (plain / f"{name}.safetensors").read_bytes()
    assert losses_of(run) == losses_of(plain)


def test_moments_are_the_samples_of_the_run_at_tenths_of_its_budget(run: Path) -> None:
    paths = moments.of_run(run)
    assert [int(path.stem) for path in paths] == [IMAGES * i // 10 for i in range(1, 11)]
    drawn = sample(run, Drawing(moments.DRAWN["points"], 0))
    np.testing.assert_array_equal(moments.read(paths[-1]).x, drawn.x)
    assert not np.array_equal(moments.read(paths[0]).x, drawn.x)


def test_a_larger_budget_drops_the_moments_of_the_smaller_one(run: Path, tmp_path: Path) -> None:
    folder = train(tmp_path / "run", images=320, moments=5)
    assert [int(path.stem) for path in moments.of_run(folder)] == [64, 128, 192, 256, 320]
    train(folder, images=640, moments=5)
    assert [int(path.stem) for path in moments.of_run(folder)] == [128, 256, 384, 512, 640]


def test_field_of_D_is_D_in_the_frame_of_the_data(run: Path) -> None:
    last = moments.read(moments.of_run(run)[-1])
    assert last.discriminator is not None
    assert last.manifest["answers"] == "probability"
    *_, whole = moments.of_parts(run, trust=False)
    assert whole.discriminator is not None
    np.testing.assert_allclose(last.discriminator, whole.discriminator)
    real = np.asarray(data.load("ring", "train").x)
    places, D = last.discriminator[:, :2], last.discriminator[:, 2]
    assert (places.min(0) < real.min(0)).all()
    assert (places.max(0) > real.max(0)).all()
    assert ((D > 0) & (D < 1)).all()


def test_run_without_moments_is_shown_at_quarter_half_and_whole(tmp_path: Path) -> None:
    folder = train(tmp_path / "run")
    assert [taken.manifest["seen"] for taken in view.look(folder).moments] == [160, 320, 640]


def test_film_has_ten_frames_and_the_page_ten_moments(shown: Path) -> None:
    with Image.open(shown / page.FILM) as film:
        assert frames(film) == 10
    assert (shown / page.FILM).stat().st_size <= page.MOST
    assert len(list(shown.glob("moment-*.png"))) == 10


def test_film_keeps_all_of_its_frames_where_samples_do_not_change(tmp_path: Path) -> None:
    facts = {"run": {"dataset": "digits"}, "images": 10}
    still = [SampleSet(np.zeros((64, 8, 8, 1), np.uint8), None, facts | {"seen": i}) for i in range(1, 11)]
    page.Album(tmp_path).take(still)
    with Image.open(tmp_path / page.FILM) as film:
        assert frames(film) == 10


def test_page_makes_no_outside_request(shown: Path) -> None:
    text = (shown / page.PAGE).read_text(encoding="utf-8")
    seen = Seen(text)
    assert not {"script", "iframe", "object"} & {tag for tag, _ in seen.tags}
    addresses = [value for _, attributes in seen.tags for key, value in attributes.items() if key in ("src", "href")]
    assert len(addresses) == 13  # the icon, the losses, the film and ten moments
    assert all(str(address).startswith("data:") for address in addresses)
    assert not re.search(r"https?:|//|url\(|@import", re.sub(r"data:image/\w+;base64,[A-Za-z0-9+/=]+", "", text))


def test_page_says_what_the_losses_mean(shown: Path) -> None:
    text = Seen((shown / page.PAGE).read_text(encoding="utf-8")).text
    assert "2 log 2 = 1.386: D is undecided" in text
    assert "log 2 = 0.693" in text
    assert "640 of 640 images" in text


def test_best_discriminator_equals_the_closed_form() -> None:
    x = np.linspace(-4, 5, 50)
    p, q = (np.exp(-((x - mean) ** 2) / 2) for mean in (0, 1))
    np.testing.assert_allclose(figures.optimal(p, q), expit(0.5 - x), rtol=1e-12)
    assert np.isnan(figures.optimal(np.zeros(1), np.zeros(1))).all()


def test_best_discriminator_of_samples_is_near_the_closed_form() -> None:
    edges = np.linspace(-1, 2, 31)
    samples = np.random.default_rng(0).normal(1, 1, (200_000, 1))
    D = figures.optimal(*figures.densities(samples, Mixture(np.zeros((1, 1)), 1.0), edges))
    np.testing.assert_allclose(D, expit(0.5 - (edges[1:] + edges[:-1]) / 2), atol=0.01)


@pytest.mark.parametrize("captured", [0, 3, 8])
def test_title_has_the_count_of_modes_of_the_metric(captured: int) -> None:
    mixture = data.mixture("ring")
    assert mixture is not None
    x = np.zeros((400, 2), np.float32)
    x[:captured] = mixture.means[:captured]
    taken = SampleSet(x, None, {"seen": 1200, "run": {"dataset": "ring"}, "reason": None})
    assert modes(x, mixture).value == captured
    assert figures.caption(taken, mixture) == f"1,200 images: {captured} of 8 modes"


@pytest.mark.parametrize("shape", [(8, 8, 8, 1), (64, 40, 40, 3), (4, 6, 16, 16, 3), (8, 600, 1)])
def test_images_clips_and_waves_have_a_picture(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).integers(0, 255, shape).astype(np.float32 if len(shape) == 3 else np.uint8)
    taken = SampleSet(x, None, {"seen": 5, "run": {"dataset": "digits"}})
    drawn = figures.pictures.render(figures.moment(taken), figures.DPI)
    assert drawn.std() > 10


def test_samples_that_cannot_be_scored_are_named_in_the_picture() -> None:
    taken = SampleSet(
        np.empty((0, 2)), None, {"seen": 5, "reason": "3 samples are not finite", "run": {"dataset": "ring"}}
    )
    assert "3 samples are not finite" in str(figures.moment(taken).get_suptitle())


def test_torn_lines_of_a_history_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(
        '{"images": 1, "d/loss": 2.0}\n[3]\n7\n{"d/loss": 1}\n{"images": 2, "d/loss": NaN}\n{"images": 3, "d/lo'
    )
    assert view.read_history(path) == [{"images": 1, "d/loss": 2.0}, {"images": 2}]


def test_torn_line_does_not_break_the_page(run: Path, tmp_path: Path) -> None:
    seen = view.look(run)
    torn = seen._replace(history=[*seen.history, {"images": IMAGES}], moments=[])
    text = page.write(torn, page.Album(tmp_path)).read_text()
    assert "No moment is there yet" in text


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run; train one") as caught:
        view.look(tmp_path)
    assert caught.value.exit_code == 2


def test_follow_ends_when_the_training_ends(run: Path, album: page.Album, capsys: pytest.CaptureFixture[str]) -> None:
    lock = filelock.FileLock(run / ".lock", thread_local=False)
    lock.acquire()
    assert view.in_use(run)
    threading.Timer(0.5, lock.release).start()
    last = follow(run, album, 0.1)
    assert not last.trains
    assert last.status == "trained: 640 of 640 images"
    assert 'http-equiv="refresh"' not in (album.folder / page.PAGE).read_text()
    assert "in training: 640 of 640 images  D " in capsys.readouterr().err


def test_page_of_a_training_reads_itself_again(run: Path, album: page.Album) -> None:
    text = page.write(view.look(run)._replace(trains=True), album, refresh=5).read_text()
    assert '<meta http-equiv="refresh" content="5">' in text


def test_signal_ends_follow_and_names_the_page(run: Path, album: page.Album, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(seconds: float) -> None:
        raise Interrupted(signal.SIGINT)

    monkeypatch.setattr("ganbench.watch.follow.time.sleep", stop)
    monkeypatch.setattr(view, "in_use", lambda folder: True)
    with pytest.raises(Interrupted, match=r"its training goes on.*index\.html") as caught:
        follow(run, album, 0.1)
    assert caught.value.exit_code == 130


def test_every_baseline_says_what_its_losses_mean() -> None:
    own = {path.stem for path in baseline.folder().glob("*.py")}
    assert set(objectives.BASELINES) == own


@pytest.mark.parametrize("name", sorted(objectives.BASELINES))
def test_level_of_a_loss_is_the_loss_of_an_undecided_D(name: str) -> None:
    """The best constant answer of D, on a lattice of answers with steps of 0.25."""
    _, spec = next(iter(kinds(name).items()))
    gan = build(name, spec, **({"images_alone": 0} if name == "srgan" else {}))
    objective = objectives.BASELINES[name](json.loads(gan.config.model_dump_json()))
    real = source(spec).batch(0, 0, 6)
    answer = 0.0
    if objective.d.level is not None and not objective.d.more and name != "ebgan":  # D's answers are no energies here
        losses = [_loss_at(gan, gan.d_loss, real, answer) for answer in ANSWERS]
        answer = ANSWERS[int(np.argmin(losses))]
        assert min(losses) == pytest.approx(objective.d.level.value, abs=1e-5)
    if objective.g.level is not None and not objective.g.more and name != "unrolled":  # its D takes steps
        assert _loss_at(gan, gan.g_loss, real, answer) == pytest.approx(objective.g.level.value, abs=1e-5)


ANSWERS = [answer / 4 for answer in range(-8, 9)]


def _loss_at(gan: Any, losses: Any, real: Any, answer: float) -> float:
    """A loss while D gives every sample one answer."""
    D = gan.D
    players = list(D) if isinstance(D, nn.ModuleList) else list(D.values()) if isinstance(D, nn.ModuleDict) else [D]
    for player in players:
        kept = type(player).forward
        player.forward = lambda *x, kept=kept, player=player: torch.full_like(kept(player, *x), answer)
    return float(losses(real)["loss"].detach())


def test_words_need_the_bytes_of_the_baseline(run: Path) -> None:
    facts = json.loads((run / "run.json").read_text())
    assert objectives.of(Identity.model_validate(facts), None) is not None
    assert objectives.of(Identity.model_validate(facts | {"source": "0" * 64}), None) is None
    with pytest.raises(UserError, match="no objective 'hing'; did you mean 'hinge'"):
        objectives.of(Identity.model_validate(facts), "hing")


def test_film_of_other_bits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    board = verification.Records.read(Path("results/quick"))
    monkeypatch.setattr(verification, "train", lambda *_: "other bits")
    (chosen,) = board.choose("gan", "ring", 0)
    with pytest.raises(UserError, match="other bits than the published run"):
        films.make(board, chosen)
    (control,) = board.choose("noise", "ring", 0)
    with pytest.raises(UserError, match="is a control"):
        films.make(board, control)


def test_published_films_have_ten_frames_and_a_run() -> None:
    board = verification.Records.read(Path("results/quick"))
    paths = sorted((board.folder / films.FOLDER).glob("*.gif"))
    assert paths
    for path in paths:
        assert path.stem in {run.run for run in board.runs}
        assert path.stat().st_size <= page.MOST
        with Image.open(path) as film:
            assert frames(film) == films.MOMENTS


def test_new_board_keeps_the_films_of_the_runs_that_it_has(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for path in (old / "films/a-s0.gif", old / "films/b-s0.gif", new / "runs/a-s0.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("content")
    films.carry_over(old, new)
    assert [path.name for path in (new / "films").iterdir()] == ["a-s0.gif"]
