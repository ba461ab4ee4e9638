"""The group of all processes, and groups of some of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from enum import Enum
from typing import Any

from numtorch.distributed.stores import Store, one

_BACKENDS = ("gloo",)  # that a machine of one process has
_KNOWN = ("undefined", "gloo", "nccl", "mpi", "ucc", "xccl", "fake")


class RedOpType(Enum):
    """The values of ``ReduceOp``."""

    SUM = "sum"
    AVG = "avg"
    PRODUCT = "product"
    MIN = "min"
    MAX = "max"
    BAND = "band"
    BOR = "bor"
    BXOR = "bxor"
    PREMUL_SUM = "premul_sum"


class ReduceOp:
    """How ``all_reduce`` and ``reduce`` combine the tensors of the processes; of one process each gives its tensor.

    >>> import numtorch.distributed as dist
    >>> dist.ReduceOp.SUM
    <RedOpType.SUM: 'sum'>
    """

    RedOpType = RedOpType
    SUM = RedOpType.SUM
    AVG = RedOpType.AVG
    PRODUCT = RedOpType.PRODUCT
    MIN = RedOpType.MIN
    MAX = RedOpType.MAX
    BAND = RedOpType.BAND
    BOR = RedOpType.BOR
    BXOR = RedOpType.BXOR
    PREMUL_SUM = RedOpType.PREMUL_SUM


reduce_op = ReduceOp


class Backend(str):
    """The name of a backend, in small letters.

    Args:
        name: ``gloo``, ``nccl`` or another.

    >>> import numtorch.distributed as dist
    >>> dist.Backend("GLOO")
    'gloo'
    """

    UNDEFINED, GLOO, NCCL, MPI, UCC, XCCL = "undefined", "gloo", "nccl", "mpi", "ucc", "xccl"
    backend_list = list(_KNOWN)

    def __new__(cls, name: str) -> Backend:
        if not isinstance(name, str):
            raise ValueError(f"Backend: the name is a str, not {type(name).__name__}")
        return super().__new__(cls, name.lower())


class Work:
    """What a collective with ``async_op=True`` gives; it is done when it is given.

    >>> import numtorch.distributed as dist
    >>> dist.Work().wait()
    True
    """

    def __init__(self, result: Any = None):
        self._result = result

    def wait(self, timeout: timedelta | None = None) -> bool:
        """Wait for its end, which has been.

        Args:
            timeout: accepted.

        Returns:
            True.

        >>> import numtorch.distributed as dist
        >>> dist.Work().wait()
        True
        """
        return True

    def is_completed(self) -> bool:
        """Whether it is done.

        Returns:
            True.

        >>> import numtorch.distributed as dist
        >>> dist.Work().is_completed()
        True
        """
        return True

    def is_success(self) -> bool:
        """Whether it ended without an error.

        Returns:
            True.

        >>> import numtorch.distributed as dist
        >>> dist.Work().is_success()
        True
        """
        return True

    def result(self) -> Any:
        """What the collective has written to.

        Returns:
            Tensors.

        >>> import numtorch.distributed as dist
        >>> dist.Work([1]).result()
        [1]
        """
        return self._result


class ProcessGroup:
    """A group of processes, of which this one is the only one, or which has none.

    Attributes:
        ranks: those of its members.
        group_name: its name.
    """

    def __init__(self, ranks: Sequence[int], name: str, backend: str, options: Any = None):
        self.ranks, self.group_name, self._backend = tuple(ranks), name, backend

    def rank(self) -> int:
        """This process's number in the group.

        Returns:
            0, or -1 if it is not in it.

        >>> import numtorch.distributed as dist
        >>> dist.ProcessGroup([0], "one", "gloo").rank()
        0
        """
        return 0 if 0 in self.ranks else -1

    def size(self) -> int:
        """How many members it has.

        Returns:
            A number.

        >>> import numtorch.distributed as dist
        >>> dist.ProcessGroup([0], "one", "gloo").size()
        1
        """
        return len(self.ranks)

    def name(self) -> str:
        """The name of its backend.

        Returns:
            A str.

        >>> import numtorch.distributed as dist
        >>> dist.ProcessGroup([0], "one", "gloo").name()
        'gloo'
        """
        return self._backend


class GroupMember:
    """``WORLD`` is the group of all processes, ``NON_GROUP_MEMBER`` what a process has of a group without it."""

    WORLD: ProcessGroup | None = None
    NON_GROUP_MEMBER = object()


class _Group:
    """``group.WORLD``: the group of all processes."""

    @property
    def WORLD(self) -> ProcessGroup | None:
        return GroupMember.WORLD


group = _Group()
_made = 0  # groups, which are named after their number


def is_available() -> bool:
    """Whether there is ``torch.distributed``.

    Returns:
        True.

    >>> import numtorch.distributed as dist
    >>> dist.is_available()
    True
    """
    return True


def is_initialized() -> bool:
    """Whether ``init_process_group`` has been called.

    Returns:
        A bool.

    >>> import numtorch.distributed as dist
    >>> dist.is_initialized()
    False
    """
    return GroupMember.WORLD is not None


def is_backend_available(backend: str) -> bool:
    """Whether a backend can be used.

    Args:
        backend: its name.

    Returns:
        True for ``gloo``.

    >>> import numtorch.distributed as dist
    >>> dist.is_backend_available("nccl"), dist.is_backend_available("gloo")
    (False, True)
    """
    return backend.lower() in _BACKENDS


def is_gloo_available() -> bool:
    """Whether the backend ``gloo`` can be used.

    Returns:
        True.

    >>> import numtorch.distributed as dist
    >>> dist.is_gloo_available()
    True
    """
    return True


def is_nccl_available() -> bool:
    """Whether the backend ``nccl`` can be used.

    Returns:
        False.

    >>> import numtorch.distributed as dist
    >>> dist.is_nccl_available()
    False
    """
    return False


def is_mpi_available() -> bool:
    """Whether the backend ``mpi`` can be used.

    Returns:
        False.

    >>> import numtorch.distributed as dist
    >>> dist.is_mpi_available()
    False
    """
    return False


def is_ucc_available() -> bool:
    """Whether the backend ``ucc`` can be used.

    Returns:
        False.

    >>> import numtorch.distributed as dist
    >>> dist.is_ucc_available()
    False
    """
    return False


def is_xccl_available() -> bool:
    """Whether the backend ``xccl`` can be used.

    Returns:
        False.

    >>> import numtorch.distributed as dist
    >>> dist.is_xccl_available()
    False
    """
    return False


def is_torchelastic_launched() -> bool:
    """Whether a launcher has started the process.

    Returns:
        A bool.

    >>> import numtorch.distributed as dist
    >>> dist.is_torchelastic_launched()
    False
    """
    return "TORCHELASTIC_RUN_ID" in os.environ


def get_default_backend_for_device(device: Any) -> str:
    """The backend for tensors of a device.

    Args:
        device: of any kind.

    Returns:
        ``gloo``.

    >>> import numtorch.distributed as dist
    >>> dist.get_default_backend_for_device("cpu")
    'gloo'
    """
    return "gloo"


def _from_environment(rank: int, world_size: int) -> tuple[int, int]:
    """Rank and size of the world, from the environment where they are not given."""
    found = []
    for name, given in (("RANK", rank), ("WORLD_SIZE", world_size)):
        if given == -1 and name not in os.environ:
            raise ValueError(
                f"init_process_group: with init_method='env://' the environment says the {name}, and it does not; set "
                "RANK=0, WORLD_SIZE=1, MASTER_ADDR=localhost and MASTER_PORT, or pass store=, rank= and world_size="
            )
        found.append(int(os.environ[name]) if given == -1 else given)
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        if name not in os.environ:
            raise ValueError(
                f"init_process_group: with init_method='env://' the environment says the {name}, and it does not"
            )
    return found[0], found[1]


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | None = None,
    world_size: int = -1,
    rank: int = -1,
    store: Store | None = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
) -> None:
    """Make the group of all processes, which is this one.

    Args:
        backend: ``gloo``, also by device as ``cpu:gloo``.
        init_method: ``env://`` (the default: RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT are in the environment),
            ``tcp://host:port`` or ``file:///path``.
        timeout, pg_options, device_id, group_name: accepted.
        world_size, rank: 1 and 0.
        store: in the place of ``init_method``; rank and size are given then.

    Raises:
        ValueError: there is a group already, or rank and size are not said.
        RuntimeError: the backend is not here.
        NotImplementedError: the world has more processes.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", "tcp://localhost:23456", rank=0, world_size=1)
    >>> dist.destroy_process_group()
    """
    global _made
    if is_initialized():
        raise ValueError("init_process_group: the default process group is there already; destroy it first")
    if store is not None and init_method is not None:
        raise ValueError("init_process_group: store and init_method exclude each other")
    parts = [part.rpartition(":")[2].lower() for part in (backend or "gloo").split(",")]
    for part in parts:
        if part not in _KNOWN:
            raise ValueError(f"init_process_group: Invalid backend: {part!r}; numtorch has 'gloo'")
        if part not in (*_BACKENDS, "undefined", "fake"):
            if "gloo" in parts:
                continue  # "cpu:gloo,cuda:nccl"
            raise RuntimeError(
                f"init_process_group: numtorch has no {part} built in; use backend='gloo', which needs no other process"
            )
    if store is None and (init_method or "env://").startswith("env://"):
        rank, world_size = _from_environment(rank, world_size)
    elif rank < 0 or world_size < 0:
        raise ValueError(f"init_process_group: needs rank= and world_size=, not rank={rank}, world_size={world_size}")
    one(world_size, "init_process_group")
    if rank != 0:
        raise ValueError(f"init_process_group: rank={rank} is not in a world of world_size=1")
    _made = 1
    GroupMember.WORLD = ProcessGroup([0], "0", "gloo")


def destroy_process_group(group: ProcessGroup | None = None) -> None:
    """Undo ``init_process_group``, or ``new_group`` for one group.

    Args:
        group: the group; all of them if None.

    Raises:
        ValueError: there is none.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.destroy_process_group()
    """
    if group is GroupMember.NON_GROUP_MEMBER:
        return
    if not is_initialized():
        raise ValueError("destroy_process_group: there is no process group; call init_process_group first")
    if group is None or group is GroupMember.WORLD:
        GroupMember.WORLD = None


def member(group: Any, what: str) -> ProcessGroup | None:
    """The group, or None where this process is not in it; ValueError without a world."""
    if GroupMember.WORLD is None:
        raise ValueError(f"{what}: the default process group is not there; call init_process_group first")
    if group is None:
        return GroupMember.WORLD
    return group if isinstance(group, ProcessGroup) and group.rank() == 0 else None


def get_rank(group: ProcessGroup | None = None) -> int:
    """The number of this process in a group.

    Args:
        group: that of all processes if None.

    Returns:
        0; -1 if it is not in the group.

    Raises:
        ValueError: ``init_process_group`` has not been called.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.get_rank()
    0
    >>> dist.destroy_process_group()
    """
    return -1 if member(group, "get_rank") is None else 0


def get_world_size(group: ProcessGroup | None = None) -> int:
    """How many processes are in a group.

    Args:
        group: that of all processes if None.

    Returns:
        1; -1 if this process is not in the group.

    Raises:
        ValueError: ``init_process_group`` has not been called.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.get_world_size()
    1
    >>> dist.destroy_process_group()
    """
    return -1 if member(group, "get_world_size") is None else 1


def get_backend(group: ProcessGroup | None = None) -> Backend:
    """The backend of a group.

    Args:
        group: that of all processes if None.

    Returns:
        ``gloo``.

    Raises:
        ValueError: ``init_process_group`` has not been called, or this process is not in the group.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.get_backend()
    'gloo'
    >>> dist.destroy_process_group()
    """
    found = member(group, "get_backend")
    if found is None:
        raise ValueError("get_backend: this process is not in the group")
    return Backend(found.name())


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """The number of this process on its machine, from the environment's LOCAL_RANK.

    Args:
        fallback_rank: what it is if the environment does not say it.

    Returns:
        A number.

    Raises:
        RuntimeError: neither says it.

    >>> import numtorch.distributed as dist
    >>> dist.get_node_local_rank(0)
    0
    """
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is None:
        raise RuntimeError("get_node_local_rank: the environment says no LOCAL_RANK; pass fallback_rank=0")
    return int(fallback_rank)


def new_group(
    ranks: Sequence[int] | None = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    use_local_synchronization: bool = False,
    group_desc: str | None = None,
    device_id: Any = None,
) -> Any:
    """A group of some of the processes.

    Args:
        ranks: which; all of them if None.
        timeout, backend, pg_options, use_local_synchronization, group_desc, device_id: accepted.

    Returns:
        A ProcessGroup; ``GroupMember.NON_GROUP_MEMBER`` if this process is not in it.

    Raises:
        ValueError: ``init_process_group`` has not been called, or a rank is not in the world.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.new_group([0]).size()
    1
    >>> dist.destroy_process_group()
    """
    global _made
    member(None, "new_group")
    chosen = [0] if ranks is None else sorted(ranks)
    if any(rank != 0 for rank in chosen) or len(chosen) > 1:
        raise ValueError(f"new_group: ranks {chosen} are not all of a world of one process, whose rank is 0")
    if not chosen:
        return GroupMember.NON_GROUP_MEMBER
    _made += 1
    return ProcessGroup(chosen, str(_made - 1), "gloo")


def get_process_group_ranks(group: ProcessGroup | None) -> list[int]:
    """The ranks of a group's members in the world.

    Args:
        group: that of all processes if None.

    Returns:
        A list.

    Raises:
        ValueError: ``init_process_group`` has not been called.

    >>> import numtorch.distributed as dist
    >>> dist.get_process_group_ranks(dist.ProcessGroup([0], "one", "gloo"))
    [0]
    """
    found = group if group is not None else member(None, "get_process_group_ranks")
    return list(found.ranks)  # type: ignore[union-attr]


def get_group_rank(group: ProcessGroup, global_rank: int) -> int:
    """The number in a group of the process with a number in the world.

    Args:
        group: the group.
        global_rank: the number in the world.

    Returns:
        The number in the group.

    Raises:
        ValueError: it is not in the group.

    >>> import numtorch.distributed as dist
    >>> dist.get_group_rank(dist.ProcessGroup([0], "one", "gloo"), 0)
    0
    """
    if global_rank not in group.ranks:
        raise ValueError(f"get_group_rank: rank {global_rank} is not in the group {list(group.ranks)}")
    return group.ranks.index(global_rank)


def get_global_rank(group: ProcessGroup, group_rank: int) -> int:
    """The number in the world of the process with a number in a group.

    Args:
        group: the group.
        group_rank: the number in it.

    Returns:
        The number in the world.

    Raises:
        ValueError: the group has no such number.

    >>> import numtorch.distributed as dist
    >>> dist.get_global_rank(dist.ProcessGroup([0], "one", "gloo"), 0)
    0
    """
    if not 0 <= group_rank < len(group.ranks):
        raise ValueError(f"get_global_rank: the group {list(group.ranks)} has no rank {group_rank}")
    return group.ranks[group_rank]
