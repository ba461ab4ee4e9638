"""``torch.special``: the special functions that are here. Each is defined with the ops, and says that it belongs
here."""

from typing import TYPE_CHECKING

from numtorch import absent, exports
from numtorch.dispatch import aliases

if not TYPE_CHECKING:
    globals().update(exports.PLACES["special"])
    aliases.publish(globals())
    __getattr__, __dir__ = absent.answers(__name__)
