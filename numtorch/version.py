"""``torch.version``: the version, and which GPU libraries it was built with: none."""

from numtorch._version import __version__ as __version__

cuda: str | None = None
hip: str | None = None
xpu: str | None = None
debug = False
git_version = "unknown"
