"""Tools for training: ``numtorch.utils.data`` supplies batches."""

from typing import TYPE_CHECKING

from numtorch import absent

if TYPE_CHECKING:
    from numtorch.utils import data as data
else:  # loaded when first named: importing numtorch must not pay for worker processes and samplers
    __getattr__, __dir__ = absent.answers(__name__, ("data",))
