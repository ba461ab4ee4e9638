"""torchvision, to compare values with. Its compiled part is missing where it was built for another PyTorch; then its
ops are declared, so that all that is written in Python can be imported."""

import importlib

import pytest

OPS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def torchvision():
    """The module, or a skipped test."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("PIL")
    try:
        return importlib.import_module("torchvision")
    except ImportError:
        pytest.skip("could not import 'torchvision'")
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name, schema in OPS.items():
            library.define(name + schema)
        OPS["library"] = library  # it declares as long as it lives
        return importlib.import_module("torchvision")
