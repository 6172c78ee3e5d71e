"""Spoken digits: what is said, how recordings become clips, and what a machine without Node.js is told. No program speaks."""

from __future__ import annotations

import io
import shutil
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ganbench.data import sources
from ganbench.data.families import speech
from ganbench.data.families.speech import DOWN, ONE, PEAK, RATE, REACH, SPOKEN, STEPS, UP, WORDS
from ganbench.errors import UserError


def tone(hertz: float, seconds: float, size: float = 10_000) -> np.ndarray:
    return np.rint(size * np.sin(2 * np.pi * hertz * np.arange(round(seconds * SPOKEN)) / SPOKEN)).astype(np.int64)


def recording(pitch: Callable[[int], float] = lambda i: 200 + 100 * i, words: int = 10) -> np.ndarray:
    """Tones of 0.4 seconds, a second apart."""
    pause = np.zeros(SPOKEN, np.int64)
    return np.concatenate(
        [part for i in range(words) for part in (pause, tone(pitch(i), 0.4))] + [pause[: SPOKEN // 9]]
    )


def wav(steps: np.ndarray, rate: int = SPOKEN) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(steps.astype("<i2").tobytes())
    return len(out.getvalue()).to_bytes(4, "little") + out.getvalue()


def loudest(clip: np.ndarray) -> float:
    """The loudest frequency of a clip `[T, 1]`, in Hz."""
    return float(np.abs(np.fft.rfft(clip[:, 0])).argmax() * RATE / STEPS)


def test_every_voice_says_every_digit_in_every_accent() -> None:
    said = speech.plan()
    voices = [voice for group in speech.VOICES.values() for voice in group]
    assert len(set(voices)) == len(voices)
    assert len(set(said)) == len(said) == len(voices) * len(speech.ACCENTS) * speech.TAKES
    assert {(one.voice, one.accent) for one in said} == {(v, a) for v in voices for a in speech.ACCENTS}
    for voice, out in zip(voices, speech.held_out().tolist(), strict=True):
        assert {one.speed for one in said if one.voice == voice} <= set(speech.SPEEDS[out])
    assert {one.pitch for one in said} <= set(range(20, 81))
    assert all([word for word in one.arguments[-1].split() if word in WORDS] == list(WORDS) for one in said)


def test_held_out_clips_have_speeds_of_their_own_and_the_same_mean_speed() -> None:
    train, test = speech.SPEEDS[False], speech.SPEEDS[True]
    assert min(abs(a - b) for a in train for b in test) == 10
    assert np.mean(train) == np.mean(test)


def test_a_clip_is_the_tone_of_its_word_in_the_middle() -> None:
    clips = speech.clips(recording())
    assert clips.shape == (10, STEPS, 1)
    assert clips.dtype == np.float32
    for i, clip in enumerate(clips):
        assert loudest(clip) == pytest.approx(200 + 100 * i, abs=3)
        loud = np.flatnonzero(np.abs(clip[:, 0]) > 0.05)
        assert (loud[0] + loud[-1]) / 2 == pytest.approx(STEPS / 2, abs=5)
        assert (loud[-1] - loud[0]) / RATE == pytest.approx(0.4, abs=0.01)


def test_the_largest_step_is_the_same_in_each_clip_and_counts_in_16_bits() -> None:
    clips = speech.clips(recording()) * np.float64(ONE)
    np.testing.assert_array_equal(clips, np.rint(clips))
    np.testing.assert_allclose(np.abs(clips).max((1, 2)), PEAK * ONE, atol=0.5)


def test_sound_that_the_slower_rate_cannot_hold_is_filtered_out() -> None:
    """A tone of 2,400 Hz would come back as 1,600 Hz."""
    power = {
        hertz: np.square(speech.slowed(tone(hertz, 1.5), SPOKEN // 9, STEPS) / ONE).sum() for hertz in (1000, 2400)
    }
    assert power[2400] < 1e-6 * power[1000]


def test_a_constant_stays_constant_at_each_place_between_two_steps() -> None:
    steps = np.full(2 * SPOKEN, 7)
    np.testing.assert_array_equal(speech.slowed(steps, SPOKEN // 9, STEPS), 7 * ONE)
    assert speech.taps().shape == (UP, 2 * REACH)


def test_each_step_is_at_its_own_time() -> None:
    """A slow sine wave, filtered and slowed, is the sine wave at 4,000 steps a second."""
    start = SPOKEN // 9
    y = speech.slowed(tone(50, 1.5), start, STEPS) / ONE
    time = (start + np.arange(STEPS) * DOWN / UP) / SPOKEN
    np.testing.assert_allclose(y, 10_000 * np.sin(2 * np.pi * 50 * time), atol=25)


def test_a_word_at_the_very_beginning_has_silence_before_it() -> None:
    steps = np.concatenate([tone(300, 0.2), np.zeros(SPOKEN, np.int64)])
    y = speech.slowed(steps, -SPOKEN // 4, STEPS)
    assert not y[: RATE // 4 - REACH * UP // DOWN - 1].any()
    assert y[RATE // 4 + 20 : RATE // 4 + 60].any()


@pytest.mark.parametrize("count", [9, 11])
def test_a_recording_of_another_number_of_words_is_not_cut(count: int) -> None:
    with pytest.raises(AssertionError):
        speech.words(recording(words=count))


def test_files_of_the_stream_are_read_one_after_the_other() -> None:
    one, other = tone(200, 0.1), tone(300, 0.2)
    first, second = speech.waves(wav(one) + wav(other))
    np.testing.assert_array_equal(first, one)
    np.testing.assert_array_equal(second, other)
    with pytest.raises(AssertionError):
        speech.waves(wav(one, rate=16_000))


def test_all_clips_of_a_voice_are_on_one_side(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    voices = [voice for group in speech.VOICES.values() for voice in group]
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(sources, "first", lambda *given: {})
    monkeypatch.setattr(
        speech, "speak", lambda node, program, said: [tone(100 + 30 * voices.index(one.voice), 2.5) for one in said]
    )  # fmt: skip
    monkeypatch.setattr(speech, "clips", lambda steps: speech.slowed(steps, SPOKEN, STEPS)[None, :, None].repeat(10, 0))
    built = speech.spoken(tmp_path)
    sides = [{round((loudest(x) - 100) / 30) for x in split.x[::10]} for split in (built.train, built.test)]
    assert sides[0] | sides[1] == set(range(len(voices)))
    assert not sides[0] & sides[1]
    assert len(sides[1]) == round(0.25 * 30) + round(0.25 * 10)
    for split in (built.train, built.test):
        assert (np.bincount(split.y) == len(split.y) // 10).all()
    assert all(voices[i] in built.card["notes"].rpartition("held out are")[2] for i in sides[1])
    facts = speech.DATASETS["spoken-digits"].facts
    assert facts is not None
    assert (facts.train, facts.test) == (len(built.train.x), len(built.test.x))


def test_a_machine_without_node_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"install Node\.js") as error:
        speech.spoken(tmp_path)
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)


@pytest.mark.skipif(shutil.which("node") is None, reason="this machine has no node")
def test_what_node_says_reaches_the_clips_and_its_failure_is_one_line() -> None:
    """A made-up program in the place of espeak-ng: its file is its last argument."""
    program = """export default async ({ arguments: given, instantiateWasm }) => {
      await new Promise((done) => instantiateWasm({}, done));
      if (given.includes("en-gb+broken")) throw new Error("no such voice");
      return { FS: { readFile: (name) => Buffer.from(`${name} ${Date.now()} ${given.slice(2).join(" ")}`) } };
    };"""
    smallest = b"\x00asm\x01\x00\x00\x00"  # a module of WebAssembly without content
    given = {"espeak-ng.js": program.encode(), "espeak-ng.wasm": smallest}
    said = [speech.Said("m1", "en-gb", 120, 50), speech.Said("f1", "en-us", 130, 40)]
    node = shutil.which("node")
    assert node is not None
    stream: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speech, "waves", stream.append)
        speech.speak(node, given, said)
    expected = [f"said.wav 0 {' '.join(one.arguments)}".encode() for one in said]
    assert stream == [b"".join(len(text).to_bytes(4, "little") + text for text in expected)]
    with pytest.raises(UserError, match=r"Node\.js cannot run espeak-ng .*no such voice"):
        speech.speak(node, given, [speech.Said("broken", "en-gb", 120, 50)])
