"""Archives of datasets: fetched, checked and extracted, and the sentence for those who are offline.

An archive's members are extracted only into the folder for them. A member that would land elsewhere is refused.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from numtorch import downloads
from numtorch.vision.datasets.idx import CorruptFile

_COMPRESSED: dict[str, Callable] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def check_integrity(fpath: str | Path, md5: str | None = None) -> bool:
    """Whether a file is there, and of a checksum.

    Args:
        fpath: the file.
        md5: the checksum; None for any.

    Returns:
        A bool.

    >>> from numtorch.vision.datasets import archives
    >>> archives.check_integrity("no file")
    False
    """
    path = Path(fpath)
    if md5 is None or not path.is_file():
        return path.is_file()
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest() == md5


def extract_archive(from_path: str | Path, to_path: str | Path | None = None, remove_finished: bool = False) -> str:
    """Unpack a tar or zip archive, or decompress a file.

    Args:
        from_path: the archive.
        to_path: the folder for what is in it; that of the archive if None.
        remove_finished: delete the archive afterwards.

    Returns:
        Where the content is.

    Raises:
        CorruptFile: the archive is not whole, or a member would land outside of the folder.
        ValueError: the file is of no known kind.

    >>> import pathlib, tempfile, zipfile
    >>> from numtorch.vision.datasets import archives
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with zipfile.ZipFile(f"{folder}/a.zip", "w") as file:
    ...         file.writestr("inside.txt", "text")
    ...     _ = archives.extract_archive(f"{folder}/a.zip")
    ...     pathlib.Path(folder, "inside.txt").read_text()
    'text'
    """
    path, folder = Path(from_path), Path(to_path or Path(from_path).parent)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                _refuse_outside(path, folder, archive.namelist())
                archive.extractall(folder)
        elif tarfile.is_tarfile(path):
            with tarfile.open(path) as tar:
                tar.extractall(folder, filter="data")
        elif path.suffix in _COMPRESSED:
            with _COMPRESSED[path.suffix](path) as source, open(folder / path.stem, "wb") as target:
                shutil.copyfileobj(source, target)
            folder = folder / path.stem
        elif path.suffix in (".zip", ".tar", ".tgz"):
            raise CorruptFile(f"{path} is not a whole {path.suffix[1:]} archive")
        else:
            raise ValueError(f"Unknown compression or archive type: '{path.suffix}' of {path}")
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise CorruptFile(f"{path} cannot be extracted: {error}. Delete it and run again") from error
    if remove_finished:
        path.unlink()
    return str(folder)


def _refuse_outside(path: Path, folder: Path, names: Sequence[str]) -> None:
    inside = folder.resolve()
    for name in names:
        if not (inside / name).resolve().is_relative_to(inside):
            raise CorruptFile(f"{path} holds {name}, which would land outside of {folder}")


def download_url(url: str, root: str | Path, filename: str | None = None, md5: str | None = None) -> None:
    """Download a file, unless it is there with its checksum.

    Args:
        url: its address.
        root: the folder for it.
        filename: its name there; that in the address if None.
        md5: its checksum; None for any.

    Raises:
        RuntimeError: there is no connection, or the file is another one.

    >>> import pathlib, tempfile
    >>> from numtorch.vision.datasets import archives
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "here.txt").write_text("text")
    ...     archives.download_url("https://example.org/here.txt", folder)
    """
    name = filename or url.rpartition("/")[2].partition("?")[0]
    if not check_integrity(Path(root) / name, md5):
        downloads.save(url, Path(root) / name, md5)


def download_and_extract_archive(
    url: str,
    download_root: str | Path,
    extract_root: str | Path | None = None,
    filename: str | None = None,
    md5: str | None = None,
    remove_finished: bool = False,
) -> None:
    """Download an archive, unless it is there with its checksum, and unpack it.

    Args:
        url: its address.
        download_root: the folder for it.
        extract_root: the folder for its content; that of the archive if None.
        filename: its name; that in the address if None.
        md5: its checksum; None for any.
        remove_finished: delete the archive afterwards.

    Raises:
        RuntimeError: there is no connection, or the file is another one, or not whole.

    >>> import pathlib, tempfile, zipfile
    >>> from numtorch.vision.datasets import archives
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with zipfile.ZipFile(f"{folder}/a.zip", "w") as file:
    ...         file.writestr("inside.txt", "text")
    ...     archives.download_and_extract_archive("https://example.org/a.zip", folder)
    ...     pathlib.Path(folder, "inside.txt").exists()
    True
    """
    name = filename or url.rpartition("/")[2]
    download_url(url, download_root, name, md5)
    extract_archive(Path(download_root) / name, extract_root or download_root, remove_finished)


def missing(name: str, wanted: Path, url: str, root: Any) -> RuntimeError:
    """The error for a dataset that is not there, for those online and those offline."""
    return RuntimeError(
        f"{name}: Dataset not found or corrupted: {wanted} is missing or not the published one. Pass download=True; "
        f"or, offline, put {url.rpartition('/')[2]} (from {url}) into {root} and pass download=True, which unpacks it"
    )
