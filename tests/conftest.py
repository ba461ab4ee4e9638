"""State that a test may change and must not leave behind: threads, default type, grad mode, registered ops."""

import gc
import os
import signal

import pytest

import numtorch
from numtorch.dispatch.op import OPS
from numtorch.grad_mode import mode
from numtorch.kernels import registry, threads
from tests import plain

os.environ.setdefault("NUMTORCH_HELPERS", "0")  # tests run beside each other, on all cores
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in what a shell starts behind itself; tests send it
    signal.signal(signal.SIGINT, signal.default_int_handler)
PACKAGE = os.path.dirname(numtorch.__file__)


@pytest.fixture(autouse=True)
def as_it_was():
    count, default, grad = threads.get_num_threads(), numtorch.get_default_dtype(), mode.grad
    yield
    if threads.get_num_threads() != count:
        threads.set_num_threads(count)
    numtorch.set_default_dtype(default)
    assert mode.grad == grad, "the test left another grad mode behind"


@pytest.fixture
def scratch_registry():
    """Ops and kernels registered by the test are taken out again."""
    kernels = {name: list(entry.kernels) for name, entry in registry.ENTRIES.items()}
    yield
    changed = [name for name, before in kernels.items() if registry.ENTRIES[name].kernels != before]
    for name in changed:
        registry.ENTRIES[name].kernels[:] = kernels[name]
    for table in (OPS, registry.ENTRIES):
        for name in set(table) - set(kernels):
            site = table[name].entry.site if table is OPS else table[name].site
            if not site.startswith(PACKAGE):  # an op of the package, imported late, stays
                changed.append(name)
                del table[name]
    if changed:
        registry.clear_memos()


def pytest_collection_finish(session):
    gc.freeze()  # no collection of garbage, here or in a forked process, need look at thousands of tests


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Each process of ``-n`` begins with a part of the files of its own, and takes over tests of another one at the
    end. Processes that run tests of one file at the same time would wait for each other's kernels."""
    return pytest.importorskip("xdist.scheduler").WorkStealingScheduling(config, log)


class SkippedTests:
    """Writes down which modules and tests were skipped, a line each, for a second run once what they need is installed:
    ``NUMTORCH_SKIPPED=list.txt pytest``, then ``pytest @list.txt``."""

    def __init__(self, path):
        self.path = path
        self.found = {}

    def pytest_collectreport(self, report):
        if report.skipped:
            self.found[report.nodeid] = True

    def pytest_runtest_logreport(self, report):
        if report.skipped and not hasattr(report, "wasxfail"):
            self.found[report.nodeid] = True

    def pytest_sessionfinish(self):
        with open(self.path, "w") as f:
            f.writelines(f"{name}\n" for name in self.found)


def pytest_configure(config):
    plain.configure(config)
    path = os.environ.get("NUMTORCH_SKIPPED")
    if path and not hasattr(config, "workerinput"):  # a worker of xdist reports to the process that started it
        config.pluginmanager.register(SkippedTests(path))
