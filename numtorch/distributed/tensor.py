"""Where the parts of a tensor would be among several processes: the placements of ``torch.distributed.tensor``."""

from __future__ import annotations

from dataclasses import dataclass


class Placement:
    """A place of a tensor's elements along one dimension of a mesh of processes."""


@dataclass(frozen=True)
class Replicate(Placement):
    """Each process has all elements."""


@dataclass(frozen=True)
class Shard(Placement):
    """Each process has a part along a dimension."""

    dim: int


@dataclass(frozen=True)
class Partial(Placement):
    """Each process has a summand."""

    reduce_op: str = "sum"
