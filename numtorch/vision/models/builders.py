"""Models by their names: functions that make one, and the list of them."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from numtorch import nn, notices
from numtorch.nn import init
from numtorch.vision.models.weights import OF_MODELS, state_of

zeros: Callable[[Any], Any] = init.zeros_  # of parameters that the layer is known to have
ones: Callable[[Any], Any] = init.ones_
Net = TypeVar("Net", bound=nn.Module)
BUILDERS: dict[str, Callable[..., nn.Module]] = {}

_DOC = """{title}: a new one, or one with published weights.

Args:
    weights: None, a member of the model's enumeration of weights or its name, or the path of a file.
    progress: show a bar while a file is downloaded.
    **options: of ``{network}``; and ``pretrained``, an older name of ``weights``.

Returns:
    The network.

Raises:
    RuntimeError: the weights are not here and cannot be downloaded.
    ValueError: ``weights`` is none of these.

Source: {source}

>>> from numtorch.vision import models
>>> models.list_models("{name}")
['{name}']
"""


def builder(
    name: str,
    title: str,
    source: str,
    network: Callable[..., Net],
    module: str,
    loaded: Any = None,
    auxiliary: Any = (),
    **own: Any,
) -> Callable[..., Net]:
    """A function that makes a network, under the name by which users ask for it.

    Args:
        loaded: a dict, options of a network that gets published weights.
        auxiliary: names of classifiers of inner layers, of which there are published weights; ``aux_logits=False`` then
            leaves them out afterwards.
        own: options of the network.
    """

    def build(*, weights: Any = None, progress: bool = True, **options: Any) -> Net:
        if "pretrained" in options and weights is None:
            notices.warn(f"The parameter 'pretrained' is deprecated; {name}(weights=...) takes its place")
            weights = "DEFAULT" if options["pretrained"] else None
        options.pop("pretrained", None)
        state = state_of(name, weights, progress)
        if state is not None:
            for matrix in [v for v in state.values() if v.ndim == 2][-1:]:  # of the last layer
                options.setdefault("num_classes", matrix.shape[0])
            options = (loaded or {}) | options
            wanted = options.get("aux_logits")
            if auxiliary:
                options |= {"aux_logits": any(key.startswith(auxiliary) for key in state), "init_weights": False}
        net: Any = network(**own | options)
        if state is not None:
            net.load_state_dict(state)
            if auxiliary and not wanted:
                net.aux_logits = False
                for part in auxiliary:
                    setattr(net, part, None)
        return net

    build.__name__ = build.__qualname__ = name
    build.__module__ = module
    build.__doc__ = _DOC.format(title=title, source=source, network=network.__name__, name=name)
    BUILDERS[name] = build
    return build


def list_models(include: str | Iterable[str] | None = None, exclude: str | Iterable[str] | None = None) -> list[str]:
    """The names of the models that are here.

    Args:
        include: patterns, such as ``"resnet*"``; all names if None.
        exclude: patterns of names that are left out.

    Returns:
        A list, in order.

    >>> from numtorch.vision import models
    >>> models.list_models("resnet*", exclude=["resnet1*"])
    ['resnet34', 'resnet50']
    """

    def matches(name: str, patterns: str | Iterable[str] | None, otherwise: bool) -> bool:
        if patterns is None:
            return otherwise
        return any(fnmatch.fnmatch(name, p) for p in ([patterns] if isinstance(patterns, str) else patterns))

    return sorted(n for n in BUILDERS if matches(n, include, True) and not matches(n, exclude, False))


def get_model_builder(name: str) -> Callable[..., nn.Module]:
    """The function that makes a model.

    Args:
        name: the model's name.

    Returns:
        A function.

    Raises:
        ValueError: there is no such model.

    >>> from numtorch.vision import models
    >>> models.get_model_builder("resnet18") is models.resnet18
    True
    """
    if name.lower() not in BUILDERS:
        raise ValueError(f"Unknown model {name}")
    return BUILDERS[name.lower()]


def get_model(name: str, **config: Any) -> nn.Module:
    """A model by its name.

    Args:
        name: its name.
        **config: arguments of the function of that name.

    Returns:
        The network.

    >>> from numtorch.vision import models
    >>> type(models.get_model("squeezenet1_1", num_classes=2)).__name__
    'SqueezeNet'
    """
    return get_model_builder(name)(**config)


def get_model_weights(name: Any) -> Any:
    """The enumeration of a model's published weights.

    Args:
        name: the model's name, or the function that makes it.

    Returns:
        A ``WeightsEnum``.

    >>> from numtorch.vision import models
    >>> models.get_model_weights("resnet18").__name__
    'ResNet18_Weights'
    """
    return OF_MODELS[name if isinstance(name, str) else name.__name__]


def get_weight(name: str) -> Any:
    """A member of an enumeration of weights.

    Args:
        name: both names, with a dot between them.

    Returns:
        The member.

    Raises:
        ValueError: there is none of this name.

    >>> from numtorch.vision import models
    >>> models.get_weight("ResNet50_Weights.IMAGENET1K_V2")
    ResNet50_Weights.IMAGENET1K_V2
    """
    kind, _, member = name.partition(".")
    for found in OF_MODELS.values():
        if found.__name__ == kind and member in found.__members__:
            return found[member]
    raise ValueError(f"The weight enum '{name}' could not be found")
