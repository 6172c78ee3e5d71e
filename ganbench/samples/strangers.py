"""Files that are no sample set as they are: how each is recognised, and what to do with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple


class Sign(NamedTuple):
    """Bytes at a fixed place of a file that show what it is."""

    place: int
    content: bytes
    what: str  # in words


FOLDER = "; give the folder that it is in"
RAW = "raw data of a camera"
READ = (  # the images that are read
    Sign(0, b"\x89PNG", "PNG"),
    Sign(8, b"WEBP", "WebP"),
    Sign(0, b"\xff\xd8\xff", "JPEG"),
    Sign(0, b"BM", "BMP"),
)
IMAGES = (  # images in a form that is not read
    Sign(0, b"II*\0", "TIFF"),
    Sign(0, b"MM\0*", "TIFF"),
    Sign(0, b"II+\0", "TIFF"),
    Sign(0, b"GIF8", "GIF"),
    Sign(4, b"ftypavi", "AVIF"),
    Sign(4, b"ftyphe", "HEIC"),
    Sign(4, b"ftypmif1", "HEIC"),
    Sign(4, b"ftypmsf1", "HEIC"),
    Sign(4, b"jP  \r\n", "JPEG 2000"),
    Sign(0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    Sign(4, b"JXL \r\n", "JPEG XL"),
    *(Sign(0, f"P{i}{space}".encode(), "PPM") for i in range(1, 8) for space in "\n\r\t "),
    *(Sign(0, f"P{letter}\n".encode(), "PFM") for letter in "Ff"),
    *(Sign(0, bytes([10, version, 1]), "PCX") for version in (0, 2, 3, 4, 5)),
    Sign(0, b"\x01\xda\x00", "SGI"),
    Sign(0, b"\x01\xda\x01", "SGI"),
    Sign(0, b"II\xbc", "JPEG XR"),
    Sign(0, b"icns", "ICNS"),
    Sign(0, b"<svg", "SVG"),
    Sign(0, b"FUJIFILMCCD-RAW", RAW),
    Sign(0, b"8BPS", "Photoshop"),
    Sign(0, b"\x76\x2f\x31\x01", "OpenEXR"),
    Sign(0, b"#?RADIANCE", "Radiance HDR"),
    Sign(0, b"qoif", "QOI"),
    Sign(0, b"DDS ", "DDS"),
    Sign(0, b"\0\0\1\0", "ICO"),
    Sign(0, b"SIMPLE  =", "FITS"),
    Sign(128, b"DICM", "DICOM"),
)
SUFFIXES = {  # of images whose content has no sign, or may not be whole
    ".tif": "TIFF", ".tiff": "TIFF", ".gif": "GIF", ".avif": "AVIF", ".heic": "HEIC", ".heif": "HEIC", ".jp2": "JPEG 2000",
    ".jxl": "JPEG XL", ".ppm": "PPM", ".pgm": "PPM", ".pbm": "PPM", ".pnm": "PPM", ".psd": "Photoshop", ".exr": "OpenEXR",
    ".tga": "TGA", ".svg": "SVG", ".dcm": "DICOM", ".pcx": "PCX", ".sgi": "SGI", ".pfm": "PFM", ".jxr": "JPEG XR",
    ".j2k": "JPEG 2000", ".j2c": "JPEG 2000", ".jpx": "JPEG 2000", ".ico": "ICO", ".icns": "ICNS", ".hdr": "Radiance HDR",
    ".dds": "DDS", ".qoi": "QOI", ".xbm": "XBM", ".xpm": "XPM",
    ".nii": "NIfTI", ".mha": "MetaImage", ".nrrd": "NRRD", ".fits": "FITS", ".fit": "FITS",
    ".cr2": RAW, ".cr3": RAW, ".nef": RAW, ".arw": RAW, ".dng": RAW, ".raf": RAW, ".orf": RAW, ".rw2": RAW,
}  # fmt: skip
PNG = "save them as 8-bit PNG, or move them out of the set"
WINDOW = "choose the window of grey values that becomes black and white, and save 8-bit PNG"
CONVERT = {
    "DICOM": f"pydicom.dcmread(FILE).pixel_array has its values; {WINDOW}",
    "NIfTI": f"nibabel.load(FILE).get_fdata() has its values; choose slices, {WINDOW}",
    "FITS": WINDOW,
    "MetaImage": WINDOW,
    "NRRD": WINDOW,
    "GIF": "a GIF has a palette; save its frames as PNG, or move it out of the set",
}
FILES = (
    Sign(0, b"version https://git-lfs", "a pointer of Git LFS, and not the file itself; fetch the file: git lfs pull"),
    Sign(0, b"PK", "the beginning of a zip or .npz whose end is missing; copy or download it again"),
    Sign(0, b"\x89HDF", "HDF5; save its array: np.save('samples.npy', h5py.File(FILE)[NAME][:])"),
    Sign(0, b"MATLAB", "MATLAB's .mat; save its array: np.save('samples.npy', scipy.io.loadmat(FILE)[NAME])"),
    Sign(16, b"\xde\xc0\xef\xbe", "LMDB; read its values with lmdb, and write each image into a folder or a zip"),
    Sign(0, b"ARROW1", "Arrow; save it as Parquet: datasets.Dataset.from_file(FILE).to_parquet('samples.parquet')"),
    Sign(
        0,
        b"\xff\xff\xff\xff",
        "Arrow; save it as Parquet: datasets.Dataset.from_file(FILE).to_parquet('samples.parquet')",
    ),
    Sign(0, b"\0\0\x08\x03", "MNIST's idx; np.frombuffer(open(FILE, 'rb').read()[16:], np.uint8).reshape(-1, 28, 28)"),
    Sign(0, b"\0\0\x08\x01", "the labels of MNIST's idx, and not its images"),
    Sign(
        0,
        b"\x80",
        "a pickle; pickles are never loaded; save samples as .npz or safetensors, and statistics as .npz with mu and sigma",
    ),
    Sign(0, b"\x1f\x8b", "compressed with gzip; unpack it first (gunzip), since no single sample can be read from it"),
    Sign(0, b"BZh", "compressed with bzip2; unpack it first (bunzip2)"),
    Sign(0, b"\xfd7zXZ", "compressed with xz; unpack it first (unxz)"),
    Sign(0, b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first (zstd -d)"),
    Sign(0, b"7z\xbc\xaf", "a 7z archive; unpack it, and give the folder"),
    Sign(0, b"Rar!", "a RAR archive; unpack it, and give the folder"),
    Sign(5, b"\0\0\0{", "safetensors whose end is missing; copy or download it again"),
    Sign(0, b"<!DOCTYPE", "a web page, and not the file that was to be downloaded"),
    Sign(0, b"<!doctype", "a web page, and not the file that was to be downloaded"),
    Sign(0, b"<html", "a web page, and not the file that was to be downloaded"),
    *(sign._replace(what=f"a single image{FOLDER}") for sign in READ),
    *(sign._replace(what=f"a single image in {sign.what}; {CONVERT.get(sign.what, PNG)}") for sign in IMAGES),
    Sign(4, b"ftyp", "a video; save its frames as PNG"),
    Sign(8, b"AVI ", "a video; save its frames as PNG"),
    Sign(0, b"\x1a\x45\xdf\xa3", "a video; save its frames as PNG"),
)
NAMES = {  # files by the end of their name
    ".tfrecord": "TFRecord; read it with tf.data, and write its images into a folder or a zip",
    ".tfrecords": "TFRecord; read it with tf.data, and write its images into a folder or a zip",
    ".csv": "a table in text; save its numbers: np.save('points.npy', np.loadtxt(FILE, delimiter=',', ndmin=2))",
}
STORES = {  # folders by the end of the name of a file that they hold
    ".mdb": "LMDB; read its values with lmdb, and write each image into a folder or a zip",
    ".arrow": "Arrow of Hugging Face; datasets.load_from_disk(FOLDER).to_parquet('samples.parquet')",
    ".npy": "arrays, each in its own file; np.save('samples.npy', np.stack([np.load(file) for file in files]))",
    ".npz": "arrays, each in its own file; join them with np.concatenate, and save one .npz",
    ".tfrecord": NAMES[".tfrecord"],
    ".h5": "HDF5; save its array: np.save('samples.npy', h5py.File(FILE)[NAME][:])",
    ".hdf5": "HDF5; save its array: np.save('samples.npy', h5py.File(FILE)[NAME][:])",
    ".pt": "tensors in pickles; pickles are never loaded; save one .npz or safetensors",
}


def _sign(head: bytes, signs: Iterable[Sign]) -> str | None:
    return next((sign.what for sign in signs if head.startswith(sign.content, sign.place)), None)


def is_image(head: bytes) -> bool:
    """Whether a file that begins with `head` is an image in a form that is read."""
    sign = _sign(head, READ)
    return sign is not None and (sign != "BMP" or head[6:10] == b"\0\0\0\0")  # two letters are a weak sign


def unread_image(head: bytes) -> str | None:
    """The form of an image that is not read, in words, by its content; None for another file."""
    return _sign(head, IMAGES)


def unread_by_name(name: str) -> str | None:
    """The form of an image that is not read, in words, by its name; None for another name."""
    return SUFFIXES.get(PurePosixPath(name.lower().removesuffix(".gz")).suffix)


def way_out(form: str) -> str:
    """What to do with images of a form that is not read."""
    return CONVERT.get(form, PNG)


def of_file(name: str, head: bytes) -> str:
    """What a file is that is no sample set, and what to do with it."""
    return of_content(head) or of_name(name) or "its form is unknown"


def of_content(head: bytes) -> str | None:
    """The same by the first bytes of the file alone; None if they do not say it."""
    return _sign(head, FILES) if head else "an empty file"


def of_name(name: str) -> str | None:
    """The same by the name of the file alone; None if it does not say it."""
    if form := unread_by_name(name):
        return f"a single image in {form}; {way_out(form)}"
    return NAMES.get(PurePosixPath(name.lower()).suffix)


def of_folder(names: Iterable[str]) -> str | None:
    """What a folder without images is, and what to do with it; None if the names of its files do not say it."""
    suffixes = [PurePosixPath(name.lower()).suffix for name in names]
    return next((what for suffix, what in STORES.items() if suffix in suffixes), None)
