"""The transforms by the names of ``torchvision.transforms.v2``: the same classes as in ``transforms``, and more."""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.vision.transforms import AugMix as AugMix
from numtorch.vision.transforms import AutoAugment as AutoAugment
from numtorch.vision.transforms import AutoAugmentPolicy as AutoAugmentPolicy
from numtorch.vision.transforms import CenterCrop as CenterCrop
from numtorch.vision.transforms import ColorJitter as ColorJitter
from numtorch.vision.transforms import Compose as Compose
from numtorch.vision.transforms import ConvertImageDtype as ConvertImageDtype
from numtorch.vision.transforms import ElasticTransform as ElasticTransform
from numtorch.vision.transforms import FiveCrop as FiveCrop
from numtorch.vision.transforms import GaussianBlur as GaussianBlur
from numtorch.vision.transforms import Grayscale as Grayscale
from numtorch.vision.transforms import InterpolationMode as InterpolationMode
from numtorch.vision.transforms import Lambda as Lambda
from numtorch.vision.transforms import LinearTransformation as LinearTransformation
from numtorch.vision.transforms import Normalize as Normalize
from numtorch.vision.transforms import Pad as Pad
from numtorch.vision.transforms import PILToTensor as PILToTensor
from numtorch.vision.transforms import RandAugment as RandAugment
from numtorch.vision.transforms import RandomAdjustSharpness as RandomAdjustSharpness
from numtorch.vision.transforms import RandomAffine as RandomAffine
from numtorch.vision.transforms import RandomApply as RandomApply
from numtorch.vision.transforms import RandomAutocontrast as RandomAutocontrast
from numtorch.vision.transforms import RandomChoice as RandomChoice
from numtorch.vision.transforms import RandomCrop as RandomCrop
from numtorch.vision.transforms import RandomEqualize as RandomEqualize
from numtorch.vision.transforms import RandomErasing as RandomErasing
from numtorch.vision.transforms import RandomGrayscale as RandomGrayscale
from numtorch.vision.transforms import RandomHorizontalFlip as RandomHorizontalFlip
from numtorch.vision.transforms import RandomInvert as RandomInvert
from numtorch.vision.transforms import RandomOrder as RandomOrder
from numtorch.vision.transforms import RandomPerspective as RandomPerspective
from numtorch.vision.transforms import RandomPosterize as RandomPosterize
from numtorch.vision.transforms import RandomResizedCrop as RandomResizedCrop
from numtorch.vision.transforms import RandomRotation as RandomRotation
from numtorch.vision.transforms import RandomSolarize as RandomSolarize
from numtorch.vision.transforms import RandomVerticalFlip as RandomVerticalFlip
from numtorch.vision.transforms import Resize as Resize
from numtorch.vision.transforms import TenCrop as TenCrop
from numtorch.vision.transforms import ToPILImage as ToPILImage
from numtorch.vision.transforms import ToTensor as ToTensor
from numtorch.vision.transforms import Transform as Transform
from numtorch.vision.transforms import TrivialAugmentWide as TrivialAugmentWide
from numtorch.vision.transforms.boxes import JPEG as JPEG
from numtorch.vision.transforms.boxes import ClampBoundingBoxes as ClampBoundingBoxes
from numtorch.vision.transforms.boxes import ClampKeyPoints as ClampKeyPoints
from numtorch.vision.transforms.boxes import ConvertBoundingBoxFormat as ConvertBoundingBoxFormat
from numtorch.vision.transforms.boxes import RandomIoUCrop as RandomIoUCrop
from numtorch.vision.transforms.boxes import SanitizeBoundingBoxes as SanitizeBoundingBoxes
from numtorch.vision.transforms.boxes import check_type as check_type
from numtorch.vision.transforms.boxes import get_bounding_boxes as get_bounding_boxes
from numtorch.vision.transforms.boxes import has_all as has_all
from numtorch.vision.transforms.boxes import has_any as has_any
from numtorch.vision.transforms.boxes import query_chw as query_chw
from numtorch.vision.transforms.boxes import query_size as query_size
from numtorch.vision.transforms.combinations import Identity as Identity
from numtorch.vision.transforms.combinations import ToDtype as ToDtype
from numtorch.vision.transforms.combinations import ToImage as ToImage
from numtorch.vision.transforms.combinations import ToPureTensor as ToPureTensor
from numtorch.vision.transforms.looks import RGB as RGB
from numtorch.vision.transforms.looks import CutMix as CutMix
from numtorch.vision.transforms.looks import GaussianNoise as GaussianNoise
from numtorch.vision.transforms.looks import MixUp as MixUp
from numtorch.vision.transforms.looks import RandomChannelPermutation as RandomChannelPermutation
from numtorch.vision.transforms.looks import RandomPhotometricDistort as RandomPhotometricDistort
from numtorch.vision.transforms.sizes import RandomResize as RandomResize
from numtorch.vision.transforms.sizes import RandomShortestSize as RandomShortestSize
from numtorch.vision.transforms.sizes import RandomZoomOut as RandomZoomOut
from numtorch.vision.transforms.sizes import ScaleJitter as ScaleJitter
from numtorch.vision.transforms.sizes import UniformTemporalSubsample as UniformTemporalSubsample
from numtorch.vision.transforms.v2 import functional as functional

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
