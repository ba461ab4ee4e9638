"""Error messages for names that numtorch does not have: whether PyTorch has the name, and which name comes nearest.

``torch_names.txt`` lists the names of PyTorch; ``tests/torch_names.py`` writes it. PyTorch is never imported. The
message is computed only when it is read, so ``hasattr`` costs one exception.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

# What does the work of names that are not here, or of names that other libraries have for it.
NEAREST = {
    "torch.nn.modules": "the layers are in numtorch.nn",
    "torch.nn.quantized": "there are no quantized types; x.bfloat16() and x.half() are the smallest floating ones",
    "torch.utils.data.distributed": "torch.utils.data.DistributedSampler is here",
    "torch.cuda.Event": (
        "time.perf_counter after torch.cuda.synchronize() takes times; torch.profiler.profile() takes those of kernels"
    ),
    "torch.cuda.Stream": "kernels run one after another here",
    "torch.ao": "there are no quantized types; x.bfloat16() and x.half() are the smallest floating ones",
    "torch.quantization": "there are no quantized types; x.bfloat16() and x.half() are the smallest floating ones",
    "torch.export": "torch.save(net.state_dict(), file) writes what PyTorch loads",
    "torch.mps": "devices are cpu, cuda and meta",
    "torch.xpu": "devices are cpu, cuda and meta",
    "torch.lobpcg": "torch.linalg.eigh gives all eigenvalues",
    "torch.Tensor.int_repr": "there are no quantized types; x.view(torch.uint8) shows the bytes of a tensor",
    "torch.complex32": "torch.complex64 holds the numbers",
}
# Names of NumPy and Keras, and other habits: what is meant, from where ``torch`` is.
FOREIGN = {
    "append": "torch.cat",
    "length": "len(x)",
    "len": "len(x)",
    "flat": "x.flatten",
    "to_numpy": "x.numpy",
    "asnumpy": "x.numpy",
    "as_numpy": "x.numpy",
    "from_np": "torch.from_numpy",
    "dot_product": "torch.dot",
    "fp16": "torch.float16",
    "fp32": "torch.float32",
    "bf16": "torch.bfloat16",
    "random_seed": "torch.manual_seed",
    "set_random_seed": "torch.manual_seed",
    "shuffle": "torch.randperm",
    "is_cuda_available": "torch.cuda.is_available",
    "MAELoss": "nn.L1Loss",
    "L2Loss": "nn.MSELoss",
    "RMSELoss": "nn.MSELoss",
    "BCELogitsLoss": "nn.BCEWithLogitsLoss",
    "l2_loss": "F.mse_loss",
    "mae_loss": "F.l1_loss",
    "mae": "F.l1_loss",
    "mse": "F.mse_loss",
    "bce": "F.binary_cross_entropy",
    "bce_loss": "F.binary_cross_entropy",
    "bce_with_logits": "F.binary_cross_entropy_with_logits",
    "kl_divergence": "F.kl_div",
    "global_avg_pool2d": "F.adaptive_avg_pool2d(x, 1)",
    "he_normal_": "nn.init.kaiming_normal_",
    "he_uniform_": "nn.init.kaiming_uniform_",
    "glorot_uniform_": "nn.init.xavier_uniform_",
    "glorot_normal_": "nn.init.xavier_normal_",
    "BCE": "F.binary_cross_entropy",
    "MSE": "F.mse_loss",
    "MAE": "F.l1_loss",
    "zero_": "nn.init.zeros_",
    "CosineLR": "lr_scheduler.CosineAnnealingLR",
    "array": "torch.tensor",
    "ndarray": "torch.Tensor",
    "astype": "x.to",
    "copy": "x.clone",
    "expand_dims": "torch.unsqueeze",
    "power": "torch.pow",
    "set_seed": "torch.manual_seed",
    "seed_everything": "torch.manual_seed",
    "Dense": "nn.Linear",
    "BatchNormalization": "nn.BatchNorm2d",
    "LayerNormalization": "nn.LayerNorm",
    "MaxPooling2D": "nn.MaxPool2d",
    "AveragePooling2D": "nn.AvgPool2d",
    "GlobalAveragePooling2D": "nn.AdaptiveAvgPool2d(1)",
    "categorical_crossentropy": "F.cross_entropy",
}
# Where names are looked for that are not where they were asked for, the likeliest first.
SPACES = (
    "torch",
    "torch.Tensor",
    "torch.nn",
    "torch.nn.functional",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.utils.data",
    "torch.linalg",
    "torch.nn.init",
    "torch.nn.utils",
    "torch.autograd",
    "torch.cuda",
    "torch.vision.transforms",
    "torch.vision.datasets",
    "torch.vision.models",
    "torch.profiler",
    "torch.kernels",
)


# Where more is public than what torch has under the name, and the modules that are.
OWN = (
    "torch",
    "torch.utils.data",
    "torch.vision",
    "torch.vision.transforms",
    "torch.vision.datasets",
    "torch.vision.models",
    "torch.profiler",
    "torch.kernels",
)
PARTS = {
    "torch.vision": ("datasets", "models", "transforms"),
    "torch.vision.transforms": ("", "transforms.Lambda(f) makes a transform of any function of yours"),
}
# What np.linalg has.
NUMPYS = {
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vecdot",
}
LATE: dict[str, tuple[str, ...]] = {}  # what is imported when it is named
MEMBERS: dict[str, dict[str, str]] = {}  # of it, what is taken from a submodule, and from which
# What torchvision has, and what comes nearest.
TORCHVISION = {
    "torch.vision": ("", "numtorch.vision has datasets, io, models, ops, transforms, tv_tensors and utils"),
    "torch.vision.io": ("VideoReader read_video write_video decode_avif decode_heic", "read_image reads images"),
    "torch.vision.ops": (
        "DeformConv2d FeaturePyramidNetwork MultiScaleRoIAlign PSRoIAlign PSRoIPool deform_conv2d ps_roi_align "
        "ps_roi_pool",
        "roi_align and roi_pool are here",
    ),
    "torch.vision.datasets": (
        "Caltech101 Caltech256 Cityscapes Flickr30k Flickr8k HMDB51 INaturalist Kinetics Kitti LFWPairs LFWPeople LSUN "
        "MovingMNIST Omniglot PCAM PhotoTour Places365 QMNIST SBDataset SBU SUN397 StanfordCars UCF101 WIDERFace",
        "ImageFolder reads a folder with one folder for each class, "
        "and a class with __len__ and __getitem__ is a dataset of your own",
    ),
    "torch.vision.models": (
        "GoogLeNet Inception3 MaxVit RegNet ShuffleNetV2 SwinTransformer detection googlenet inception_v3 maxvit_t "
        "optical_flow quantization regnet_y_400mf segmentation shufflenet_v2_x1_0 swin_b swin_s swin_t video",
        "models.list_models() says which are here",
    ),
    "torch.vision.transforms": (
        "AugMix AutoAugment CenterCrop ColorJitter ConvertImageDtype ElasticTransform FiveCrop GaussianBlur "
        "Grayscale InterpolationMode LinearTransformation PILToTensor Pad RandAugment RandomAdjustSharpness "
        "RandomAffine RandomApply RandomAutocontrast RandomChoice RandomCrop RandomEqualize RandomErasing "
        "RandomGrayscale RandomHorizontalFlip RandomInvert RandomOrder RandomPerspective RandomPosterize "
        "RandomResizedCrop RandomRotation RandomSolarize RandomVerticalFlip Resize TenCrop ToPILImage v2",
        "transforms.Lambda(f) makes a transform of any function of yours",
    ),
}


class _Nothing:
    """In place of an object that Python would compare names with: it has none, and no wrong one is proposed."""

    def __dir__(self) -> list[str]:
        return []


_NOTHING = _Nothing()


class Absent(AttributeError):
    """A name that is not here. What is to be said of it is looked up when the message is read."""

    def __init__(self, plain: str, space: str, name: str):
        super().__init__(plain, name=name, obj=_NOTHING)
        self.plain, self.space, self.asked = plain, space, name

    def __str__(self) -> str:
        try:
            return self.plain + told(self.space, self.asked)
        except Exception:  # a message must not fail
            return self.plain

    def __repr__(self) -> str:
        return f"AttributeError({str(self)!r})"

    def __reduce__(self) -> tuple:
        return AttributeError, (str(self),)


class AbsentImport(ImportError):
    """``from numtorch import name`` of a name that is not here."""


for _kind, _plain in ((Absent, "AttributeError"), (AbsentImport, "ImportError")):  # as which they are shown
    _kind.__name__ = _kind.__qualname__ = _plain
    _kind.__module__ = "builtins"


@cache
def names() -> dict[str, dict[str, str]]:
    """PyTorch's names: what each is, by where it is."""
    found: dict[str, dict[str, str]] = {}
    for line in (Path(__file__).parent / "torch_names.txt").read_text().splitlines()[1:]:
        head, _, listed = line.partition(": ")
        space, kind = head.split()
        found.setdefault(space, {}).update(dict.fromkeys(listed.split(), kind))
    return found


def ours(space: str) -> Any:
    """What is here under a place of PyTorch's."""
    package, _, rest = space.partition(".")
    here = sys.modules["numtorch"]
    if rest == "Tensor":
        return here.Tensor
    try:
        return importlib.import_module(f"numtorch.{rest}") if rest else here
    except (ModuleNotFoundError, RuntimeError):  # RuntimeError: Python ends, and starts no threads any more
        return _Nothing


def has(space: str, name: str) -> bool:
    """Whether a public name is here, and not only imported where it is."""
    where = ours(space)
    if name.startswith("_"):
        return False
    if name in LATE.get(space, ()) or name in PARTS.get(space, ()):
        return True
    if space == "torch.Tensor" and name in where.__annotations__:  # what every tensor has of its own
        return name in names()[space]
    if name not in vars(where) or isinstance(value := vars(where)[name], Withheld):
        return False
    return name in names().get(space, ()) or (
        space in OWN and (getattr(value, "__module__", None) or "").startswith("numtorch")
    )


def public(space: str) -> list[str]:
    """The names that are here."""
    where = ours(space)
    listed = [
        *vars(where),
        *LATE.get(space, ()),
        *PARTS.get(space, ()),
        *(where.__annotations__ if space == "torch.Tensor" else ()),
    ]
    return [n for n in dict.fromkeys(listed) if has(space, n)]


def told(space: str, name: str) -> str:
    """What follows ``has no attribute`` in the message; empty if there is nothing to say.

    >>> told("torch.nn", "Conv2D")
    ". Did you mean 'Conv2d'?"
    >>> told("torch", "lobpcg")
    ': torch.lobpcg is a function of PyTorch that is not here yet; torch.linalg.eigh gives all eigenvalues'
    """
    if name in names().get(space, ()):
        return f": {_not_yet(space, name)}"
    if space in TORCHVISION:
        return _told_of_vision(space, name)
    if name in FOREIGN:
        return f". PyTorch has none either; {FOREIGN[name]} is what does it"
    here = public(space)
    if same := _same(name, space):
        return f". Did you mean {_either(map(repr, same))}?"
    for other in SPACES:
        if other != space and has(other, name):
            meant = _same(name, other)[0] if names().get(other, {}).get(name) == "module" else name
            return f". Did you mean {_shown(other, meant)}?"
    for other in SPACES:
        if name in names().get(other, ()):
            return f": {_not_yet(other, name)}"
    found = _closest(name, space)
    if not any(
        distance(name, n, 1) < 2 and (n.startswith(name) or name.startswith(n)) for _, n in found
    ):  # but for the last letter
        begun = [n for n in here if len(name) > 4 and _folded(n).startswith(_folded(name))]
        if 0 < len(begun) < 5:
            return f". Did you mean {_either(map(repr, begun))}?"
    if not found or len(found) > 3:
        return ""
    if found[0][0] == "":
        return f". PyTorch has none either; {FOREIGN[found[0][1]]} is what does it"
    said = f". Did you mean {_either(_shown(where, meant, space) for where, meant in found)}?"
    missing = [f for f in found if not has(*f)]
    return said + f" {_not_yet(*missing[0])}" if missing else said


def nearest(full: str) -> str:
    """What comes nearest to a name that is not here, by its whole path; empty if nothing does.

    >>> nearest("torch.nn.Conv2D"), nearest("torch.lobpcg"), nearest("torchvision.transforms.Totensor")
    ("'Conv2d'", 'torch.linalg.eigh gives all eigenvalues', "'ToTensor'")
    """
    space, _, name = full.replace("torchvision", "torch.vision", 1).rpartition(".")
    if name in names().get(space, ()):
        return _near(space, name)
    said = told(space, name)
    meant = re.match(r"\. Did you mean (.*?)\?|\. PyTorch has none either; (.*) is what does it", said)
    if meant:
        return meant[1] or meant[2]
    return "" if "nothing that is here" in said else said.partition("; ")[2]


def _same(name: str, space: str) -> list[str]:
    """The names in a place that differ from this one in case and underscores alone; a class before the module that it
    is in."""
    same = [n for n in public(space) if _folded(n) == _folded(name)]
    return [n for n in same if names().get(space, {}).get(n) != "module"] or same


def _told_of_vision(space: str, name: str) -> str:
    listed, near = TORCHVISION[space]
    if name in listed.split():
        return f": torchvision{space.removeprefix('torch.vision')}.{name} is not here yet; {near}"
    if same := _same(name, space):
        return f". Did you mean {_either(map(repr, same))}?"
    limit = 1 if len(name) < 6 else 2
    close = {n: distance(name, n, limit) for n in public(space)}
    meant = [n for n, d in close.items() if d == min(close.values()) <= limit]
    return f". Did you mean {_either(map(repr, meant))}?" if 0 < len(meant) < 4 else ""


def _either(given: Iterable[str]) -> str:
    *most, last = given
    return f"{', '.join(most)} or {last}" if most else last


def _shown(where: str, name: str, asked: str | None = None) -> str:
    if where == asked:
        return repr(name)
    return f"the method x.{name}" if where == "torch.Tensor" else f"{where}.{name}"


def _not_yet(space: str, name: str) -> str:
    kind = names()[space][name]
    text = f"{space}.{name} is {'an' if kind[0] in 'aeiou' else 'a'} {kind} of PyTorch that is not here yet"
    near = _near(space, name)
    return f"{text}; {near}" if near else text + "; nothing that is here does the same"


def _near(space: str, name: str) -> str:
    full = f"{space}.{name}"
    for key in (full, f"torch.{name}", f"torch.nn.{name}"):
        if key in NEAREST and (key == full or space in ("torch", "torch.Tensor")):
            return NEAREST[key]
    if space.startswith("torch.nn") and name[-2:] in ("1d", "2d", "3d") and f"{space}.{name[:-2]}2d" in NEAREST:
        return NEAREST[f"{space}.{name[:-2]}2d"]
    for other in SPACES:
        if other != space and has(other, name):
            return f"{_shown(other, name)} is here"
    if space == "torch.linalg" and name in NUMPYS:
        return f"np.linalg.{name} on x.detach().numpy() computes it outside the graph"
    if same := _same(name, space):
        return f"{space}.{same[0]} is here"
    if has(space, name + "_"):
        return f"{name}_ is here"
    if name.endswith("_"):
        plain = name[:-1]
        for other in ("torch", "torch.nn.functional"):
            if has(other, plain):
                return f"x = {other}.{plain}(x) is here"
        return _near(space, plain)
    for copies in ("_copy",):
        if name.endswith(copies) and has("torch", name.removesuffix(copies)):
            return f"torch.{name.removesuffix(copies)}(...).clone() is the same"
    return ""


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


def _closest(name: str, space: str) -> list[tuple[str, str]]:
    """The names that a mistyped one may stand for, as (place, name): those that are here if they are as near as
    PyTorch's others, and those in the same place before others. The place of NumPy's names is ``""``."""
    limit = 1 if len(name) < 6 else 2
    best: tuple = (limit + 1,)
    found: list[tuple[str, str]] = []
    for rank, where in enumerate((space, "", *[s for s in SPACES if s != space])):
        listed = (
            dict.fromkeys(names().get(where, ()), 1) | dict.fromkeys(public(where), 0)
            if where
            else dict.fromkeys(FOREIGN, 0)
        )
        for n, missing in listed.items():
            if len(n) < 3 or abs(len(n) - len(name)) > limit:
                continue
            d = distance(name, n, limit)
            # A name elsewhere must be nearer than one in its place, and an initial is seldom mistyped.
            if d > limit or (rank and d > 1) or (d + 1 > limit and n[0].lower() != name[0].lower()):
                continue
            key = (d + (rank > 1), missing, rank)
            if key <= best:
                found = [*found, (where, n)] if key == best else [(where, n)]
                best = key
    return sorted([f for f in found if names().get(f[0], {}).get(f[1]) != "module"] or found)


def distance(a: str, b: str, limit: int) -> int:
    """How many letters must be changed, added, left out, or exchanged with their neighbour to make ``b`` of ``a``;
    beyond ``limit`` any larger number.

    >>> distance("tesnor", "tensor", 2), distance("squeze", "squeeze", 2)
    (1, 1)
    """
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, c in enumerate(a, 1):
        before, last, row = row, before, [i]
        for j, d in enumerate(b, 1):
            n = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (c != d))
            if i > 1 and j > 1 and c == b[j - 2] and a[i - 2] == d:
                n = min(n, last[j - 2] + 1)
            row.append(n)
        if min(row) > limit:
            return limit + 1
    return row[-1]


def _importing(depth: int) -> bool:
    """Whether the frame that asks for a name is at ``from module import name``."""
    from opcode import opmap

    frame = sys._getframe(depth)
    return frame.f_lasti >= 0 and frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"]


def answers(
    module: str, late: Iterable[str] = (), members: Mapping[str, Iterable[str]] | None = None
) -> tuple[Callable, Callable]:
    """``__getattr__`` and ``__dir__`` of a module: submodules that are imported when they are named, names that are
    taken from a submodule then, and answers for names that it does not have."""
    space = module.replace("numtorch", "torch", 1)
    homes = MEMBERS[space] = {name: home for home, names in (members or {}).items() for name in names}
    late = tuple(late)
    LATE[space] = (*late, *homes)
    scope = vars(sys.modules[module])

    def __getattr__(name: str) -> Any:
        if name in late:
            return importlib.import_module(f"{module}.{name}")
        if name in homes:
            value = scope[name] = getattr(importlib.import_module(f"{module}.{homes[name]}"), name)
            return value
        plain = f"module {module!r} has no attribute {name!r}"
        if name.startswith("_"):  # what Python and notebooks ask everything for
            raise AttributeError(plain)
        if _importing(2) and f"{module}.{name}" not in sys.modules:
            said = told(space, name)
            raise AbsentImport(
                f"cannot import name {name!r} from {module!r}{said}", name=module, path=scope.get("__file__")
            )
        raise Absent(plain, space, name)

    def __dir__() -> list[str]:
        return sorted({*scope, *LATE[space]})

    return __getattr__, __dir__


class Withheld:
    """In the place of a method that PyTorch's tensors have and these do not have: as if it were not there, but that it
    says so."""

    def __init__(self, name: str):
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        what = f"type object '{owner.__name__}'" if instance is None else f"'{owner.__name__}' object"
        raise Absent(f"{what} has no attribute {self.name!r}", "torch.Tensor", self.name)

    def __repr__(self) -> str:
        return "<of PyTorch's tensors, not here yet>"


def withhold(cls: type) -> None:
    """Let a class of tensors answer for the names of PyTorch's that it does not have. (``__getattr__`` would make every
    access slower.)"""
    for name in (*names()["torch.Tensor"], "astype", "copy"):  # and what arrays have
        if not hasattr(cls, name) and name not in cls.__annotations__:
            setattr(cls, name, Withheld(name))
