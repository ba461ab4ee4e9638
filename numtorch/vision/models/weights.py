"""Published weights: enumerations of where the files are, and how images are prepared for them.

``weights.txt`` is the table of them. Files are not shipped: a member finds its own in the cache of ``numtorch.hub``, or
downloads it; a path to a local file is taken wherever a member is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, partial
from pathlib import Path
from typing import Any

import numtorch as nt
from numtorch import hub
from numtorch.vision.transforms import functional as F
from numtorch.vision.transforms.pictures import InterpolationMode, is_pil
from numtorch.vision.transforms.transform import Transform

PLACE = "https://download.pytorch.org/models/"


class ImageClassification(Transform):
    """Images as the published classifiers take them: resized, the middle cut out, in [0, 1], normalised.

    Args:
        crop_size: of the result.
        resize_size: of the shorter edge before.
        mean, std: of each channel.
        interpolation: ``InterpolationMode``.
        antialias: as of ``Resize``.

    >>> from numtorch.vision import models
    >>> prepare = models.ResNet18_Weights.DEFAULT.transforms()
    >>> prepare(torch.zeros(3, 300, 400, dtype=torch.uint8)).shape
    torch.Size([3, 224, 224])
    """

    _shown = ("crop_size", "resize_size", "mean", "std", "interpolation")

    def __init__(
        self,
        *,
        crop_size: int,
        resize_size: int = 256,
        mean: tuple[float, ...] = (0.485, 0.456, 0.406),
        std: tuple[float, ...] = (0.229, 0.224, 0.225),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ):
        super().__init__()
        self.crop_size, self.resize_size = [crop_size], [resize_size]
        self.mean, self.std, self.interpolation, self.antialias = list(mean), list(std), interpolation, antialias

    def transform(self, inpt: Any, params: dict) -> Any:
        x = F.center_crop(
            F.resize(inpt, self.resize_size, self.interpolation, antialias=self.antialias), self.crop_size
        )
        if not isinstance(x, nt.Tensor):
            x = F.pil_to_tensor(x) if is_pil(x) else F.to_image(x).as_plain()
        return F.normalize(F.convert_image_dtype(x, nt.float32), self.mean, self.std)


@dataclass
class Weights:
    """A file of weights.

    Args:
        url: where it is published.
        transforms: makes what prepares images for it.
        meta: what is known of it.

    >>> from numtorch.vision import models
    >>> models.Weights("https://example.org/net.pth", None, {}).url
    'https://example.org/net.pth'
    """

    url: str
    transforms: Any
    meta: dict[str, Any] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Weights) and self.url == other.url

    def __hash__(self) -> int:
        return hash(self.url)


class WeightsEnum(Enum):
    """Base class of the enumerations of a model's published weights.

    >>> from numtorch.vision import models
    >>> models.ResNet18_Weights.IMAGENET1K_V1.meta["num_params"]
    11689512
    """

    @classmethod
    def verify(cls, obj: Any) -> Any:
        """A member, of itself or of its name.

        Args:
            obj: a member, its name, or None.

        Returns:
            The member, or None.

        Raises:
            TypeError: a member of another enumeration.

        >>> from numtorch.vision import models
        >>> models.ResNet18_Weights.verify("DEFAULT")
        ResNet18_Weights.IMAGENET1K_V1
        """
        if obj is None or isinstance(obj, cls):
            return obj
        if isinstance(obj, str):
            return cls[obj.removeprefix(cls.__name__ + ".")]
        raise TypeError(f"Invalid Weight class provided; expected {cls.__name__} but received {type(obj).__name__}.")

    def get_state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The weights, from the cache of ``numtorch.hub``, or downloaded into it.

        Args:
            *args, **kwargs: of ``hub.load_state_dict_from_url``.

        Returns:
            A dict of tensors.

        Raises:
            RuntimeError: the file is not there and cannot be downloaded; the message says where to put it.

        >>> from numtorch.vision import models
        >>> models.ResNet18_Weights.DEFAULT.url.rpartition("/")[2]
        'resnet18-f37072fd.pth'
        """
        try:
            return hub.load_state_dict_from_url(self.url, *args, **kwargs)
        except RuntimeError as error:
            if "could not download" not in str(error):
                raise
            name = self.url.rpartition("/")[2]
            raise RuntimeError(
                f"the weights {self} are not here: {error}. A file elsewhere is given as weights='path/to/{name}', and "
                "weights=None makes a network with new weights"
            ) from None

    @property
    def url(self) -> str:
        """Where the file is published."""
        return self.value.url

    @property
    def transforms(self) -> Callable[..., Any]:
        """Makes what prepares images for these weights."""
        return self.value.transforms

    @property
    def meta(self) -> dict[str, Any]:
        """What is known of these weights: ``categories``, ``num_params``, ``min_size`` and more."""
        return self.value.meta

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


class _Meta(dict):
    """Reads the names of the classes when they are first asked for."""

    def __missing__(self, key: str) -> Any:
        if key != "categories":
            raise KeyError(key)
        self[key] = categories()
        return self[key]


@cache
def categories() -> list[str]:
    """The names of ImageNet's 1,000 classes."""
    return (Path(__file__).parent / "imagenet_classes.txt").read_text().splitlines()


def _enumerations() -> tuple[dict[str, type[WeightsEnum]], dict[str, type[WeightsEnum]]]:
    """Those of the table: by their names, and by their models'."""
    members: dict[str, dict[str, Weights]] = {}
    models: dict[str, str] = {}
    for line in (Path(__file__).parent / "weights.txt").read_text().splitlines()[1:]:
        model, name, member, count, crop, resize, mode, least, accuracy, file, *default = line.split()
        prepare = partial(
            ImageClassification, crop_size=int(crop), resize_size=int(resize), interpolation=InterpolationMode(mode)
        )
        meta = _Meta(
            num_params=int(count), min_size=(int(least),) * 2, _metrics={"ImageNet-1K": {"acc@1": float(accuracy)}}
        )
        made = Weights(PLACE + file, prepare, meta)
        models[model] = name
        members.setdefault(name, {})[member] = made
        if default:
            members[name]["DEFAULT"] = made  # an alias
    kinds = {name: _enumeration(name, listed) for name, listed in members.items()}
    return kinds, {model: kinds[name] for model, name in models.items()}


def _enumeration(name: str, members: dict[str, Weights]) -> Any:
    made: Any = WeightsEnum(name, members, module="numtorch.vision.models", qualname=name)  # type: ignore[call-arg, arg-type]
    made.__doc__ = (
        f"Published weights: {', '.join(members)}.\n\n    >>> from numtorch.vision import models\n"
        f"    >>> models.{name}.DEFAULT.meta['min_size'][0] > 0\n    True\n    "
    )
    return made


ENUMERATIONS, OF_MODELS = _enumerations()


def state_of(name: str, weights: Any, progress: bool) -> dict[str, Any] | None:
    """What ``weights`` of a model says: None, a path, a member or its name."""
    if weights is None:
        return None
    kind = OF_MODELS.get(name)
    member = isinstance(weights, str) and kind is not None and weights.partition(".")[2] in kind.__members__
    path = isinstance(weights, os.PathLike) or isinstance(weights, str) and ("." in weights or os.sep in weights)
    if path and not member:
        return nt.load(weights)
    if kind is None:
        raise ValueError(f"{name}: no weights are published; pass weights=None, or the path of a file")
    try:
        return kind.verify(weights).get_state_dict(progress=progress, check_hash=True)
    except KeyError:
        listed = ", ".join(m for m in kind.__members__)
        raise ValueError(
            f"{name}: weights={weights!r} is no member of {kind.__name__} ({listed}), and no path of a file"
        ) from None
