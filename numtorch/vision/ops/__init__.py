"""Operators and layers of vision: boxes, regions, losses of detection, and layers that architectures share."""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.vision.ops.boxes import batched_nms as batched_nms
from numtorch.vision.ops.boxes import box_area as box_area
from numtorch.vision.ops.boxes import box_convert as box_convert
from numtorch.vision.ops.boxes import box_iou as box_iou
from numtorch.vision.ops.boxes import clip_boxes_to_image as clip_boxes_to_image
from numtorch.vision.ops.boxes import complete_box_iou as complete_box_iou
from numtorch.vision.ops.boxes import distance_box_iou as distance_box_iou
from numtorch.vision.ops.boxes import generalized_box_iou as generalized_box_iou
from numtorch.vision.ops.boxes import masks_to_boxes as masks_to_boxes
from numtorch.vision.ops.boxes import nms as nms
from numtorch.vision.ops.boxes import remove_small_boxes as remove_small_boxes
from numtorch.vision.ops.layers import MLP as MLP
from numtorch.vision.ops.layers import Conv2dNormActivation as Conv2dNormActivation
from numtorch.vision.ops.layers import Conv3dNormActivation as Conv3dNormActivation
from numtorch.vision.ops.layers import DropBlock2d as DropBlock2d
from numtorch.vision.ops.layers import FrozenBatchNorm2d as FrozenBatchNorm2d
from numtorch.vision.ops.layers import Permute as Permute
from numtorch.vision.ops.layers import SqueezeExcitation as SqueezeExcitation
from numtorch.vision.ops.layers import StochasticDepth as StochasticDepth
from numtorch.vision.ops.layers import drop_block2d as drop_block2d
from numtorch.vision.ops.layers import stochastic_depth as stochastic_depth
from numtorch.vision.ops.losses import complete_box_iou_loss as complete_box_iou_loss
from numtorch.vision.ops.losses import distance_box_iou_loss as distance_box_iou_loss
from numtorch.vision.ops.losses import generalized_box_iou_loss as generalized_box_iou_loss
from numtorch.vision.ops.losses import sigmoid_focal_loss as sigmoid_focal_loss
from numtorch.vision.ops.regions import RoIAlign as RoIAlign
from numtorch.vision.ops.regions import RoIPool as RoIPool
from numtorch.vision.ops.regions import roi_align as roi_align
from numtorch.vision.ops.regions import roi_pool as roi_pool

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
