"""``torch.amp``: autocast, as far as it changes nothing, and the scaling of losses.

autocast_mode.py   autocast: on without a GPU it is off, as in PyTorch
grad_scaler.py     GradScaler
"""

from numtorch.amp.autocast_mode import autocast as autocast
from numtorch.amp.grad_scaler import GradScaler as GradScaler
