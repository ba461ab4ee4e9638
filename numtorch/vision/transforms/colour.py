"""Functions that change the values of pixels and leave them where they are."""

from __future__ import annotations

from typing import Any

import numpy as np

import numtorch as nt
from numtorch.nn.functional import conv2d
from numtorch.vision.transforms import resample
from numtorch.vision.transforms.pictures import (
    as_tensor,
    get_dimensions,
    image_function,
    is_pil,
    like_pil,
    pil_of,
    pillow,
)

GREY = (0.2989, 0.587, 0.114)  # of red, green and blue (ITU-R 601-2)


def bound(x: Any) -> float:
    """The value of white: 1 for floating-point tensors, else the largest one of the dtype."""
    return 1.0 if x.dtype.is_floating_point else nt.iinfo(x.dtype).max


def _check_channels(img: Any, name: str, allowed: tuple[int, ...] = (1, 3)) -> int:
    channels = get_dimensions(img)[0]
    if channels not in allowed:
        raise TypeError(
            f"{name}: Input image tensor permitted channel values are {list(allowed)}, but found {channels}"
        )
    return channels


def _blend(a: Any, b: Any, ratio: float) -> Any:
    return (ratio * a + (1.0 - ratio) * b).clamp(0, bound(a)).to(a.dtype)


def _enhanced(img: Any, kind: str, factor: float) -> Any:
    return getattr(pillow("ImageEnhance"), kind)(img).enhance(factor)


def _positive(factor: float, what: str) -> None:
    if factor < 0:
        raise ValueError(f"{what} ({factor}) is not non-negative.")


def _grey(x: Any) -> Any:
    """The channel of grey of a colour tensor."""
    r, g, b = x.unbind(-3)
    return (GREY[0] * r + GREY[1] * g + GREY[2] * b).to(x.dtype).unsqueeze(-3)


@image_function
def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """An image in grey: ``0.299 red + 0.587 green + 0.114 blue``.

    Args:
        img: a PIL image, a tensor (..., channels, height, width) or an array.
        num_output_channels: 1, or 3 of equal values.

    Returns:
        An image of the same kind.

    Raises:
        ValueError: another number of channels of the result.
        TypeError: the image has neither one channel nor three.

    >>> from numtorch.vision.transforms import functional
    >>> functional.rgb_to_grayscale(torch.ones(3, 1, 1))
    tensor([[[0.9999]]])
    """
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if is_pil(img):
        grey = img.convert("L")
        return grey if num_output_channels == 1 else pillow().merge("RGB", (grey, grey, grey))
    grey = _grey(img) if _check_channels(img, "rgb_to_grayscale") == 3 else img
    return grey if num_output_channels == 1 else grey.expand(*grey.shape[:-3], 3, *grey.shape[-2:])


@image_function
def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """Values times a factor.

    Args:
        img: a PIL image, a tensor (..., channels, height, width) or an array.
        brightness_factor: 0 gives black, 1 the image.

    Returns:
        An image of the same kind.

    >>> from numtorch.vision.transforms import functional
    >>> functional.adjust_brightness(torch.full((1, 1, 1), 0.25), 2.0)
    tensor([[[0.5000]]])
    """
    _positive(brightness_factor, "brightness_factor")
    if is_pil(img):
        return _enhanced(img, "Brightness", brightness_factor)
    return (img * float(brightness_factor)).clamp(0, bound(img)).to(img.dtype)


@image_function
def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """Values nearer to, or farther from, the mean of the image in grey.

    Args:
        img: a PIL image, a tensor (..., channels, height, width) or an array.
        contrast_factor: 0 gives grey, 1 the image.

    Returns:
        An image of the same kind.

    Raises:
        TypeError: a tensor of neither one channel nor three.

    >>> from numtorch.vision.transforms import functional
    >>> functional.adjust_contrast(torch.tensor([[[0.0, 1.0]]]), 0.5)
    tensor([[[0.2500, 0.7500]]])
    """
    _positive(contrast_factor, "contrast_factor")
    if is_pil(img):
        return _enhanced(img, "Contrast", contrast_factor)
    grey = _grey(img) if _check_channels(img, "adjust_contrast") == 3 else img
    mean = (grey if grey.is_floating_point() else grey.float()).mean((-3, -2, -1), keepdim=True)
    return _blend(img, mean, contrast_factor)


@image_function
def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """Colours nearer to, or farther from, grey.

    Args:
        img: a PIL image, a tensor (..., channels, height, width) or an array.
        saturation_factor: 0 gives grey, 1 the image.

    Returns:
        An image of the same kind.

    Raises:
        TypeError: a tensor of neither one channel nor three.

    >>> from numtorch.vision.transforms import functional
    >>> functional.adjust_saturation(torch.tensor([1.0, 0, 0]).reshape(3, 1, 1), 0.0).flatten()
    tensor([0.2989, 0.2989, 0.2989])
    """
    _positive(saturation_factor, "saturation_factor")
    if is_pil(img):
        return _enhanced(img, "Color", saturation_factor)
    if _check_channels(img, "adjust_saturation") == 1:
        return img
    return _blend(img, _grey(img), saturation_factor)


def _hsv(x: Any) -> tuple[Any, Any, Any]:
    """Hue, saturation and value of a colour tensor in [0, 1]."""
    r, g, b = x.unbind(-3)
    high, low = x.amax(-3), x.amin(-3)
    span = high - low
    grey = span == 0
    one = nt.ones_like(high)
    saturation = span / nt.where(grey, one, high)
    below = nt.where(grey, one, span)
    rc, gc, bc = (high - r) / below, (high - g) / below, (high - b) / below
    hue = nt.where(high == r, bc - gc, nt.where(high == g, 2.0 + rc - bc, 4.0 + gc - rc))
    return nt.fmod(hue / 6.0 + 1.0, 1.0), saturation, high


def _rgb(h: Any, s: Any, v: Any) -> Any:
    """A colour tensor of hue, saturation and value."""

    def channel(n: float) -> Any:  # the distance of the hue from that of the channel, folded
        k = nt.remainder(h * 6.0 + n, 6.0)
        return v - v * s * nt.minimum(k, 4.0 - k).clamp(0, 1)

    return nt.stack([channel(5), channel(3), channel(1)], -3)


@image_function
def adjust_hue(img: Any, hue_factor: float) -> Any:
    """Colours turned around the wheel of hues.

    Args:
        img: a PIL image, a tensor (..., channels, height, width) or an array.
        hue_factor: how far, from -0.5 to 0.5 of the wheel.

    Returns:
        An image of the same kind.

    Raises:
        ValueError: ``hue_factor`` is farther from 0.

    >>> from numtorch.vision.transforms import functional
    >>> functional.adjust_hue(torch.tensor([1.0, 0, 0]).reshape(3, 1, 1), 0.5).flatten()
    tensor([0., 1., 1.])
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if is_pil(img):
        if img.mode in ("L", "1", "I", "F"):
            return img
        h, s, v = img.convert("HSV").split()
        turned = (np.array(h).astype(np.int32) + int(hue_factor * 255)).astype(np.uint8)
        return pillow().merge("HSV", (pil_of(turned, "L"), s, v)).convert(img.mode)
    if _check_channels(img, "adjust_hue") == 1:
        return img
    h, s, v = _hsv(convert_image_dtype(img, nt.float32) if not img.is_floating_point() else img)
    return convert_image_dtype(_rgb(nt.remainder(h + hue_factor, 1.0), s, v), img.dtype)


@image_function
def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """``gain * img ** gamma``, where white is 1.

    Args:
        img: a PIL image, a tensor (..., channels, height, width) or an array.
        gamma: above 1 makes shadows darker, below 1 lighter.
        gain: a factor.

    Returns:
        An image of the same kind.

    Raises:
        ValueError: ``gamma`` is negative.

    >>> from numtorch.vision.transforms import functional
    >>> functional.adjust_gamma(torch.full((1, 1, 1), 0.5), 2.0)
    tensor([[[0.2500]]])
    """
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    if is_pil(img):
        table = [int((255 + 1 - 1e-3) * gain * pow(v / 255.0, gamma)) for v in range(256)]
        colour = img.convert("RGB")
        return colour.point(table * 3).convert(img.mode)
    unit = img if img.is_floating_point() else convert_image_dtype(img, nt.float32)
    return convert_image_dtype((gain * unit**gamma).clamp(0, 1), img.dtype)


@image_function
def invert(img: Any) -> Any:
    """White minus the image.

    Args:
        img: a PIL image, a tensor (..., channels, height, width) or an array.

    Returns:
        An image of the same kind.

    >>> from numtorch.vision.transforms import functional
    >>> functional.invert(torch.tensor([[[0.25]]]))
    tensor([[[0.7500]]])
    """
    return pillow("ImageOps").invert(img) if is_pil(img) else bound(img) - img


@image_function
def posterize(img: Any, bits: int) -> Any:
    """Bytes with their lower bits set to 0.

    Args:
        img: a PIL image, a uint8 tensor or an array.
        bits: how many upper bits stay.

    Returns:
        An image of the same kind.

    Raises:
        TypeError: a tensor of another dtype.

    >>> from numtorch.vision.transforms import functional
    >>> functional.posterize(torch.tensor([[[255]]], dtype=torch.uint8), 2)
    tensor([[[192]]], dtype=torch.uint8)
    """
    if is_pil(img):
        return pillow("ImageOps").posterize(img, bits)
    if img.dtype != nt.uint8:
        raise TypeError(f"posterize: Only torch.uint8 image tensors are supported, but found {img.dtype}")
    return img & (256 - 2 ** (8 - bits) if bits < 8 else 255)


@image_function
def solarize(img: Any, threshold: float) -> Any:
    """An image whose values from a threshold on are inverted.

    Args:
        img: a PIL image, a tensor (..., channels, height, width) or an array.
        threshold: the least value that is.

    Returns:
        An image of the same kind.

    Raises:
        TypeError: ``threshold`` is above white.

    >>> from numtorch.vision.transforms import functional
    >>> functional.solarize(torch.tensor([[[0.25, 0.75]]]), 0.5)
    tensor([[[0.2500, 0.2500]]])
    """
    if is_pil(img):
        return pillow("ImageOps").solarize(img, threshold)
    if threshold > bound(img):
        raise TypeError("Threshold should be less than bound of img.")
    return nt.where(img >= threshold, invert(img), img)


def _sharp_blur(x: Any) -> Any:
    """3x3 means in which the middle counts five times; edges stay."""
    work = x if x.is_floating_point() else x.float()
    c, h, w = x.shape[-3:]
    weight = nt.ones(3, 3, dtype=work.dtype, device=x.device)
    weight[1, 1] = 5.0
    weight = (weight / weight.sum()).expand(c, 1, 3, 3)
    inner = resample.as_dtype(conv2d(work.reshape(-1, c, h, w), weight, groups=c), x.dtype)
    out = x.clone()
    out[..., 1:-1, 1:-1] = inner.reshape(*x.shape[:-2], h - 2, w - 2)
    return out


@image_function
def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """An image blurred, or its contrast to the blurred one enlarged.

    Args:
        img: a PIL image, a tensor (..., channels, height, width) or an array.
        sharpness_factor: 0 gives a blurred image, 1 the image, 2 a sharper one.

    Returns:
        An image of the same kind.

    >>> from numtorch.vision.transforms import functional
    >>> functional.adjust_sharpness(torch.ones(1, 4, 4), 0.0).min().item() > 0.99
    True
    """
    _positive(sharpness_factor, "sharpness_factor")
    if is_pil(img):
        return _enhanced(img, "Sharpness", sharpness_factor)
    if min(img.shape[-2:]) <= 2:
        return img
    return _blend(img, _sharp_blur(img), sharpness_factor)


@image_function
def autocontrast(img: Any) -> Any:
    """An image whose darkest value becomes black, and lightest white, in each channel.

    Args:
        img: a PIL image, a tensor (..., channels, height, width) or an array.

    Returns:
        An image of the same kind.

    >>> from numtorch.vision.transforms import functional
    >>> functional.autocontrast(torch.tensor([[[0.25, 0.5, 0.75]]]))
    tensor([[[0.0000, 0.5000, 1.0000]]])
    """
    if is_pil(img):
        return pillow("ImageOps").autocontrast(img)
    work, white = img if img.is_floating_point() else img.float(), bound(img)
    low, high = work.amin((-2, -1), keepdim=True), work.amax((-2, -1), keepdim=True)
    flat = low == high
    scale = white / nt.where(flat, nt.ones_like(high), high - low)
    low, scale = nt.where(flat, nt.zeros_like(low), low), nt.where(flat, nt.ones_like(scale), scale)
    return ((work - low) * scale).clamp(0, white).to(img.dtype)


@image_function
def equalize(img: Any) -> Any:
    """An image in which all values are about equally frequent, in each channel.

    Args:
        img: a PIL image, a uint8 tensor (..., channels, height, width) or an array.

    Returns:
        An image of the same kind.

    Raises:
        TypeError: a tensor of another dtype.

    >>> from numtorch.vision.transforms import functional
    >>> image = torch.tensor([[[10] * 255 + [20] * 255]], dtype=torch.uint8)
    >>> functional.equalize(image).unique()
    tensor([  0, 255], dtype=torch.uint8)
    """
    if is_pil(img):
        return pillow("ImageOps").equalize(img)
    if img.is_floating_point():
        return convert_image_dtype(equalize(convert_image_dtype(img, nt.uint8)), img.dtype)
    if img.dtype != nt.uint8:
        raise TypeError(f"equalize: Only torch.uint8 image tensors are supported, but found {img.dtype}")
    array = img.cpu().contiguous().numpy()
    planes = array.reshape(-1, array.shape[-2] * array.shape[-1])
    out = np.stack([_equal(plane) for plane in planes]) if len(planes) else planes
    return nt.from_numpy(out.reshape(array.shape)).to(img.device)


def _equal(plane: np.ndarray) -> np.ndarray:
    counts = np.bincount(plane, minlength=256)
    present = counts[counts > 0]
    step = present[:-1].sum() // 255
    if step == 0:
        return plane
    table = (np.cumsum(counts) + step // 2) // step
    return np.clip(np.concatenate([[0], table[:-1]]), 0, 255).astype(np.uint8)[plane]


def blur_numbers(kernel_size: Any, sigma: Any) -> tuple[list[int], list[float]]:
    """Extents and widths of a Gaussian, each as (x, y)."""
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2:
        raise ValueError(f"If kernel_size is a sequence its length should be 2. Got {len(sizes)}")
    for n in sizes:
        if n % 2 == 0 or n < 0:
            raise ValueError(f"kernel_size should have odd and positive integers. Got {sizes}")
    if sigma is None:
        sigma = [n * 0.15 + 0.35 for n in sizes]
    widths = [float(sigma)] * 2 if isinstance(sigma, int | float) else [float(s) for s in sigma]
    widths = widths * 2 if len(widths) == 1 else widths
    if len(widths) != 2:
        raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(widths)}")
    for s in widths:
        if s <= 0.0:
            raise ValueError(f"sigma should have positive values. Got {widths}")
    return sizes, widths


@image_function
def gaussian_blur(img: Any, kernel_size: Any, sigma: Any = None) -> Any:
    """Means of each pixel's surroundings, weighted by a Gaussian; the image is reflected at its edges.

    Args:
        img: a PIL image, a tensor (..., height, width) or an array.
        kernel_size: the extents along x and y, odd; or one number for both.
        sigma: widths of the Gaussian along x and y, or one for both; ``0.15 kernel_size + 0.35`` if None.

    Returns:
        An image of the same kind.

    Raises:
        ValueError: an even extent, a width that is not positive, or another number of values.

    >>> from numtorch.vision.transforms import functional
    >>> functional.gaussian_blur(torch.ones(1, 5, 5), 3).mean().item()
    1.0
    """
    (kx, ky), (sx, sy) = blur_numbers(kernel_size, sigma)
    x = as_tensor(img)
    h, w = x.shape[-2:]
    if kx // 2 >= w or ky // 2 >= h:
        raise ValueError(f"gaussian_blur: kernel_size {[kx, ky]} reaches beyond the image of {h} by {w} twice")
    out = resample.apply(x, {-2: resample.blurring(h, ky, sy), -1: resample.blurring(w, kx, sx)})
    out = resample.as_dtype(out, x.dtype)
    return like_pil(out, img) if is_pil(img) else out


def convert_image_dtype(image: Any, dtype: Any = nt.float32) -> Any:
    """A tensor in another dtype, scaled so that white stays white.

    Args:
        image: a tensor.
        dtype: of the result.

    Returns:
        A tensor of the same shape.

    Raises:
        RuntimeError: floating values to integers that they cannot tell apart, such as float32 to int32.
        TypeError: ``image`` is no tensor.

    >>> from numtorch.vision.transforms import functional
    >>> functional.convert_image_dtype(torch.tensor([[[255]]], dtype=torch.uint8))
    tensor([[[1.]]])
    """
    if not isinstance(image, nt.Tensor):
        raise TypeError(f"convert_image_dtype: Input img should be Tensor Image, got {type(image).__qualname__}")
    if image.dtype == dtype:
        return image
    if image.dtype.is_floating_point:
        if dtype.is_floating_point:
            return image.to(dtype)
        narrow = image.dtype == nt.float32 and dtype in (nt.int32, nt.int64)
        if narrow or (image.dtype == nt.float64 and dtype == nt.int64):
            raise RuntimeError(f"The cast from {image.dtype} to {dtype} cannot be performed safely.")
        return (image * (nt.iinfo(dtype).max + 1.0 - 1e-3)).to(dtype)
    white = nt.iinfo(image.dtype).max
    if dtype.is_floating_point:
        return image.to(dtype) / white
    new = nt.iinfo(dtype).max
    if white > new:
        return (image // ((white + 1) // (new + 1))).to(dtype)
    return image.to(dtype) * ((new + 1) // (white + 1))


def erase(img: Any, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Any:
    """An image with a rectangle of other values.

    Args:
        img: a tensor (..., channels, height, width); also an array or a PIL image.
        i, j: the row and the column where the rectangle begins.
        h, w: its extents.
        v: its values, a tensor that fits it.
        inplace: write into the given tensor.

    Returns:
        An image of the same kind.

    >>> from numtorch.vision.transforms import functional
    >>> functional.erase(torch.ones(1, 1, 3), 0, 1, 1, 1, torch.zeros(1, 1, 1))
    tensor([[[1., 0., 1.]]])
    """
    return _erase(img, i, j, h, w, v, inplace)


@image_function
def _erase(img: Any, i: int, j: int, h: int, w: int, v: Any, inplace: bool) -> Any:
    if is_pil(img):
        array = np.array(img)
        values = v.numpy().astype(array.dtype)
        array[i : i + h, j : j + w] = values[0] if array.ndim == 2 else values.transpose(1, 2, 0)
        return pil_of(array, img.mode)
    out = img if inplace else img.clone()
    out[..., i : i + h, j : j + w] = v
    return out


@image_function
def permute_channels(img: Any, permutation: Any) -> Any:
    """An image with its channels in another order.

    Args:
        img: a PIL image, a tensor (..., channels, height, width) or an array.
        permutation: for each channel of the result, the number of the one that it is.

    Returns:
        An image of the same kind.

    Raises:
        ValueError: another number of channels.

    >>> from numtorch.vision.transforms.v2 import functional
    >>> functional.permute_channels(torch.tensor([1, 2]).reshape(2, 1, 1), [1, 0]).flatten()
    tensor([2, 1])
    """
    order = list(permutation)
    if len(order) != get_dimensions(img)[0]:
        raise ValueError(
            f"Length of permutation does not match number of channels: {len(order)} != {get_dimensions(img)[0]}"
        )
    if is_pil(img):
        return pil_of(np.array(img)[..., order], img.mode)
    return img.index_select(-3, nt.tensor(order, device=img.device))


@image_function
def gaussian_noise(img: Any, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> Any:
    """An image plus normal noise.

    Args:
        img: a tensor, floating point in [0, 1] or uint8.
        mean, sigma: of the noise, where white is 1.
        clip: keep values between black and white.

    Returns:
        An image of the same kind.

    Raises:
        TypeError: a PIL image.
        ValueError: a negative ``sigma``, or another dtype.

    >>> from numtorch.vision.transforms.v2 import functional
    >>> functional.gaussian_noise(torch.zeros(1, 2, 2), sigma=0.0)
    tensor([[[0., 0.],
             [0., 0.]]])
    """
    if is_pil(img):
        raise TypeError("gaussian_noise: PIL images are not supported; put ToImage() first")
    if sigma < 0:
        raise ValueError(f"sigma shouldn't be negative. Got {sigma}")
    if not (img.is_floating_point() or img.dtype == nt.uint8):
        raise ValueError(f"Input tensor is expected to be in float or uint8 dtype, got dtype={img.dtype}")
    white = bound(img)
    noise = mean * white + nt.randn(img.shape, device=img.device) * (sigma * white)
    out = img + noise.to(img.dtype) if img.is_floating_point() else (img.float() + noise).round()
    return (out.clamp(0, white) if clip or white > 1 else out).to(img.dtype)
