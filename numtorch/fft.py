"""``torch.fft``: Fourier transforms. Each is defined with the ops, and says that it belongs here."""

from typing import TYPE_CHECKING

from numtorch import absent, exports
from numtorch.dispatch import aliases

if not TYPE_CHECKING:
    globals().update(exports.PLACES["fft"])
    aliases.publish(globals())
    __getattr__, __dir__ = absent.answers(__name__)
