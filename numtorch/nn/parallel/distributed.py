"""``DistributedDataParallel`` in a world of one process: it calls its module, whose gradients are the mean of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numtorch.distributed.world import GroupMember, ProcessGroup
from numtorch.nn.module import Module


class DistributedDataParallel(Module):
    """The module itself, under the name ``module``, in a world of one process.

    Args:
        module: what is called.
        device_ids, output_device: accepted.
        dim, broadcast_buffers, init_sync, bucket_cap_mb, find_unused_parameters, check_reduction: accepted.
        gradient_as_bucket_view, static_graph, delay_all_reduce_named_params, param_to_hook_all_reduce: accepted.
        mixed_precision, device_mesh, skip_all_reduce_unused_params: accepted.
        process_group: the group whose processes train it; all of them if None.

    Shape: as of the module. Keys of its state begin with ``module.``, as in torch.

    Raises:
        ValueError: ``torch.distributed.init_process_group`` has not been called.
        RuntimeError: no parameter of the module requires a gradient.

    >>> import numtorch.distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> net = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1))
    >>> net(torch.ones(1, 1)).shape
    torch.Size([1, 1])
    >>> dist.destroy_process_group()
    """

    def __init__(
        self,
        module: Module,
        device_ids: Any = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        init_sync: bool = True,
        process_group: ProcessGroup | None = None,
        bucket_cap_mb: float | None = None,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
        delay_all_reduce_named_params: Any = None,
        param_to_hook_all_reduce: Any = None,
        mixed_precision: Any = None,
        device_mesh: Any = None,
        skip_all_reduce_unused_params: bool = False,
    ):
        super().__init__()
        group = process_group or GroupMember.WORLD
        if group is None:
            raise ValueError(
                "DistributedDataParallel: the default process group is not there; call "
                "torch.distributed.init_process_group first"
            )
        if not any(p.requires_grad for p in module.parameters()):
            raise RuntimeError(
                "DistributedDataParallel: no parameter of the module requires a gradient; use it as it is"
            )
        if device_ids is not None and len(device_ids) > 1:
            raise ValueError(f"DistributedDataParallel: device_ids has one device at most, not {len(device_ids)}")
        self.module, self.dim, self.process_group = module, dim, group
        self.device_ids, self.output_device = device_ids, output_device
        self.device = next(module.parameters()).device
        self.broadcast_buffers, self.find_unused_parameters = broadcast_buffers, find_unused_parameters
        self.gradient_as_bucket_view, self.static_graph = gradient_as_bucket_view, static_graph
        self.require_backward_grad_sync = True

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Gradients are added up within one process, until a backward pass outside.

        >>> import numtorch.distributed as dist
        >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
        >>> net = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1))
        >>> with net.no_sync():
        ...     net(torch.ones(1, 1)).sum().backward()
        >>> dist.destroy_process_group()
        """
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    @contextmanager
    def join(
        self, divide_by_initial_world_size: bool = True, enable: bool = True, throw_on_early_termination: bool = False
    ) -> Iterator[None]:
        """A block in which processes may have batches of different numbers; one process has its own.

        Args:
            divide_by_initial_world_size, enable, throw_on_early_termination: accepted.

        >>> import numtorch.distributed as dist
        >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
        >>> with torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1)).join():
        ...     pass
        >>> dist.destroy_process_group()
        """
        yield

    def register_comm_hook(self, state: Any, hook: Callable) -> None:
        """How gradients are exchanged; there is nobody to exchange them with.

        Args:
            state, hook: accepted.

        Raises:
            TypeError: the hook is no function.

        >>> import numtorch.distributed as dist
        >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
        >>> net = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1))
        >>> net.register_comm_hook(None, lambda *given: None)
        >>> dist.destroy_process_group()
        """
        if not callable(hook):
            raise TypeError(f"register_comm_hook: hook is a function, not {type(hook).__name__}")
