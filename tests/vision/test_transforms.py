"""Transforms: values, errors, printed form, and how they act on whole batches."""

from __future__ import annotations

import numpy as np
import pytest

import numtorch as nt
from numtorch.vision import transforms
from numtorch.vision.transforms import functional, pixels
from numtorch.vision.transforms.compose import byte_table

try:
    import torch
except ImportError:
    torch = None

MNIST_STEPS = [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
image = np.random.default_rng(0).integers(0, 256, (5, 4)).astype(np.uint8)
colour = np.random.default_rng(1).integers(0, 256, (5, 4, 3)).astype(np.uint8)


@pytest.mark.parametrize("picture", [image, colour, image[::2, ::-1], colour[:0]], ids=range(4))
def test_to_tensor_divides_bytes_by_255(picture):
    out = transforms.ToTensor()(picture)
    channels_last = picture if picture.ndim == 3 else picture[:, :, None]
    wanted = channels_last.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    assert out.dtype == nt.float32 and out.is_contiguous()
    assert np.array_equal(out.numpy(), wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int16])
def test_to_tensor_leaves_other_dtypes(dtype):
    out = functional.to_tensor(colour.astype(dtype))
    assert out.numpy().dtype == dtype
    assert np.array_equal(out.numpy(), colour.astype(dtype).transpose(2, 0, 1))


class Picture:
    """What Pillow's images offer, as far as ``to_tensor`` looks."""

    def __init__(self, array, mode):
        self.array, self.mode = array, mode

    def getbands(self):
        return tuple(self.mode)

    def tobytes(self):
        return self.array.tobytes()

    def __array__(self, dtype=None, copy=None):
        return self.array


def test_to_tensor_takes_pil_images():
    assert np.array_equal(functional.to_tensor(Picture(colour, "RGB")).numpy(), functional.to_tensor(colour).numpy())
    bits = functional.to_tensor(Picture(image > 128, "1"))
    assert bits.dtype == nt.float32 and set(bits.numpy().ravel().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(("given", "kind", "message"), [
    ([1, 2], TypeError, "pic should be PIL Image or ndarray. Got list"),
    (np.zeros(3, np.uint8), ValueError, "2/3 dimensional. Got 1 dimensions. Give one image"),
    (np.zeros((1, 2, 3, 4), np.uint8), ValueError, "Got 4 dimensions"),
])  # fmt: skip
def test_to_tensor_errors(given, kind, message):
    with pytest.raises(kind, match=message):
        functional.to_tensor(given)


def test_to_tensor_of_a_tensor_says_so():
    with pytest.raises(TypeError, match="it is a tensor already"):
        functional.to_tensor(nt.zeros(2, 2))


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 5), (2, 2, 3, 1, 1), (0, 3, 2, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mean", [(0.5, 0.25, 0.1307), (0.1307,)])
def test_normalize(shape, dtype, mean):
    x = np.random.default_rng(0).random(shape).astype(dtype)
    std = tuple(m * 2 for m in mean)
    m, s = (np.array(v).astype(dtype).reshape(-1, 1, 1) for v in (mean, std))
    out = transforms.Normalize(mean, std)(nt.from_numpy(x))
    assert np.array_equal(out.numpy(), (x - m) / s) and out.numpy().dtype == dtype


def test_normalize_in_place():
    x = nt.from_numpy(np.random.default_rng(0).random((1, 2, 2)).astype(np.float32))
    wanted = functional.normalize(x, [0.5], [0.25]).numpy()
    out = functional.normalize(x, [0.5], [0.25], inplace=True)
    assert out is x and np.allclose(x.numpy(), wanted)


def test_normalize_of_strided_and_tracked_tensors():
    base = nt.from_numpy(np.random.default_rng(0).random((4, 2, 3)).astype(np.float32))
    x = base.transpose(0, 2)
    wanted = (x.numpy() - np.float32(0.5)) / np.float32(0.25)
    assert np.allclose(functional.normalize(x, [0.5], [0.25]).numpy(), wanted)
    y = base.clone().requires_grad_()
    functional.normalize(y, [0.5], [0.25]).sum().backward()
    assert y.grad.tolist() == [[[4.0] * 3] * 2] * 4


one = nt.zeros(1, 2, 2)
normalize = functional.normalize


@pytest.mark.parametrize(("make", "kind", "message"), [
    (lambda: normalize(image, [0.5], [0.5]), TypeError, "Put ToTensor"),
    (lambda: normalize(one.to(nt.uint8), [0.5], [0.5]), TypeError, "float tensor. Got"),
    (lambda: normalize(one[0], [0.5], [0.5]), ValueError, r"size \(..., C, H, W\)"),
    (lambda: normalize(one, [0.5], [0.0]), ValueError, "std evaluated to zero"),
    (lambda: normalize(one, [0.5] * 2, [1.0]), ValueError, "mean has 2 values, but the image"),
    (lambda: transforms.Lambda(3), TypeError, "Argument lambd should be callable, got 'int'"),
    (lambda: transforms.Compose([3]), TypeError, "transform 0 is 3, which cannot be called"),
])  # fmt: skip
def test_errors(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def test_printed_form():
    compose = transforms.Compose([*MNIST_STEPS, transforms.Lambda(len)])
    assert repr(compose) == ("Compose(\n    ToTensor()\n    Normalize(mean=(0.1307,), std=(0.3081,))\n    Lambda()\n)")


def test_compose_applies_in_order():
    assert transforms.Compose([lambda x: x + 1, lambda x: x * 10])(1) == 20
    assert transforms.Compose([])(3) == 3


@pytest.mark.parametrize("channels", [1, 3])
def test_the_byte_table_holds_what_samples_become(channels):
    compose = transforms.Compose(
        [transforms.ToTensor(), transforms.Compose([transforms.Normalize([0.5] * channels, [0.3])])]
    )
    table = byte_table(compose, channels)
    every = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], channels, axis=2)
    assert table.shape == (channels, 256) and table.dtype == np.float32
    assert np.array_equal(table, compose(every).numpy()[:, :, 0])


class Louder(transforms.ToTensor):
    def __call__(self, picture):
        return super().__call__(picture) * 2


@pytest.mark.parametrize("transform", [
    transforms.Lambda(lambda x: x),
    transforms.Compose([transforms.ToTensor(), transforms.Lambda(lambda x: x)]),
    transforms.Compose([transforms.ToTensor(), transforms.ToTensor()]),
    transforms.Compose([transforms.Normalize([0.5], [0.5])]),
    transforms.Compose([]),
    transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)]),
    transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5], [0.0])]),
    Louder(),
    transforms.Compose([Louder()]),
    lambda x: x,
], ids=range(10))  # fmt: skip
def test_what_is_not_pixelwise_has_no_table(transform):
    assert byte_table(transform) is None


def test_kernels_as_plain_python_have_the_same_bits():
    fast, slow = (np.empty(60, np.float32) for _ in range(2))
    pixels.unit(colour.reshape(-1), 3, 20, fast)
    pixels.unit.fn(colour.reshape(-1), 3, 20, slow)
    assert np.array_equal(fast, slow)
    mean, std = np.array([0.1, 0.2, 0.3], np.float32), np.array([0.7], np.float32)
    out, wanted = np.empty_like(fast), np.empty_like(fast)
    pixels.standardise(fast, mean, std, 1, 3, 20, out)
    pixels.standardise.fn(fast, mean, std, 1, 3, 20, wanted)
    assert np.array_equal(out, wanted)


if torch is not None:

    def test_the_bits_of_torchvision():
        # torchvision: to(float32).div(255), then sub_(mean).div_(std) with (C, 1, 1) tensors.
        x = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16).to(torch.float32).div(255)
        x = x.sub_(torch.tensor([0.1307])[:, None, None]).div_(torch.tensor([0.3081])[:, None, None])
        ours = transforms.Compose(MNIST_STEPS)(np.arange(256, dtype=np.uint8).reshape(16, 16))
        assert np.array_equal(ours.numpy().view(np.uint32), x.numpy().view(np.uint32))
