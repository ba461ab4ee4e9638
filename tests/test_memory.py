"""Memory that a step has freed serves the next one: the system is not asked again."""

import os
import subprocess
import sys

import pytest

from numtorch import memory

STEPS = """
import resource
import numtorch as torch

def step():
    kept = [torch.empty(1 << k) for k in range(13, 21) for _ in range(3)]
    for t in kept:
        t._buf[:] = 0

for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**variables):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    done = subprocess.run([sys.executable, "-c", STEPS], env=clean | variables, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not memory.keep_freed(), reason="only glibc is told what to keep")
def test_freed_memory_is_kept():
    pages = sum((1 << k) * 4 * 3 for k in range(13, 21)) // 4096
    assert faults() < pages  # ten steps together touch less than one of them would
    assert faults(MALLOC_TRIM_THRESHOLD_="131072") > pages  # whoever sets glibc's variables decides
