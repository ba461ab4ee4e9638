"""Files of images as uint8 tensors (channels, height, width). Pillow decodes and encodes them."""

from __future__ import annotations

import io as streams
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import numtorch as nt
from numtorch import absent
from numtorch.files import write_atomically
from numtorch.vision.transforms.functional import pil_to_tensor
from numtorch.vision.transforms.pictures import pil_of, pillow


class ImageReadMode(Enum):
    """How many channels a decoded image has.

    >>> from numtorch.vision import io
    >>> io.ImageReadMode.RGB.value
    3
    """

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4


_MODES = {"GRAY": "L", "GRAY_ALPHA": "LA", "RGB": "RGB", "RGB_ALPHA": "RGBA"}


def _decoded(data: bytes, mode: Any, turn: bool, formats: Any, what: str) -> Any:
    name = (mode.upper() if isinstance(mode, str) else mode.name).replace("RGBA", "RGB_ALPHA")
    image = pillow()
    try:
        with image.open(streams.BytesIO(data), formats=formats) as picture:
            if turn:
                picture = pillow("ImageOps").exif_transpose(picture)
            wanted = _MODES.get(ImageReadMode[name].name)
            if wanted is None and picture.mode in ("P", "1"):
                wanted = "RGBA" if "transparency" in picture.info else "RGB" if picture.mode == "P" else "L"
            picture = picture.convert(wanted) if wanted not in (None, picture.mode) else picture.copy()
    except (OSError, SyntaxError, ValueError) as error:
        raise RuntimeError(f"{what}: the image cannot be decoded: {error}") from error
    return pil_to_tensor(picture)


def _bytes(x: Any, what: str) -> bytes:
    if not isinstance(x, nt.Tensor) or x.dtype != nt.uint8 or x.ndim != 1:
        found = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, nt.Tensor) else type(x).__qualname__
        raise RuntimeError(f"{what}: expected a uint8 tensor of one dimension, the bytes of a file, got {found}")
    return x.cpu().contiguous().numpy().tobytes()


def read_file(path: str | Path) -> Any:
    """The bytes of a file.

    Args:
        path: the file.

    Returns:
        A uint8 tensor.

    Raises:
        RuntimeError: there is no such file.

    >>> import pathlib, tempfile
    >>> from numtorch.vision import io
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "a").write_bytes(bytes([1, 2]))
    ...     io.read_file(f"{folder}/a")
    tensor([1, 2], dtype=torch.uint8)
    """
    try:
        return nt.from_numpy(np.frombuffer(Path(path).read_bytes(), np.uint8).copy())
    except OSError as error:
        raise RuntimeError(f"read_file: {path} cannot be read: {error.strerror or error}") from error


def write_file(filename: str | Path, data: Any) -> None:
    """Write bytes to a file.

    Args:
        filename: the file.
        data: a uint8 tensor of one dimension.

    Raises:
        RuntimeError: ``data`` is another tensor.

    >>> import pathlib, tempfile
    >>> from numtorch.vision import io
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     io.write_file(f"{folder}/a", torch.tensor([1, 2], dtype=torch.uint8))
    ...     pathlib.Path(folder, "a").read_bytes()
    b'\\x01\\x02'
    """
    write_atomically(filename, _bytes(data, "write_file"))


def read_image(path: str | Path, mode: Any = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False) -> Any:
    """The image in a file.

    Args:
        path: the file: JPEG, PNG, GIF, WebP or another format that Pillow knows.
        mode: how many channels: an ``ImageReadMode``, or its name.
        apply_exif_orientation: turn the image as the camera says.

    Returns:
        uint8 (channels, height, width).

    Raises:
        RuntimeError: there is no such file, or it is no image, or not whole.

    >>> import tempfile
    >>> from numtorch.vision import io
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     io.write_png(torch.zeros(1, 2, 3, dtype=torch.uint8), f"{folder}/a.png")
    ...     io.read_image(f"{folder}/a.png", io.ImageReadMode.RGB).shape
    torch.Size([3, 2, 3])
    """
    return _decoded(_bytes(read_file(path), "read_image"), mode, apply_exif_orientation, None, f"read_image: {path}")


def decode_image(input: Any, mode: Any = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False) -> Any:
    """The image in the bytes of a file, or in a file.

    Args:
        input: a uint8 tensor of one dimension, or a path.
        mode: how many channels: an ``ImageReadMode``, or its name.
        apply_exif_orientation: turn the image as the camera says.

    Returns:
        uint8 (channels, height, width).

    Raises:
        RuntimeError: it is no image, or not whole.

    >>> from numtorch.vision import io
    >>> io.decode_image(io.encode_png(torch.zeros(1, 2, 3, dtype=torch.uint8))).shape
    torch.Size([1, 2, 3])
    """
    if isinstance(input, str | Path):
        return read_image(input, mode, apply_exif_orientation)
    return _decoded(_bytes(input, "decode_image"), mode, apply_exif_orientation, None, "decode_image")


def decode_png(input: Any, mode: Any = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False) -> Any:
    """The image in the bytes of a PNG file.

    Args:
        input: a uint8 tensor of one dimension.
        mode: how many channels: an ``ImageReadMode``, or its name.
        apply_exif_orientation: turn the image as the camera says.

    Returns:
        uint8 (channels, height, width).

    Raises:
        RuntimeError: it is no such file, or not whole.

    >>> from numtorch.vision import io
    >>> io.decode_png(io.encode_png(torch.zeros(1, 2, 3, dtype=torch.uint8))).shape
    torch.Size([1, 2, 3])
    """
    return _decoded(_bytes(input, "decode_png"), mode, apply_exif_orientation, ["PNG"], "decode_png")


def decode_jpeg(
    input: Any, mode: Any = ImageReadMode.UNCHANGED, device: Any = "cpu", apply_exif_orientation: bool = False
) -> Any:
    """The image in the bytes of a JPEG file.

    Args:
        input: a uint8 tensor of one dimension, or a list of them.
        mode: how many channels: an ``ImageReadMode``, or its name.
        device: of the result; the CPU decodes.
        apply_exif_orientation: turn the image as the camera says.

    Returns:
        uint8 (channels, height, width), or a list.

    Raises:
        RuntimeError: it is no such file, or not whole.

    >>> from numtorch.vision import io
    >>> io.decode_jpeg(io.encode_jpeg(torch.zeros(3, 2, 3, dtype=torch.uint8))).shape
    torch.Size([3, 2, 3])
    """
    if isinstance(input, list):
        return [decode_jpeg(x, mode, device, apply_exif_orientation) for x in input]
    data = _bytes(input, "decode_jpeg")
    return _decoded(data, mode, apply_exif_orientation, ["JPEG"], "decode_jpeg").to(device)


def decode_gif(input: Any) -> Any:
    """The image, or the images, in the bytes of a GIF file.

    Args:
        input: a uint8 tensor of one dimension.

    Returns:
        uint8 (3, height, width), or (n, 3, height, width) of several.

    Raises:
        RuntimeError: it is no GIF file, or not whole.

    >>> import io as streams
    >>> from PIL import Image
    >>> from numtorch.vision import io
    >>> buffer = streams.BytesIO()
    >>> Image.new("RGB", (3, 2)).save(buffer, "GIF")
    >>> io.decode_gif(torch.tensor(list(buffer.getvalue()), dtype=torch.uint8)).shape
    torch.Size([3, 2, 3])
    """
    image = pillow()
    try:
        with image.open(streams.BytesIO(_bytes(input, "decode_gif")), formats=["GIF"]) as picture:
            frames = []
            for i in range(getattr(picture, "n_frames", 1)):
                picture.seek(i)
                frames.append(pil_to_tensor(picture.convert("RGB")))
    except (OSError, SyntaxError, ValueError) as error:
        raise RuntimeError(f"decode_gif: the image cannot be decoded: {error}") from error
    return frames[0] if len(frames) == 1 else nt.stack(frames)


def _encoded(input: Any, kind: str, what: str, **options: Any) -> Any:
    if not isinstance(input, nt.Tensor) or input.dtype != nt.uint8:
        found = input.dtype if isinstance(input, nt.Tensor) else type(input).__qualname__
        raise RuntimeError(f"{what}: expected a uint8 tensor, got {found}")
    if input.ndim != 3 or input.shape[0] not in (1, 3):
        raise RuntimeError(f"{what}: expected (1 or 3, height, width), got {tuple(input.shape)}")
    array = input.cpu().contiguous().numpy()
    picture = pil_of(array[0], "L") if len(array) == 1 else pil_of(array.transpose(1, 2, 0), "RGB")
    buffer = streams.BytesIO()
    picture.save(buffer, kind, **options)
    return nt.from_numpy(np.frombuffer(buffer.getvalue(), np.uint8).copy())


def encode_png(input: Any, compression_level: int = 6) -> Any:
    """An image as the bytes of a PNG file.

    Args:
        input: uint8 (1 or 3, height, width).
        compression_level: 0 to 9.

    Returns:
        A uint8 tensor.

    Raises:
        RuntimeError: another dtype, shape or level.

    >>> from numtorch.vision import io
    >>> io.encode_png(torch.zeros(1, 2, 3, dtype=torch.uint8))[1:4]
    tensor([80, 78, 71], dtype=torch.uint8)
    """
    if not 0 <= compression_level <= 9:
        raise RuntimeError(f"Compression level should be between 0 and 9, got {compression_level}")
    return _encoded(input, "PNG", "encode_png", compress_level=compression_level)


def encode_jpeg(input: Any, quality: int = 75) -> Any:
    """An image as the bytes of a JPEG file.

    Args:
        input: uint8 (1 or 3, height, width), or a list of images.
        quality: 1 to 100.

    Returns:
        A uint8 tensor, or a list.

    Raises:
        ValueError: another quality.

    >>> from numtorch.vision import io
    >>> io.encode_jpeg(torch.zeros(3, 2, 3, dtype=torch.uint8))[:2]
    tensor([255, 216], dtype=torch.uint8)
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"Image quality should be a positive number between 1 and 100, got {quality}")
    if isinstance(input, list):
        return [encode_jpeg(x, quality) for x in input]
    return _encoded(input, "JPEG", "encode_jpeg", quality=quality)


def write_png(input: Any, filename: str | Path, compression_level: int = 6) -> None:
    """Write an image to a PNG file.

    Args:
        input: uint8 (1 or 3, height, width).
        filename: the file.
        compression_level: 0 to 9.

    >>> import tempfile
    >>> from numtorch.vision import io
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     io.write_png(torch.full((1, 1, 2), 7, dtype=torch.uint8), f"{folder}/a.png")
    ...     io.read_image(f"{folder}/a.png")
    tensor([[[7, 7]]], dtype=torch.uint8)
    """
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input: Any, filename: str | Path, quality: int = 75) -> None:
    """Write an image to a JPEG file.

    Args:
        input: uint8 (1 or 3, height, width).
        filename: the file.
        quality: 1 to 100.

    >>> import tempfile
    >>> from numtorch.vision import io
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     io.write_jpeg(torch.zeros(1, 8, 8, dtype=torch.uint8), f"{folder}/a.jpg")
    ...     io.read_image(f"{folder}/a.jpg").shape
    torch.Size([1, 8, 8])
    """
    write_file(filename, encode_jpeg(input, quality))


if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
