"""``torch.distributions.utils``: what distributions make of their parameters."""

from numtorch.distributions.parameters import broadcast_all as broadcast_all
from numtorch.distributions.parameters import clamp_probs as clamp_probs
from numtorch.distributions.parameters import lazy_property as lazy_property
from numtorch.distributions.parameters import logits_to_probs as logits_to_probs
from numtorch.distributions.parameters import probs_to_logits as probs_to_logits
from numtorch.distributions.parameters import tril_matrix_to_vec as tril_matrix_to_vec
from numtorch.distributions.parameters import vec_to_tril_matrix as vec_to_tril_matrix
