"""The op table at a place: every sample of every op, forward and backward, with each kernel that is registered for the
place's device in turn; and which of these kernels no sample reaches.

    python tests/ops/places.py python       kernels of the CPU as plain Python; with NUMBA_DISABLE_JIT=1
    python tests/ops/places.py simulator    kernels of CUDA as plain Python; with NUMBA_ENABLE_CUDASIM=1
    python tests/ops/places.py ptx          kernels of CUDA, compiled and not run
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import traceback
from collections.abc import Iterator

import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
import references as table
from references import tensor, values

import numtorch
from numtorch.dispatch.elementwise import ElementwiseOp
from numtorch.dispatch.op import OPS
from numtorch.dispatch.update import UpdateOp
from numtorch.kernels import launch, registry, special

DEVICES = {"cpu": "cpu", "python": "cpu", "simulator": "cuda", "card": "cuda", "ptx": "cuda"}
# Most elements of an operand where the interpreter runs each iteration, and in the simulator a thread each of CUDA's.
SMALL = {"python": 2100, "simulator": 125}


class Case:
    """An op, arrays for its tensors, and parameters."""

    def __init__(self, op, sample, dtype):
        self.op, self.sample, self.dtype = op, sample, dtype
        if isinstance(op, UpdateOp):
            self.arrays = [table.array((2, 3), dtype, (0.5, 1.5), (op.name, n)) for n in op.tensors]
            self.params = tuple(default for _, default in op.params)
        elif sample is None:
            self.arrays, self.params = table.operands(op, dtype, (2, 3)), tuple(table.numbers_of(op))
        else:
            self.arrays, self.params = table.arguments(op, sample, dtype)
        if op.name in table.TIED:
            x = np.moveaxis(self.arrays[0], 1, 0).reshape(self.arrays[0].shape[1], -1)
            self.arrays[1:3] = [table.quantised(a, dtype) for a in (x.mean(1), (x.var(1) + 1e-5) ** -0.5)]

    def __str__(self):
        return f"{self.op.name} {'' if self.sample is None else self.sample} {self.dtype}"

    def fits(self, place):
        most = SMALL.get(place) if self.op.name not in table.PROPERTIES else None
        return most is None or all(a is None or a.size <= most for a in self.arrays)

    def run(self, device, create_graph=False):
        """The results, and the gradients of a weighted sum of them, on a device."""
        op = self.op
        smooth = op.differentiable and not isinstance(op, UpdateOp)
        tensors = table.tensors_of(self.arrays, self.dtype, device=device)
        leaves = [
            t.requires_grad_()
            for t, n in zip(tensors, table.names_of(op, tensors), strict=True)
            if smooth and t is not None and t.dtype.differentiable and n not in op.given
        ]
        y = op.call(*tensors, *self.params) if self.sample is None else table.call(op, tensors, self.params)
        results = tensors if isinstance(op, UpdateOp) else list(y) if isinstance(y, tuple) else [y]
        ends = [y for y in results if y.requires_grad]
        if not ends:
            return results, []
        weights = [
            tensor(table.array(tuple(y.shape), y.dtype.name, seed=("weights", i)), y.dtype.name, device=device)
            for i, y in enumerate(ends)
        ]
        grads = numtorch.autograd.grad(ends, leaves, weights, create_graph=create_graph, allow_unused=True)
        return [y.detach() for y in results], [None if g is None else g.detach() for g in grads]


def cases(op, dtypes) -> Iterator[Case]:
    """Those of an op: its samples; of an elementwise op or an update, operands of one shape."""
    samples = [None] if isinstance(op, ElementwiseOp | UpdateOp) else table.samples_of(op)
    if any(k.dtypes and all(d.is_complex for d in k.dtypes) for e in entries(op) for k in e.kernels):
        dtypes = (*dtypes, "complex128")
    for sample in samples:
        for dtype in dtypes:
            if dtype in table.COMPLEX and not table.takes(op, dtype):
                continue
            if isinstance(op, ElementwiseOp) and not table.takes(op, dtype):
                dtype = "int64"
            yield Case(op, sample, dtype)


def entries(op):
    """Where the op's kernels are registered: forward, backward."""
    return [op.entry] + ([op.gradient.entry] if op.gradient is not None else [])


def registered(device):
    """The kernels of a device, all ops together."""
    return {k.id: k for op in OPS.values() for e in entries(op) for k in e.kernels if k.device == device}


def differences(case, got, want):
    """What is wrong with results and gradients; "" if nothing."""
    if case.op.name in table.PROPERTIES:
        table.PROPERTIES[case.op.name](values(got[0][0].cpu()), *case.arrays, *case.params)
        return ""
    for what, ours, theirs in zip(("result", "gradient"), got, want, strict=True):
        for i, (y, w) in enumerate(zip(ours, theirs, strict=True)):
            if (y is None) != (w is None):
                return f"{what} {i} is {y}, and {w} by the op's body"
            if y is None:
                continue
            a, b = values(y.cpu()), values(w)
            loose = 30 if a.dtype.kind in "fc" else 0
            rtol, atol = (loose * t.get(case.dtype, 0) for t in (table.RTOL, table.ATOL))
            if y.dtype is not w.dtype or a.shape != b.shape or not np.allclose(a, b, rtol, atol, equal_nan=True):
                return f"{what} {i} is {y.dtype.name} {a.tolist()}, and {w.dtype.name} {b.tolist()} by the op's body"
    return ""


# libdevice reduces the angles of huge arguments in double precision, off the usual path. The slope of sinc has two.
ANGLES = ("sin", "cos", "tan", "normal32")
# An exponential of complex numbers has two angles, a tangent three. Inverse functions are computed in double precision.
ANGLES_OF_COMPLEX = re.compile(r"(mul|cvt\.rn|cvt\.rn\.f32)\.f64")
INVERSE_OF_COMPLEX = re.compile(r"a(sin|cos|tan)h?_flat")


# Special functions are texts on float64, of which float32 gets the rounded result; so are the loops that draw by
# rejection, whose numbers must not depend on the type.
SPECIAL = re.compile(rf"({'|'.join(special.NAMED)}|igamma|lgamma|frexp|fill_(log_gamma|poisson|binomial|von_mises))")


def doubles(offline):
    """Kernels without a 64-bit float in their name or signature whose code has one all the same."""
    found = []
    for (name, signature), text in offline.ptx.items():
        meant = "float64" in name + signature or "complex128" in name + signature
        wide = re.findall(r"^\s+(\S+\.f64)", text, re.M)
        twice = name.startswith("sinc_backward")
        angles = any(a in name for a in ANGLES) and len(wide) <= (6 if twice else 4)
        if "complex64" in name + signature:
            few = len(wide) <= (12 if twice else 9) and all(map(ANGLES_OF_COMPLEX.fullmatch, wide))
            angles = few or INVERSE_OF_COMPLEX.match(name) is not None
        if ".f64" in text and not meant and not angles and not SPECIAL.match(name):
            found.append(name)
    return found


def survey(place, ops=None, dtypes=("float32",)):
    """(what is wrong with each case, which kernels were reached)."""
    device, wrong, reached = DEVICES[place], {}, set()
    with launch.compiling_for((8, 0)) if place == "ptx" else contextlib.nullcontext() as offline:
        for op in ops or OPS.values():
            if op.name in table.ELSEWHERE:
                continue
            for case in cases(op, dtypes):
                if not case.fits(place):
                    continue
                try:
                    for said in looked_at(case, place, device, reached):
                        wrong[str(case)] = said
                except Exception:
                    wrong[str(case)] = traceback.format_exc()
        for name in doubles(offline) if offline else ():
            wrong[name] = "computes in double precision"
    return wrong, reached


def looked_at(case, place, device, reached):
    """Run a case with the kernels that are chosen for it, then with each of the others that would take it."""
    want = None
    if place != "ptx":
        with registry.bodies_only():
            want = case.run("cpu", create_graph=case.op.name not in table.ONCE_DIFFERENTIABLE)

    def run(entry=None, kernel=None):
        with registry.watched() as seen, registry.use(entry, kernel) if kernel else contextlib.nullcontext():
            got = case.run(device)
        reached.update(d.kernel.id for d in seen if d.kernel is not None)
        return seen, want and differences(case, got, want)

    seen, said = run()
    if said:
        yield said
    for entry in entries(case.op):
        for d in [d for d in seen if d.entry is entry]:
            for kernel in entry.kernels:
                if kernel is d.kernel or kernel.device != device or kernel.refusal(d.signature) is not None:
                    continue
                if said := run(entry, kernel)[1]:
                    yield f"{kernel.id}: {said}"


def main(place, *names):
    wrong, reached = survey(place, [OPS[n] for n in names], ("float32", "complex64"))
    elsewhere = {n for n, file in table.ELSEWHERE.items() if file in table.OWN_OPERANDS}
    missed = {k for k in set(registered(DEVICES[place])) - reached if k.split("/")[0] not in elsewhere}
    json.dump([wrong, sorted(missed)], sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
