"""Runs one framework in one process: answers with values, and with seconds per call.

Protocol, one JSON object per line: {"prepare": name} -> {"check": [...]}; {"time": calls} -> {"seconds": s};
{"declare": true} and {"streams": true} -> what ``bandwidth`` asks of numtorch. The answer to an exception is {"error":
text}.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time
import traceback


def end_with_parent() -> None:
    """A killed benchmark cannot end its workers, and those that stand still would do so forever."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def main() -> None:
    """Serve requests until the input ends."""
    end_with_parent()
    name, threads = sys.argv[1], int(sys.argv[2])
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a framework prints goes to stderr
    from benchmarks import bandwidth
    from benchmarks.workloads import framework, load, numbers

    workloads = load()
    fw = framework(name)
    if fw.name != "jax":
        fw.T.set_num_threads(threads)
    run = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "prepare" in request:
                run = None  # what the last one held is released first
                made = workloads[request["prepare"]].make(fw)
                run, check = made if isinstance(made, tuple) else (made, made)
                answer = {"check": numbers(check()).tolist()}
            elif "declare" in request:
                answer = bandwidth.declared(run)
            elif "streams" in request:
                answer = bandwidth.streams()
            else:
                calls = request["time"]
                started = time.perf_counter()
                for _ in range(calls):
                    run()
                answer = {
                    "seconds": (time.perf_counter() - started) / calls,
                    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                }
        except Exception:  # the other side reports it and goes on with the next workload
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    main()
