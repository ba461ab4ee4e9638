"""Grids, drawings, files of images, boxes and regions: torchvision's values."""

import io as streams

import numpy as np
import pytest
import torchvision_reference

import numtorch as nt
from numtorch.vision import io, ops, utils

rng = np.random.default_rng(0)
PIXELS = rng.integers(0, 256, (3, 20, 24)).astype(np.uint8)


def both(name, *args, module="utils", **options):
    """A function's results, here and there, as arrays; arrays are given as tensors."""
    torchvision = torchvision_reference.torchvision()
    import torch

    def tensors(m, x):
        if isinstance(x, list) and x and isinstance(x[0], np.ndarray):
            return [m.from_numpy(v.copy()) for v in x]
        return m.from_numpy(x.copy()) if isinstance(x, np.ndarray) else x

    ours, theirs = {"utils": (utils, torchvision.utils), "ops": (ops, torchvision.ops)}[module]
    return [
        getattr(place, name)(*(tensors(m, x) for x in args), **{k: tensors(m, v) for k, v in options.items()}).numpy()
        for place, m in ((ours, nt), (theirs, torch))
    ]


def same(name, *args, tolerance=0.0, **options):
    ours, wanted = both(name, *args, **options)
    assert ours.dtype == wanted.dtype and ours.shape == wanted.shape, name
    np.testing.assert_allclose(ours, wanted, rtol=tolerance, atol=tolerance, err_msg=name)


def test_grids():
    x = rng.random((5, 3, 4, 6)).astype(np.float32)
    same("make_grid", x)
    same("make_grid", x[:, :1], nrow=2, padding=0)
    same("make_grid", list(x), nrow=3, pad_value=0.5)
    same("make_grid", x[0])
    same("make_grid", x[0, 0])
    same("make_grid", x - 0.5, normalize=True, tolerance=1e-6)
    same("make_grid", x, normalize=True, scale_each=True, tolerance=1e-6)
    same("make_grid", x, normalize=True, value_range=(0.2, 0.7), tolerance=1e-6)
    with pytest.raises(TypeError, match="tensor or list of tensors expected, got <class 'numpy.ndarray'>"):
        utils.make_grid(x)


def test_drawings():
    boxes = np.array([[1, 2, 10, 12], [5, 5, 20, 18]], np.float32)
    same("draw_bounding_boxes", PIXELS, boxes)
    same("draw_bounding_boxes", PIXELS, boxes, labels=["a", "b"], colors=["red", "#00ff10"], width=2)
    same("draw_bounding_boxes", PIXELS[:1], boxes, colors=(1, 2, 3), fill=True)
    same("draw_bounding_boxes", PIXELS, boxes, labels=["a", "b"], fill_labels=True, label_colors="white")
    same("draw_bounding_boxes", PIXELS.astype(np.float32) / np.float32(255), boxes, tolerance=1e-6)
    masks = np.zeros((2, 20, 24), bool)
    masks[0, :10], masks[1, 5:, :8] = True, True
    same("draw_segmentation_masks", PIXELS, masks, tolerance=1)
    same("draw_segmentation_masks", PIXELS, masks[0], alpha=0.3, colors="blue", tolerance=1)
    same("draw_segmentation_masks", PIXELS.astype(np.float32) / np.float32(255), masks, tolerance=1e-6)
    same("draw_keypoints", PIXELS, np.array([[[3, 4], [10, 12]]], np.float32), connectivity=[(0, 1)], colors="red")
    same("flow_to_image", rng.standard_normal((2, 6, 5)).astype(np.float32), tolerance=1)


@pytest.mark.parametrize(("make", "kind", "message"), [
    (lambda: utils.draw_bounding_boxes(nt.zeros(2, 3, 4, 4), nt.zeros(1, 4)), ValueError, "not batches"),
    (lambda: utils.draw_bounding_boxes(nt.zeros(3, 4, 4), nt.tensor([[3, 0, 1, 1]])), ValueError, "box_convert"),
    (lambda: utils.draw_bounding_boxes(nt.zeros(3, 4, 4), nt.zeros(1, 4), labels=["a", "b"]), ValueError, "mismatch"),
    (lambda: utils.draw_segmentation_masks(nt.zeros(3, 4, 4), nt.zeros(4, 4)), ValueError, "must be of dtype bool"),
    (lambda: io.read_image("no/such.png"), RuntimeError, "no/such.png cannot be read: No such file"),
    (lambda: io.decode_image(nt.zeros(9, dtype=nt.uint8)), RuntimeError, "the image cannot be decoded"),
    (lambda: io.decode_png(nt.zeros(9)), RuntimeError, "expected a uint8 tensor of one dimension"),
    (lambda: io.encode_png(nt.zeros(5, 2, 2, dtype=nt.uint8)), RuntimeError, r"\(1 or 3, height, width\)"),
    (lambda: io.encode_jpeg(nt.zeros(3, 2, 2, dtype=nt.uint8), 0), ValueError, "between 1 and 100"),
    (lambda: ops.nms(nt.zeros(3, 5), nt.zeros(3), 0.5), RuntimeError, r"should be a 2d tensor \(n, 4\)"),
    (lambda: ops.box_convert(nt.zeros(3, 4), "xyxy", "yx"), ValueError, "formats are xyxy, xywh and cxcywh"),
    (lambda: ops.sigmoid_focal_loss(nt.zeros(2), nt.zeros(2), reduction="max"), ValueError, "Invalid Value"),
    (lambda: ops.stochastic_depth(nt.zeros(2), 1.5, "row"), ValueError, "between 0 and 1"),
])  # fmt: skip
def test_errors(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def test_files(tmp_path):
    pil = pytest.importorskip("PIL.Image")
    image = nt.from_numpy(PIXELS)
    io.write_png(image, tmp_path / "a.png")
    assert nt.equal(io.read_image(tmp_path / "a.png"), image)
    assert nt.equal(io.decode_image(io.read_file(tmp_path / "a.png")), image)
    assert io.read_image(str(tmp_path / "a.png"), io.ImageReadMode.GRAY).shape == (1, 20, 24)
    assert io.decode_png(io.encode_png(image, 0), "RGBA").shape == (4, 20, 24)
    io.write_jpeg(image, tmp_path / "a.jpg", 90)
    there = np.asarray(pil.open(tmp_path / "a.jpg"))
    assert np.array_equal(io.read_image(tmp_path / "a.jpg").numpy(), there.transpose(2, 0, 1))
    assert [x.shape for x in io.decode_jpeg([io.encode_jpeg(image)] * 2)] == [(3, 20, 24)] * 2
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:300])
    with pytest.raises(RuntimeError, match="a.png: the image cannot be decoded"):
        io.read_image(tmp_path / "a.png")
    utils.save_image(nt.stack([image, image]).float() / 255, tmp_path / "grid.png", nrow=1, padding=1)
    grid = io.read_image(tmp_path / "grid.png")
    assert grid.shape == (3, 43, 26) and nt.equal(grid[:, 1:21, 1:25], image)
    buffer = streams.BytesIO()
    utils.save_image(image.float() / 255, buffer, format="png")
    assert buffer.getvalue() == buffer.getvalue() and pil.open(buffer).size == (24, 20)


BOXES = np.sort(rng.random((12, 2, 2)) * 10, axis=1).reshape(12, 4).astype(np.float32)
OTHERS = np.sort(rng.random((5, 2, 2)) * 10, axis=1).reshape(5, 4).astype(np.float32)


def test_boxes():
    for a, b in (("xyxy", "xywh"), ("xywh", "cxcywh"), ("cxcywh", "xyxy"), ("xyxy", "cxcywh")):
        same("box_convert", BOXES, a, b, module="ops", tolerance=1e-6)
    same("box_area", BOXES, module="ops", tolerance=1e-6)
    for name in ("box_iou", "generalized_box_iou", "distance_box_iou", "complete_box_iou"):
        same(name, BOXES, OTHERS, module="ops", tolerance=2e-6)
    same("clip_boxes_to_image", BOXES * 2 - 5, (7, 9), module="ops")
    same("remove_small_boxes", BOXES, 2.0, module="ops")
    masks = np.zeros((2, 6, 7), bool)
    masks[0, 1:3, 2:6], masks[1, 4, 4] = True, True
    same("masks_to_boxes", masks, module="ops")
    for name in ("generalized_box_iou_loss", "distance_box_iou_loss", "complete_box_iou_loss"):
        for reduction in ("none", "mean", "sum"):
            same(name, BOXES[:5], OTHERS, reduction=reduction, module="ops", tolerance=2e-6)
    x, y = rng.standard_normal(9).astype(np.float32), (rng.random(9) > 0.5).astype(np.float32)
    same("sigmoid_focal_loss", x, y, module="ops", tolerance=1e-6)
    same("sigmoid_focal_loss", x, y, alpha=-1, gamma=1.5, reduction="mean", module="ops", tolerance=1e-6)


def plain_nms(boxes, scores, threshold):
    """The definition, box by box."""
    kept = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        one = nt.from_numpy(boxes[[i]])
        if all(ops.box_iou(one, nt.from_numpy(boxes[[j]])).item() <= threshold for j in kept):
            kept.append(i)
    return kept


@pytest.mark.parametrize("threshold", [0.1, 0.4, 1.0])
def test_nms(threshold):
    scores = rng.random(12).astype(np.float32)
    boxes, tensor = nt.from_numpy(BOXES), nt.from_numpy(scores)
    assert ops.nms(boxes, tensor, threshold).tolist() == plain_nms(BOXES, scores, threshold)
    kinds = nt.tensor([0, 1, 2] * 4)
    apart = boxes + kinds[:, None] * 1000.0
    assert ops.batched_nms(boxes, tensor, kinds, threshold).tolist() == ops.nms(apart, tensor, threshold).tolist()
    empty = ops.nms(nt.zeros(0, 4), nt.zeros(0), 0.5)
    assert empty.shape == (0,) and empty.dtype == nt.int64


@pytest.mark.filterwarnings("ignore:.torch.jit")
@pytest.mark.parametrize("options", [{}, {"sampling_ratio": 2}, {"aligned": True, "spatial_scale": 0.5}])
def test_roi_align(options):
    torchvision_reference.torchvision()
    import torch
    from torchvision.ops.roi_align import _roi_align

    x = rng.standard_normal((2, 3, 9, 8)).astype(np.float32)
    rois = np.c_[[0, 1, 1], BOXES[:3] * 0.75].astype(np.float32)  # inside: what is in Python there has no outside
    scale, ratio, aligned = ({"spatial_scale": 1.0, "sampling_ratio": -1, "aligned": False} | options).values()
    wanted = _roi_align(torch.from_numpy(x), torch.from_numpy(rois), scale, 3, 2, ratio, aligned)
    tensor = nt.from_numpy(x)
    ours = ops.roi_align(tensor, nt.from_numpy(rois), (3, 2), **options)
    np.testing.assert_allclose(ours.numpy(), wanted.numpy(), rtol=1e-5, atol=1e-5)
    listed = [nt.from_numpy(rois[:1, 1:]), nt.from_numpy(rois[1:, 1:])]
    assert nt.equal(ops.RoIAlign((3, 2), scale, ratio, aligned)(tensor, listed), ours)


def test_regions_have_gradients():
    outside = ops.roi_align(nt.ones(1, 1, 4, 4), [nt.tensor([[2.0, 0.0, 10.0, 4.0]])], 1, sampling_ratio=8)
    assert outside.item() == 2.0 / 8  # samples at 2.5 and 3.5, and those from 4.5 on are not in the image
    x = nt.from_numpy(rng.standard_normal((1, 2, 6, 6))).requires_grad_()
    rois = [nt.tensor([[0.0, 1.0, 4.5, 5.0], [2.0, 2.0, 3.0, 3.0]])]
    for f in (lambda x: ops.roi_align(x, rois, 2), lambda x: ops.roi_pool(x, rois, 2)):
        assert nt.autograd.gradcheck(f, (x,))
    pooled = ops.RoIPool((2, 2), 1.0)(x, rois)
    assert pooled.shape == (2, 2, 2, 2) and ops.roi_pool(x, [nt.zeros(0, 4)], 2).shape == (0, 2, 2, 2)
    corner = x[0, :, 1:4, 0:3].amax((1, 2))  # rows 1 to 5 and columns 0 to 5, halved
    assert nt.equal(pooled[0, :, 0, 0], corner)


def test_layers():
    theirs = torchvision_reference.torchvision().ops
    for name, args, options in (
        ("Conv2dNormActivation", (3, 4, (3, 5)), {"dilation": (1, 2)}),
        ("Conv2dNormActivation", (3, 4), {"norm_layer": None, "activation_layer": None}),
        ("MLP", (3, [4, 5]), {"dropout": 0.1}),
        ("SqueezeExcitation", (4, 2), {}),
        ("FrozenBatchNorm2d", (3,), {}),
    ):
        a, b = (getattr(place, name)(*args, **options).state_dict() for place in (ops, theirs))
        assert [(k, tuple(v.shape)) for k, v in a.items()] == [(k, tuple(v.shape)) for k, v in b.items()]
    nt.manual_seed(0)
    x = nt.ones(2000, 3)
    out = ops.StochasticDepth(0.25, "row")(x)
    assert set(np.unique(out.numpy()).round(4)) == {0.0, np.float32(1.3333)} and abs(out.mean().item() - 1) < 0.1
    dropped = ops.DropBlock2d(0.3, 3)(nt.ones(40, 2, 12, 12))
    assert abs(dropped.mean().item() - 1) < 1e-3 and 0.1 < (dropped == 0).float().mean().item() < 0.5
