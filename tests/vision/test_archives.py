"""Datasets from archives that are made here: their samples, their checksums, and what is said of those that are
missing, damaged, or that want code to be run."""

import bz2
import gzip
import hashlib
import io
import json
import pickle
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import pytest

from numtorch import downloads
from numtorch.utils.data import DataLoader
from numtorch.vision import datasets, transforms
from numtorch.vision.datasets import archives, idx, mat, published

rng = np.random.default_rng(0)


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture
def offline(monkeypatch):
    """No file comes from anywhere; what was asked for is listed."""
    asked = []

    def chunks(url, name, progress=True):
        asked.append(url)
        raise OSError("no network")
        yield

    monkeypatch.setattr(downloads, "chunks", chunks)
    return asked


def served(monkeypatch, files):
    """Files come from a dict by the last part of their addresses."""
    monkeypatch.setattr(downloads, "chunks", lambda url, name, progress=True: iter([files[url.rpartition("/")[2]]]))


def tarred(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def jpeg(colour, size=(8, 6)):
    Image = pytest.importorskip("PIL.Image")
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def cifar(monkeypatch, kind):
    """CIFAR with four training images in each file and three test images; the archive as bytes."""
    names = [n for n, _ in (*kind.train_list, *kind.test_list)]
    fine = kind is datasets.CIFAR100
    files, images = {}, []
    for i, name in enumerate(names):
        data = rng.integers(0, 256, (4, 3072)).astype(np.uint8)
        images.append(data)
        label = "fine_labels" if fine else "labels"
        files[name] = pickle.dumps({"data": data, label: [i, 1, 2, 3]}, protocol=2)
    files[kind.meta["filename"]] = pickle.dumps(
        {kind.meta["key"]: ["cat", "dog", "owl", "fox", "elk", "bee"]}, protocol=2
    )
    sums = {n: hashlib.md5(d).hexdigest() for n, d in files.items()}
    packed = tarred({f"{kind.base_folder}/{n}": d for n, d in files.items()})
    monkeypatch.setattr(kind, "train_list", [[n, sums[n]] for n, _ in kind.train_list])
    monkeypatch.setattr(kind, "test_list", [[n, sums[n]] for n, _ in kind.test_list])
    monkeypatch.setattr(kind, "meta", kind.meta | {"md5": sums[kind.meta["filename"]]})
    monkeypatch.setattr(kind, "tgz_md5", hashlib.md5(packed).hexdigest())
    return packed, images


@pytest.mark.parametrize("kind", [datasets.CIFAR10, datasets.CIFAR100])
def test_cifar(tmp_path, monkeypatch, kind):
    packed, images = cifar(monkeypatch, kind)
    served(monkeypatch, {kind.filename: packed})
    data = kind(tmp_path, transform=transforms.ToTensor(), download=True)
    assert len(data) == 4 * len(kind.train_list) and data.targets[:4] == [0, 1, 2, 3]
    image, label = data[1]
    assert np.array_equal(image.numpy(), images[0][1].reshape(3, 32, 32).astype(np.float32) / np.float32(255))
    assert label == 1 and data.class_to_idx["dog"] == 1 and data.data.shape[1:] == (32, 32, 3)
    assert "Split: Train" in repr(data) and "ToTensor" in repr(data)
    batch, labels = next(iter(DataLoader(kind(tmp_path, False, transforms.ToTensor()), 4)))
    assert batch.shape == (4, 3, 32, 32) and labels[1:].tolist() == [1, 2, 3]
    (tmp_path / kind.base_folder / kind.test_list[0][0]).write_bytes(b"short")
    with pytest.raises(
        RuntimeError, match=rf"{kind.__name__}: Dataset not found or corrupted: .*offline, put {kind.filename}"
    ):
        kind(tmp_path)


def test_a_pickle_that_wants_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("gotcha",)

    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({"data": Evil()}))
    with pytest.raises(idx.CorruptFile, match="asks for .*print, which a file of arrays does not need"):
        datasets.arrays.read_pickle(path)
    path.write_bytes(pickle.dumps({"data": np.zeros(3)})[:-9])
    with pytest.raises(idx.CorruptFile, match="cannot be read"):
        datasets.arrays.read_pickle(path)


def test_what_cannot_be_downloaded_is_said(tmp_path, offline):
    with pytest.raises(RuntimeError, match="could not download cifar-10-python.tar.gz from .*no network.*offline, put"):
        datasets.CIFAR10(tmp_path, download=True)
    assert offline == [datasets.CIFAR10.url] and not list(tmp_path.iterdir())


def test_a_file_of_another_checksum_is_not_kept(tmp_path, monkeypatch):
    served(monkeypatch, {"cifar-10-python.tar.gz": b"a page of a hotel's network"})
    with pytest.raises(RuntimeError, match="invalid hash value"):
        datasets.CIFAR10(tmp_path, download=True)
    assert not list(tmp_path.iterdir())


def test_archives(tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(tarred({"x/1.txt": b"one"}))
    archives.extract_archive(tmp_path / "a.tar.gz", tmp_path / "tar", remove_finished=True)
    assert (tmp_path / "tar/x/1.txt").read_text() == "one" and not (tmp_path / "a.tar.gz").exists()
    for name, pack in (("b.txt.gz", gzip.compress), ("b.txt.bz2", bz2.compress)):
        (tmp_path / name).write_bytes(pack(b"two"))
        archives.extract_archive(tmp_path / name, tmp_path / "plain")
        assert (tmp_path / "plain" / "b.txt").read_text() == "two"
    outside = {"../evil.txt": b"", "/evil.txt": b""}
    (tmp_path / "c.tar").write_bytes(tarred(outside))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as file:
        file.writestr("../evil.txt", "")
    for name, said in (("c.tar", "cannot be extracted"), ("c.zip", "would land outside")):
        with pytest.raises(idx.CorruptFile, match=said):
            archives.extract_archive(tmp_path / name, tmp_path / "inner")
    assert not list(tmp_path.rglob("evil*"))
    for name, data in (
        ("d.tgz", tarred({"x": b"1" * 999})[:70]),
        ("d.zip", b"PK"),
        ("d.gz", gzip.compress(b"12")[:-4]),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(idx.CorruptFile, match="whole|cannot be extracted"):
            archives.extract_archive(tmp_path / name)
    (tmp_path / "e.rar").write_bytes(b"Rar!")
    with pytest.raises(ValueError, match="Unknown compression or archive type"):
        archives.extract_archive(tmp_path / "e.rar")


# --- MATLAB's files -------------------------------------------------------------------------------------------


def matlab(arrays, order="<", compressed=False):
    """Arrays as a file of version 5."""

    def element(kind, content):
        return struct.pack(order + "II", kind, len(content)) + content + b"\0" * (-len(content) % 8)

    out = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(order + "H", 0x100) + (b"IM" if order == "<" else b"MI")
    for name, x in arrays.items():
        code, kind = {"uint8": (9, 2), "float64": (6, 9), "uint16": (11, 4)}[x.dtype.name]
        flags = struct.pack(order + "II", code, 0)
        content = element(6, flags) + element(5, struct.pack(f"{order}{x.ndim}i", *x.shape))
        content += element(1, name.encode())
        content += element(kind, x.astype(x.dtype.newbyteorder(order)).tobytes(order="F"))
        matrix = element(14, content)
        if compressed:
            squeezed = zlib.compress(matrix)
            matrix = struct.pack(order + "II", 15, len(squeezed)) + squeezed
        out += matrix
    return out


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compressed", [False, True])
def test_matlab_files(tmp_path, order, compressed):
    arrays = {
        "X": rng.integers(0, 256, (3, 4, 2)).astype(np.uint8),
        "y": rng.random((5, 1)),
        "ab": np.arange(3, dtype=np.uint16)[None],
    }
    path = tmp_path / "a.mat"
    path.write_bytes(matlab(arrays, order, compressed))
    found = mat.read(path)
    assert found.keys() == arrays.keys()
    for name, x in arrays.items():
        assert np.array_equal(found[name], x)
    for size in (60, 150, 200):
        path.write_bytes(matlab(arrays, order, compressed)[:size])
        try:
            assert len(mat.read(path)) < 3
        except idx.CorruptFile as error:
            assert "MATLAB file" in str(error)


def test_svhn(tmp_path, monkeypatch, offline):
    x = rng.integers(0, 256, (32, 32, 3, 5)).astype(np.uint8)
    path = tmp_path / "test_32x32.mat"
    path.write_bytes(matlab({"X": x, "y": np.array([[1], [10], [3], [4], [9]], np.uint8)}, compressed=True))
    url, name, _ = datasets.SVHN.split_list["test"]
    monkeypatch.setitem(datasets.SVHN.split_list, "test", [url, name, md5(path)])
    data = datasets.SVHN(tmp_path, "test", transforms.PILToTensor(), download=True)
    image, label = data[1]
    assert label == 0 and np.array_equal(image.numpy(), x[:, :, :, 1].transpose(2, 0, 1)) and not offline
    with pytest.raises(ValueError, match="Unknown value 'val' for argument split"):
        datasets.SVHN(tmp_path, "val")
    with pytest.raises(RuntimeError, match="SVHN: Dataset not found or corrupted"):
        datasets.SVHN(tmp_path, "train")


def test_stl10(tmp_path, monkeypatch):
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    x = rng.integers(0, 256, (4, 3, 96, 96)).astype(np.uint8)  # columns before rows
    x.tofile(folder / "train_X.bin")
    np.array([1, 2, 3, 10], np.uint8).tofile(folder / "train_y.bin")
    (folder / "fold_indices.txt").write_text("3 1\n" + "0\n" * 9)
    (folder / "class_names.txt").write_text("airplane\nbird\n")
    x[:2].tofile(folder / "unlabeled_X.bin")
    monkeypatch.setattr(datasets.STL10, "parts", dict.fromkeys(("train_X.bin", "train_y.bin", "unlabeled_X.bin")))
    data = datasets.STL10(tmp_path, "train+unlabeled", transform=transforms.PILToTensor())
    assert data.labels.tolist() == [0, 1, 2, 9, -1, -1] and data.classes == ["airplane", "bird"]
    assert np.array_equal(data[3][0].numpy(), x[3].transpose(0, 2, 1)) and data[3][1] == 9
    assert datasets.STL10(tmp_path, folds=0).labels.tolist() == [9, 1]


def test_usps_semeion_and_made_up_images(tmp_path, monkeypatch):
    row = " ".join(f"{i + 1}:{(i % 3) - 1.0}" for i in range(256))
    (tmp_path / "usps.bz2").write_bytes(bz2.compress(f"7 {row}\n1 {row}\n".encode()))
    monkeypatch.setitem(datasets.USPS.split_list, "train", ["", "usps.bz2", None])
    data = datasets.USPS(tmp_path)
    assert data.targets == [6, 0] and data.data[0, 0, :3].tolist() == [0, 127, 255]
    (tmp_path / "semeion.data").write_text(" ".join(["1.0"] * 256 + ["0"] * 4 + ["1"] + ["0"] * 5) + "\n")
    monkeypatch.setattr(datasets.SEMEION, "md5_checksum", None)
    (tmp_path / "semeion.data").write_text((tmp_path / "semeion.data").read_text() * 2)
    assert datasets.SEMEION(tmp_path).labels.tolist() == [4, 4]
    fake = datasets.FakeData(3, (1, 4, 5), 7)
    assert np.array_equal(np.asarray(fake[2][0]), np.asarray(fake[2][0])) and np.asarray(fake[0][0]).shape == (4, 5)
    with pytest.raises(IndexError, match="out of range for 3"):
        fake[3]


def test_letters(tmp_path, monkeypatch):
    files = {}
    for part, n in (("train", 3), ("test", 2)):
        for what, x in (
            ("images-idx3-ubyte", np.zeros((n, 28, 28), np.uint8)),
            ("labels-idx1-ubyte", np.arange(n).astype(np.uint8)),
        ):
            files[f"gzip/emnist-letters-{part}-{what}.gz"] = gzip.compress(idx.encode(x))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in files.items():
            file.writestr(name, data)
    monkeypatch.setattr(datasets.EMNIST, "md5", hashlib.md5(buffer.getvalue()).hexdigest())
    served(monkeypatch, {"gzip.zip": buffer.getvalue()})
    data = datasets.EMNIST(tmp_path, "letters", train=False, download=True)
    assert len(data) == 2 and data.classes[1] == "a" and data[1][1] == 1
    with pytest.raises(ValueError, match="Unknown value 'capitals'"):
        datasets.EMNIST(tmp_path, "capitals")


# --- folders of images ----------------------------------------------------------------------------------------


def folder(root, files):
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())


def test_image_folders(tmp_path):
    folder(
        tmp_path,
        {"dog/b/2.png": jpeg("red"), "dog/1.PNG": jpeg("blue"), "cat/3.jpg": jpeg("lime"), "cat/notes.txt": "x"},
    )
    data = datasets.ImageFolder(tmp_path, transforms.PILToTensor())
    assert data.classes == ["cat", "dog"] and data.targets == [0, 1, 1] and data.imgs is data.samples
    assert data[1][0][:, 0, 0].tolist() == [0, 0, 255] and data[2][0][:, 0, 0].tolist() == [255, 0, 0]
    assert len(datasets.ImageFolder(tmp_path, is_valid_file=lambda path: path.endswith("2.png"), allow_empty=True)) == 1
    (tmp_path / "ant").mkdir()
    with pytest.raises(
        FileNotFoundError, match="Found no valid file for the classes ant in .*Supported extensions are: .jpg"
    ):
        datasets.ImageFolder(tmp_path)
    assert len(datasets.ImageFolder(tmp_path, allow_empty=True).classes) == 3
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        datasets.ImageFolder(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="Couldn't find any class folder"):
        datasets.ImageFolder(tmp_path / "dog" / "b")
    (tmp_path / "dog/1.PNG").write_bytes(jpeg("blue")[:45])
    with pytest.raises(RuntimeError, match=r"1.PNG cannot be read as an image"):
        datasets.ImageFolder(tmp_path, allow_empty=True)[1]


def test_food_flowers_and_pets(tmp_path, monkeypatch):
    red = jpeg("red")
    food = {"food-101/meta/test.json": json.dumps({"pie": ["pie/1"], "egg": ["egg/2", "egg/3"]})}
    food |= {f"food-101/images/{n}.jpg": red for n in ("pie/1", "egg/2", "egg/3")}
    packed = tarred({n: d if isinstance(d, bytes) else d.encode() for n, d in food.items()})
    monkeypatch.setattr(
        datasets.Food101, "archives", ((datasets.Food101.archives[0][0], hashlib.md5(packed).hexdigest()),)
    )
    served(monkeypatch, {"food-101.tar.gz": packed})
    data = datasets.Food101(tmp_path, "test", download=True)
    assert data.classes == ["egg", "pie"] and [data[i][1] for i in range(3)] == [1, 0, 0] and "split=test" in repr(data)

    lists = {
        "setid.mat": matlab(
            {
                "trnid": np.array([[2, 1]], np.uint16),
                "valid": np.array([[3]], np.uint16),
                "tstid": np.array([[3]], np.uint16),
            }
        ),
        "imagelabels.mat": matlab({"labels": np.array([[5, 102, 7]], np.uint8)}),
    }
    folder(tmp_path / "flowers-102", lists | {f"jpg/image_0000{i}.jpg": red for i in (1, 2, 3)})
    flowers = datasets.Flowers102(tmp_path)
    assert [flowers[i][1] for i in range(2)] == [101, 4] and len(flowers.classes) == 102

    pets = {"annotations/test.txt": "Abyssinian_1 1 1 1\ngreat_dane_7 2 2 3\n", "images/Abyssinian_1.jpg": red}
    pets |= {"images/great_dane_7.jpg": red, "annotations/trimaps/great_dane_7.png": jpeg("black")}
    folder(tmp_path / "oxford-iiit-pet", pets)
    data = datasets.OxfordIIITPet(tmp_path, "test", ["category", "binary-category", "segmentation"])
    assert data.classes == ["Abyssinian", "Great Dane"] and data[1][1][:2] == (1, 1) and data[1][1][2].size == (8, 6)
    with pytest.raises(RuntimeError, match="Country211: Dataset not found"):
        datasets.Country211(tmp_path)


def test_faces(tmp_path):
    tables = {
        "list_eval_partition.txt": "1.jpg 0\n2.jpg 2\n3.jpg 0\n",
        "list_attr_celeba.txt": "3\nBald Young\n1.jpg -1 1\n2.jpg 1 1\n3.jpg 1 -1\n",
        "identity_CelebA.txt": "1.jpg 11\n2.jpg 12\n3.jpg 13\n",
        "list_bbox_celeba.txt": "3\nx y w h\n1.jpg 1 2 3 4\n2.jpg 1 2 3 4\n3.jpg 5 6 7 8\n",
        "list_landmarks_align_celeba.txt": "3\nx y\n1.jpg 1 2\n2.jpg 3 4\n3.jpg 5 6\n",
    }
    folder(tmp_path / "celeba", tables | {f"img_align_celeba/{i}.jpg": jpeg("red") for i in (1, 2, 3)})
    data = datasets.CelebA(tmp_path, target_type=["attr", "identity", "bbox"])
    assert len(data) == 2 and data.attr_names == ["Bald", "Young"] and len(datasets.CelebA(tmp_path, "all")) == 3
    attributes, identity, box = data[1][1]
    assert attributes.tolist() == [1, 0] and identity.item() == 13 and box.tolist() == [5, 6, 7, 8]
    with pytest.raises(RuntimeError, match="CelebA: Dataset not found"):
        datasets.CelebA(tmp_path / "none")


def test_lists_of_splits(tmp_path):
    red = jpeg("red")
    folder(
        tmp_path / "dtd/dtd",
        {"labels/val2.txt": "dots/a.jpg\nbands/b.jpg\n", "images/dots/a.jpg": red, "images/bands/b.jpg": red},
    )
    assert [label for _, label in datasets.DTD(tmp_path, "val", 2)] == [1, 0]
    craft = {"data/variants.txt": "747 \nA320\n", "data/images_variant_test.txt": "01 A320\n02 747\n"}
    folder(tmp_path / "fgvc-aircraft-2013b", craft | {f"data/images/0{i}.jpg": red for i in (1, 2)})
    assert [label for _, label in datasets.FGVCAircraft(tmp_path, "test")] == [1, 0]
    signs = {"GT-final_test.csv": "Filename;Width;ClassId\n1.ppm;5;17\n", "GTSRB/Final_Test/Images/1.ppm": red}
    folder(tmp_path / "gtsrb", signs)
    assert datasets.GTSRB(tmp_path, "test")[0][1] == 17
    folder(tmp_path / "imagenette2-160", {"train/n01440764/1.jpg": red, "train/n03888257/2.jpg": red})
    data = datasets.Imagenette(tmp_path, size="160px")
    assert data[1][1] == 1 and data.class_to_idx["chute"] == 1
    folder(tmp_path / "rendered-sst2", {"valid/negative/1.png": red, "valid/positive/2.png": red})
    assert datasets.RenderedSST2(tmp_path, "val").classes == ["negative", "positive"]
    folder(tmp_path / "eurosat", {"2750/River/1.jpg": red})
    assert len(datasets.EuroSAT(tmp_path)) == 1
    folder(tmp_path / "imagenet", {"val/n01440764/1.JPEG": red})
    assert datasets.ImageNet(tmp_path / "imagenet", "val").wnids == ["n01440764"]
    with pytest.raises(RuntimeError, match="Sign for the archives"):
        datasets.ImageNet(tmp_path / "imagenet")
    assert published.Files.__doc__


XML = """<annotation><size><width>8</width></size><object><name>dog</name></object><object><name>cat</name></object>
</annotation>"""


def test_voc_and_coco(tmp_path):
    base = tmp_path / "VOCdevkit/VOC2012"
    files = {"ImageSets/Main/val.txt": "1\n", "ImageSets/Segmentation/val.txt": "1\n", "JPEGImages/1.jpg": jpeg("red")}
    folder(base, files | {"Annotations/1.xml": XML, "SegmentationClass/1.png": jpeg("black")})
    image, target = datasets.VOCDetection(tmp_path, image_set="val")[0]
    assert [o["name"] for o in target["annotation"]["object"]] == ["dog", "cat"] and image.size == (8, 6)
    assert datasets.VOCSegmentation(tmp_path, image_set="val")[0][1].size == (8, 6)
    (base / "Annotations/1.xml").write_text("<annotation>")
    with pytest.raises(idx.CorruptFile, match="1.xml cannot be read"):
        datasets.VOCDetection(tmp_path, image_set="val")[0]
    with pytest.raises(ValueError, match="Unknown value 'test' for argument image_set"):
        datasets.VOCDetection(tmp_path, image_set="test")
    listed = {"images": [{"id": 9, "file_name": "b.png"}, {"id": 4, "file_name": "a.png"}]}
    listed["annotations"] = [{"image_id": 9, "caption": "red", "bbox": [1, 2, 3, 4]}]
    folder(tmp_path, {"a.png": jpeg("blue"), "b.png": jpeg("red"), "c.json": json.dumps(listed), "d.json": "[]"})
    data = datasets.CocoDetection(
        tmp_path, tmp_path / "c.json", transforms=lambda image, target: (image.size, len(target))
    )
    assert data.ids == [4, 9] and data[0] == ((8, 6), 0) and data[1] == ((8, 6), 1)
    assert datasets.CocoCaptions(tmp_path, tmp_path / "c.json")[1][1] == ["red"]
    with pytest.raises(idx.CorruptFile, match="no annotations of COCO's format"):
        datasets.CocoDetection(tmp_path, tmp_path / "d.json")
