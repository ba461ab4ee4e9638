"""Files by their address from a cache, models from a folder, and event files."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

import numtorch as nt
from numtorch import downloads, hub


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "_folder", str(tmp_path / "cache"))
    return tmp_path / "cache" / "checkpoints"


def test_the_cache_is_where_torch_has_it(monkeypatch):
    monkeypatch.setattr(hub, "_folder", None)
    for name, value, wanted in (("TORCH_HOME", "/a", "/a/hub"), ("XDG_CACHE_HOME", "/b", "/b/torch/hub")):
        monkeypatch.delenv("TORCH_HOME", raising=False)
        monkeypatch.setenv(name, value)
        assert nt.hub.get_dir() == wanted
    hub.set_dir("/c")
    assert hub.get_dir() == "/c"


def test_weights_come_from_the_cache_and_once_from_their_address(cache, tmp_path, monkeypatch):
    state = {"w": nt.arange(3.0)}
    nt.save(state, tmp_path / "net.safetensors")
    data = (tmp_path / "net.safetensors").read_bytes()
    asked = []
    monkeypatch.setattr(
        downloads, "chunks", lambda url, name, progress: asked.append(url) or iter([data[:9], data[9:]])
    )
    url = f"https://example.org/net-{hashlib.sha256(data).hexdigest()[:8]}.safetensors"
    for _ in range(2):
        assert nt.equal(hub.load_state_dict_from_url(url, check_hash=True)["w"], state["w"])
    assert asked == [url] and [p.name for p in cache.iterdir()] == [url.rpartition("/")[2]]
    with pytest.raises(RuntimeError, match="invalid hash value"):
        hub.load_state_dict_from_url("https://example.org/net-12345678.safetensors", check_hash=True)
    assert len(list(cache.iterdir())) == 1


def test_offline_the_message_says_where_to_put_the_file(cache, monkeypatch):
    def chunks(url, name, progress):
        raise OSError("no network")
        yield

    monkeypatch.setattr(downloads, "chunks", chunks)
    with pytest.raises(
        RuntimeError, match=rf"could not download a.pth from https://x.org/a.pth .*put the file into {cache}"
    ):
        hub.load_state_dict_from_url("https://x.org/a.pth")


def test_models_from_a_folder(tmp_path, cache):
    (tmp_path / "parts.py").write_text("factor = 3")
    (tmp_path / "hubconf.py").write_text(
        "from parts import factor\ndef triple(x):\n    'Three.'\n    return factor * x\n"
    )
    assert hub.load(str(tmp_path), "triple", 2, source="local", trust_repo=True) == 6
    assert (
        hub.list(str(tmp_path), source="local") == ["triple"]
        and hub.help(str(tmp_path), "triple", source="local") == "Three."
    )
    with pytest.raises(RuntimeError, match="Cannot find callable double"):
        hub.load(str(tmp_path), "double", source="local")
    with pytest.raises(RuntimeError, match="owner/name is not in .*clone it"):
        hub.load("owner/name", "net")
    kept = cache.parent / "owner_name_main"
    kept.mkdir(parents=True)
    (kept / "hubconf.py").write_text("dependencies = ['no_such_package']\ndef net(): pass")
    with pytest.raises(RuntimeError, match="Missing dependencies: no_such_package"):
        hub.load("owner/name", "net")


WRITES = """
import torch
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.writer import SummaryWriter as same
assert same is SummaryWriter
with SummaryWriter("runs") as writer:
    writer.add_scalar("loss", torch.tensor(0.5), 1)
    writer.add_histogram("w", torch.arange(10.0), 1)
    writer.add_image("i", torch.zeros(3, 4, 4), 1)
"""


def test_event_files(tmp_path):
    pytest.importorskip("tensorboardX")
    subprocess.run(
        [sys.executable, "-m", "numtorch.run", "-c", WRITES], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    (path,) = (tmp_path / "runs").iterdir()
    assert b"loss" in path.read_bytes() and np.float32(0.5).tobytes() in path.read_bytes()


def test_without_tensorboardx_the_error_says_what_is_missing():
    code = (
        "import sys; sys.modules['tensorboardX'] = None\n"
        "from numtorch.utils.tensorboard import SummaryWriter\n"
        "try:\n    SummaryWriter()\nexcept ImportError as e:\n    print(e)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "SummaryWriter needs tensorboardX: pip install tensorboardX"
