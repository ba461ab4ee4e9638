"""Tests of formulas rather than of machine code: they run with kernels as plain Python, in a process of their own.

    pytestmark = pytest.mark.plain                      all tests of a file
    @pytest.mark.plain(but=r"float32-add|test_casts")   of one test, but for those with this in their name

Whether kernels are compiled is decided when the package is imported (``NUMBA_DISABLE_JIT``). So each process that runs
tests, also each worker of ``-n``, starts one child when it comes to the first such test. The child collects the same
files, is told which test to run, and sends back what pytest reports of it. Names, selections, skips and failures are
those of any other test. What the child skips or does not have, as tests of machine code, runs where it stands. With
``--pdb`` all tests run where they stand, compiled; set NUMBA_DISABLE_JIT=1 to step through kernels.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from contextlib import closing
from multiprocessing.connection import Connection, Pipe

import numpy as np
import pytest

from numtorch.kernels.jit import disabled

PIPE = "NUMTORCH_TESTS_PIPE"  # in the child: the number of its end of the pipe


def is_plain(item):
    mark = item.get_closest_marker("plain")
    return mark is not None and not ("but" in mark.kwargs and re.search(mark.kwargs["but"], item.name))


class Parent:
    """Has the tests marked ``plain`` run by a child."""

    def __init__(self, config):
        self.config, self.child, self.pipe = config, None, None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item, nextitem):
        if not is_plain(item):
            return None
        reports = self.reports(item, nextitem)
        if not reports or any(report.skipped and not hasattr(report, "wasxfail") for report in reports):
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        item.session._setupstate.teardown_exact(nextitem)  # fixtures of the test before, which had this one as its next
        return True

    def reports(self, item, nextitem):
        if self.child is None:
            self.start(item.session)
        follows = nextitem.nodeid if nextitem is not None and is_plain(nextitem) else None
        try:
            self.pipe.send((item.nodeid, follows))
            found = self.pipe.recv()
        except (EOFError, OSError):
            text = "the process that runs plain tests ended with {}:\n{}".format(*self.end())
            return [pytest.TestReport(item.nodeid, item.location, item.keywords, "failed", text, "call")]
        make = self.config.hook.pytest_report_from_serializable
        return [make(config=self.config, data=data) for data in found]

    def start(self, session):
        self.pipe, theirs = Pipe()
        self.output = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end of the child
        given, root = self.config.option, self.config.rootpath
        files = dict.fromkeys(str(item.path) for item in session.items if is_plain(item))
        options = [f"-c{self.config.inipath}"] if self.config.inipath else []
        options += ["-m", "", "-p", "no:cacheprovider", f"--tb={given.tbstyle}", *["-l"] * given.showlocals]
        options += [f"-W{w}" for w in given.pythonwarnings or ()]
        left_out = ("NUMTORCH_SKIPPED", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST")
        env = {name: value for name, value in os.environ.items() if name not in left_out}
        with closing(theirs):
            self.child = subprocess.Popen(
                [sys.executable, "-m", "pytest", f"--rootdir={root}", *options, *files],
                env=env | {"NUMBA_DISABLE_JIT": "1", PIPE: str(theirs.fileno())},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self.output,
                stderr=subprocess.STDOUT,
            )

    def end(self):
        """Exit code of the child, which ends when the pipe does, and what it wrote; the next test starts another."""
        self.pipe.close()
        code, self.child = self.child.wait(), None
        with self.output as output:
            output.seek(0)
            return code, output.read().decode(errors="replace")[-5000:]

    def pytest_unconfigure(self):
        if self.child is not None:
            self.end()


class Child:
    """Runs the tests that it is told."""

    def __init__(self):
        os.set_inheritable(int(os.environ[PIPE]), False)
        self.pipe = Connection(int(os.environ.pop(PIPE)))
        self.reports = []
        np.seterr(all="ignore")  # compiled code does not warn either

    def pytest_runtest_logreport(self, report):
        self.reports.append(report)

    def pytest_runtestloop(self, session):
        items = {item.nodeid: item for item in session.items}
        hook = session.config.hook
        while True:
            try:
                name, follows = self.pipe.recv()
            except EOFError:
                return True
            self.reports.clear()
            if name in items:
                hook.pytest_runtest_protocol(item=items[name], nextitem=items.get(follows))
            data = [hook.pytest_report_to_serializable(config=session.config, report=r) for r in self.reports]
            self.pipe.send(data)


def configure(config):
    line = "plain(but=None): kernels run as plain Python, but for tests with this in their name"
    config.addinivalue_line("markers", line)
    if PIPE in os.environ:
        config.pluginmanager.register(Child())
    elif not disabled() and not config.option.usepdb and not config.option.collectonly:
        config.pluginmanager.register(Parent(config))
