"""One framework in one process: reads workload names, answers with seconds a call and with check values.

Protocol, a JSON object a line: {"prepare": name} -> {"check": [...]}; {"time": calls} -> {"seconds": s}.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time

import numpy as np


def main() -> None:
    """Serve requests until the input ends."""
    name, threads = sys.argv[1], int(sys.argv[2])
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a framework prints goes to stderr
    from benchmarks.workloads import WORKLOADS, framework

    fw = framework(name)
    fw.T.set_num_threads(threads)
    run = None
    for line in sys.stdin:
        request = json.loads(line)
        if "prepare" in request:
            run, check = WORKLOADS[request["prepare"]](fw)
            answer = {"check": np.asarray(check(), np.float64).reshape(-1).tolist()}
        else:
            calls = request["time"]
            started = time.perf_counter()
            for _ in range(calls):
                run()
            answer = {"seconds": (time.perf_counter() - started) / calls,
                      "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    main()
