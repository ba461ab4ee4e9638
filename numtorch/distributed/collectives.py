"""Collectives, among the one process that there is: what a process sends, it receives itself."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

from numtorch._tensor import Tensor
from numtorch.distributed.stores import DistBackendError
from numtorch.distributed.world import ProcessGroup, RedOpType, ReduceOp, Work, member
from numtorch.grad_mode import no_grad


def _tensors(what: str, name: str, value: Any) -> list[Tensor]:
    """The tensors of a list; TypeError for anything else."""
    if not isinstance(value, list | tuple) or not all(isinstance(t, Tensor) for t in value):
        raise TypeError(f"{what}: {name} is a list of tensors, not {type(value).__name__}")
    return list(value)


def _tensor(what: str, name: str, value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"{what}: {name} is a tensor, not {type(value).__name__}")
    return value


def _root(what: str, name: str, rank: int | None, group_rank: int | None) -> None:
    """Check the rank that gives or takes."""
    if rank is not None and group_rank is not None:
        raise ValueError(f"{what}: {name} and group_{name} exclude each other")
    for given in (rank, group_rank):
        if given not in (None, 0):
            raise ValueError(f"{what}: {name}={given} is not in a world of one process, whose rank is 0")


def _length(what: str, name: str, given: Sequence) -> None:
    if len(given) != 1:
        raise ValueError(f"{what}: {name} has one tensor for each process of the group, which is 1, not {len(given)}")


def _write(what: str, into: Tensor, source: Tensor) -> None:
    """Copy elements between tensors of equal number and dtype."""
    if into.dtype is not source.dtype:
        raise ValueError(f"{what}: the tensors have dtypes {into.dtype} and {source.dtype}; all have the same")
    if into.numel() != source.numel():
        raise ValueError(f"{what}: the tensors have shapes {list(into.shape)} and {list(source.shape)}")
    if into is not source:
        with no_grad():
            into.copy_(source.detach().reshape(into.shape))


def _done(async_op: bool, result: Any) -> Work | None:
    return Work(result) if async_op else None


def _reduces(what: str, op: RedOpType, tensor: Tensor) -> None:
    if not isinstance(op, RedOpType):
        raise TypeError(f"{what}: op is a ReduceOp, not {type(op).__name__}")
    if op is ReduceOp.PREMUL_SUM or op is ReduceOp.AVG:
        raise DistBackendError(f"{what}: the backend gloo has no ReduceOp.{op.name}; use ReduceOp.SUM, and divide")
    if op in (ReduceOp.BAND, ReduceOp.BOR, ReduceOp.BXOR) and tensor.dtype.is_floating_point:
        raise DistBackendError(f"{what}: ReduceOp.{op.name} takes integers and bool, not {tensor.dtype}")


def all_reduce(
    tensor: Tensor, op: RedOpType = ReduceOp.SUM, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """The sum (or ``op``) of the processes' tensors, in each of them; of one process it is its tensor.

    Args:
        tensor: (*), overwritten.
        op: how they are combined.
        group: that of all processes if None.
        async_op: whether a Work is given to wait for.

    Returns:
        A Work with ``async_op``, else None.

    Raises:
        ValueError: ``init_process_group`` has not been called.
        TypeError: no tensor.
        DistBackendError: the backend has no such ``op``.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> work = dist.all_reduce(torch.ones(2), async_op=True)
    >>> work is not None and work.wait()
    True
    >>> dist.destroy_process_group()
    """
    _reduces("all_reduce", op, _tensor("all_reduce", "tensor", tensor))
    return None if member(group, "all_reduce") is None else _done(async_op, [tensor])


def reduce(
    tensor: Tensor,
    dst: int | None = None,
    op: RedOpType = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """The sum (or ``op``) of the processes' tensors, in that of one process.

    Args:
        tensor: (*), overwritten in the process ``dst``.
        dst, group_dst: its rank in the world, or in the group.
        op: how they are combined.
        group: that of all processes if None.
        async_op: whether a Work is given to wait for.

    Returns:
        A Work with ``async_op``, else None.

    Raises:
        ValueError: ``init_process_group`` has not been called, or there is no such rank.
        TypeError: no tensor.
        DistBackendError: the backend has no such ``op``.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.reduce(torch.ones(2), 0)
    >>> dist.destroy_process_group()
    """
    _reduces("reduce", op, _tensor("reduce", "tensor", tensor))
    _root("reduce", "dst", dst, group_dst)
    return None if member(group, "reduce") is None else _done(async_op, [tensor])


def broadcast(
    tensor: Tensor,
    src: int | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """One process's tensor, in all of them.

    Args:
        tensor: (*), read in the process ``src``, overwritten in the others.
        src, group_src: its rank in the world, or in the group.
        group: that of all processes if None.
        async_op: whether a Work is given to wait for.

    Returns:
        A Work with ``async_op``, else None.

    Raises:
        ValueError: ``init_process_group`` has not been called, or there is no such rank.
        TypeError: no tensor.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.broadcast(torch.ones(2), src=0)
    >>> dist.destroy_process_group()
    """
    _tensor("broadcast", "tensor", tensor)
    _root("broadcast", "src", src, group_src)
    return None if member(group, "broadcast") is None else _done(async_op, [tensor])


def all_gather(
    tensor_list: list[Tensor], tensor: Tensor, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """The tensors of all processes, in each of them.

    Args:
        tensor_list: one tensor for each process, overwritten.
        tensor: (*), that of this process.
        group: that of all processes if None.
        async_op: whether a Work is given to wait for.

    Returns:
        A Work with ``async_op``, else None.

    Raises:
        ValueError: ``init_process_group`` has not been called; another number, shape or dtype of tensors.
        TypeError: no tensor, or no list of them.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> found = [torch.zeros(2)]
    >>> dist.all_gather(found, torch.ones(2))
    >>> found
    [tensor([1., 1.])]
    >>> dist.destroy_process_group()
    """
    into = _tensors("all_gather", "tensor_list", tensor_list)
    _tensor("all_gather", "tensor", tensor)
    if member(group, "all_gather") is None:
        return None
    _length("all_gather", "tensor_list", into)
    _write("all_gather", into[0], tensor)
    return _done(async_op, into)


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """The tensors of all processes one after another in one tensor, in each of them.

    Args:
        output_tensor: as many elements as all have together; overwritten.
        input_tensor: (*), that of this process.
        group: that of all processes if None.
        async_op: whether a Work is given to wait for.

    Returns:
        A Work with ``async_op``, else None.

    Raises:
        ValueError: ``init_process_group`` has not been called; another number of elements, or dtype.
        TypeError: no tensor.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.all_gather_into_tensor(torch.zeros(2), torch.ones(2))
    >>> dist.destroy_process_group()
    """
    _tensor("all_gather_into_tensor", "output_tensor", output_tensor)
    _tensor("all_gather_into_tensor", "input_tensor", input_tensor)
    if member(group, "all_gather_into_tensor") is None:
        return None
    _write("all_gather_into_tensor", output_tensor, input_tensor)
    return _done(async_op, [output_tensor])


def gather(
    tensor: Tensor,
    gather_list: list[Tensor] | None = None,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """The tensors of all processes, in one of them.

    Args:
        tensor: (*), that of this process.
        gather_list: in the process ``dst``: one tensor for each process, overwritten.
        dst, group_dst: its rank in the world, or in the group.
        group: that of all processes if None.
        async_op: whether a Work is given to wait for.

    Returns:
        A Work with ``async_op``, else None.

    Raises:
        ValueError: ``init_process_group`` has not been called; another number, shape or dtype of tensors.
        TypeError: no tensor, or no list of them.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.gather(torch.ones(2), [torch.zeros(2)])
    >>> dist.destroy_process_group()
    """
    _tensor("gather", "tensor", tensor)
    _root("gather", "dst", dst, group_dst)
    if member(group, "gather") is None:
        return None
    if gather_list is None:
        raise ValueError("gather: the process dst passes gather_list, one tensor for each process")
    into = _tensors("gather", "gather_list", gather_list)
    _length("gather", "gather_list", into)
    _write("gather", into[0], tensor)
    return _done(async_op, into)


def scatter(
    tensor: Tensor,
    scatter_list: list[Tensor] | None = None,
    src: int | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """The tensors of one process's list, one to each process.

    Args:
        tensor: (*), overwritten with the one of this process.
        scatter_list: in the process ``src``: one tensor for each process.
        src, group_src: its rank in the world, or in the group.
        group: that of all processes if None.
        async_op: whether a Work is given to wait for.

    Returns:
        A Work with ``async_op``, else None.

    Raises:
        ValueError: ``init_process_group`` has not been called; another number, shape or dtype of tensors.
        TypeError: no tensor, or no list of them.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.scatter(torch.zeros(2), [torch.ones(2)])
    >>> dist.destroy_process_group()
    """
    _tensor("scatter", "tensor", tensor)
    _root("scatter", "src", src, group_src)
    if member(group, "scatter") is None:
        return None
    if scatter_list is None:
        raise ValueError("scatter: the process src passes scatter_list, one tensor for each process")
    parts = _tensors("scatter", "scatter_list", scatter_list)
    _length("scatter", "scatter_list", parts)
    _write("scatter", tensor, parts[0])
    return _done(async_op, [tensor])


def reduce_scatter(
    output: Tensor,
    input_list: list[Tensor],
    op: RedOpType = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """The sum (or ``op``) of the processes' lists, one tensor of it to each process.

    Args:
        output: (*), overwritten.
        input_list: one tensor for each process.
        op: how they are combined.
        group: that of all processes if None.
        async_op: whether a Work is given to wait for.

    Returns:
        A Work with ``async_op``, else None.

    Raises:
        ValueError: ``init_process_group`` has not been called; another number, shape or dtype of tensors.
        TypeError: no tensor, or no list of them.
        DistBackendError: the backend has no such ``op``.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.reduce_scatter(torch.zeros(2), [torch.ones(2)])
    >>> dist.destroy_process_group()
    """
    _reduces("reduce_scatter", op, _tensor("reduce_scatter", "output", output))
    parts = _tensors("reduce_scatter", "input_list", input_list)
    if member(group, "reduce_scatter") is None:
        return None
    _length("reduce_scatter", "input_list", parts)
    _write("reduce_scatter", output, parts[0])
    return _done(async_op, [output])


def reduce_scatter_tensor(
    output: Tensor,
    input: Tensor,
    op: RedOpType = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """The sum (or ``op``) of the processes' tensors, one part of it to each process.

    Args:
        output: (*), overwritten.
        input: as many elements as the outputs of all processes.
        op: how they are combined.
        group: that of all processes if None.
        async_op: whether a Work is given to wait for.

    Returns:
        A Work with ``async_op``, else None.

    Raises:
        ValueError: ``init_process_group`` has not been called; another number of elements, or dtype.
        TypeError: no tensor.
        DistBackendError: the backend has no such ``op``.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.reduce_scatter_tensor(torch.zeros(2), torch.ones(2))
    >>> dist.destroy_process_group()
    """
    _reduces("reduce_scatter_tensor", op, _tensor("reduce_scatter_tensor", "output", output))
    _tensor("reduce_scatter_tensor", "input", input)
    if member(group, "reduce_scatter_tensor") is None:
        return None
    _write("reduce_scatter_tensor", output, input)
    return _done(async_op, [output])


def all_to_all(
    output_tensor_list: list[Tensor],
    input_tensor_list: list[Tensor],
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Each process gives each process one tensor.

    Args:
        output_tensor_list: one tensor for each process, overwritten.
        input_tensor_list: one tensor for each process.
        group: that of all processes if None.
        async_op: whether a Work is given to wait for.

    Returns:
        A Work with ``async_op``, else None.

    Raises:
        ValueError: ``init_process_group`` has not been called; another number, shape or dtype of tensors.
        TypeError: no list of tensors.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.all_to_all([torch.zeros(2)], [torch.ones(2)])
    >>> dist.destroy_process_group()
    """
    into = _tensors("all_to_all", "output_tensor_list", output_tensor_list)
    parts = _tensors("all_to_all", "input_tensor_list", input_tensor_list)
    if member(group, "all_to_all") is None:
        return None
    _length("all_to_all", "output_tensor_list", into)
    _length("all_to_all", "input_tensor_list", parts)
    _write("all_to_all", into[0], parts[0])
    return _done(async_op, into)


def all_to_all_single(
    output: Tensor,
    input: Tensor,
    output_split_sizes: list[int] | None = None,
    input_split_sizes: list[int] | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Each process gives each process one part of its tensor.

    Args:
        output: overwritten.
        input: what is given.
        output_split_sizes, input_split_sizes: of one process one number, the first dimension.
        group: that of all processes if None.
        async_op: whether a Work is given to wait for.

    Returns:
        A Work with ``async_op``, else None.

    Raises:
        ValueError: ``init_process_group`` has not been called; another number of elements, or dtype.
        TypeError: no tensor.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.all_to_all_single(torch.zeros(2), torch.ones(2))
    >>> dist.destroy_process_group()
    """
    _tensor("all_to_all_single", "output", output)
    _tensor("all_to_all_single", "input", input)
    if member(group, "all_to_all_single") is None:
        return None
    for name, sizes, of in (
        ("output_split_sizes", output_split_sizes, output),
        ("input_split_sizes", input_split_sizes, input),
    ):
        if sizes and list(sizes) != [len(of)]:
            raise ValueError(f"all_to_all_single: {name}={list(sizes)} of one process is [{len(of)}]")
    _write("all_to_all_single", output, input)
    return _done(async_op, [output])


def barrier(group: ProcessGroup | None = None, async_op: bool = False, device_ids: Any = None) -> Work | None:
    """Wait until all processes are here.

    Args:
        group: that of all processes if None.
        async_op: whether a Work is given to wait for.
        device_ids: accepted.

    Returns:
        A Work with ``async_op``, else None.

    Raises:
        ValueError: ``init_process_group`` has not been called.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.barrier()
    >>> dist.destroy_process_group()
    """
    return None if member(group, "barrier") is None else _done(async_op, None)


def monitored_barrier(group: ProcessGroup | None = None, timeout: Any = None, wait_all_ranks: bool = False) -> None:
    """``barrier``, which names the processes that do not come.

    Args:
        group: that of all processes if None.
        timeout, wait_all_ranks: accepted.

    Raises:
        ValueError: ``init_process_group`` has not been called.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.monitored_barrier()
    >>> dist.destroy_process_group()
    """
    member(group, "monitored_barrier")


# --- objects ----------------------------------------------------------------------------------------


def _copied(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def all_gather_object(object_list: list, obj: Any, group: ProcessGroup | None = None) -> None:
    """The objects of all processes, in each of them, pickled and unpickled.

    Args:
        object_list: one place for each process, overwritten.
        obj: that of this process.
        group: that of all processes if None.

    Raises:
        ValueError: ``init_process_group`` has not been called, or another number of places.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> found = [None]
    >>> dist.all_gather_object(found, {"a": 1})
    >>> found
    [{'a': 1}]
    >>> dist.destroy_process_group()
    """
    if member(group, "all_gather_object") is not None:
        _length("all_gather_object", "object_list", object_list)
        object_list[0] = _copied(obj)


def gather_object(
    obj: Any,
    object_gather_list: list | None = None,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    group_dst: int | None = None,
) -> None:
    """The objects of all processes, in one of them.

    Args:
        obj: that of this process.
        object_gather_list: in the process ``dst``: one place for each process, overwritten.
        dst, group_dst: its rank in the world, or in the group.
        group: that of all processes if None.

    Raises:
        ValueError: ``init_process_group`` has not been called, or another number of places.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.gather_object(1, [None])
    >>> dist.destroy_process_group()
    """
    _root("gather_object", "dst", dst, group_dst)
    if member(group, "gather_object") is not None:
        if object_gather_list is None:
            raise ValueError("gather_object: the process dst passes object_gather_list, one place for each process")
        _length("gather_object", "object_gather_list", object_gather_list)
        object_gather_list[0] = _copied(obj)


def scatter_object_list(
    scatter_object_output_list: list,
    scatter_object_input_list: list | None = None,
    src: int | None = None,
    group: ProcessGroup | None = None,
    group_src: int | None = None,
) -> None:
    """The objects of one process's list, one to each process.

    Args:
        scatter_object_output_list: its first place is overwritten with the one of this process.
        scatter_object_input_list: in the process ``src``: one object for each process.
        src, group_src: its rank in the world, or in the group.
        group: that of all processes if None.

    Raises:
        ValueError: ``init_process_group`` has not been called, or another number of objects.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.scatter_object_list([None], [1])
    >>> dist.destroy_process_group()
    """
    _root("scatter_object_list", "src", src, group_src)
    if member(group, "scatter_object_list") is not None:
        if not isinstance(scatter_object_output_list, list) or not scatter_object_output_list:
            raise ValueError("scatter_object_list: scatter_object_output_list is a list with a place for the object")
        if scatter_object_input_list is None:
            raise ValueError("scatter_object_list: the process src passes scatter_object_input_list")
        _length("scatter_object_list", "scatter_object_input_list", scatter_object_input_list)
        scatter_object_output_list[0] = _copied(scatter_object_input_list[0])


def broadcast_object_list(
    object_list: list,
    src: int | None = None,
    group: ProcessGroup | None = None,
    device: Any = None,
    group_src: int | None = None,
) -> None:
    """One process's objects, in all of them.

    Args:
        object_list: read in the process ``src``, overwritten in the others.
        src, group_src: its rank in the world, or in the group.
        group: that of all processes if None.
        device: accepted.

    Raises:
        ValueError: ``init_process_group`` has not been called, or there is no such rank.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.broadcast_object_list([1, 2])
    >>> dist.destroy_process_group()
    """
    _root("broadcast_object_list", "src", src, group_src)
    member(group, "broadcast_object_list")


# --- from one process to another ---------------------------------------------------------------------


def _no_other(what: str, name: str, rank: int | None) -> None:
    """There is no process to send to or to receive from."""
    if rank in (None, 0):
        raise ValueError(f"{what}: {name}={rank} is this process itself; a world of one process has no other")
    raise ValueError(f"{what}: {name}={rank} is not in a world of one process, whose rank is 0")


def send(
    tensor: Tensor,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_dst: int | None = None,
) -> None:
    """Send a tensor to another process, of which a world of one has none.

    Args:
        tensor: (*).
        dst, group_dst: its rank in the world, or in the group.
        group: that of all processes if None.
        tag: a number that ``recv`` asks for.

    Raises:
        ValueError: always, as there is no other process.
        TypeError: no tensor.

    >>> import numtorch.distributed as dist
    >>> try:
    ...     dist.send(torch.ones(1), 0)
    ... except ValueError as e:
    ...     print(e)
    send: the default process group is not there; call init_process_group first
    """
    _tensor("send", "tensor", tensor)
    if member(group, "send") is not None:
        _no_other("send", "dst", group_dst if dst is None else dst)


def isend(
    tensor: Tensor,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_dst: int | None = None,
) -> Work | None:
    """``send``, without waiting.

    Args:
        tensor: (*).
        dst, group_dst: its rank in the world, or in the group.
        group: that of all processes if None.
        tag: a number that ``recv`` asks for.

    Returns:
        None where this process is not in the group.

    Raises:
        ValueError: always, as there is no other process.
        TypeError: no tensor.

    >>> import numtorch.distributed as dist
    >>> try:
    ...     dist.isend(torch.ones(1), 0)
    ... except ValueError as e:
    ...     print(e)
    isend: the default process group is not there; call init_process_group first
    """
    _tensor("isend", "tensor", tensor)
    if member(group, "isend") is not None:
        _no_other("isend", "dst", group_dst if dst is None else dst)
    return None


def recv(
    tensor: Tensor,
    src: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_src: int | None = None,
) -> int:
    """Receive a tensor from another process, of which a world of one has none.

    Args:
        tensor: (*), overwritten.
        src, group_src: its rank in the world, or in the group.
        group: that of all processes if None.
        tag: a number that ``send`` gave.

    Returns:
        The rank of the sender; -1 where this process is not in the group.

    Raises:
        ValueError: always, as there is no other process.
        TypeError: no tensor.

    >>> import numtorch.distributed as dist
    >>> try:
    ...     dist.recv(torch.ones(1), 0)
    ... except ValueError as e:
    ...     print(e)
    recv: the default process group is not there; call init_process_group first
    """
    _tensor("recv", "tensor", tensor)
    if member(group, "recv") is not None:
        _no_other("recv", "src", group_src if src is None else src)
    return -1


def irecv(
    tensor: Tensor,
    src: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_src: int | None = None,
) -> Work | None:
    """``recv``, without waiting.

    Args:
        tensor: (*), overwritten.
        src, group_src: its rank in the world, or in the group.
        group: that of all processes if None.
        tag: a number that ``send`` gave.

    Returns:
        None where this process is not in the group.

    Raises:
        ValueError: always, as there is no other process.
        TypeError: no tensor.

    >>> import numtorch.distributed as dist
    >>> try:
    ...     dist.irecv(torch.ones(1), 0)
    ... except ValueError as e:
    ...     print(e)
    irecv: the default process group is not there; call init_process_group first
    """
    _tensor("irecv", "tensor", tensor)
    if member(group, "irecv") is not None:
        _no_other("irecv", "src", group_src if src is None else src)
    return None


class P2POp:
    """One ``isend`` or ``irecv`` of ``batch_isend_irecv``.

    Args:
        op: ``isend`` or ``irecv``.
        tensor: what is sent, or overwritten.
        peer, group_peer: the rank of the other process in the world, or in the group.
        group: that of all processes if None.
        tag: a number that both name.

    Raises:
        ValueError: another function, no world, or no such process.

    >>> import numtorch.distributed as dist
    >>> try:
    ...     dist.P2POp(dist.isend, torch.ones(1), 1)
    ... except ValueError as e:
    ...     print(e)
    P2POp: the default process group is not there; call init_process_group first
    """

    def __init__(
        self,
        op: Callable,
        tensor: Tensor,
        peer: int | None = None,
        group: ProcessGroup | None = None,
        tag: int = 0,
        group_peer: int | None = None,
    ):
        if op not in (isend, irecv):
            raise ValueError(f"P2POp: op is isend or irecv, not {op!r}")
        if member(group, "P2POp") is not None:
            _no_other("P2POp", "peer", group_peer if peer is None else peer)
        self.op, self.tensor, self.peer, self.group, self.tag = op, tensor, peer, group, tag


def batch_isend_irecv(p2p_op_list: list[P2POp]) -> list[Work]:
    """Several ``isend`` and ``irecv`` at once.

    Args:
        p2p_op_list: of P2POp.

    Returns:
        A list of Work.

    Raises:
        ValueError: the list is empty.

    >>> import numtorch.distributed as dist
    >>> try:
    ...     dist.batch_isend_irecv([])
    ... except ValueError as e:
    ...     print(e)
    batch_isend_irecv: p2p_op_list is a list of at least one P2POp
    """
    if not p2p_op_list or not all(isinstance(p, P2POp) for p in p2p_op_list):
        raise ValueError("batch_isend_irecv: p2p_op_list is a list of at least one P2POp")
    return [work for p in p2p_op_list if (work := p.op(p.tensor, p.peer, p.group, p.tag)) is not None]
