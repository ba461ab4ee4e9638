"""Batches of crops and flips: the bits of single samples, and the same random numbers."""

import numpy as np
import pytest

import numtorch as nt
from numtorch.utils.data import DataLoader, Subset
from numtorch.vision import datasets, transforms

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 10, 20)
IMAGES = {c: RNG.integers(0, 256, (20, 9, 10) + ((c,) if c > 1 else ()), np.uint8) for c in (1, 3)}


class PerSample(datasets.ImageDataset):
    def __getitem__(self, index):
        return super().__getitem__(index)


class Cifar(datasets.CIFAR10):
    """Made of given images instead of files."""

    def __init__(self, images, labels, transform=None):
        super(datasets.CIFAR10, self).__init__(transform=transform)
        self.data, self.targets, self.train = images, labels.tolist(), True


class CifarPerSample(Cifar):
    def __getitem__(self, index):
        return super().__getitem__(index)


def normalize(channels):
    return transforms.Normalize((0.4, 0.5, 0.6)[:channels], (0.2,))


CHAINS = {
    "usual": lambda c: [
        transforms.RandomCrop(8, padding=2),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        normalize(c),
    ],
    "after": lambda c: [
        transforms.ToTensor(),
        normalize(c),
        transforms.RandomCrop((9, 8), padding=(1, 0, 2, 3), fill=0.5),
    ],
    "between": lambda c: [
        transforms.ToTensor(),
        transforms.RandomCrop(9, padding=1),
        transforms.RandomVerticalFlip(0.3),
        normalize(c),
    ],
    "several": lambda c: [
        transforms.Pad(2, padding_mode="reflect"),
        transforms.Compose([transforms.RandomHorizontalFlip(), transforms.CenterCrop(7)]),
        transforms.RandomCrop(5),
        transforms.ToTensor(),
    ],
    "borders": lambda c: [
        transforms.RandomCrop(8, padding=2, padding_mode="edge"),
        transforms.RandomCrop(10, padding=2, fill=7),
        transforms.Pad(1, fill=7),
        transforms.ToTensor(),
    ],
    "colours": lambda c: [transforms.RandomCrop(8, padding=2, fill=(1, 2, 3)[:c]), transforms.ToTensor()],
    "grown": lambda c: [transforms.RandomCrop(12, pad_if_needed=True, fill=3), transforms.ToTensor()],
    "whole": lambda c: [transforms.RandomCrop((9, 10)), transforms.ToTensor(), transforms.RandomHorizontalFlip()],
    "pixels": lambda c: [transforms.ToTensor(), normalize(c)],
}


def same_epochs(fast, slow, batch=7):
    ends = []
    for data in (fast, slow):
        nt.manual_seed(3)
        ends.append((list(DataLoader(data, batch_size=batch, shuffle=True)), nt.rand(1).item()))
    (fast_batches, fast_next), (slow_batches, slow_next) = ends
    assert fast_next == slow_next
    for (x, y), (u, v) in zip(fast_batches, slow_batches, strict=True):
        assert x.shape == u.shape and x.dtype == u.dtype and x.numpy().tobytes() == u.numpy().tobytes()
        assert y.tolist() == v.tolist() and y.dtype == v.dtype


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("chain", CHAINS)
def test_batches_have_the_bits_and_the_random_numbers_of_their_samples(chain, channels):
    chosen = transforms.Compose(CHAINS[chain](channels))
    fast = datasets.ImageDataset(IMAGES[channels], LABELS, chosen)
    assert fast.gather_batch(np.array([1, -2])) is not None
    assert fast.gathers_alone == (chain == "pixels")
    same_epochs(fast, PerSample(IMAGES[channels], LABELS, chosen))


@pytest.mark.parametrize("channels", [1, 3])
def test_data_sets_of_files_make_batches_too(channels):
    chosen = transforms.Compose(CHAINS["usual"](channels))
    fast, slow = (kind(IMAGES[channels], LABELS, chosen) for kind in (Cifar, CifarPerSample))
    assert fast.gather_batch(np.array([0, 1]))[0].shape == (2, channels, 8, 8)
    same_epochs(fast, slow)
    same_epochs(Subset(fast, [3, 1, 2]), Subset(slow, [3, 1, 2]), 2)
    with pytest.raises(IndexError, match="index 20 is out of range"):
        fast.gather_batch(np.array([20]))


def test_a_transform_that_is_set_later_is_the_one_that_is_called():
    data = Cifar(IMAGES[3], LABELS)
    assert data.gather_batch(np.array([0])) is None  # PIL images, which the collation refuses
    data.transform = transforms.Compose([transforms.CenterCrop(4), transforms.ToTensor()])
    assert data[0][0].shape == (3, 4, 4) and data.gathers_alone
    assert nt.equal(data.gather_batch(np.array([0, 1]))[0], nt.stack([data[0][0], data[1][0]]))
    data.target_transform = lambda n: n + 100
    assert data[0][1] == LABELS[0] + 100 and not data.gathers_alone
    assert data.gather_batch(np.array([0, 1]))[1].tolist() == [n + 100 for n in LABELS[:2].tolist()]


class Marked(transforms.RandomCrop):
    def transform(self, inpt, params):
        return super().transform(inpt, params) + 1


def refusals():
    crop, tensor = transforms.RandomCrop(8, padding=2), transforms.ToTensor()
    hooked = transforms.ToTensor()
    hooked.register_forward_hook(lambda module, args, out: out + 1)
    patched = transforms.RandomHorizontalFlip()
    patched.forward = lambda x: x
    yield "a function", [crop, lambda x: x, tensor]
    yield "a subclass", [Marked(8, padding=2), tensor]
    yield "a hook", [crop, hooked]
    yield "an attribute", [patched, tensor]
    yield "no tensor", [crop]
    yield "resampling", [transforms.RandomResizedCrop(8), tensor]
    yield "two borders", [crop, transforms.Pad(1, fill=9), tensor]
    yield "no byte", [transforms.Pad(1, fill=300), tensor]
    yield "too small", [transforms.RandomCrop(20), tensor]


@pytest.mark.parametrize(("name", "chain"), list(refusals()), ids=[name for name, _ in refusals()])
def test_other_chains_go_sample_by_sample(name, chain):
    data = datasets.ImageDataset(IMAGES[1], LABELS, transforms.Compose(chain))
    assert data.gather_batch(np.array([0, 1])) is None, name


def test_transforms_of_targets_may_draw_in_between():
    data = datasets.ImageDataset(IMAGES[1], LABELS, transforms.Compose(CHAINS["usual"](1)), lambda n: n)
    assert data.gather_batch(np.array([0])) is None
    data.transform = transforms.ToTensor()
    assert data.gather_batch(np.array([0])) is not None


def test_random_numbers_of_another_type_are_not_taken():
    data = datasets.ImageDataset(IMAGES[1], LABELS, transforms.Compose(CHAINS["usual"](1)))
    nt.set_default_dtype(nt.float64)
    try:
        assert data.gather_batch(np.array([0])) is None
    finally:
        nt.set_default_dtype(nt.float32)


def test_a_crop_of_the_whole_image_draws_nothing():
    state = nt.get_rng_state()
    assert transforms.RandomCrop((9, 10))(IMAGES[1][0]).shape == (9, 10)
    assert nt.equal(state, nt.get_rng_state())
