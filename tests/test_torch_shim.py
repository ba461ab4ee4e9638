"""``torch_shim``: numtorch under PyTorch's name, within one process."""

import abc
import builtins
import importlib
import importlib.metadata
import importlib.util
import os
import pickle
import sys
import types

import pytest

import numtorch
from numtorch import torch_shim
from numtorch.torch_shim import names, placeholders


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(placeholders, "ASKED", {})
    monkeypatch.setenv(torch_shim.VARIABLE, "lenient:")  # as if a parent had told of another torch


@pytest.fixture
def shim():
    with torch_shim.install() as on:
        yield on


def test_one_module_under_two_names(shim):
    import torch
    import torchvision
    from torch.nn.modules.batchnorm import BatchNorm1d, _BatchNorm
    from torch.optim.optimizer import Optimizer
    from torch.utils.data.dataloader import DataLoader
    from torchvision.transforms.transforms import Compose

    assert torch is numtorch and sys.modules["torch.nn"] is numtorch.nn and torchvision is numtorch.vision
    assert BatchNorm1d is numtorch.nn.BatchNorm1d and issubclass(BatchNorm1d, _BatchNorm)
    assert Optimizer is numtorch.optim.Optimizer and DataLoader is numtorch.utils.data.DataLoader
    assert Compose is numtorch.vision.transforms.Compose
    assert isinstance(torch.nn.Linear(1, 1), torch.nn.modules.linear.Linear)
    assert pickle.loads(pickle.dumps(torch.nn.Linear)) is numtorch.nn.Linear


@pytest.mark.parametrize(
    "path, name",
    [
        ("torch.nn.modules", "Linear"),
        ("torch.nn.modules.conv", "_ConvNd"),
        ("torch.nn.modules.loss", "_Loss"),
        ("torch.nn.modules.module", "Module"),
        ("torch.nn.modules.container", "ModuleList"),
        ("torch.nn.modules.sparse", "Embedding"),
        ("torch.nn.modules.activation", "ReLU"),
        ("torch.nn.modules.dropout", "Dropout"),
        ("torch.nn.modules.pooling", "MaxPool2d"),
        ("torch.nn.modules.normalization", "LayerNorm"),
        ("torch.nn.parameter", "Parameter"),
        ("torch.nn.utils.clip_grad", "clip_grad_norm_"),
        ("torch.optim.sgd", "SGD"),
        ("torch.optim.adamw", "AdamW"),
        ("torch.optim.optimizer", "Optimizer"),
        ("torch.optim.lr_scheduler", "StepLR"),
        ("torch.optim.lr_scheduler", "_LRScheduler"),
        ("torch.utils.data.dataset", "TensorDataset"),
        ("torch.utils.data.sampler", "RandomSampler"),
        ("torch.utils.data.distributed", "DistributedSampler"),
        ("torch.utils.data._utils.collate", "default_collate"),
        ("torch.autograd.function", "Function"),
        ("torch.autograd.variable", "Variable"),
        ("torch.autograd.grad_mode", "no_grad"),
        ("torch.functional", "meshgrid"),
        ("torch.serialization", "load"),
        ("torch.torch_version", "TorchVersion"),
        ("torchvision.models.resnet", "resnet18"),
        ("torchvision.datasets.mnist", "MNIST"),
        ("torchvision.transforms.functional", "to_tensor"),
    ],
)
def test_deep_paths(shim, path, name):
    found = getattr(importlib.import_module(path), name)
    assert not isinstance(found, placeholders.Unknown) and placeholders.ASKED == {}
    reached = importlib.import_module(path.partition(".")[0])
    for part in path.split(".")[1:]:
        reached = getattr(reached, part)
    assert getattr(reached, name) is found


def test_the_table_leads_somewhere():
    for torchs, ours in names.PLACES.items():
        assert names.is_module(torchs) and importlib.util.find_spec(ours), torchs


def test_attributes_are_plain_and_stay(shim):
    import torch
    import torch.nn.functional as F

    assert "relu" in vars(F) and "Linear" in vars(torch.nn)
    assert importlib.import_module("numtorch.utils.data") and torch.utils.data.dataloader.DataLoader
    torch.backends_of_mine = 3
    assert vars(numtorch)["backends_of_mine"] == 3
    del torch.backends_of_mine


def test_it_is_found_as_a_distribution(shim):
    import torch
    import torchvision

    assert importlib.util.find_spec("torch") and importlib.util.find_spec("torchvision.transforms")
    assert importlib.metadata.version("torch") == torch.__version__ == "2.13.0+numtorch"
    assert importlib.metadata.version("torchvision") == torchvision.__version__
    assert "torch" in importlib.metadata.packages_distributions()["torch"]
    assert torch.__version__ > "2.2.0" and torch.__version__ >= (2, 13) and torch.__version__ < "10"
    assert torch.version.cuda is None and torch.version.hip is None and torch.version.__version__ == torch.__version__
    assert os.path.exists(torch.__file__) and importlib.util.find_spec("torch.nope") is None


def test_everything_is_as_it_was_afterwards():
    import numtorch.nn.linear as m
    import numtorch.version  # noqa: F401

    def state():

        seen = [numtorch, numtorch.nn, numtorch.nn.functional, numtorch.utils.data, numtorch.vision, m]
        modules = {k: v for k, v in sys.modules.items() if k.partition(".")[0] in names.ROOTS}
        return [
            modules,
            *[dict(vars(module)) for module in seen],
            [module.__spec__ for module in seen],
            list(sys.path),
            list(sys.meta_path),
            dict(os.environ),
            builtins.__import__,
        ]

    importlib.import_module("numtorch.distributed")  # what is imported stays
    before = state()
    with torch_shim.install():
        import torch.distributed.fsdp
        import torch.nn.modules.linear
        import torch.utils.data.dataloader
        import torchvision.transforms.transforms  # noqa: F401
        from torch.export import Dim  # noqa: F401

        with torch_shim.install(lenient=False), pytest.raises(ImportError):
            import torch.export  # noqa: F401
        import torch.export  # noqa: F401, F811
    for now, earlier in zip(state(), before, strict=True):
        assert now == earlier
    assert not torch_shim.installed()
    assert not hasattr(numtorch, "export") and numtorch.__version__ != "2.13.0+numtorch"


# --- names that are not here -----------------------------------------------------------------------------------------


def test_placeholders_may_be_named(shim):
    import torch
    from torch.distributed.fsdp import FullyShardedDataParallel as FSDP

    class Mine(FSDP, abc.ABC):
        def step(self, x: "FSDP | None") -> FSDP[int]:
            return x

    def unchanged(x: FSDP | None, y: list[FSDP]) -> FSDP:
        return x

    assert torch.export.draft_export and not isinstance(3, FSDP) and not isinstance(3, FSDP | None)
    assert torch.quint8 != torch.float32 and torch.export.Constraint is torch.export.Constraint
    assert issubclass(Mine, FSDP) and unchanged(3, []) == 3
    assert torch.distributed.is_initialized() is False and torch.compiler.is_exporting() is False
    assert torch.xpu.is_available() is False and torch.xpu.device_count() == 0


def test_placeholders_decorate(shim):
    import torch

    def f():
        pass

    plain = f

    @torch.export.draft_export
    def g():
        return 1

    @torch.export.draft_export("a::b")
    def h():
        return 2

    @torch.export.draft_export
    class C:
        pass

    assert (g(), h(), plain) == (1, 2, f) and isinstance(C, type) and not isinstance(C, placeholders.Unknown)
    with pytest.raises(
        NotImplementedError, match=r"torch.export.draft_export is not in numtorch \(needed at .*test_torch_shim.py:"
    ):
        torch.export.draft_export(f)


USES = {
    "call": lambda x: x(2),
    "add": lambda x: x + 1,
    "matmul": lambda x: 1 @ x,
    "less": lambda x: x < 3,
    "neg": lambda x: -x,
    "iterate": lambda x: list(x),
    "len": lambda x: len(x),
    "float": lambda x: float(x),
    "contains": lambda x: 3 in x,
    "with": lambda x: x.__enter__,
    "subclass": lambda x: type("Mine", (x,), {})(),
    "deeper": lambda x: x.some.thing(),
}


@pytest.mark.parametrize("use", [u for u in USES if u != "with"])
def test_uses_of_placeholders_are_refused(shim, use):
    import torch

    with pytest.raises(
        NotImplementedError, match=r"^torch\.export\.Dim(\.some\.thing)? is not in numtorch \(needed at "
    ):
        USES[use](torch.export.Dim)
    assert "torch.export.Dim" in torch_shim.report() and "used first at" in torch_shim.report()


def test_the_nearest_name_is_told(shim):
    import torch

    with pytest.raises(NotImplementedError, match="torch.nn.Conv2D is not in numtorch .*; nearest: 'Conv2d'"):
        torch.nn.Conv2D(1, 2, 3)


def test_programs_that_ask_are_told_the_truth(shim):
    """What PyTorch does not have either is not there for ``hasattr`` and in a ``try``."""
    import torch

    assert not hasattr(torch, "npu") and getattr(torch.nn, "FooBar", None) is None and not hasattr(torch, "__wrapped__")
    assert hasattr(torch, "export") and hasattr(torch, "quint8")
    try:
        from torch import npu
    except ImportError:
        npu = None
    assert npu is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("torch._six")


def test_strict(monkeypatch):
    with torch_shim.install(lenient=False):
        import torch

        with pytest.raises(AttributeError, match="is a dtype of PyTorch that is not here yet"):
            torch.quint8  # noqa: B018
        with pytest.raises(ImportError):
            from torch.export import Dim  # noqa: F401
        assert not hasattr(torch, "export") and torch.nn.modules.Linear is torch.nn.Linear


# --- packages that see PyTorch itself ---------------------------------------------------------------------------------


def test_blocked_packages(tmp_path, monkeypatch):
    (tmp_path / "prober.py").write_text(
        "try:\n    import torch\n    import torch.nn\nexcept ImportError:\n    torch = None\nimport helper_of_prober\n"
        "def later():\n    from torch import nn\n    return nn\n"
    )
    (tmp_path / "helper_of_prober.py").write_text("try:\n    import torch\nexcept ImportError:\n    torch = None\n")
    monkeypatch.syspath_prepend(tmp_path)
    real = importlib.util.find_spec("torch")
    with torch_shim.install(blocked=["prober"]):
        import prober
        import torch

        assert torch is numtorch and sys.modules["torch"] is numtorch
        if real is None:
            assert prober.torch is None and prober.helper_of_prober.torch is None
            with pytest.raises(ImportError):
                prober.later()
        else:
            assert prober.torch.__file__ == real.origin and prober.helper_of_prober.torch is prober.torch
            assert prober.later() is prober.torch.nn and prober.torch.nn is not torch.nn
            assert isinstance(prober.torch.ones(1) + 1, prober.torch.Tensor)
    for name in ("prober", "helper_of_prober"):
        del sys.modules[name]


def test_a_real_torch_is_not_shadowed_in_silence(monkeypatch, tmp_path, capfd):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv(torch_shim.VARIABLE)
    with torch_shim.install():
        assert os.environ[torch_shim.VARIABLE] == "lenient:"
    assert (
        capfd.readouterr().err == f"numtorch: import torch is numtorch here, not the PyTorch in {tmp_path / 'torch'}\n"
    )


def test_a_torch_that_was_imported_before_comes_back(monkeypatch):
    earlier = types.ModuleType("torch")
    monkeypatch.setitem(sys.modules, "torch", earlier)
    with torch_shim.install():
        import torch

        assert torch is numtorch
    assert sys.modules["torch"] is earlier


def test_the_extension_of_notebooks():
    numtorch.load_ipython_extension(None)
    import torch

    assert torch is numtorch and torch_shim.installed()
    numtorch.unload_ipython_extension(None)
    assert not torch_shim.installed()


def test_a_module_does_not_hide_the_function_that_is_called_as_it(shim):
    import torch.nn.utils.spectral_norm
    import torch.nn.utils.weight_norm

    assert not isinstance(torch.nn.utils.weight_norm, type(torch))
    module = sys.modules["torch.nn.utils.weight_norm"]
    assert module.weight_norm is torch.nn.utils.weight_norm
    assert torch.nn.utils.spectral_norm(torch.nn.Linear(2, 2)).weight.shape == (2, 2)


def test_what_libraries_ask_the_modules_in_c(shim):
    import torch

    assert torch._C._log_api_usage_once("a library") is None and torch._C._get_tracing_state() is None
    with pytest.raises(NotImplementedError, match="torch._C._something is not in numtorch"):
        torch._C._something()


def test_names_in_a_module_of_which_nothing_is_known_are_no_modules(shim):
    import torch

    unknown = torch._dynamo.some_function
    assert isinstance(unknown, placeholders.Unknown)
    with pytest.raises(NotImplementedError, match="torch._dynamo.some_function is not in numtorch"):
        unknown(3)
    assert torch._dynamo.mark_static_address(torch.ones(1)) is None
    torch._dynamo.config.suppress_errors = True
