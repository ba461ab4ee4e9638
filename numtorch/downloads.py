"""Downloads files of any size, with a checksum, and never leaves an incomplete one."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from numtorch import notices
from numtorch.files import write_atomically

TIMEOUT = 30  # seconds without a byte before an address is given up


def save(url: str, path: Path, wanted: str | None = None, algorithm: str = "md5", progress: bool = True) -> None:
    """Download a file of any size; it is there when it is whole and of the right checksum, or not at all.

    Args:
        url: its address.
        path: where it goes.
        wanted: the checksum in hexadecimal digits, or the first of them; None for any.
        algorithm: of the checksum.
        progress: whether a bar is shown.

    Raises:
        RuntimeError: there is no connection, or the file is another one.

    >>> import pathlib
    >>> from numtorch import downloads
    >>> downloads.save("no address", pathlib.Path("file"))
    Traceback (most recent call last):
    RuntimeError: could not download file from no address (unknown url type: 'no address'). ...
    """
    sum_ = hashlib.new(algorithm, usedforsecurity=False)

    def checked() -> Iterator[bytes]:
        for chunk in chunks(url, path.name, progress):
            sum_.update(chunk)
            yield chunk
        if wanted is not None and not sum_.hexdigest().startswith(wanted):
            raise OSError(f"invalid hash value (expected {algorithm} {wanted!r}, got {sum_.hexdigest()!r})")

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, checked())
    except (OSError, ValueError) as error:
        raise RuntimeError(
            f"could not download {path.name} from {url} ({error}). Check the network; offline, put the file into "
            f"{path.parent} yourself"
        ) from error


def chunks(url: str, name: str, progress: bool = True) -> Iterator[bytes]:
    """The parts of what is at an address, with a progress bar; OSError if not all of it comes."""
    import urllib.request  # slow to import, and few programs download

    request = urllib.request.Request(url, headers={"User-Agent": "numtorch"})
    done = 0
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        total = int(answer.headers.get("Content-Length") or 0)
        shown = notices.progress(total or None, name, "B", unit_scale=True) if progress else contextlib.nullcontext()
        with shown as bar:
            while chunk := answer.read(1 << 16):
                done += len(chunk)
                if bar is not None:
                    bar.update(len(chunk))
                yield chunk
    if total and done != total:
        raise OSError(f"the connection ended after {done} of {total} bytes")
