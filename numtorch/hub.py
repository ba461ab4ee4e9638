"""``torch.hub``: models from a folder with a ``hubconf.py``, and files of weights by their address, kept in a cache."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numtorch as nt
from numtorch import absent, downloads

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")  # in names of files: the first digits of the checksum
_folder: str | None = None


def get_dir() -> str:
    """The folder of the cache: what ``set_dir`` has set; else ``hub`` in ``$TORCH_HOME``, or in ``~/.cache/torch``.

    Returns:
        A path.

    >>> isinstance(torch.hub.get_dir(), str)
    True
    """
    if _folder is not None:
        return _folder
    home = os.environ.get("TORCH_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "torch")
    return os.path.join(os.path.expanduser(home), "hub")


def set_dir(d: str | os.PathLike) -> None:
    """Set the folder of the cache.

    Args:
        d: a path.

    >>> torch.hub.set_dir(torch.hub.get_dir())
    """
    global _folder
    _folder = os.path.expanduser(d)


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Download a file; it is there when it is whole, or not at all.

    Args:
        url: its address.
        dst: where it goes.
        hash_prefix: the first digits of its SHA-256 checksum; None for any.
        progress: show a bar.

    Raises:
        RuntimeError: there is no connection, or the file is another one.

    >>> from numtorch import hub
    >>> hub.download_url_to_file("no address", "file")
    Traceback (most recent call last):
    RuntimeError: could not download file from no address ...
    """
    downloads.save(url, Path(dst), hash_prefix, "sha256", progress)


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> dict[str, Any]:
    """Weights by their address: from the cache, into which they are downloaded first if they are not there.

    Args:
        url: the address of the file.
        model_dir: the folder of the cache; ``checkpoints`` in ``get_dir()`` if None.
        map_location: as of ``torch.load``.
        progress: show a bar.
        check_hash: compare the checksum, of which the first digits are in the file's name.
        file_name: its name in the cache; that in the address if None.
        weights_only: taken and of no effect: nothing in a file is ever run.

    Returns:
        A dict of tensors.

    Raises:
        RuntimeError: the file is not in the cache and cannot be downloaded; the message says where to put it.

    >>> from numtorch import hub
    >>> hub.load_state_dict_from_url("no address/net.pth")
    Traceback (most recent call last):
    RuntimeError: could not download net.pth from no address/net.pth ...
    """
    folder = Path(model_dir) if model_dir is not None else Path(get_dir()) / "checkpoints"
    name = file_name or url.rpartition("/")[2].partition("?")[0]
    path = folder / name
    if not path.is_file():
        found = HASH_REGEX.search(name) if check_hash else None
        downloads.save(url, path, found[1] if found else None, "sha256", progress)
    return nt.load(path, map_location=map_location)


def _source(repo_or_dir: str, source: str) -> Any:
    """The ``hubconf.py`` of a folder, as a module."""
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    folder = Path(repo_or_dir).expanduser()
    if source == "github":
        owner, _, name = repo_or_dir.partition("/")
        name, _, branch = name.partition(":")
        kept = sorted(Path(get_dir()).glob(f"{owner}_{name}_{branch or '*'}"))
        if not kept:
            raise RuntimeError(
                f"torch.hub: {repo_or_dir} is not in {get_dir()}. Programs are not downloaded here; clone it, and pass "
                'the folder with source="local"'
            )
        folder = kept[0]
    path = folder / "hubconf.py"
    if not path.is_file():
        raise FileNotFoundError(f"torch.hub: there is no {path}")
    spec: Any = importlib.util.spec_from_file_location("hubconf", path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module


def _entry(module: Any, model: str) -> Any:
    missing = [n for n in getattr(module, "dependencies", ()) if importlib.util.find_spec(n) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    found = getattr(module, model, None)
    if not callable(found):
        raise RuntimeError(f"Cannot find callable {model} in hubconf")
    return found


def load(repo_or_dir: str, model: str, *args: Any, source: str = "github", **kwargs: Any) -> Any:
    """What a function of a folder's ``hubconf.py`` returns, usually a model.

    Args:
        repo_or_dir: the folder; of the source github ``owner/name[:branch]``, which must be in the cache already.
        model: the function's name.
        *args, **kwargs: its arguments; ``trust_repo``, ``force_reload``, ``verbose`` and ``skip_validation`` are for
            downloads, and have no effect.
        source: ``"local"`` or ``"github"``.

    Returns:
        What the function returns.

    Raises:
        RuntimeError: there is no such function, or something that it depends on is not installed.
        FileNotFoundError: the folder has no ``hubconf.py``.

    >>> import pathlib, tempfile
    >>> from numtorch import hub
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "hubconf.py").write_text("def double(x): return 2 * x")
    ...     hub.load(folder, "double", 4, source="local")
    8
    """
    for name in ("trust_repo", "force_reload", "verbose", "skip_validation"):
        kwargs.pop(name, None)
    return _entry(_source(repo_or_dir, source), model)(*args, **kwargs)


def list(github: str, force_reload: bool = False, source: str = "github", **ignored: Any) -> Any:  # noqa: A001
    """The functions of a folder's ``hubconf.py``.

    Args:
        github: the folder, or ``owner/name[:branch]``.
        force_reload: for downloads; of no effect.
        source: ``"local"`` or ``"github"``.
        **ignored: for downloads.

    Returns:
        A list of names.

    >>> import pathlib, tempfile
    >>> from numtorch import hub
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "hubconf.py").write_text("def double(x): return 2 * x")
    ...     hub.list(folder, source="local")
    ['double']
    """
    module = _source(github, source)
    return [n for n, f in vars(module).items() if callable(f) and not n.startswith("_")]


def help(github: str, model: str, force_reload: bool = False, source: str = "github", **ignored: Any) -> Any:  # noqa: A001
    """The docstring of a function of a folder's ``hubconf.py``.

    Args:
        github: the folder, or ``owner/name[:branch]``.
        model: the function's name.
        force_reload: for downloads; of no effect.
        source: ``"local"`` or ``"github"``.
        **ignored: for downloads.

    Returns:
        A text, or None.

    >>> import pathlib, tempfile
    >>> from numtorch import hub
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "hubconf.py").write_text("def double(x): 'Two.'")
    ...     hub.help(folder, "double", source="local")
    'Two.'
    """
    return _entry(_source(github, source), model).__doc__


if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
