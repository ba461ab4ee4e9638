"""``torch.amp``: autocast, and the scaling of losses.

autocast_mode.py   autocast: products in a half type within a block
grad_scaler.py     GradScaler
cpu.py cuda.py     older names
"""

from numtorch.amp import cpu as cpu
from numtorch.amp import cuda as cuda
from numtorch.amp.autocast_mode import autocast as autocast
from numtorch.amp.autocast_mode import custom_bwd as custom_bwd
from numtorch.amp.autocast_mode import custom_fwd as custom_fwd
from numtorch.amp.autocast_mode import is_autocast_available as is_autocast_available
from numtorch.amp.grad_scaler import GradScaler as GradScaler
