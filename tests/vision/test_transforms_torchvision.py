"""Images after each function are torchvision's, within one step of a byte; of boxes, within rounding."""

import numpy as np
import pytest
import torchvision_reference

import numtorch as nt
from numtorch.vision import tv_tensors
from numtorch.vision.transforms import InterpolationMode, automatic, functional, v2
from numtorch.vision.transforms.v2 import functional as F2

rows, columns = np.mgrid[:40, :50]
PICTURE = np.stack([128 + 100 * np.sin(columns / 7 + c) * np.cos(rows / 5) for c in range(3)], -1).astype(np.uint8)
CORNERS = [[0, 0], [49, 0], [49, 39], [0, 39]]
MOVED = [[3, 2], [45, 5], [47, 36], [2, 30]]
SHIFTS = np.random.default_rng(0).normal(0, 0.05, (1, 40, 50, 2)).astype(np.float32)
KINDS = ("pil", "uint8", "float32")


def cases():
    for mode in ("NEAREST", "NEAREST_EXACT", "BILINEAR", "BICUBIC"):
        yield from (("resize", (size, mode), {}) for size in ([20], [33, 17], [80, 90], [20, 60]))
        yield "resize", ([33, 90], mode), {"antialias": "no"}
    yield "resize", ([30],), {"max_size": 32}
    for mode in ("constant", "edge", "reflect", "symmetric"):
        yield from (("pad", (edges,), {"padding_mode": mode}) for edges in (3, [2, 5], [1, 2, 3, 4]))
    yield "crop", (3, 4, 10, 12), {}
    yield "crop", (-3, 40, 20, 22), {}
    yield "center_crop", ([31, 60],), {}
    yield "resized_crop", (3, 4, 20, 25, [16, 18]), {}
    yield "hflip", (), {}
    yield "vflip", (), {}
    yield "five_crop", ([8, 9],), {}
    yield "ten_crop", ([8, 9],), {"vertical_flip": True}
    for mode in ("NEAREST", "BILINEAR"):
        for angle, expand, fill in ((30, False, None), (-45.5, True, [10, 20, 30]), (90, True, None)):
            yield "rotate", (angle, mode), {"expand": expand, "fill": fill}
        yield "rotate", (25, mode), {"center": [5, 9]}
        yield "affine", (20, [3, -4], 1.3, [10.0, -5.0], mode), {}
        yield "affine", (20, [3, -4], 0.8, [10.0, 0.0], mode), {"fill": [9, 8, 7], "center": [0, 0]}
        yield "perspective", (CORNERS, MOVED, mode), {}
        yield "elastic_transform", (SHIFTS, mode), {}
    for name in ("adjust_brightness", "adjust_contrast", "adjust_saturation", "adjust_sharpness", "adjust_gamma"):
        yield from ((name, (factor,), {}) for factor in (0.0, 0.3, 1.7))
    yield from (("adjust_hue", (turn,), {}) for turn in (-0.5, -0.2, 0.1, 0.5))
    yield from (("posterize", (bits,), {}) for bits in (1, 4, 8))
    yield from (("solarize", (limit,), {}) for limit in (0.4, 100))
    yield from ((name, (), {}) for name in ("autocontrast", "equalize", "invert", "rgb_to_grayscale"))
    yield "rgb_to_grayscale", (3,), {}
    yield "gaussian_blur", ([7, 3], [2.0, 0.7]), {}
    yield "gaussian_blur", (5,), {}


def given(module, kind):
    pil = pytest.importorskip("PIL.Image")
    planes = PICTURE.transpose(2, 0, 1).copy()
    if kind == "pil":
        return pil.fromarray(PICTURE)
    return module.from_numpy(planes if kind == "uint8" else planes.astype(np.float32) / np.float32(255))


def called(functions, modes, module, kind, name, args, options):
    """The result as arrays, or the kind of the error."""
    if options.get("antialias") == "no":
        options = {"antialias": kind == "pil"}  # which always is
    args = [getattr(modes, a) if isinstance(a, str) else module.from_numpy(a) if a is SHIFTS else a for a in args]
    try:
        out = getattr(functions, name)(given(module, kind), *args, **options)
    except TypeError as error:
        return type(error)
    return [np.asarray(x, np.float64) for x in (out if isinstance(out, tuple) else [out])]


@pytest.mark.parametrize("kind", KINDS)
def test_functions(kind):
    torchvision = torchvision_reference.torchvision()
    import torch

    theirs = torchvision.transforms
    allowed = 1.001 / 255 if kind == "float32" else 1
    for name, args, options in cases():
        ours = called(functional, InterpolationMode, nt, kind, name, args, options)
        wanted = called(theirs.functional, theirs.InterpolationMode, torch, kind, name, args, options)
        if isinstance(wanted, type):
            assert ours is wanted or (name == "equalize" and kind == "float32"), name
            continue
        for x, y in zip(ours, wanted, strict=True):
            assert x.shape == y.shape, (name, args)
            assert np.abs(x - y).max() <= allowed, (name, args, options)


def test_boxes_masks_and_points():
    torchvision = torchvision_reference.torchvision()
    import torch
    import torchvision.transforms.v2.functional as G
    from torchvision import tv_tensors as theirs

    for name, args, options in (
        ("resize", ([20, 60],), {}),
        ("crop", (3, 4, 20, 22), {}),
        ("center_crop", ([30, 20],), {}),
        ("pad", ([1, 2, 3, 4],), {}),
        ("hflip", (), {}),
        ("vflip", (), {}),
        ("resized_crop", (3, 4, 20, 25, [16, 18]), {}),
        ("rotate", (30,), {}),
        ("rotate", (30,), {"expand": True}),
        ("affine", (), {"angle": 20, "translate": [3, -4], "scale": 1.3, "shear": [10.0, -5.0]}),
        ("perspective", (CORNERS, MOVED), {}),
    ):
        for kind, values in (("XYXY", [[4, 5, 20, 15]]), ("XYWH", [[4.0, 5, 16, 10]]), ("CXCYWH", [[20.0, 15, 9, 8]])):
            where = {"format": kind, "canvas_size": (40, 50)}
            x = getattr(F2, name)(tv_tensors.BoundingBoxes(values, **where), *args, **options)
            y = getattr(G, name)(theirs.BoundingBoxes(torch.tensor(values), **where), *args, **options)
            assert x.canvas_size == tuple(y.canvas_size) and x.format.name == y.format.name
            # Of a rotated image that grows, the extents are whole numbers, and the boxes move with the image.
            allowed = 1.01 if kind == "XYXY" else 0.5 if options.get("expand") else 1e-3
            np.testing.assert_allclose(x.tolist(), y.tolist(), atol=allowed, err_msg=name)
        mask = np.zeros((40, 50), np.uint8)
        mask[10:20, 5:30] = 3
        x = getattr(F2, name)(tv_tensors.Mask(mask), *args, **options)
        y = getattr(G, name)(theirs.Mask(torch.from_numpy(mask)), *args, **options)
        assert type(x) is tv_tensors.Mask and np.array_equal(x.numpy(), y.numpy()), name
        points = [[10.0, 12.0], [30.0, 20.0]]
        x = getattr(F2, name)(tv_tensors.KeyPoints(points, canvas_size=(40, 50)), *args, **options)
        y = getattr(G, name)(theirs.KeyPoints(torch.tensor(points), canvas_size=(40, 50)), *args, **options)
        np.testing.assert_allclose(x.tolist(), y.tolist(), atol=0.5 if options.get("expand") else 1e-3, err_msg=name)
    assert torchvision.__version__


def test_policies_are_the_published_ones():
    theirs = torchvision_reference.torchvision().transforms.autoaugment
    for policy in theirs.AutoAugmentPolicy:
        wanted = [[tuple(step) for step in pair] for pair in theirs.AutoAugment(policy).policies]
        assert automatic.policy_of(policy.value) == wanted


def test_signatures_are_torchvisions():
    """Every name of torchvision's is here, and takes the same parameters in the same order."""
    torchvision = torchvision_reference.torchvision()
    import inspect

    from torchvision.transforms import functional as G
    from torchvision.transforms import v2 as their_v2

    from numtorch.vision import transforms

    for ours, theirs in ((transforms, torchvision.transforms), (v2, their_v2), (functional, G)):
        for name in getattr(theirs, "__all__", None) or vars(theirs):
            f = getattr(theirs, name)
            if name.startswith("_") or not callable(f) or not f.__module__.startswith(theirs.__name__):
                continue
            assert hasattr(ours, name) or name in ABSENT, name
            if name in ABSENT or inspect.isabstract(f):
                continue
            here = [p for p in inspect.signature(getattr(ours, name)).parameters if p != "kwargs"]
            there = [p for p in inspect.signature(f).parameters if p not in ("kwargs", "pic", "inpt")]
            if "args" not in here and name not in ("Compose",):
                assert [p for p in here if p not in ("pic", "inpt")][: len(there)] == there, name


ABSENT = ("SetClampingMode", "SanitizeKeyPoints", "get_keypoints")
