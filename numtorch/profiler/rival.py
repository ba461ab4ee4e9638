"""Runs torch in its own process, timed for ``benchmark``. It is started as a file, so that it imports nothing of
numtorch.

Protocol, one JSON object per line: {"prepare": name, "inputs": npz, "params": {...}, "result": npz} -> {};
{"time": calls} -> {"seconds": s}; {"cold": bytes} -> {"seconds": s}; {"find": name} -> {}. The answer to a failure is
{"error": text}, or {"missing": text} for a function that torch does not have.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


def main() -> None:
    """Serve requests until the input ends."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import numpy as np
    import torch  # type: ignore[import-not-found, unused-ignore]

    torch.set_num_threads(int(sys.argv[1]))
    call: Any = None
    sweep = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer: dict = {}
            if "find" in request:
                find(torch, request["find"])
            elif "prepare" in request:
                fn = find(torch, request["prepare"])
                with np.load(request["inputs"]) as held:
                    tensors = [torch.from_numpy(held[k].copy()) for k in sorted(held.files, key=lambda k: int(k[4:]))]
                params = request["params"]
                call = lambda fn=fn, tensors=tensors, params=params: fn(*tensors, **params)  # noqa: E731
                with torch.no_grad():
                    result = call()
                parts = result if isinstance(result, tuple | list) else (result,)
                np.savez(request["result"], *[p.detach().numpy() for p in parts])
            else:
                with torch.no_grad():
                    if "cold" in request:
                        if sweep is None or sweep.size * 8 != request["cold"]:
                            sweep = np.zeros(request["cold"] // 8)
                        sweep += 1
                        calls = 1
                    else:
                        calls = request["time"]
                    started = time.perf_counter()
                    for _ in range(calls):
                        call()
                    answer["seconds"] = (time.perf_counter() - started) / calls
        except LookupError as e:
            answer = {"missing": str(e)}
        except Exception as e:  # the other side reports it
            answer = {"error": f"{type(e).__name__}: {e}"}
        print(json.dumps(answer), file=out, flush=True)


def find(torch: Any, name: str) -> Any:
    """torch's function of a name."""
    for place in (torch, torch.nn.functional, torch.special, torch.Tensor):
        if callable(found := getattr(place, name, None)):
            return found
    raise LookupError(f"torch has no function {name}")


if __name__ == "__main__":
    main()
