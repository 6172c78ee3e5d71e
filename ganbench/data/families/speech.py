"""`spoken-digits`: the ten digits as the speech synthesiser espeak-ng says them, a second of sound at 4,000 steps a second.

The synthesiser is a program for WebAssembly, whose arithmetic is the same on every machine. So equal code gives equal bytes.

All clips of a voice are on one side of the split, and held-out voices speak at other speeds than training voices. Otherwise
held-out clips would be near copies of training clips, and memorisation would be found where there is none.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import wave
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganbench import files
from ganbench.data import draws, sources, splits
from ganbench.data.folder import Built, Dataset, Facts, Split
from ganbench.errors import UserError

RECIPE = 1
PACKAGE = "espeak-ng@1.0.2"
PINS = {
    "espeak-ng.js": "406c6655a6cacf34d84fc69dc4478c81b71518809080ce2d05df1b706d76429d",
    "espeak-ng.wasm": "10d24bb7e4124e983aa9cd8cd96c52c8ea4b607d81956ec70846684e2827d532",
}
SPEAK = Path(__file__).parents[1] / "speak.mjs"

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en-gb", "en-us", "en-gb-scotland")
VOICES = {
    "men": (
        "Alex", "Andy", "Denis", "Gene", "Jacky", "Lee", "Michael", "Mike", "Nguyen", "antonio", "boris", "ed", "grandpa",
        "gustave", "ian", "iven", "kaukovalta", "m1", "m3", "m4", "m7", "m8", "marcelo", "max", "paul", "pedro", "quincy",
        "robert", "travis", "zac",
    ),
    "women": ("Andrea", "Annie", "anika", "aunty", "belinda", "f1", "f3", "grandma", "shelby", "steph"),
}  # fmt: skip
TAKES = 3  # of each voice in each accent, each with its own speed and pitch
SPEEDS = {False: (120, 140, 160, 180), True: (130, 150, 170)}  # words a minute, by whether a voice is held out
LOWEST, PITCHES = 20, 61  # of the synthesiser's scale from 0 to 99
TEST = 0.25  # share of the voices that is held out

SPOKEN = 22_050  # steps a second of the synthesiser
RATE, STEPS = 4_000, 4_096  # steps a second of a clip, and of a clip
UP, DOWN = 80, 441  # RATE / SPOKEN
REACH = 96  # steps of the synthesiser to each side that a step of a clip looks at
CUTOFF = 1_800  # Hz; the filter has faded out above RATE / 2
ONE = 2**15  # a tap of the filter, and a step of a clip, counts in 1 / ONE
QUIET = 60  # largest step between two words
PAUSE = SPOKEN // 2  # steps between two words, at least; they are a second apart
PEAK = 0.9  # the largest step of each clip


class Said(NamedTuple):
    """How the ten digits are said."""

    voice: str
    accent: str
    speed: int  # words a minute
    pitch: int

    @property
    def arguments(self) -> list[str]:
        """The arguments of espeak-ng."""
        text = '<break time="1s"/>'.join(f" {word} " for word in WORDS)
        manner = ["-v", f"{self.accent}+{self.voice}", "-s", str(self.speed), "-p", str(self.pitch)]
        return ["-m", *manner, f"<speak>{text}</speak>"]


def held_out() -> np.ndarray:
    """Which voices are held out, bool `[V]`, in the order of `VOICES`."""
    kinds = [kind for kind, group in VOICES.items() for _ in group]
    return splits.held_out("spoken-digits", np.arange(len(kinds)), kinds, TEST)


def plan() -> list[Said]:
    """All takes of all voices in all accents, voice by voice. No two takes of a voice in an accent have one speed."""
    voices = [voice for group in VOICES.values() for voice in group]
    shape = len(voices), len(ACCENTS)
    pitch = LOWEST + draws.integers("spoken-digits pitch", PITCHES, *shape, TAKES)
    order = np.argsort(draws.uniform("spoken-digits speed", *shape, len(SPEEDS[False])))
    said = []
    for v, (voice, out) in enumerate(zip(voices, held_out().tolist(), strict=True)):
        for a, accent in enumerate(ACCENTS):
            speeds = [SPEEDS[out][k] for k in order[v, a] if k < len(SPEEDS[out])]
            said += [Said(voice, accent, speeds[t], int(pitch[v, a, t])) for t in range(TAKES)]
    return said


def spoken(root: Path) -> Built:
    """Ten clips of each entry of `plan`."""
    node = shutil.which("node")
    if node is None:
        raise UserError(
            "spoken-digits is spoken by a program that needs Node.js, and this machine has no node: install Node.js, on "
            "Debian with `apt-get install nodejs npm`"
        )
    members = {name: f"package/dist/{name}" for name in PINS}
    program = sources.first(PINS, [sources.npm({PACKAGE: members})], root / "sources" / "spoken-digits")
    said = plan()
    x = np.concatenate([clips(steps) for steps in speak(node, program, said)])
    y = np.tile(np.arange(len(WORDS)), len(said))
    voices = [voice for group in VOICES.values() for voice in group]
    out = held_out()
    test = np.repeat(out, len(x) // len(voices))
    return Built(
        Split(x[~test], y[~test]),
        Split(x[test], y[test]),
        {
            "notes": f"{len(voices)} voices in {len(ACCENTS)} accents ({_listed(ACCENTS)}), {TAKES} takes each with its own "
            f"speed and a pitch of {LOWEST} to {LOWEST + PITCHES - 1}; a clip is the middle of its word, with {PEAK:g} as its "
            f"largest step; each step counts in 1/{ONE}; sound above {CUTOFF} Hz fades out; the split is by voice and speed: "
            f"training voices speak {_listed(SPEEDS[False])} words a minute, held-out voices {_listed(SPEEDS[True])}; held "
            f"out are {_listed(voice for voice, yes in zip(voices, out, strict=True) if yes)}",
            "licence": "Apache-2.0 for the clips; the synthesiser: GPL-3.0-or-later",
            "citation": "spoken for ganbench by eSpeak NG 1.52-dev, compiled to WebAssembly (espeak-ng.js 1.0.2); the task "
            "follows the spoken digits of Donahue et al. 2018, arXiv:1802.04208",
            "url": "https://github.com/espeak-ng/espeak-ng",
            "classes": len(WORDS),
            "rate": RATE,
        },
    )


def _listed(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))


def speak(node: str, program: dict[str, bytes], said: list[Said]) -> list[np.ndarray]:
    """What the synthesiser says, int64 `[T]` of 16 bits, at `SPOKEN` steps a second.

    Args:
        node: the program of Node.js.
        program: the files of the synthesiser, by name.
        said: what is said, and how.

    Raises:
        UserError: Node.js cannot run the synthesiser.
    """
    with files.shared_scratch() as scratch:
        for name, content in program.items():
            (scratch / name).write_bytes(content)
        (scratch / "package.json").write_text('{"type": "module"}\n', encoding="utf-8")
        given = json.dumps([one.arguments for one in said]).encode()
        done = subprocess.run([node, str(SPEAK), str(scratch)], input=given, capture_output=True)
    if done.returncode:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if "Error" in line]
        why = lines[0].strip() if lines else f"exit code {done.returncode}"
        raise UserError(f"spoken-digits: Node.js cannot run espeak-ng ({why}); a newer Node.js may help")
    return waves(done.stdout)


def waves(stream: bytes) -> list[np.ndarray]:
    """The steps of WAV files of one channel and 16 bits, each file behind its length in 4 bytes: int64 `[T]` each."""
    out, start = [], 0
    while start < len(stream):
        size = int.from_bytes(stream[start : start + 4], "little")
        with wave.open(io.BytesIO(stream[start + 4 : start + 4 + size])) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (SPOKEN, 1, 2)
            out.append(np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int64))
        start += 4 + size
    return out


def clips(steps: np.ndarray) -> np.ndarray:
    """The clips of the words in one recording: float32 `[10, STEPS, 1]` in [-PEAK, PEAK].

    A word that is longer than its clip loses its two ends.

    Args:
        steps: of the synthesiser, int64 `[T]`.
    """
    out = []
    for start, end in words(steps):
        y = slowed(steps, (start + end) // 2 - STEPS * DOWN // UP // 2, STEPS)
        whole = np.rint(y * (PEAK * ONE / np.abs(y).max()))
        out.append((whole / ONE).astype(np.float32))
    return np.stack(out)[..., None]


def words(steps: np.ndarray) -> list[tuple[int, int]]:
    """The first and the last step of each word of a recording `[T]`."""
    loud = np.flatnonzero(np.abs(steps) > QUIET)
    cut = np.flatnonzero(np.diff(loud) > PAUSE)
    starts, ends = np.r_[loud[:1], loud[cut + 1]], np.r_[loud[cut], loud[-1:]]
    assert len(starts) == len(WORDS)
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def slowed(steps: np.ndarray, start: int, n: int) -> np.ndarray:
    """`n` steps at the rate `RATE` of a recording `[T]` at the rate `SPOKEN`, from its step `start` on: int64 `[n]`, times ONE.

    The sums are of whole numbers, so they are exact.
    """
    place = start * UP + np.arange(n) * DOWN
    inside = np.pad(steps, (REACH + max(0, -start), REACH + n * DOWN // UP))
    first = place // UP + max(0, -start) + 1
    taken = inside[first[:, None] + np.arange(2 * REACH)]
    return np.asarray((taken * taps()[place % UP]).sum(1))


@cache
def taps() -> np.ndarray:
    """The filter at `UP` places between two steps of the synthesiser: a sinc under a Hann window, int64 `[UP, 2 REACH]`.

    Each row sums to ONE.
    """
    u = np.arange(1 - REACH, REACH + 1) - np.arange(UP)[:, None] / UP
    h = np.sinc(2 * CUTOFF / SPOKEN * u) * (1 + np.cos(np.pi * u / REACH))
    whole = np.rint(ONE * h / h.sum(1, keepdims=True)).astype(np.int64)
    whole[:, REACH - 1] += ONE - whole.sum(1)
    return np.asarray(whole)


DATASETS = {
    "spoken-digits": Dataset(
        "spoken digits, synthesised, 1 second at 4 kHz, 10 classes",
        spoken,
        facts=Facts((STEPS, 1), 2700, 900, len(WORDS), rate=RATE),
    )
}
