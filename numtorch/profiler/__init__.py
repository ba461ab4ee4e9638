"""The kernel profiler: where the time goes, and how far each kernel is from the limit of the machine. See README.md."""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.profiler.benchmark import Comparison as Comparison
from numtorch.profiler.benchmark import benchmark as benchmark
from numtorch.profiler.explain import Explanation as Explanation
from numtorch.profiler.explain import explain as explain
from numtorch.profiler.peaks import Machine as Machine
from numtorch.profiler.peaks import machine as machine
from numtorch.profiler.result import Profile as Profile
from numtorch.profiler.rows import Event as Event
from numtorch.profiler.rows import Row as Row
from numtorch.profiler.rows import Span as Span
from numtorch.profiler.rows import legend as legend
from numtorch.profiler.session import ProfilerAction as ProfilerAction
from numtorch.profiler.session import ProfilerActivity as ProfilerActivity
from numtorch.profiler.session import profile as profile
from numtorch.profiler.session import record_function as record_function
from numtorch.profiler.session import schedule as schedule
from numtorch.profiler.summary import Summary as Summary
from numtorch.profiler.summary import summary as summary
from numtorch.profiler.trace import tensorboard_trace_handler as tensorboard_trace_handler

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
