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
torch.fft | torch.fft is a module | np.fft
torch.linalg.norm | torch.linalg.norm is a function | torch.norm and torch.linalg.vector_norm are here
torch.linalg.svd | torch.linalg.svd is a function | np.linalg.svd
torch.cholesky | torch.cholesky is a function | np.linalg.cholesky
torch.baddbmm | torch.baddbmm is a function | torch.bmm(a, b)
torch.einsum | torch.einsum is a function | torch.matmul
torch.conv2d | torch.conv2d is a function | torch.nn.functional.conv2d is here
torch.clamp_ | torch.clamp_ is a function | x.clamp_ is here
torch.complex32 | torch.complex32 is a dtype | torch.complex64
torch.LSTM | torch.nn.LSTM is a class | nn.Linear
nn.LSTM | torch.nn.LSTM is a class | nn.Linear
nn.InstanceNorm2d | torch.nn.InstanceNorm2d is a class | nn.GroupNorm
nn.ZeroPad3d | torch.nn.ZeroPad3d is a class | F.pad
nn.MaxPool3d | torch.nn.MaxPool3d is a class | nothing that is here does the same
F.ctc_loss | torch.nn.functional.ctc_loss is a function | nothing that is here does the same
nn.init.xavier_uniform | torch.nn.init.xavier_uniform is a function | xavier_uniform_ is here
torch.Tensor.addmv | torch.Tensor.addmv is a method | torch.mv
x.addmv(x, x) | torch.Tensor.addmv is a method | torch.mv
torch.optim.LBFGS | torch.optim.LBFGS is a class | SGD
torch.optim.lr_scheduler.CyclicLR | torch.optim.lr_scheduler.CyclicLR is a class | OneCycleLR
torch.cuda.amp | torch.cuda.amp is a module | half
torch.cuda.Stream | torch.cuda.Stream is a class | not here yet
torch.utils.checkpoint | torch.utils.checkpoint is a module | the graph
torch.autograd.forward_ad | torch.autograd.forward_ad is a module | not here yet
torch.onnx | torch.onnx is a module | torch.save
torch.utils.tensorboard | torch.utils.tensorboard is a module | tensorboardX
torch.utils.benchmark | torch.utils.benchmark is a module | torch.profiler.benchmark
torch.utils.data.dataloader | torch.utils.data.dataloader is a module | torch.utils.data.DataLoader is here
torch.cuda.Event | torch.cuda.Event is a class | torch.cuda.synchronize()
nn.utils.prune | torch.nn.utils.prune is a module | not here yet
nn.modules | torch.nn.modules is a module | numtorch.nn
torch.optim.lbfgs | torch.optim.lbfgs is a module | not here yet
torch.bitwise_left_shift | torch.bitwise_left_shift is a function | x * 2 ** n
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
torch.bfloat | 'bfloat16' or 'BFloat16Tensor'
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
    assert "Did you mean 'LSTM'? torch.nn.LSTM is a class of PyTorch that is not here yet" in message("nn.LSTMM")


@pytest.mark.parametrize(
    "text", ["from numtorch.nn import LSTM", "from numtorch import fft", "from numtorch.optim import LBFGS"]
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


@pytest.mark.parametrize("name", ["transforms.Resize", "datasets.CIFAR10", "models.vgg16", "transforms.RandomCrop"])
def test_names_of_torchvision(name):
    assert f": torchvision.{name} is not here yet; " in message(f"torch.vision.{name}")


@pytest.mark.parametrize(
    "line",
    lines("""
import numtorch.fft | torch.fft is a module of PyTorch that is not here yet; np.fft
from numtorch.fft import fft | torch.fft is a module of PyTorch that is not here yet
from numtorch.cuda.amp import autocast | torch.cuda.amp is a module of PyTorch that is not here yet
from numtorch.utils.tensorboard import SummaryWriter | torch.utils.tensorboard is a module of PyTorch that is not here yet
from numtorch.nn.functional import ctc_loss | torch.nn.functional.ctc_loss is a function of PyTorch that is not here yet
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


def test_names_of_linalg():
    with pytest.raises(
        ImportError, match=r"cannot import name 'svd' from 'numtorch.linalg': torch.linalg.svd is a function of PyTorch"
    ):
        from numtorch.linalg import svd  # noqa: F401


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
        (numtorch, "fft"),
        (numtorch.nn, "LSTM"),
        (x, "addmv"),
        (numtorch.Tensor, "addmv"),
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
    assert "data" in dir(numtorch.utils) and "addmv" not in dir(numtorch.ones(1)) and "add" in dir(numtorch.ones(1))
    code = "import numtorch, sys; dir(numtorch); hasattr(numtorch, 'fft'); print('numtorch.vision' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )


def test_the_errors_travel():
    with pytest.raises(AttributeError) as info:
        numtorch.baddbmm  # noqa: B018
    again = pickle.loads(pickle.dumps(info.value))
    assert type(again) is AttributeError and str(again) == str(info.value)
    assert info.value.name == "baddbmm" and repr(info.value).startswith("AttributeError(")
    assert type(info.value).__name__ == "AttributeError"


def test_python_proposes_nothing_beside():
    done = subprocess.run(
        [sys.executable, "-c", "import numtorch\nnumtorch.addmv"], capture_output=True, text=True, check=False
    )
    assert (
        "\nAttributeError: module" in done.stderr
        and "torch.mv(a, v) is the same\n" in done.stderr
        and "mean" not in done.stderr
    )


def test_a_subclass_may_have_the_name():
    class Mine(numtorch.Tensor):
        def addmv(self):
            return 3

    x = numtorch.ones(2)
    x.acos = 5
    assert x.acos == 5 and Mine.addmv(x) == 3
    y = copy.deepcopy(x)
    assert y.acos == 5
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


@pytest.mark.parametrize(
    "line",
    lines("""
baddbmm | m, a, b, beta=beta, alpha=alpha | torch.baddbmm
addbmm | m[0], a, b, beta=beta, alpha=alpha | torch.addbmm
addmv | v, m[0], v, beta=beta, alpha=alpha | torch.addmv
trace | m[0] | torch.trace
cdist | m[0], m[1] | torch.cdist
dist | m[0], m[1] | torch.dist
nansum | n | torch.nansum
nanmean | n | torch.nanmean
frac | m | torch.frac
logit | p | torch.logit
logaddexp | m, m + 1 | torch.logaddexp
signbit | m | torch.signbit
xlogy | p, p | torch.xlogy
"""),
)
def test_formulas_that_are_the_same_are(line):
    torch = pytest.importorskip("torch")
    name, arguments, _ = [p.strip() for p in line.split("|")]
    scopes = []
    for t in (torch, numtorch):
        m = ((t.arange(27, dtype=t.float64) * 7 % 11) - 5.25).reshape(3, 3, 3)
        scopes.append(
            {
                "torch": t,
                "m": m,
                "a": m,
                "b": m + 1,
                "v": m[0, 0],
                "p": t.sigmoid(m),
                "beta": 2.0,
                "alpha": 3.0,
                "n": t.where(m > 3, float("nan"), m),
                "math": importlib.import_module("math"),
            }
        )
    theirs = eval(f"torch.{name}({arguments})", scopes[0])  # noqa: S307
    text = absent.NEAREST[f"torch.{name}"].removesuffix(" is the same").removesuffix(" is the same but for -0.0")
    given = [a.strip() for a in arguments.split(",")]
    own = dict(scopes[1])
    values = [eval(g, own) for g in given if "=" not in g]  # noqa: S307
    own |= dict(
        zip(
            {"baddbmm": ["input", "a", "b"], "addbmm": ["input", "a", "b"], "addmv": ["input", "a", "v"]}.get(
                name, ["x", "y"] if name == "xlogy" else ["a", "b"] if len(values) == 2 else ["x"]
            ),
            values,
            strict=True,
        )
    ) | {"p": 2}
    ours = eval(text, own)  # noqa: S307
    assert numtorch.allclose(ours.double(), numtorch.tensor(theirs.double().tolist()).double())
