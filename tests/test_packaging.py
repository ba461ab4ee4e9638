"""What pip calls to build the package: it bakes kernel packs once, and an installation without them works."""

import contextlib
import subprocess
import sys
import tarfile
import types
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="packs are for Linux")


@pytest.fixture
def backend(monkeypatch, tmp_path):
    """The build backend, with a folder for packs of its own; ``asked`` are the commands that it would run."""
    pytest.importorskip("setuptools", minversion="77")
    monkeypatch.syspath_prepend(str(ROOT / "numtorch" / "_packaging"))
    import backend

    asked = []

    def run(command, **options):
        asked.append(command)
        backend.PACKS.mkdir(exist_ok=True)
        (backend.PACKS / f"{command[-1]}.ntk").write_bytes(b"pack")
        return types.SimpleNamespace(returncode=backend.status)

    monkeypatch.setattr(backend, "PACKS", tmp_path / "packs")
    monkeypatch.setattr(backend.subprocess, "run", run)
    monkeypatch.setattr(backend.platform, "machine", lambda: "x86_64")
    backend.asked, backend.status = asked, 0
    return backend


def test_a_pack_is_baked_once_for_the_same_source(backend, monkeypatch):
    backend.bake("native")
    backend.bake("native")
    assert len(backend.asked) == 1 and backend.asked[0][-2:] == ["--cpu", "native"] and "--ops" not in backend.asked[0]
    monkeypatch.setenv("NUMTORCH_BAKE", "all")
    backend.bake("native")
    assert len(backend.asked) == 2 and "--ops" in backend.asked[1]
    (backend.PACKS / "native.ntk").unlink()
    backend.bake("native")
    assert len(backend.asked) == 3


@pytest.mark.parametrize("wanted", ["1", "all"])
def test_a_wheel_has_a_pack_for_each_level(backend, monkeypatch, tmp_path, wanted):
    monkeypatch.setenv("NUMTORCH_BAKE", wanted)
    packs = []
    monkeypatch.setattr(backend.build_meta, "build_wheel", lambda *args: packs.extend(backend.PACKS.glob("*.ntk")))
    backend.build_wheel(str(tmp_path))
    assert [command[-1] for command in backend.asked] == ["x86-64-v3", "x86-64-v4"]
    assert sorted(p.stem for p in packs) == ["x86-64-v3", "x86-64-v4"]
    assert all(("--ops" in command) == (wanted == "all") for command in backend.asked)


def test_a_failure_is_said_and_ends_nothing(backend, monkeypatch, capsys):
    monkeypatch.setattr(backend, "_terminal", lambda: contextlib.nullcontext(sys.stderr))
    backend.status = 1
    backend.bake("native")
    assert "no kernel pack" in capsys.readouterr().err and not (backend.PACKS / "native.stamp").exists()
    backend.bake("native")
    assert len(backend.asked) == 2  # tried again


def test_nothing_is_baked_where_nobody_wants_it(backend, monkeypatch):
    monkeypatch.setenv("NUMTORCH_BAKE", "0")
    backend.bake("native")
    assert backend.asked == [] and backend._needed() == []


def test_an_editable_installation_has_its_bytecode(backend, monkeypatch, tmp_path):
    package = tmp_path / "numtorch" / "inner"
    package.mkdir(parents=True)
    (package / "module.py").write_text("x = 1\n")
    monkeypatch.setattr(backend, "ROOT", tmp_path)
    monkeypatch.setattr(backend, "bake", lambda level: None)
    monkeypatch.setattr(backend.build_meta, "build_editable", lambda *args: "wheel")
    assert backend.build_editable(str(tmp_path)) == "wheel"
    assert [p.name for p in package.glob("__pycache__/*.pyc")] == [f"module.{sys.implementation.cache_tag}.pyc"]


def test_archives_hold_what_builds_and_packs_of_levels_alone(tmp_path):
    pytest.importorskip("setuptools", minversion="77")
    source = tmp_path / "source"
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if kept.returncode:
        pytest.skip("not a checkout")
    for name in kept.stdout.splitlines():
        if name.startswith(("numtorch/", "pyproject", "README", "LICENSE")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    packs = source / "numtorch" / "kernels" / "packs"
    packs.mkdir(parents=True)
    for name in ("native.ntk", "x86-64-v3.ntk"):
        (packs / name).touch()
    code = f"import backend; backend.build_sdist({str(tmp_path)!r}); backend.build_wheel({str(tmp_path)!r})"
    env = {"PATH": "", "PYTHONPATH": str(source / "numtorch" / "_packaging"), "NUMTORCH_BAKE": "0"}
    done = subprocess.run([sys.executable, "-c", code], cwd=source, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,), (archive,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as first, tarfile.open(archive) as second:
        both = first.namelist(), second.getnames()
    for names in both:
        inside = [n.partition("numtorch/")[2] if n.startswith("numtorch/") else n.split("/", 2)[-1] for n in names]
        assert "_packaging/backend.py" in inside and "kernels/packs/x86-64-v3.ntk" in inside
        assert not any(n.endswith("native.ntk") for n in inside)
