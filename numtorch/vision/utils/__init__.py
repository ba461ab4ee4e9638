"""torchvision's module of this name: grids, files and drawings, from ``drawing.py``."""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.vision.drawing import draw_bounding_boxes as draw_bounding_boxes
from numtorch.vision.drawing import draw_keypoints as draw_keypoints
from numtorch.vision.drawing import draw_segmentation_masks as draw_segmentation_masks
from numtorch.vision.drawing import flow_to_image as flow_to_image
from numtorch.vision.drawing import make_grid as make_grid
from numtorch.vision.drawing import save_image as save_image

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
