"""The functions by the names of ``torchvision.transforms.v2.functional``; ``resize_image`` and so on are ``resize``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.vision.transforms import colour, geometry
from numtorch.vision.transforms.boxes import clamp_bounding_boxes as clamp_bounding_boxes
from numtorch.vision.transforms.boxes import convert_bounding_box_format as convert_bounding_box_format
from numtorch.vision.transforms.boxes import jpeg as jpeg
from numtorch.vision.transforms.boxes import sanitize_bounding_boxes as sanitize_bounding_boxes
from numtorch.vision.transforms.colour import gaussian_noise as gaussian_noise
from numtorch.vision.transforms.colour import permute_channels as permute_channels
from numtorch.vision.transforms.functional import InterpolationMode as InterpolationMode
from numtorch.vision.transforms.functional import adjust_brightness as adjust_brightness
from numtorch.vision.transforms.functional import adjust_contrast as adjust_contrast
from numtorch.vision.transforms.functional import adjust_gamma as adjust_gamma
from numtorch.vision.transforms.functional import adjust_hue as adjust_hue
from numtorch.vision.transforms.functional import adjust_saturation as adjust_saturation
from numtorch.vision.transforms.functional import adjust_sharpness as adjust_sharpness
from numtorch.vision.transforms.functional import affine as affine
from numtorch.vision.transforms.functional import autocontrast as autocontrast
from numtorch.vision.transforms.functional import center_crop as center_crop
from numtorch.vision.transforms.functional import convert_image_dtype as convert_image_dtype
from numtorch.vision.transforms.functional import crop as crop
from numtorch.vision.transforms.functional import equalize as equalize
from numtorch.vision.transforms.functional import erase as erase
from numtorch.vision.transforms.functional import five_crop as five_crop
from numtorch.vision.transforms.functional import gaussian_blur as gaussian_blur
from numtorch.vision.transforms.functional import get_dimensions as get_dimensions
from numtorch.vision.transforms.functional import get_image_num_channels as get_image_num_channels
from numtorch.vision.transforms.functional import get_image_size as get_image_size
from numtorch.vision.transforms.functional import hflip as hflip
from numtorch.vision.transforms.functional import invert as invert
from numtorch.vision.transforms.functional import normalize as normalize
from numtorch.vision.transforms.functional import pad as pad
from numtorch.vision.transforms.functional import perspective as perspective
from numtorch.vision.transforms.functional import pil_to_tensor as pil_to_tensor
from numtorch.vision.transforms.functional import posterize as posterize
from numtorch.vision.transforms.functional import resize as resize
from numtorch.vision.transforms.functional import resized_crop as resized_crop
from numtorch.vision.transforms.functional import rgb_to_grayscale as rgb_to_grayscale
from numtorch.vision.transforms.functional import rotate as rotate
from numtorch.vision.transforms.functional import solarize as solarize
from numtorch.vision.transforms.functional import ten_crop as ten_crop
from numtorch.vision.transforms.functional import to_dtype as to_dtype
from numtorch.vision.transforms.functional import to_grayscale as to_grayscale
from numtorch.vision.transforms.functional import to_image as to_image
from numtorch.vision.transforms.functional import to_pil_image as to_pil_image
from numtorch.vision.transforms.functional import to_tensor as to_tensor
from numtorch.vision.transforms.functional import vflip as vflip
from numtorch.vision.transforms.geometry import elastic_transform

horizontal_flip, vertical_flip, elastic, get_num_channels = hflip, vflip, elastic_transform, get_image_num_channels


def get_size(inpt: object) -> list[int]:
    """Height and width of an image.

    Args:
        inpt: a PIL image, a tensor (..., channels, height, width) or an array.

    Returns:
        A list of two ints.

    >>> from numtorch.vision.transforms.v2 import functional
    >>> functional.get_size(torch.zeros(3, 4, 5))
    [4, 5]
    """
    return get_dimensions(inpt)[1:]


if not TYPE_CHECKING:
    for _place in (geometry, colour):
        for _name, _f in list(vars(_place).items()):
            if hasattr(_f, "__wrapped__") and not _name.startswith("_") and _name != "image_function":
                for _kind in ("image", "video", "mask") if _place is geometry else ("image", "video"):
                    globals()[f"{_name}_{_kind}"] = _f
    horizontal_flip_image, vertical_flip_image = hflip, vflip
    normalize_image, to_dtype_image, get_size_image = normalize, to_dtype, get_size
    __getattr__, __dir__ = absent.answers(__name__)
