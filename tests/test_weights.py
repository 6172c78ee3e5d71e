"""The verbs of weights: what is listed is what extractors need, and what is fetched has its hash."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ganbench import features
from ganbench.cli import weights
from ganbench.errors import Unreachable, UserError
from ganbench.features import _weights, fidelity, inception

CONTENT = b"weights of a small network"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A mirror with a small file in the place of Inception's weights, and no weights on this machine. Its folder."""
    small = inception.WEIGHTS._replace(sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))
    monkeypatch.setattr(inception, "WEIGHTS", small)
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    served = tmp_path / "served"
    served.mkdir()
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=served))
    threading.Thread(target=http.serve_forever).start()
    monkeypatch.setenv("GANBENCH_WEIGHTS", str(tmp_path / "kept"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("GANBENCH_WEIGHTS_MIRROR", f"http://127.0.0.1:{http.server_port}")
    yield served
    http.shutdown()
    http.server_close()


def test_every_extractor_with_published_weights_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    weights.list_("-")
    entries = json.loads(capsys.readouterr().out)
    listed = {name: entry for entry in entries for name in entry["extractors"]}
    needed = [name for name in features.names() if "precision" in features.describe(name)]
    assert set(listed) >= set(needed)
    for name in needed:
        assert listed[name]["sha256"] == features.describe(name)["sha256"]
        assert listed[name]["licence"]
    weights.list_(None)
    assert fidelity.DINOV2.url in capsys.readouterr().out


def test_a_fetched_file_has_its_hash_and_its_place_is_printed(
    server: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (server / inception.WEIGHTS.file).write_bytes(CONTENT)
    with pytest.raises(Unreachable, match=r"is not on this machine\. Fetch it: ganbench weights fetch inception"):
        weights.where(["inception"])
    weights.fetch(["inception", "inception-clean"])
    place = tmp_path / "kept" / inception.WEIGHTS.file
    assert place.read_bytes() == CONTENT
    assert capsys.readouterr().out.split() == [str(place)]
    weights.where(["inception"])
    assert capsys.readouterr().out.split() == [str(place)]
    (server / inception.WEIGHTS.file).unlink()
    weights.fetch(["inception"])  # it is here, so nothing is asked for


def test_a_file_with_another_hash_is_refused(server: Path, tmp_path: Path) -> None:
    (server / inception.WEIGHTS.file).write_bytes(CONTENT + b"!")
    with pytest.raises(Unreachable, match="another hash"):
        weights.fetch(["inception"])
    assert _weights.locate(inception.WEIGHTS) is None
    (tmp_path / "kept" / inception.WEIGHTS.file).write_bytes(CONTENT + b"!")
    with pytest.raises(UserError, match=r"has SHA-256 .* delete it and try again"):
        weights.fetch(["inception"])


@pytest.mark.parametrize(
    ("name", "message"), [("pixels", "needs no file"), ("digits-cnn", "needs no file"), ("incption", "did you mean")]
)
def test_an_extractor_without_a_file_is_refused(name: str, message: str) -> None:
    for verb in (weights.fetch, weights.where):
        with pytest.raises(UserError, match=message):
            verb([name])
