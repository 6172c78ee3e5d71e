"""The pre-flight report: what is in a sample set, what that means for its scores, and what is refused.

| found | rule |
|---|---|
| PNG, WebP, BMP; 8-bit grey or colour | read as they are |
| JPEG | warning: its compression moves FID (Parmar et al. 2022, arXiv:2104.11222) |
| transparency | error, unless every pixel is opaque: then it is dropped, with a warning |
| 16-bit grey PNG | error, unless every value is a multiple of 257, that is 8 bits in disguise: exact division, with a warning |
| 16-bit colour PNG | error |
| palette, 1 bit | read through the palette, exactly; with a warning |
| CMYK and all other modes | error |
| grey images among colour ones | their value is repeated, exactly; with a warning |
| several frames | error |
| a turned camera (EXIF orientation) | pixels as they are stored, like torch-fidelity and clean-fid; with a warning |
| mixed sizes | error that names the odd ones |
| corrupt, truncated, more than 2^25 pixels, more than 2^28 bytes | error that names them |
| floats | error, unless `--range` is declared; a value that does not round into 0 ... 255 is an error |
| a set without a value above 31 of 255, or without a value below 127 | warning: the declared range is likely wrong |
| NaN, infinity | error that names the first sample |
| integers other than uint8 | error that says how to convert |
| channels first or last | by the axis of length 1 or 3; error if both are, unless `--layout` is declared |
| waves, floats [n, T, C] | error, unless `--layout ntc` is declared; a file of `ganbench sample` declares it in its manifest |
| fewer samples than a metric needs | warning that names the metrics; the result gives the reason of each metric |
| exact copies among the samples | warning with the first few |
| hidden files, `__MACOSX`, `Thumbs.db`, `desktop.ini` | ignored and counted |
| TIFF, GIF, PPM, HEIC, DICOM and other images that are not read | error that names them, and says how to convert |
| images without an ending, or with another one, such as .jfif | read: the content decides |
| a file with the name of an image that is none, such as a pointer of Git LFS | error that says what the file is |
| links to folders | not followed, warning that names them |
| other files that are not images | ignored, warning that names them |
| folders or files of several sets, such as train beside test, or 0_real_A.png beside 0_fake_B.png | error that names them |
| folders that cut a set into parts, such as 00000 and 00001, or batch_0 | no classes, warning |

Nothing is left out, cut or rescaled by the data's own minimum and maximum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ganbench.errors import UserError, counted, plain
from ganbench.samples.rows import amount

NAMED = 5  # files named in a message
DARK, MIDDLE = 31, 127  # grey levels: no set of images is darker than the first, and none is lighter than the second


class Kind(NamedTuple):
    """What an image file says about itself."""

    format: str = ""
    mode: str = ""
    width: int = 0
    height: int = 0
    alpha: str = ""  # "opaque" or "used"
    sixteen: str = ""  # 16 bits per channel: "exact" if every value is a multiple of 257, else "real"
    frames: int = 1
    turned: bool = False
    fault: str = ""  # why it cannot be read


@dataclass
class Group:
    """The images of one kind."""

    count: int = 0
    names: list[str] = field(default_factory=list)  # the first few

    def add(self, name: str) -> None:
        """Count another image."""
        self.count += 1
        if len(self.names) < NAMED:
            self.names.append(name)


Kinds = Mapping[Kind, Group]

READABLE = ("L", "RGB", "LA", "RGBA", "P", "PA", "1", "I;16")
WINDOW = "choose which value becomes black and which becomes white (of medical images a window), scale the values to 0"
REFUSED: Sequence[tuple[Callable[[Kind], object], str]] = (
    (lambda k: k.fault, "cannot be read"),
    (lambda k: k.frames > 1, "have several frames; save one file per image"),
    (lambda k: k.mode not in READABLE, "are neither grey nor RGB; save 8-bit grey or RGB"),
    (lambda k: k.sixteen == "real", f"have 16 bits per channel; {WINDOW} to 255, and save 8 bits per channel"),
    (
        lambda k: k.alpha == "used",
        "are transparent; choose a background, paint it below the pixels, and save without alpha",
    ),
)
WARNED: Sequence[tuple[Callable[[Kind], object], str]] = (
    (
        lambda k: k.format == "JPEG",
        "are JPEG, and JPEG's compression moves FID; save samples as PNG (arXiv:2104.11222)",
    ),
    (lambda k: k.alpha == "opaque", "have an alpha channel that is opaque everywhere; it was dropped"),
    (
        lambda k: k.sixteen == "exact",
        "have 16 bits per channel that are 8 bits times 257; all values were divided by 257",
    ),
    (lambda k: k.mode in ("P", "PA", "1"), "have a palette or 1 bit; the colours of the palette were read"),
    (lambda k: k.turned, "have an EXIF orientation; it is not applied"),
)


def several(names: Iterable[str], count: int) -> str:
    """The first few names, and that there are more.

    >>> several(["a.png", "b.png"], 7)
    'a.png, b.png and 5 more'
    """
    shown = list(names)[:NAMED]
    return ", ".join(shown) + (f" and {count - len(shown):,} more" if count > len(shown) else "")


def chosen(kinds: Kinds, applies: Callable[[Kind], object]) -> Group:
    """All images whose kind `applies` to, as one group."""
    groups = [group for kind, group in kinds.items() if applies(kind)]
    return Group(sum(g.count for g in groups), [name for g in groups for name in g.names][:NAMED])


def _of(count: int, n: int, what: str) -> str:
    """How many of `n` images `what` is true of. `what` begins with its verb in the plural.

    >>> _of(1, 1, "have several frames"), _of(1, 3, "are JPEG"), _of(2, 3, "are JPEG")
    ('1 of 1 image has several frames', '1 of 3 images is JPEG', '2 of 3 images are JPEG')
    """
    verb, _, rest = what.partition(" ")
    if count == 1:
        verb = {"are": "is", "have": "has"}.get(verb, verb)
    return f"{count:,} of {counted(n, 'image')} {verb} {rest}"


def channels(kind: Kind) -> int:
    """1 for grey, 3 for colour."""
    return 1 if kind.mode in ("L", "LA", "1", "I;16") else 3


def judge(name: str, kinds: Kinds) -> list[str]:
    """Warnings about the images of a set.

    Raises:
        UserError: the pixels of some images are not certain.
    """
    n = sum(group.count for group in kinds.values())
    for applies, what in REFUSED:
        odd = chosen(kinds, applies)
        if odd.count:
            why = {k.fault for k, g in kinds.items() if k.fault and odd.names[0] in g.names}
            reason = f" ({why.pop()})" if why else ""
            raise UserError(f"{name}: {_of(odd.count, n, what)}: {several(odd.names, odd.count)}{reason}")
    sizes = Counter[tuple[int, int]]()
    for kind, group in kinds.items():
        sizes[kind.width, kind.height] += group.count
    (most, count), *others = sizes.most_common()
    if others:
        odd = chosen(kinds, lambda k: (k.width, k.height) != most)
        raise UserError(
            f"{name}: images of {len(sizes):,} sizes (width x height): {most[0]} x {most[1]} is the size of "
            f"{count:,} of {counted(n, 'image')}, but not of {several(odd.names, odd.count)}; resize all images in the same way"
        )
    warnings = []
    for applies, what in WARNED:
        odd = chosen(kinds, applies)
        if odd.count:
            warnings.append(_of(odd.count, n, what))
    grey = chosen(kinds, lambda k: channels(k) == 1)
    if 0 < grey.count < n:
        listed = several(grey.names, grey.count)
        warnings.append(f"{counted(grey.count, 'grey image')} among {n:,}, read with three equal channels: {listed}")
    return warnings


def narrow(low: float, high: float, span: tuple[float, float] | None) -> list[str]:
    """Warnings where all values of a set lie in a part of the grey levels that images do not keep to.

    Args:
        low, high: the smallest and the largest grey level of the set, of 255.
        span: the declared black and white if the images were floats.

    >>> narrow(0, 255, None), narrow(128, 255, (-1.0, 1.0))
    ([], ["no value is below the middle of the declared range -1 to 1; for images from 0 to 1 declare `range='0,1'`"])
    """
    if span is None:
        declared = "no value is {} of 255"
        dark, light = "values from 0 to 1 must be multiplied by 255", "values from 0 to 255 were expected"
    else:
        declared = f"no value is {{}} the declared range {span[0]:g} to {span[1]:g}"
        dark = light = "for images from 0 to 1 declare `range='0,1'`"
        if span == (0.0, 1.0):
            dark = "images that were divided by 255 twice look like this"
    if high <= DARK:
        level = f"above {high:g}" if span is None else "above the lowest eighth of"
        return [f"{declared.format(level)}, so all images are almost black; {dark}"]
    if low >= MIDDLE:
        level = f"below {low:g}" if span is None else "below the middle of"
        return [f"{declared.format(level)}; {light}"]
    return []


def lines(*manifests: Mapping[str, Any]) -> list[str]:
    """The report on sets that were read: per set one line of facts, then one line per warning."""
    return [
        line for manifest in manifests if "found" in manifest for line in _lines(manifest["name"], manifest["found"])
    ]


def _lines(name: str, report: Mapping[str, Any]) -> list[str]:
    facts = [f"{amount(report['n'], report['shape'])} from {report['form']}"]
    facts += [", ".join(f"{n:,} {what}" for what, n in report["files"].items())] if report.get("files") else []
    facts += [f"values {report['range'][0]:g} to {report['range'][1]:g}"] if report["range"] else []
    facts += [counted(report["copies"], "exact copy")]
    facts += [f"labels: {report['labels']}"] if report["labels"] else []
    facts += [f"{counted(report['ignored'], 'system file')} ignored"] if report.get("ignored") else []
    text = [f"{name}: {'; '.join(facts)}", *(f"{name}: warning: {warning}" for warning in report["warnings"])]
    return list(map(plain, text))


def few(name: str, n: int, least: Mapping[str, int]) -> list[str]:
    """A warning that names the metrics for which `n` samples are too few. `least`: how many samples each metric needs.

    >>> few("mine", 150, {"fid": 2, "support": 200})
    ['mine: warning: too few samples (150) for support (200)']
    """
    short = [f"{metric} ({minimum:,})" for metric, minimum in least.items() if n < minimum]
    return [plain(f"{name}: warning: too few samples ({n:,}) for {', '.join(short)}")] if short else []
