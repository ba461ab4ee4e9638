"""Downloads files: from several mirrors, with a checksum, and never leaves an incomplete file on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from numtorch import notices
from numtorch.files import write_atomically

TIMEOUT = 30  # seconds without a byte before a mirror is given up


def md5(data: bytes) -> str:
    """The MD5 checksum, as the publishers of the data sets give it."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def fetch(name: str, mirrors: Sequence[str], folder: Path, check: Callable[[bytes], str | None]) -> Path:
    """Download ``name`` into ``folder`` from the first mirror that gives a good copy.

    ``check`` returns what is wrong with the bytes, or None. Nothing is written unless it is
    content.

    Raises:
        RuntimeError: if no mirror has a good copy; the message lists what each one answered.
    """
    answers = []
    for mirror in mirrors:
        url = mirror.rstrip("/") + "/" + name
        try:
            data = _read(url, name)
        except OSError as error:  # refused, unknown host, HTTP error, timeout
            answers.append(f"  {url}: {error}")
            continue
        if wrong := check(data):
            answers.append(f"  {url}: {wrong}")
            continue
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / name, data)
        return folder / name
    raise RuntimeError(
        f"could not download {name}; tried\n" + "\n".join(answers) + "\n"
        f"Check the network, or put the file into {folder} yourself"
    )


def _read(url: str, name: str) -> bytes:
    import urllib.request  # slow to import, and few programs download

    request = urllib.request.Request(url, headers={"User-Agent": "numtorch"})
    chunks, done = [], 0
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        total = int(answer.headers.get("Content-Length") or 0)
        with notices.progress(total or None, name, "B", unit_scale=True) as bar:
            while chunk := answer.read(1 << 16):
                chunks.append(chunk)
                done += len(chunk)
                bar.update(len(chunk))
    if total and done != total:
        raise OSError(f"the connection ended after {done} of {total} bytes")
    return b"".join(chunks)
