"""What is said of names that are not here."""

import copy
import importlib
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from against_torch import lines

import numtorch
from numtorch import absent, tracebacks


def message(expression):
    with pytest.raises(AttributeError) as info:
        eval(expression, {"torch": numtorch, "nn": numtorch.nn, "F": numtorch.nn.functional, "x": numtorch.ones(2)})  # noqa: S307
    tracebacks._hint(info.value)
    return ". ".join((str(info.value), *getattr(info.value, "__notes__", ())))


@pytest.mark.parametrize(
    "line",
    lines("""
torch.lobpcg | torch.lobpcg is a function | torch.linalg.eigh
torch.quantization | torch.quantization is a module | x.bfloat16()
torch.utils.weak | torch.utils.weak is a module | not here yet
torch.complex32 | torch.complex32 is a dtype | torch.complex64
torch.Tensor.int_repr | torch.Tensor.int_repr is a method | quantized
x.int_repr() | torch.Tensor.int_repr is a method | quantized
torch.cuda.Stream | torch.cuda.Stream is a class | not here yet
torch.monitor | torch.monitor is a module | not here yet
torch.utils.data.dataloader | torch.utils.data.dataloader is a module | torch.utils.data.DataLoader is here
torch.cuda.Event | torch.cuda.Event is a class | torch.cuda.synchronize()
nn.modules | torch.nn.modules is a module | numtorch.nn
"""),
)
def test_a_name_of_torch_is_known(line):
    expression, what, near = [p.strip() for p in line.split("|")]
    said = message(expression)
    assert what in said and "not here yet" in said and near in said and "Did you mean" not in said


@pytest.mark.parametrize(
    "line",
    lines("""
nn.Conv2D | 'Conv2d'
nn.Relu | 'ReLU'
nn.relu | 'ReLU'
nn.Lineer | 'Linear'
nn.CrossEntropy | 'CrossEntropyLoss'
nn.BatchNorm | 'BatchNorm1d', 'BatchNorm2d' or 'BatchNorm3d'
F.cros_entropy | 'cross_entropy'
F.crossentropy | 'cross_entropy'
torch.tesnor | 'tensor'
torch.squeze | 'squeeze'
torch.randm | 'rand' or 'randn'
torch.flaot32 | 'float32'
torch.no_gard | 'no_grad'
torch.Linear | torch.nn.Linear
torch.cross_entropy | torch.nn.functional.cross_entropy
torch.DataLoader | torch.utils.data.DataLoader
torch.optim.Sgd | 'SGD'
torch.optim.StepLR | torch.optim.lr_scheduler.StepLR
torch.utils.data.Dataloader | 'DataLoader'
torch.vision.transforms.Totensor | 'ToTensor'
torch.vision.modles | 'models'
torch.cuda.is_avaliable | 'is_available'
torch.autograd.grads | 'grad'
nn.utils.clip_grad_norms_ | 'clip_grad_norm_'
nn.linear | 'Linear'
nn.dropout | 'Dropout'
nn.flatten | 'Flatten'
nn.module | 'Module'
nn.Modul | 'Module'
torch.tensors | 'tensor'
torch.bfloat | 'BFloat16Storage', 'bfloat16' or 'BFloat16Tensor'
torch.optimizer | torch.optim.Optimizer
torch.profilr | 'profiler'
torch.utils.data.DataSet | 'Dataset'
torch.vision.datasets.Mnist | 'MNIST'
torch.vision.transforms.ToTensors | 'ToTensor'
torch.vision.models.resnet5 | 'resnet50'
x.Shape | 'shape'
x.shapes | 'shape'
x.reshpae | 'reshape'
x.items | 'item'
"""),
)
def test_a_typing_mistake_is_told(line):
    expression, meant = [p.strip() for p in line.split("|")]
    said = message(expression)
    assert said.endswith(f"has no attribute {expression.rpartition('.')[2]!r}. Did you mean {meant}?")


@pytest.mark.parametrize(
    "line",
    lines("""
torch.array | torch.tensor
torch.expand_dims | torch.unsqueeze
torch.is_cuda_available | torch.cuda.is_available
nn.MAELoss | nn.L1Loss
nn.L2Loss | nn.MSELoss
F.l2_loss | F.mse_loss
F.BCE | F.binary_cross_entropy
nn.init.zero_ | nn.init.zeros_
x.to_numpy() | x.numpy
x.len | len(x)
nn.Dense | nn.Linear
x.astype(float) | x.to
x.copy() | x.clone
"""),
)
def test_names_of_other_libraries(line):
    expression, meant = [p.strip() for p in line.split("|")]
    assert f"PyTorch has none either; {meant} " in message(expression)


@pytest.mark.parametrize(
    "expression", ["torch.xyzzy", "nn.Foo", "torch.my_helper", "torch.vision.transforms.Squeze", "torch.a"]
)
def test_nothing_is_guessed(expression):
    assert message(expression).endswith(f"has no attribute {expression.rpartition('.')[2]!r}")


def test_a_mistyped_name_that_is_not_here_either():
    said = message("torch.utils.ThroughputBenchmarks")
    assert "Did you mean 'ThroughputBenchmark'? torch.utils.ThroughputBenchmark is a class of PyTorch" in said
    assert "that is not here yet" in said


@pytest.mark.parametrize(
    "text",
    [
        "from numtorch.utils import ThroughputBenchmark",
        "from numtorch import quantization",
        "from numtorch.optim import swap_in_optimizer_params_and_state",
    ],
)
def test_imports_of_names(text):
    with pytest.raises(ImportError, match="of PyTorch that is not here yet") as info:
        exec(text)  # noqa: S102
    assert "cannot import name" in str(info.value) and info.value.name.startswith("numtorch")
    with pytest.raises(ImportError, match="Did you mean 'Conv2d'"):
        exec("from numtorch.nn import Conv2D")  # noqa: S102
    exec(
        "from numtorch import vision, utils, profiler; from numtorch.utils import data; from numtorch.nn import "
        "functional as F"
    )  # noqa: S102


@pytest.mark.parametrize("name", ["datasets.Cityscapes", "models.detection"])
def test_names_of_torchvision(name):
    assert f": torchvision.{name} is not here yet; " in message(f"torch.vision.{name}")


@pytest.mark.parametrize(
    "line",
    lines("""
import numtorch.quantization | torch.quantization is a module of PyTorch that is not here yet; there are no quantized
from numtorch.quantization import QConfig | torch.quantization is a module of PyTorch that is not here yet
from numtorch.utils.mobile_optimizer import LintCode | torch.utils.mobile_optimizer is a module of PyTorch that is not here yet
from numtorch.nn.functional import conv_tbc | torch.nn.functional.conv_tbc is a function of PyTorch that is not here yet
from numtorch.nn.functional import cros_entropy | Did you mean 'cross_entropy'?
import numtorch.nn.functionnal | Did you mean 'functional'?
"""),  # noqa: E501
)
def test_imports_that_python_itself_refuses(line):
    text, said = line.split(" | ")
    with pytest.raises(ImportError) as info:
        exec(text)  # noqa: S102
    for _ in range(2):  # said once
        tracebacks._hint(info.value)
    assert [note for note in info.value.__notes__ if said in note] == info.value.__notes__ and len(
        info.value.__notes__
    ) == 1


def test_names_that_a_module_lacks():
    with pytest.raises(
        ImportError, match=r"cannot import name 'CUDAGraph' from 'numtorch.cuda': torch.cuda.CUDAGraph is a class"
    ):
        from numtorch.cuda import CUDAGraph  # noqa: F401


@pytest.mark.parametrize(
    "text", ["import numtorch.xyzzy", "import no_such_package", "import numtorch.nn.utils.rnn.xyzzy"]
)
def test_imports_of_which_nothing_is_known(text):
    with pytest.raises(ImportError) as info:
        exec(text)  # noqa: S102
    tracebacks._hint(info.value)
    notes = getattr(info.value, "__notes__", [])
    assert not notes or "rnn" in text and "torch.nn.utils.rnn is a module" in notes[0]


def test_a_module_of_layers_is_imported_by_its_name():
    code = (
        "import numtorch.nn.linear as m; from numtorch.nn import module, dropout; from numtorch import nn, inf, nan, "
        "pi, e, newaxis\n"
        "assert m.Linear is nn.Linear and module.Module is nn.Module and not hasattr(nn, 'linear') and newaxis is "
        "None and inf > e"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_asking_is_cheap_and_right(monkeypatch):
    monkeypatch.setattr(absent, "told", lambda *a: pytest.fail("looked for names though nobody reads the message"))
    x = numtorch.ones(2)
    for where, name in (
        (numtorch, "quantization"),
        (numtorch.utils, "ThroughputBenchmark"),
        (x, "int_repr"),
        (numtorch.Tensor, "int_repr"),
        (numtorch, "squeze"),
        (numtorch, "_repr_html_"),
        (x, "__array_ufunc_"),
        (numtorch.nn.functional, "__wrapped__"),
    ):
        assert not hasattr(where, name)
        assert getattr(where, name, 7) == 7
    assert getattr(numtorch.utils, "data", None) is importlib.import_module("numtorch.utils.data")


def test_protocols_get_the_plain_error():
    for name in ("_repr_html_", "__array__", "_ipython_display_"):
        with pytest.raises(AttributeError) as info:
            getattr(numtorch.nn, name)
        assert (
            type(info.value) is AttributeError and str(info.value) == f"module 'numtorch.nn' has no attribute {name!r}"
        )


def test_names_are_listed():
    assert {"vision", "utils", "profiler", "nn", "add"} <= set(dir(numtorch))
    assert "data" in dir(numtorch.utils) and "int_repr" not in dir(numtorch.ones(1)) and "add" in dir(numtorch.ones(1))
    code = "import numtorch, sys; dir(numtorch); hasattr(numtorch, 'xpu'); print('numtorch.vision' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )


def test_the_errors_travel():
    with pytest.raises(AttributeError) as info:
        numtorch.lobpcg  # noqa: B018
    again = pickle.loads(pickle.dumps(info.value))
    assert type(again) is AttributeError and str(again) == str(info.value)
    assert info.value.name == "lobpcg" and repr(info.value).startswith("AttributeError(")
    assert type(info.value).__name__ == "AttributeError"


def test_python_proposes_nothing_beside():
    done = subprocess.run(
        [sys.executable, "-c", "import numtorch\nnumtorch.lobpcg"], capture_output=True, text=True, check=False
    )
    assert (
        "\nAttributeError: module" in done.stderr
        and "torch.linalg.eigh gives all eigenvalues\n" in done.stderr
        and "mean" not in done.stderr
    )


def test_a_subclass_may_have_the_name():
    class Mine(numtorch.Tensor):
        def map_(self):
            return 3

    x = numtorch.ones(2)
    x.apply_ = 5
    assert x.apply_ == 5 and Mine.map_(x) == 3
    y = copy.deepcopy(x)
    assert y.apply_ == 5
    assert pickle.loads(pickle.dumps(numtorch.ones(2))).tolist() == [1, 1]


def test_the_list_is_up_to_date():
    torch = pytest.importorskip("torch")
    if torch.__version__.split("+")[0] != "2.13.0":
        pytest.skip("the list is that of another version")
    # In a process of its own: what other tests have imported of torch would be listed too.
    code = "import torch_names as t; assert t.FILE.read_text() == t.text(), 'run python tests/torch_names.py'"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, check=True)


def test_what_comes_nearest_is_of_torch_and_not_here():
    for full in absent.NEAREST:
        space, _, name = full.rpartition(".")
        assert not absent.has(space, name), f"{full} is here"
