"""``torch.nn.parallel``: wrappers that divide a batch among devices or processes; here there is one of each."""

from numtorch.nn.data_parallel import DataParallel as DataParallel
from numtorch.nn.parallel.distributed import DistributedDataParallel as DistributedDataParallel
from numtorch.nn.parallel.scatter_gather import data_parallel as data_parallel
from numtorch.nn.parallel.scatter_gather import gather as gather
from numtorch.nn.parallel.scatter_gather import parallel_apply as parallel_apply
from numtorch.nn.parallel.scatter_gather import replicate as replicate
from numtorch.nn.parallel.scatter_gather import scatter as scatter
