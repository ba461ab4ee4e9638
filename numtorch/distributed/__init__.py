"""``torch.distributed`` in one process: collectives among the members of a group of one.

Programs that are started without a launcher, or by one with ``--nproc-per-node=1``, run as they are. A world of more
processes is refused where it is asked for, by ``init_process_group``.

>>> import numtorch.distributed as dist
>>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
>>> x = torch.tensor([1.0, 2.0])
>>> dist.all_reduce(x)
>>> x, dist.get_rank(), dist.get_world_size()
(tensor([1., 2.]), 0, 1)
>>> dist.destroy_process_group()
"""

from numtorch.distributed.collectives import P2POp as P2POp
from numtorch.distributed.collectives import all_gather as all_gather
from numtorch.distributed.collectives import all_gather_into_tensor as all_gather_into_tensor
from numtorch.distributed.collectives import all_gather_object as all_gather_object
from numtorch.distributed.collectives import all_reduce as all_reduce
from numtorch.distributed.collectives import all_to_all as all_to_all
from numtorch.distributed.collectives import all_to_all_single as all_to_all_single
from numtorch.distributed.collectives import barrier as barrier
from numtorch.distributed.collectives import batch_isend_irecv as batch_isend_irecv
from numtorch.distributed.collectives import broadcast as broadcast
from numtorch.distributed.collectives import broadcast_object_list as broadcast_object_list
from numtorch.distributed.collectives import gather as gather
from numtorch.distributed.collectives import gather_object as gather_object
from numtorch.distributed.collectives import irecv as irecv
from numtorch.distributed.collectives import isend as isend
from numtorch.distributed.collectives import monitored_barrier as monitored_barrier
from numtorch.distributed.collectives import recv as recv
from numtorch.distributed.collectives import reduce as reduce
from numtorch.distributed.collectives import reduce_scatter as reduce_scatter
from numtorch.distributed.collectives import reduce_scatter_tensor as reduce_scatter_tensor
from numtorch.distributed.collectives import scatter as scatter
from numtorch.distributed.collectives import scatter_object_list as scatter_object_list
from numtorch.distributed.collectives import send as send
from numtorch.distributed.stores import DistBackendError as DistBackendError
from numtorch.distributed.stores import DistError as DistError
from numtorch.distributed.stores import DistNetworkError as DistNetworkError
from numtorch.distributed.stores import DistStoreError as DistStoreError
from numtorch.distributed.stores import FileStore as FileStore
from numtorch.distributed.stores import HashStore as HashStore
from numtorch.distributed.stores import PrefixStore as PrefixStore
from numtorch.distributed.stores import Store as Store
from numtorch.distributed.stores import TCPStore as TCPStore
from numtorch.distributed.stores import default_pg_timeout as default_pg_timeout
from numtorch.distributed.world import Backend as Backend
from numtorch.distributed.world import GroupMember as GroupMember
from numtorch.distributed.world import ProcessGroup as ProcessGroup
from numtorch.distributed.world import ReduceOp as ReduceOp
from numtorch.distributed.world import Work as Work
from numtorch.distributed.world import destroy_process_group as destroy_process_group
from numtorch.distributed.world import get_backend as get_backend
from numtorch.distributed.world import get_default_backend_for_device as get_default_backend_for_device
from numtorch.distributed.world import get_global_rank as get_global_rank
from numtorch.distributed.world import get_group_rank as get_group_rank
from numtorch.distributed.world import get_node_local_rank as get_node_local_rank
from numtorch.distributed.world import get_process_group_ranks as get_process_group_ranks
from numtorch.distributed.world import get_rank as get_rank
from numtorch.distributed.world import get_world_size as get_world_size
from numtorch.distributed.world import group as group
from numtorch.distributed.world import init_process_group as init_process_group
from numtorch.distributed.world import is_available as is_available
from numtorch.distributed.world import is_backend_available as is_backend_available
from numtorch.distributed.world import is_gloo_available as is_gloo_available
from numtorch.distributed.world import is_initialized as is_initialized
from numtorch.distributed.world import is_mpi_available as is_mpi_available
from numtorch.distributed.world import is_nccl_available as is_nccl_available
from numtorch.distributed.world import is_torchelastic_launched as is_torchelastic_launched
from numtorch.distributed.world import is_ucc_available as is_ucc_available
from numtorch.distributed.world import is_xccl_available as is_xccl_available
from numtorch.distributed.world import new_group as new_group
from numtorch.distributed.world import reduce_op as reduce_op
