"""Transforms that draw numbers: their ranges, equal parameters for all parts of a sample, and what they refuse."""

import copy
import pickle

import numpy as np
import pytest

import numtorch as nt
from numtorch.utils.data import DataLoader, Dataset
from numtorch.vision import transforms, tv_tensors
from numtorch.vision.transforms import functional, v2

rng = np.random.default_rng(0)
IMAGE = nt.from_numpy(rng.integers(0, 256, (3, 16, 20)).astype(np.uint8))
STEPS = [
    transforms.AugMix(),
    transforms.AutoAugment(transforms.AutoAugmentPolicy.CIFAR10),
    transforms.CenterCrop(8),
    transforms.ColorJitter(0.4, 0.4, 0.4, 0.1),
    transforms.ElasticTransform(),
    transforms.GaussianBlur(3),
    transforms.Grayscale(3),
    transforms.Pad(2, padding_mode="reflect"),
    transforms.RandAugment(),
    transforms.RandomAdjustSharpness(2, 1.0),
    transforms.RandomAffine(30, (0.1, 0.2), (0.5, 1.5), 10),
    transforms.RandomApply([transforms.RandomVerticalFlip(1.0)], 1.0),
    transforms.RandomAutocontrast(1.0),
    transforms.RandomChoice([transforms.RandomInvert(1.0), transforms.RandomEqualize(1.0)]),
    transforms.RandomCrop(16, padding=2),
    transforms.RandomErasing(1.0, value="random"),
    transforms.RandomGrayscale(1.0),
    transforms.RandomHorizontalFlip(),
    transforms.RandomOrder([transforms.RandomSolarize(128, 1.0), transforms.RandomPosterize(3, 1.0)]),
    transforms.RandomPerspective(p=1.0),
    transforms.RandomResizedCrop(12),
    transforms.RandomRotation(45),
    transforms.Resize((10, 12)),
    transforms.TrivialAugmentWide(),
    v2.RandomPhotometricDistort(),
    v2.RandomZoomOut(p=1.0),
    v2.ScaleJitter((16, 16)),
    v2.RandomShortestSize([8, 12]),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda s: type(s).__name__)
def test_every_kind_of_image_a_copy_and_the_same_numbers_again(step):
    """A pickled copy with the same seed gives the same image; arrays give what tensors give; PIL images stay PIL's."""
    nt.manual_seed(3)
    first = step(IMAGE)
    nt.manual_seed(3)
    assert nt.equal(pickle.loads(pickle.dumps(step))(IMAGE), first) and first.dtype == IMAGE.dtype
    nt.manual_seed(3)
    if not isinstance(step, transforms.AugMix | transforms.RandomErasing):
        array = step(IMAGE.permute(1, 2, 0).contiguous().numpy())
        assert np.array_equal(array.transpose(2, 0, 1), first.numpy())
    nt.manual_seed(3)
    assert step(IMAGE, "label")[1] == "label"
    assert type(step).__name__ in repr(step)
    copy.deepcopy(step)


@pytest.mark.parametrize("step", STEPS, ids=lambda s: type(s).__name__)
def test_pil_images(step):
    pytest.importorskip("PIL")
    nt.manual_seed(3)
    expected = step(IMAGE)
    nt.manual_seed(3)
    found = step(functional.to_pil_image(IMAGE))
    assert (found.height, found.width) == tuple(expected.shape[-2:]) and found.mode == "RGB"


def test_parts_of_a_sample_move_together():
    ramp = nt.arange(16 * 20).reshape(1, 16, 20)
    sample = {
        "image": tv_tensors.Image(ramp.float()),
        "mask": tv_tensors.Mask(ramp),
        "boxes": tv_tensors.BoundingBoxes([[2, 3, 8, 9]], format="XYXY", canvas_size=(16, 20)),
        "more": [nt.zeros(1, 16, 20), 7],
    }
    step = v2.Compose([v2.RandomCrop((10, 12)), v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()])
    for seed in range(6):
        nt.manual_seed(seed)
        out = step(sample)
        assert nt.equal(out["image"].long(), out["mask"].as_plain()) and type(out["mask"]) is tv_tensors.Mask
        assert out["boxes"].canvas_size == (10, 12) and out["more"][1] == 7
        assert out["more"][0].shape == (1, 16, 20)  # a plain tensor beside an image is no image
        x0, y0, x1, y1 = out["boxes"][0].tolist()
        if x1 - x0 == 6 and y1 - y0 == 6:  # the box is whole: its pixels are those of the box before
            inside = out["mask"].as_plain()[0, y0:y1, x0:x1]
            assert sorted(inside.flatten().tolist()) == sorted(ramp[0, 3:9, 2:8].flatten().tolist())


def test_draws_are_within_their_ranges():
    for _ in range(50):
        top, left, h, w = transforms.RandomResizedCrop.get_params(IMAGE, (0.2, 0.4), (0.5, 2.0))
        assert 0 <= top <= 16 - h and 0 <= left <= 20 - w and 0.15 < h * w / 320 < 0.45 and 0.4 < w / h < 2.5
        angle, shift, scale, shear = transforms.RandomAffine.get_params(
            [-5, 5], (0.1, 0.2), (0.5, 2), [-3, 3], [20, 16]
        )
        assert abs(angle) <= 5 and abs(shift[0]) <= 2 and abs(shift[1]) <= 3 and 0.5 <= scale <= 2 and shear[1] == 0
        order, b, c, s, hue = transforms.ColorJitter.get_params((0.5, 1.5), None, (1.0, 2.0), None)
        assert sorted(order.tolist()) == [0, 1, 2, 3] and 0.5 <= b <= 1.5 and c is hue is None and 1 <= s <= 2
    flips = [bool(transforms.RandomHorizontalFlip(0.3)(nt.tensor([[[0, 1]]]))[0, 0, 0]) for _ in range(300)]
    assert 50 < sum(flips) < 140


def test_gradients_go_through():
    """Of tensors that require one, by ops; the values are the kernels'."""
    for step in (
        lambda x: functional.resize(x, [3, 5]),
        lambda x: functional.rotate(x, 20, transforms.InterpolationMode.BILINEAR),
        lambda x: functional.gaussian_blur(x, 3),
        lambda x: functional.adjust_contrast(x, 1.2),
        lambda x: functional.perspective(x, [[0, 0], [4, 0], [4, 3], [0, 3]], [[1, 0], [4, 0], [4, 3], [0, 2]]),
    ):
        x = nt.from_numpy(rng.random((1, 4, 5)))
        plain = step(x.float())
        x.requires_grad_()
        np.testing.assert_allclose(step(x).detach().numpy(), plain.numpy(), atol=1e-6)
        assert nt.autograd.gradcheck(step, (x,))


@pytest.mark.parametrize(("make", "kind", "message"), [
    (lambda: transforms.Resize((1, 2, 3)), ValueError, "1 or 2 values"),
    (lambda: transforms.RandomCrop(30)(IMAGE), ValueError, r"Required crop size \(30, 30\) is larger"),
    (lambda: transforms.FiveCrop(30)(IMAGE), ValueError, "bigger than input size"),
    (lambda: transforms.GaussianBlur(4), ValueError, "odd and positive"),
    (lambda: transforms.RandomRotation(-3), ValueError, "must be positive"),
    (lambda: transforms.ColorJitter(hue=0.7), ValueError, "hue values should be between"),
    (lambda: transforms.Pad(1, padding_mode="none"), ValueError, "either constant, edge, reflect or symmetric"),
    (lambda: transforms.Resize(3)("picture.png"), TypeError, "Resize: got str; give a PIL image"),
    (lambda: functional.crop(3, 0, 0, 1, 1), TypeError, "crop: img should be a PIL image, a tensor or an array"),
    (lambda: functional.to_pil_image(nt.zeros(5, 2, 2)), ValueError, "not have > 4 channels"),
    (lambda: transforms.RandomErasing(value="nothing"), ValueError, "it should be 'random'"),
    (lambda: transforms.RandomChoice([len], p=[0.5, 0.5]), ValueError, "Length of p"),
    (lambda: functional.resize(IMAGE, [2, 2], transforms.InterpolationMode.LANCZOS), ValueError, "not resized by"),
    (lambda: functional.affine(IMAGE, 0, [0, 0], 0.0, [0.0]), ValueError, "scale should be positive"),
    (lambda: tv_tensors.BoundingBoxes([[1, 2, 3]], format="XYXY", canvas_size=(2, 2)), ValueError, r"\(n, 4\)"),
    (lambda: v2.RandomIoUCrop()(tv_tensors.Image(IMAGE)), TypeError, "contain bounding boxes"),
])  # fmt: skip
def test_errors(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


class Pictures(Dataset):
    def __init__(self, transform):
        self.transform = transform

    def __len__(self):
        return 6

    def __getitem__(self, i):
        return self.transform(IMAGE), i


def test_in_workers():
    steps = v2.Compose([v2.RandomCrop(8), v2.ToDtype(nt.float32, scale=True), v2.Normalize([0.5] * 3, [0.5] * 3)])
    images, labels = next(iter(DataLoader(Pictures(steps), 6, num_workers=1)))
    assert images.shape == (6, 3, 8, 8) and labels.tolist() == list(range(6)) and images.min() >= -1


def test_tv_tensors_are_kept_and_lost_as_torchvisions():
    boxes = tv_tensors.BoundingBoxes([[1, 2, 3, 4]], format="xywh", canvas_size=(9, 8))
    for same in (boxes.clone(), boxes.to(nt.float32), boxes.detach(), copy.deepcopy(boxes)):
        assert type(same) is tv_tensors.BoundingBoxes and same.canvas_size == (9, 8)
    assert pickle.loads(pickle.dumps(boxes)).format is tv_tensors.BoundingBoxFormat.XYWH
    assert type(boxes + 1) is nt.Tensor and "canvas_size=(9, 8)" in repr(boxes)
    image = tv_tensors.Image(nt.zeros(2, 3, requires_grad=True))
    assert image.shape == (1, 2, 3) and image.requires_grad
