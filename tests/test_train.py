"""The loop: order of data, resuming, averaging, diverging, and what it leaves on disk."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ganbench import baseline, data, samples
from ganbench.config import validate
from ganbench.errors import Interrupted, UserError
from ganbench.gan import DataSpec
from ganbench.training import checkpoint, loop
from ganbench.training.average import decay
from ganbench.training.images import to_float, to_uint8
from ganbench.training.order import TrainingData, indices
from ganbench.training.run import Run
from ganbench.training.sampling import BLOCK, Drawing, write_samples

SMALL = {"width_g": 8, "width_d": 8, "optimiser": "adam", "lr_g": 1e-3, "lr_d": 1e-3}
GAN = Path("baselines/gan.py")


def run(out: Path, images: int = 2000, seed: int = 0, **overrides: object) -> Run:
    return loop.train(GAN, "ring", out, seed=seed, images=images, overrides=SMALL | overrides)


def test_every_epoch_shows_every_sample_once() -> None:
    stream = np.concatenate([indices(10, 0, seen, 4) for seen in range(0, 40, 4)])
    for epoch in stream.reshape(4, 10):
        assert sorted(epoch) == list(range(10))
    assert not np.array_equal(stream[:10], stream[10:20])


def test_order_does_not_depend_on_the_batch_size() -> None:
    one = np.concatenate([indices(10, 0, seen, 1) for seen in range(35)])
    assert np.array_equal(one, indices(10, 0, 0, 35))


def test_seeds_give_different_orders() -> None:
    assert not np.array_equal(indices(100, 0, 0, 100), indices(100, 1, 0, 100))


def test_images_survive_the_way_to_floats_and_back() -> None:
    x = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    back = to_uint8(to_float(x))
    assert torch.equal(back[..., 0], x[:, 0])


def test_images_are_rounded_and_clipped_never_rescaled() -> None:
    x = torch.tensor([-2.0, -1.0, 0.1, 1.0, 3.0]).reshape(1, 1, 1, 5)
    assert to_uint8(x).flatten().tolist() == [0, 0, 140, 255, 255]


def test_run_leaves_checkpoint_history_and_record(tmp_path: Path) -> None:
    record = run(tmp_path)
    assert record == Run.read(tmp_path)
    assert record.seen == 2000
    assert record.diverged is None
    assert record.data == data.version("ring")
    history = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert history[-1]["images"] == 2000
    assert {"images", "seconds", "d/loss", "d/D(x)", "d/D(G(z))", "g/loss"} == set(history[-1])
    gan, _ = checkpoint.load(tmp_path)
    assert load_file(tmp_path / "model.safetensors").keys() == gan.state_dict().keys()


def test_interrupted_run_says_so_and_resumes_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = run(tmp_path / "whole")
    step = loop.Training.step

    def stop_at_1300(self: loop.Training) -> dict[str, torch.Tensor]:
        if self.seen >= 1300:
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(loop.Training, "step", stop_at_1300)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut")
    monkeypatch.undo()
    capsys.readouterr()
    resumed = run(tmp_path / "cut")
    assert capsys.readouterr().err.startswith("train gan on ring: resumed at 1,200 images\n")
    assert resumed.seen == whole.seen
    a, b = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(a[k], b[k]) for k in a)
    images = [json.loads(line)["images"] for line in (tmp_path / "cut/history.jsonl").read_text().splitlines()]
    assert images == sorted(set(images)), "a line of history appears once, however often the run was cut"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_signal_writes_a_checkpoint_that_resumes_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, code: int
) -> None:
    step = loop.Training.step

    def stop_in_1340(self: loop.Training) -> dict[str, torch.Tensor]:
        if self.seen == 1340:
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)  # as `timeout` does
        return step(self)

    monkeypatch.setattr(loop.Training, "step", stop_in_1340)
    with pytest.raises(Interrupted) as stop:
        run(tmp_path / "cut", batch=20)
    assert str(stop.value) == "stopped at 1,360 of 2,000 images; the same command resumes"
    assert stop.value.exit_code == code
    monkeypatch.undo()
    capsys.readouterr()
    run(tmp_path / "cut", batch=20)
    assert capsys.readouterr().err.startswith("train gan on ring: resumed at 1,360 images\n")
    run(tmp_path / "uncut", batch=20)
    for name in ("model.safetensors", "model-half.safetensors"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "uncut" / name).read_bytes()


def test_checkpoints_by_minutes_change_no_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    save = checkpoint.RunFolder.save_interim

    def counted(self: checkpoint.RunFolder, state: checkpoint.State) -> None:
        written.append(state.seen)
        save(self, state)

    monkeypatch.setattr(checkpoint.RunFolder, "save_interim", counted)
    loop.train(GAN, "ring", tmp_path / "often", seed=0, images=2000, overrides=SMALL, minutes=0.0)
    assert len(written) > 5
    often = len(written)
    run(tmp_path / "seldom")
    assert len(written) == often, "five minutes have not passed"
    names = ("model.safetensors", "model-quarter.safetensors")
    a, b = ([(tmp_path / folder / name).read_bytes() for name in names] for folder in ("often", "seldom"))
    assert a == b
    assert not (tmp_path / "often/state/interim.safetensors").exists(), "the last checkpoint is due by images"


def test_diverged_run_has_the_same_weights_however_often_it_was_saved(tmp_path: Path) -> None:
    wild = SMALL | {"lr_g": 1e30, "lr_d": 1e30}
    for name, minutes in (("often", 0.0), ("seldom", 5.0)):
        done = loop.train(GAN, "ring", tmp_path / name, seed=0, images=2000, overrides=wild, minutes=minutes)
        assert done.diverged
    a, b = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("often", "seldom"))
    assert a == b


def test_full_disk_names_the_history_and_the_run_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path / "whole")

    class Full:
        name = "history.jsonl"

        def write(self, text: str) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    note, lines = loop.note, 0

    def full_after_twelve(training: loop.Training, losses: dict[str, float], log: Any) -> None:
        nonlocal lines
        lines += 1
        if lines > 12:
            log.write('{"images": 13')
            log.flush()
            note(training, losses, Full())  # type: ignore[arg-type]
        note(training, losses, log)

    monkeypatch.setattr(loop, "note", full_after_twelve)
    with pytest.raises(OSError, match=r"No space left on device: 'history.jsonl'"):
        run(tmp_path / "cut")
    monkeypatch.undo()
    run(tmp_path / "cut")
    names = ("model.safetensors", "history.jsonl")
    whole, cut = ([(tmp_path / folder / name).read_text("latin-1") for name in names] for folder in ("whole", "cut"))
    assert whole[0] == cut[0]
    seen = [[json.loads(line)["images"] for line in text[1].splitlines()] for text in (whole, cut)]
    assert seen[0] == seen[1]


def test_run_resumes_from_its_state_alone(tmp_path: Path) -> None:
    whole = run(tmp_path, images=2000)
    weights = (tmp_path / "model.safetensors").read_bytes()
    for name in ("run.json", "model.safetensors", "history.jsonl"):
        (tmp_path / name).unlink()
    assert run(tmp_path, images=2000).seen == whole.seen
    assert (tmp_path / "model.safetensors").read_bytes() == weights


def test_run_older_than_a_setting_of_the_loop_resumes_with_its_default(tmp_path: Path) -> None:
    run(tmp_path, images=1000)
    state = tmp_path / "state/training.safetensors"
    tensors, facts = checkpoint.read(state)
    identity = json.loads(facts["identity"])
    del identity["config"]["precision"]
    checkpoint.write(state, tensors, facts | {"identity": json.dumps(identity)})
    with pytest.raises(UserError, match="precision fp32 there, bf16 now"):
        run(tmp_path, images=1000, precision="bf16")
    assert run(tmp_path, images=1000).seen == 1000


def test_finished_run_is_left_alone_and_a_larger_budget_continues_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path / "a", images=1000)
    before = (tmp_path / "a/model.safetensors").read_bytes()
    capsys.readouterr()
    run(tmp_path / "a", images=1000)
    assert "resumed" not in capsys.readouterr().err
    assert (tmp_path / "a/model.safetensors").read_bytes() == before
    run(tmp_path / "a", images=2000)
    run(tmp_path / "b", images=2000)
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()


@pytest.mark.parametrize("change", [{"seed": 1}, {"lr_g": 1e-4}])
def test_folder_of_another_run_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    run(tmp_path, images=300)
    with pytest.raises(UserError, match=rf"holds another run \({next(iter(change))}"):
        run(tmp_path, images=300, **change)


def test_diverged_run_says_which_loss_and_when(tmp_path: Path) -> None:
    record = run(tmp_path, lr_g=1e30, lr_d=1e30)
    assert "was not finite at" in str(record.diverged)
    write_samples(tmp_path, Drawing(10, 0), tmp_path / "samples.npz")
    empty = samples.read(tmp_path / "samples.npz")
    assert len(empty.x) == 0
    assert empty.manifest["reason"].startswith("diverged")


def test_typo_in_a_setting_is_answered_with_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'lr_g'"):
        run(tmp_path, lrg=1e-4)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_critic", 0),
        ("batch", 0),
        ("batch", -5),
        ("lr_g", -1.0),
        ("lr_g", float("nan")),
        ("lr_d", float("inf")),
        ("momentum", 1.0),
        ("betas.0", [1.0, 0.9]),
    ],
)
def test_wrong_value_of_a_setting_is_one_line(tmp_path: Path, field: str, value: object) -> None:
    for path in (GAN, Path("baselines/dcgan.py")):  # each declares some of the fields anew
        with pytest.raises(UserError, match=rf"{path.stem}: {field}: must be") as error:
            loop.train(path, "ring", tmp_path / "run", seed=0, images=300, overrides={field.partition(".")[0]: value})
        assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", baseline.names())
def test_defaults_of_every_baseline_are_within_the_bounds_of_the_loop(name: str) -> None:
    config = baseline.load(baseline.resolve(name))[1]
    assert validate(config, {}, name) == config()


@pytest.mark.parametrize("device", ["nope", "meta", "", *([] if torch.cuda.is_available() else ["cuda", "cuda:3"])])
def test_device_that_cannot_compute_is_one_line(tmp_path: Path, device: str) -> None:
    with pytest.raises(UserError, match=rf"--device '{device}': torch cannot compute on it") as error:
        loop.train(GAN, "ring", tmp_path / "run", seed=0, images=300, overrides=SMALL, device=device)
    assert len(str(error.value)) < 300
    assert not (tmp_path / "run").exists()


def test_average_of_the_weights_is_what_is_kept(tmp_path: Path) -> None:
    source = TrainingData.load("ring", torch.device("cpu"))
    gan = baseline.create(GAN, source.spec, SMALL | {"ema": 0.5})
    training = loop.Training(gan, source, 0)
    name = "G.net.0.weight"
    first = gan.state_dict()[name].clone()
    training.step()
    after_one = gan.state_dict()[name].clone()
    training.step()
    after_two = gan.state_dict()[name].clone()
    assert not torch.equal(first, after_two)
    kept = decay(0.5, 1)  # the average starts at the first step's weights
    expected = kept * after_one + (1 - kept) * after_two
    torch.testing.assert_close(training.result().state_dict()[name], expected)


def test_sample_i_depends_on_the_seed_and_i_alone(tmp_path: Path) -> None:
    run(tmp_path, images=300)
    n = BLOCK + 7
    for seed, count, name in ((0, n, "a"), (0, 5, "b"), (1, 5, "c")):
        write_samples(tmp_path, Drawing(count, seed), tmp_path / f"{name}.npz")
    a, b, c = (samples.read(tmp_path / f"{name}.npz").x for name in "abc")
    assert a.shape == (n, 2)
    assert np.array_equal(a[:5], b)
    assert not np.array_equal(b, c)
    assert not np.array_equal(a[:7], a[BLOCK:])


def test_new_stage_starts_fresh_optimisers() -> None:
    source = TrainingData(torch.randn(50, 2), torch.full((50,), -1), DataSpec((2,)))
    gan = baseline.create(GAN, source.spec, SMALL)
    kind = type(gan)
    staged = type("Staged", (kind,), {"stage": property(lambda self: self.now)})
    gan.__class__ = staged
    gan.now = 0  # type: ignore[assignment]
    training = loop.Training(gan, source, 0)
    training.step()
    first = training.opt_g
    training.step()
    assert training.opt_g is first
    gan.now = 1  # type: ignore[assignment]
    training.step()
    assert training.opt_g is not first
