"""MNIST's files (found, damaged, missing, downloaded), the digits, and batches of images."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

import numtorch as nt
from numtorch.utils.data import DataLoader, Subset, default_collate
from numtorch.vision import datasets, transforms
from numtorch.vision.datasets import download, idx
from numtorch.vision.datasets.mnist import File

NAMES = [file.name for file in datasets.MNIST.files]
STEPS = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])


@pytest.fixture(autouse=True)
def no_named_data(monkeypatch):
    monkeypatch.delenv("NUMTORCH_DATA", raising=False)


def published_folder():
    """Where the published MNIST files are on this machine, or None."""
    candidates = [Path(__file__).parents[2] / "data/MNIST/raw"]
    if named := os.environ.get("NUMTORCH_DATA"):
        candidates = [Path(named) / "mnist", Path(named) / "MNIST/raw", Path(named), *candidates]
    for folder in candidates:
        if all((folder / f"{name}.gz").is_file() or (folder / name).is_file() for name in NAMES):
            return folder
    return None


PUBLISHED = published_folder()


def small_files(folder, count=12, compress=False):
    """Files in MNIST's format with a few random images."""
    folder.mkdir(parents=True, exist_ok=True)
    g = np.random.default_rng(0)
    contents = {}
    for name in NAMES:
        shape = (count, 28, 28) if "images" in name else (count,)
        array = g.integers(0, 256 if "images" in name else 10, shape).astype(np.uint8)
        contents[name] = array
        data = idx.encode(array)
        if compress:
            (folder / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (folder / name).write_bytes(data)
    return contents


@pytest.fixture
def root(tmp_path):
    small_files(tmp_path / "MNIST/raw")
    return tmp_path


# Finding files


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("place", ["", "MNIST/raw"])
@pytest.mark.parametrize("train", [False, True])
def test_files_in_root(tmp_path, place, compress, train):
    contents = small_files(tmp_path / place, compress=compress)
    data = datasets.MNIST(tmp_path, train=train)
    prefix = "train" if train else "t10k"
    assert len(data) == 12 and data.data.dtype == nt.uint8 and data.targets.dtype == nt.int64
    assert np.array_equal(data.data.numpy(), contents[f"{prefix}-images-idx3-ubyte"])
    assert data.targets.tolist() == contents[f"{prefix}-labels-idx1-ubyte"].tolist()


@pytest.mark.parametrize("place", ["", "mnist", "MNIST/raw"])
def test_files_in_the_shared_folder(tmp_path, monkeypatch, place):
    small_files(tmp_path / "shared" / place)
    monkeypatch.setenv("NUMTORCH_DATA", str(tmp_path / "shared"))
    assert len(datasets.MNIST(tmp_path / "elsewhere")) == 12


def test_missing_files_say_where_they_were_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMTORCH_DATA", str(tmp_path / "shared"))
    with pytest.raises(RuntimeError) as caught:
        datasets.MNIST(tmp_path)
    text = str(caught.value)
    assert text.startswith("MNIST: train-images-idx3-ubyte (or train-images-idx3-ubyte.gz) not found")
    for place in ("MNIST/raw", "", "shared/MNIST/raw", "shared/mnist", "shared"):
        assert f"\n  {tmp_path / place}\n" in text
    assert "download=True" in text and "NUMTORCH_DATA" in text


def test_fashion_does_not_take_mnists_shared_files(tmp_path, monkeypatch):
    small_files(tmp_path)
    monkeypatch.setenv("NUMTORCH_DATA", str(tmp_path))
    with pytest.raises(RuntimeError, match="FashionMNIST: train-images-idx3-ubyte"):
        datasets.FashionMNIST(tmp_path / "elsewhere")
    small_files(tmp_path / "fashion-mnist")
    assert datasets.FashionMNIST(tmp_path / "elsewhere").classes[9] == "Ankle boot"


# Damaged files


def test_a_truncated_archive(tmp_path):
    small_files(tmp_path, compress=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(RuntimeError) as caught:
        datasets.MNIST(tmp_path)
    text = str(caught.value)
    assert f"{path} is not a whole gzip file" in text
    assert f"Expected MD5 f68b3c2dcbeaaa9fbdd348bbdeb94873, found {download.md5(path.read_bytes())}" in text
    assert f"Delete {path} and run again with download=True" in text


@pytest.mark.parametrize(("damage", "message"), [
    (lambda data: data[:-1], "should hold 9408 bytes for the shape .12, 28, 28., but holds 9407"),
    (lambda data: data + b"x", "but holds 9409"),
    (lambda data: b"<html>" + data, "is not an idx file: it starts with '3c 68 74 6d'"),
    (lambda data: b"", "is not an idx file"),
    (lambda data: data[:6], "ends inside its header"),
    (lambda data: data[:2] + b"\x07" + data[3:], "is not an idx file"),
])  # fmt: skip
def test_a_damaged_file(tmp_path, damage, message):
    small_files(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RuntimeError, match=f"MNIST: .*{message}.*Expected MD5 6bbc9ace.* found .* Delete"):
        datasets.MNIST(tmp_path)


class Small(datasets.MNIST):
    """A data set whose published files are the small ones."""

    files = ()


@pytest.fixture
def published(tmp_path):
    """Small files as if they were published, in a folder that serves as the mirror."""
    mirror = tmp_path / "mirror"
    contents = small_files(mirror, compress=True)
    Small.files = tuple(
        File(name, array.shape, download.md5((mirror / f"{name}.gz").read_bytes()), download.md5(idx.encode(array)))
        for name, array in contents.items()
    )
    Small.mirrors = ((tmp_path / "nothing here").as_uri(), mirror.as_uri())
    return mirror


def test_content_of_the_published_size_must_be_the_published_content(tmp_path, published):
    assert len(Small(published)) == 12
    path = published / "train-images-idx3-ubyte.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    path.write_bytes(gzip.compress(bytes(content), 1))
    assert len(Small(published)) == 12  # compressed anew, the same content
    content[100] ^= 1
    path.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(RuntimeError, match=f"does not hold the published data. Expected MD5 {Small.files[0].content}"):
        Small(published)


def test_images_and_labels_must_fit(root):
    (root / "MNIST/raw/train-labels-idx1-ubyte").write_bytes(idx.encode(np.zeros(5, np.uint8)))
    with pytest.raises(ValueError, match="MNIST: 12 images but 5 targets"):
        datasets.MNIST(root)
    (root / "MNIST/raw/train-labels-idx1-ubyte").write_bytes(idx.encode(np.zeros((5, 5), np.uint8)))
    with pytest.raises(RuntimeError, match=r"found shapes \(12, 28, 28\) and \(5, 5\)"):
        datasets.MNIST(root)


# Downloading


def test_download_tries_mirrors_and_verifies(tmp_path, published):
    data = Small(tmp_path / "root", download=True)
    assert len(data) == 12
    folder = tmp_path / "root/MNIST/raw"
    assert sorted(p.name for p in folder.iterdir()) == sorted(f"{n}.gz" for n in NAMES)
    (published / "t10k-labels-idx1-ubyte.gz").unlink()
    Small(tmp_path / "root", train=False, download=True)  # nothing is fetched twice


def test_a_bad_mirror_leaves_nothing_behind(tmp_path, published, capsys):
    path = published / "train-labels-idx1-ubyte.gz"
    path.write_bytes(b"<html>sorry</html>")
    with pytest.raises(RuntimeError) as caught:
        Small(tmp_path / "root", download=True)
    text = str(caught.value)
    assert "could not download train-labels-idx1-ubyte.gz; tried\n" in text
    assert f"expected MD5 {Small.files[1].gz}, found {download.md5(path.read_bytes())}" in text
    assert "No such file" in text and "Check the network, or put the file into" in text
    assert not (tmp_path / "root/MNIST/raw/train-labels-idx1-ubyte.gz").exists()
    assert capsys.readouterr().err == ""  # progress is for terminals


# Samples and batches


def test_samples(root):
    data = datasets.MNIST(root)
    image, label = data[3]
    assert isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.shape == (28, 28)
    assert type(label) is int and label == data.targets[3].item()
    assert np.array_equal(data[-1][0], data[11][0])
    with pytest.raises(IndexError):
        data[12]
    image, label = datasets.MNIST(root, transform=STEPS, target_transform=str)[3]
    assert image.shape == (1, 28, 28) and image.dtype == nt.float32 and label == str(data[3][1])


def image_set(n=40, **options):
    g = np.random.default_rng(0)
    pictures = g.integers(0, 256, (n, 6, 5)).astype(np.uint8)
    return datasets.ImageDataset(pictures, g.integers(0, 10, n), **options)


class PerSample(datasets.ImageDataset):
    """The same data set without its fast path: overriding ``__getitem__`` turns it off."""

    def __getitem__(self, index):
        return super().__getitem__(index)


@pytest.mark.parametrize("target_transform", [None, lambda t: t * 2.0, str], ids=["none", "float", "str"])
@pytest.mark.parametrize("transform", [
    None,
    transforms.ToTensor(),
    STEPS,
    transforms.Compose([STEPS, transforms.Normalize([1.0], [3.0])]),
    transforms.Compose([STEPS, transforms.Lambda(lambda x: x.reshape(-1))]),
], ids=["none", "tensor", "steps", "nested", "lambda"])  # fmt: skip
@pytest.mark.parametrize("batch", [1, 7])
def test_batches_have_the_bits_of_their_samples(transform, target_transform, batch):
    options = {"transform": transform, "target_transform": target_transform}
    fast = image_set(**options)
    slow = PerSample(fast.data, fast.targets, **options)
    order = np.random.default_rng(1).permutation(40).tolist()
    for data in (fast, Subset(fast, order)):
        reference = slow if data is fast else Subset(slow, order)
        loaders = (DataLoader(d, batch_size=batch) for d in (data, reference))
        for got, wanted in zip(*loaders, strict=True):
            assert type(got) is type(wanted) is list
            assert got[0].dtype == wanted[0].dtype and got[0].shape == wanted[0].shape
            assert got[0].numpy().tobytes() == wanted[0].numpy().tobytes()
            assert str(got[1]) == str(wanted[1])


def test_the_fast_path_is_taken_only_where_it_holds():
    index = np.array([3, 1])
    assert image_set(transform=STEPS).gather_batch(index) is not None
    assert image_set(transform=lambda x: x).gather_batch(index) is None
    strided = image_set(transform=STEPS)
    strided.data = strided.data.transpose(1, 2)
    assert strided.gather_batch(index) is None
    floats = image_set(transform=STEPS)
    floats.data = floats.data.to(nt.float32)
    assert floats.gather_batch(index) is None
    with pytest.raises(IndexError, match="index 40 is out of range"):
        image_set(transform=STEPS).gather_batch(np.array([40]))


def test_the_fast_path_sees_changes():
    data = image_set(transform=transforms.Compose([transforms.ToTensor()]))
    index = np.arange(3)
    before = data.gather_batch(index)[0]
    data.transform.transforms.append(transforms.Normalize([0.5], [0.5]))
    data.data = data.data[10:]
    data.targets = data.targets[10:]
    after = data.gather_batch(index)
    samples = default_collate([data[i] for i in range(3)])
    assert np.array_equal(after[0].numpy(), samples[0].numpy())
    assert not np.array_equal(before.numpy(), after[0].numpy())
    data.transform = None
    assert data.gather_batch(index)[0].dtype == nt.uint8


def test_images_and_targets_must_be_equally_many():
    with pytest.raises(ValueError, match="ImageDataset: 2 images but 1 targets"):
        datasets.ImageDataset(np.zeros((2, 2, 2), np.uint8), [0])


def test_printed_form(root):
    data = datasets.MNIST(root, transform=STEPS)
    assert repr(data) == (
        f"Dataset MNIST\n    Number of datapoints: 12\n    Root location: {root}\n"
        "    Split: Train\n    StandardTransform\nTransform: Compose(\n               ToTensor()\n"
        "               Normalize(mean=(0.1307,), std=(0.3081,))\n           )"
    )
    assert repr(datasets.Digits(train=False)) == ("Dataset Digits\n    Number of datapoints: 360\n    Split: Test")


def test_classes():
    assert datasets.MNIST.classes[7] == "7 - seven" and len(datasets.FashionMNIST.classes) == 10
    assert datasets.Digits().class_to_idx["4"] == 4


# The bundled digits


def test_digits():
    train, test = datasets.Digits(), datasets.Digits(train=False)
    assert (len(train), len(test)) == (1437, 360)
    pictures = np.concatenate([train.data.numpy(), test.data.numpy()])
    labels = train.targets.tolist() + test.targets.tolist()
    assert pictures.shape == (1797, 8, 8) and pictures.min() == 0 and pictures.max() == 255
    assert len(np.unique(pictures)) == 17
    assert labels[:12] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(test.targets.tolist()).min() > 30
    # The first picture of the published file, in its units of 0 to 16.
    assert np.rint(pictures[0, 0] / 255 * 16).tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    image, label = datasets.Digits(transform=transforms.ToTensor())[0]
    assert image.shape == (1, 8, 8) and label == 0 and 0 <= image.numpy().min() <= image.numpy().max() <= 1


def test_digits_come_with_their_licence():
    folder = Path(datasets.digits.FILE).parent
    assert datasets.digits.FILE.stat().st_size < 100_000
    note = (folder / "README.md").read_text()
    assert "CC BY 4.0" in note and "Alpaydin" in note and "Kaynak" in note


def test_digits_can_be_learned():
    """Nearest class mean: a wrong split, label or scale would show."""
    train, test = datasets.Digits(), datasets.Digits(train=False)
    x, y = train.data.numpy().reshape(-1, 64) / 255.0, train.targets.numpy()
    means = np.stack([x[y == k].mean(0) for k in range(10)])
    distance = ((test.data.numpy().reshape(-1, 1, 64) / 255.0 - means) ** 2).sum(-1)
    assert (distance.argmin(1) == test.targets.numpy()).mean() > 0.8


# idx


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 0, 4)])
def test_idx_round_trip(tmp_path, dtype, shape):
    array = (np.random.default_rng(0).standard_normal(shape) * 50).astype(dtype)
    for name, data in (("raw", idx.encode(array)), ("gz", gzip.compress(idx.encode(array)))):
        (tmp_path / name).write_bytes(data)
        back = idx.read(tmp_path / name)
        assert back.dtype == array.dtype and np.array_equal(back, array) and back.flags.writeable


def test_idx_cannot_hold_every_dtype():
    with pytest.raises(TypeError, match="idx files cannot hold int64"):
        idx.encode(np.zeros(2, np.int64))


# The published MNIST files

if PUBLISHED is not None:

    @pytest.mark.parametrize("train", [True, False])
    def test_published_mnist(train):
        data = datasets.MNIST(PUBLISHED, train=train, transform=STEPS)
        assert data.data.shape == ((60000 if train else 10000), 28, 28)
        counts = np.bincount(data.targets.numpy())
        assert counts[[0, 9]].tolist() == ([5923, 5949] if train else [980, 1009])
        assert data.targets[:5].tolist() == ([5, 0, 4, 1, 9] if train else [7, 2, 1, 0, 4])
        # The mean and deviation that everybody normalises by.
        if train:
            assert round(data.data.numpy().mean() / 255, 4) == 0.1307
            assert round(data.data.numpy().std() / 255, 4) == 0.3081
        images, labels = next(iter(DataLoader(data, batch_size=64)))
        wanted = default_collate([data[i] for i in range(64)])
        assert images.numpy().tobytes() == wanted[0].numpy().tobytes()
        assert labels.tolist() == wanted[1].tolist()

    def test_mnist_is_not_fashion():
        with pytest.raises(RuntimeError, match="of MNIST, not of FashionMNIST"):
            datasets.FashionMNIST(PUBLISHED)
