"""Pictures for people: grids of images, boxes, masks and points on images, files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import numtorch as nt
from numtorch import notices
from numtorch.vision.transforms.functional import pil_to_tensor, to_dtype, to_pil_image
from numtorch.vision.transforms.pictures import pil_of, pillow


def make_grid(
    tensor: Any,
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Any:
    """Images side by side as one image.

    Args:
        tensor: (n, channels, height, width), or a list of images of one size; of one channel they become grey ones.
        nrow: how many images a row holds.
        padding: pixels between them.
        normalize: shift and scale values to [0, 1].
        value_range: which values become 0 and 1; the least and the greatest if None.
        scale_each: find the range of each image, and not that of all.
        pad_value: value of the pixels between.

    Returns:
        (3, height, width).

    Raises:
        TypeError: ``tensor`` is neither a tensor nor a list of tensors, or ``value_range`` is no tuple.

    >>> from numtorch.vision import utils
    >>> utils.make_grid(torch.zeros(5, 1, 4, 6), nrow=3).shape
    torch.Size([3, 14, 26])
    """
    if not all(isinstance(t, nt.Tensor) for t in (tensor if isinstance(tensor, list) else [tensor])):
        raise TypeError(f"make_grid: tensor or list of tensors expected, got {type(tensor)}")
    x = nt.stack(tensor) if isinstance(tensor, list) else tensor
    x = x.detach()
    x = x.unsqueeze(0) if x.ndim == 2 else x
    if x.ndim == 3:
        x = (x.expand(3, -1, -1) if x.shape[0] == 1 else x).unsqueeze(0)
    if x.ndim == 4 and x.shape[1] == 1:
        x = x.expand(-1, 3, -1, -1)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")
        x = nt.stack([_scaled(image, value_range) for image in x]) if scale_each else _scaled(x, value_range)
    if x.shape[0] == 1:
        return x.squeeze(0)
    n, channels, h, w = x.shape
    across = min(nrow, n)
    down = math.ceil(n / across)
    h, w = h + padding, w + padding
    grid = nt.full((channels, h * down + padding, w * across + padding), pad_value, dtype=x.dtype, device=x.device)
    for i in range(n):
        top, left = i // across * h + padding, i % across * w + padding
        grid[:, top : top + h - padding, left : left + w - padding] = x[i]
    return grid


def _scaled(x: Any, span: tuple[float, float] | None) -> Any:
    low, high = (x.min().item(), x.max().item()) if span is None else span
    return (x.clamp(min=low, max=high) - low) / max(high - low, 1e-5)


def save_image(tensor: Any, fp: Any, format: str | None = None, **kwargs: Any) -> None:
    """Write an image, or images as a grid, to a file.

    Args:
        tensor: values from 0 to 1: (channels, height, width), (n, channels, height, width) or a list of images.
        fp: a path, or an open file.
        format: of the file, such as ``"png"``; by the path's ending if None.
        **kwargs: of ``make_grid``.

    >>> import tempfile
    >>> from numtorch.vision import io, utils
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     utils.save_image(torch.ones(3, 2, 4), f"{folder}/white.png")
    ...     io.read_image(f"{folder}/white.png").float().mean().item()
    255.0
    """
    grid = make_grid(tensor, **kwargs)
    values = (grid * 255 + 0.5).clamp(0, 255).permute(1, 2, 0).to("cpu").to(nt.uint8)
    pil_of(values.contiguous().numpy(), "RGB" if values.shape[2] == 3 else "RGBA").save(fp, format=format)


def _colours(colors: Any, n: int) -> list[tuple]:
    """One colour (red, green, blue) for each of ``n`` things."""
    if colors is None:
        steps = (2**25 - 1, 2**15 - 1, 2**21 - 1)
        return [tuple(i * s % 255 for s in steps) for i in range(n)]
    if isinstance(colors, list):
        if len(colors) < n:
            raise ValueError(
                f"Number of colors must be equal or larger than the number of objects, but got {len(colors)} < {n}."
            )
    elif isinstance(colors, tuple) and len(colors) != 3:
        raise ValueError(f"If passed as tuple, colors should be an RGB triplet, but got {colors}.")
    elif isinstance(colors, tuple | str):
        colors = [colors] * n
    else:
        raise ValueError(f"colors must be a tuple or a string, or a list thereof, but got {colors}.")
    return [pillow("ImageColor").getrgb(c) if isinstance(c, str) else tuple(c) for c in colors]


def _check_image(image: Any, channels: tuple[int, ...]) -> None:
    if not isinstance(image, nt.Tensor):
        raise TypeError(f"The image must be a tensor, got {type(image)}")
    if not (image.dtype == nt.uint8 or image.is_floating_point()):
        raise ValueError(f"The image dtype must be uint8 or float, got {image.dtype}")
    if image.ndim != 3:
        raise ValueError(f"Pass individual images, not batches: got shape {tuple(image.shape)}")
    if image.shape[0] not in channels:
        raise ValueError(f"Pass an image of {' or '.join(map(str, channels))} channels, not {image.shape[0]}")


def _canvas(image: Any) -> Any:
    """A PIL image to draw on."""
    image = image.expand(3, -1, -1) if image.shape[0] == 1 else image
    return to_pil_image(to_dtype(image, nt.uint8, True) if image.is_floating_point() else image)


def _back(canvas: Any, image: Any) -> Any:
    out = pil_to_tensor(canvas)
    return to_dtype(out, image.dtype, True) if image.is_floating_point() else out


def draw_bounding_boxes(
    image: Any,
    boxes: Any,
    labels: Sequence[str] | None = None,
    colors: Any = None,
    fill: bool | None = False,
    width: int = 1,
    font: str | None = None,
    font_size: int | None = None,
    label_colors: Any = None,
    label_background_colors: Any = None,
    fill_labels: bool = False,
) -> Any:
    """An image with boxes drawn on it.

    Args:
        image: uint8, or floating point in [0, 1]; (1 or 3, height, width).
        boxes: (n, 4): left, top, right, bottom; or (n, 8), the four corners.
        labels: a text for each box.
        colors: one for all, or a list: names, ``"#ff00ff"`` or (red, green, blue).
        fill: fill boxes with a transparent colour.
        width: of the lines.
        font: file of a TrueType font; Pillow's own if None.
        font_size: in points.
        label_colors: of the texts; as the boxes if None.
        label_background_colors: of the rectangles behind texts.
        fill_labels: draw these rectangles.

    Returns:
        (3, height, width), of the dtype of ``image``.

    Raises:
        TypeError: ``image`` is no tensor.
        ValueError: another dtype or shape, boxes of another format, or another number of labels or colours.

    >>> from numtorch.vision import utils
    >>> image = torch.zeros(3, 8, 8, dtype=torch.uint8)
    >>> utils.draw_bounding_boxes(image, torch.tensor([[1, 1, 6, 6]]), colors="red")[0, 1, :3]
    tensor([  0, 255, 255], dtype=torch.uint8)
    """
    _check_image(image, (1, 3))
    if boxes.shape[-1] == 4 and bool(((boxes[:, 0] > boxes[:, 2]) | (boxes[:, 1] > boxes[:, 3])).any()):
        raise ValueError("Boxes need to be in (xmin, ymin, xmax, ymax) format. Use ops.box_convert to convert them")
    n = boxes.shape[0]
    if n == 0:
        notices.warn("boxes doesn't contain any box. No box was drawn")
        return image
    if labels is not None and len(labels) != n:
        raise ValueError(
            f"Number of boxes ({n}) and labels ({len(labels)}) mismatch. Please specify labels for each box."
        )
    outline = _colours(colors, n)
    texts = _colours(label_colors or "black", n) if label_colors or fill_labels else outline
    behind = _colours(label_background_colors, n) if fill_labels and label_background_colors else outline
    fonts = pillow("ImageFont")
    letters = fonts.load_default() if font is None else fonts.truetype(font=font, size=font_size or 10)
    canvas = _canvas(image)
    draw = pillow("ImageDraw").Draw(canvas, "RGBA" if fill else None)
    for i, box in enumerate(boxes.to(nt.int64).tolist()):
        inside = (*outline[i], 100) if fill else None
        if len(box) == 4:
            draw.rectangle(box, width=width, outline=outline[i], fill=inside)
        else:
            draw.polygon([tuple(box[k : k + 2]) for k in range(0, 8, 2)], outline=outline[i], fill=inside, width=width)
        if labels is not None and labels[i] is not None:
            at = (box[0] + width + 1, box[1] + width + 1)
            if fill_labels:
                left, top, right, bottom = draw.textbbox(at, labels[i], font=letters)
                draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=behind[i])
            draw.text(at, labels[i], fill=texts[i], font=letters)
    return _back(canvas, image)


def draw_segmentation_masks(image: Any, masks: Any, alpha: float = 0.8, colors: Any = None) -> Any:
    """An image with coloured masks on it; where masks overlap, black.

    Args:
        image: uint8, or floating point in [0, 1]; (3, height, width).
        masks: bool, (height, width) or (n, height, width).
        alpha: 0 shows the image alone, 1 the colours.
        colors: one for all, or a list: names, ``"#ff00ff"`` or (red, green, blue).

    Returns:
        (3, height, width), of the dtype of ``image``.

    Raises:
        TypeError: ``image`` is no tensor.
        ValueError: another dtype or shape, or too few colours.

    >>> from numtorch.vision import utils
    >>> image = torch.zeros(3, 1, 2, dtype=torch.uint8)
    >>> utils.draw_segmentation_masks(image, torch.tensor([[True, False]]), 0.5, "red")[0]
    tensor([[127,   0]], dtype=torch.uint8)
    """
    _check_image(image, (3,))
    masks = masks[None] if masks.ndim == 2 else masks
    if masks.ndim != 3:
        raise ValueError("masks must be of shape (H, W) or (batch_size, H, W)")
    if masks.dtype != nt.bool:
        raise ValueError(f"The masks must be of dtype bool. Got {masks.dtype}")
    if masks.shape[-2:] != image.shape[-2:]:
        raise ValueError("The image and the masks must have the same height and width")
    if masks.shape[0] == 0:
        notices.warn("masks doesn't contain any mask. No mask was drawn")
        return image
    scale = 255 if image.is_floating_point() else 1
    drawn = image.detach().clone()
    for mask, colour in zip(masks, _colours(colors, len(masks)), strict=False):
        values = nt.tensor([c / scale for c in colour], device=image.device).to(image.dtype)
        drawn = nt.where(mask, values[:, None, None], drawn)
    drawn = drawn.masked_fill(masks.sum(0) > 1, 0)
    return (image.detach() * (1 - alpha) + drawn * alpha).to(image.dtype)


def draw_keypoints(
    image: Any,
    keypoints: Any,
    connectivity: Sequence[tuple[int, int]] | None = None,
    colors: Any = None,
    radius: int = 2,
    width: int = 3,
    visibility: Any = None,
) -> Any:
    """An image with points, and lines between them.

    Args:
        image: uint8, or floating point in [0, 1]; (3, height, width).
        keypoints: (n, k, 2): k points (x, y) of each of n things.
        connectivity: pairs of points that a line joins.
        colors: of the points: a name, ``"#ff00ff"`` or (red, green, blue); red if None.
        radius: of the points.
        width: of the lines.
        visibility: bool, (n, k): which points are drawn; all if None.

    Returns:
        (3, height, width), of the dtype of ``image``.

    Raises:
        TypeError: ``image`` is no tensor.
        ValueError: another dtype or shape.

    >>> from numtorch.vision import utils
    >>> image = torch.zeros(3, 8, 8, dtype=torch.uint8)
    >>> utils.draw_keypoints(image, torch.tensor([[[4, 4]]]), colors="red")[0, 4, 4].item()
    255
    """
    _check_image(image, (3,))
    if keypoints.ndim != 3:
        raise ValueError(f"keypoints must be of shape (num_instances, K, 2), got {tuple(keypoints.shape)}")
    every = keypoints.shape[:2]
    shown = nt.ones(every, dtype=nt.bool) if visibility is None else visibility.reshape(every)
    (colour,) = _colours(colors or "red", 1)
    canvas = _canvas(image)
    draw = pillow("ImageDraw").Draw(canvas)
    for points, seen in zip(keypoints.to(nt.int64).tolist(), shown.tolist(), strict=True):
        for (x, y), visible in zip(points, seen, strict=True):
            if visible:
                draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)
        for a, b in connectivity or ():
            if seen[a] and seen[b]:
                draw.line((*points[a], *points[b]), width=width)
    return _back(canvas, image)


def flow_to_image(flow: Any) -> Any:
    """Optical flow in colours: the hue is the direction, the saturation the length.

    Args:
        flow: float32, (2, height, width) or (n, 2, height, width): how far each pixel moves along x and y.

    Returns:
        uint8, (3, height, width) or (n, 3, height, width).

    Raises:
        ValueError: another dtype or shape.

    Source: Baker and others, A Database and Evaluation Methodology for Optical Flow, 2007.

    >>> from numtorch.vision import utils
    >>> utils.flow_to_image(torch.zeros(2, 1, 1)).flatten()
    tensor([255, 255, 255], dtype=torch.uint8)
    """
    if flow.dtype != nt.float32:
        raise ValueError(f"Flow should be of dtype torch.float, got {flow.dtype}.")
    if flow.ndim not in (3, 4) or flow.shape[-3] != 2:
        raise ValueError(f"Input flow should have shape (2, H, W) or (N, 2, H, W), got {tuple(flow.shape)}.")
    values = flow.detach().cpu().numpy()
    values = values[None] if values.ndim == 3 else values
    greatest = np.sqrt((values**2).sum(1)).max()
    u, v = (values / (greatest + np.finfo(np.float32).eps)).transpose(1, 0, 2, 3)
    wheel = _wheel()
    length = np.sqrt(u * u + v * v)
    place = (np.arctan2(-v, -u) / np.pi + 1) / 2 * (len(wheel) - 1)
    low = np.floor(place).astype(np.int64)
    part = (place - low)[..., None]
    colour = (1 - part) * wheel[low] / 255 + part * wheel[(low + 1) % len(wheel)] / 255
    colour = 1 - length[..., None] * (1 - colour)
    out = nt.from_numpy(np.floor(255 * colour).astype(np.uint8).transpose(0, 3, 1, 2).copy())
    return out[0] if flow.ndim == 3 else out


def _wheel() -> np.ndarray:
    """Colours around the wheel: red, yellow, green, cyan, blue, magenta, and back."""
    steps = (15, 6, 4, 11, 13, 6)
    wheel, at = np.zeros((sum(steps), 3)), 0
    for i, n in enumerate(steps):
        full, moving = ((0, 1), (1, 0), (1, 2), (2, 1), (2, 0), (0, 2))[i]
        wheel[at : at + n, full] = 255
        ramp = np.floor(255 * np.arange(n) / n)
        wheel[at : at + n, moving] = ramp if i % 2 == 0 else 255 - ramp
        at += n
    return wheel
