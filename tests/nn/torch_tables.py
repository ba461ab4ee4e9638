"""torch's own tables of modules and optimizers, gone through with numtorch: what differs, and how many pass.

    python tests/nn/torch_tables.py                      every module, optimizer and scheduler; needs torch
    python tests/nn/torch_tables.py modules LSTM GRU     of the modules, those of these names
    python tests/nn/torch_tables.py optimizers Adam
    python tests/nn/torch_tables.py quick                one input of each, in float64

``NUMBA_DISABLE_JIT=1`` spares compiling a thousand kernels: they run as plain Python, which suits the small inputs.

A module passes where every input of its row in ``module_db`` does, in train and in eval mode: float32 within 1e-5 and
float64 within 1e-10, forward, gradients of inputs and parameters, and ``state_dict`` in both directions. Layers that
draw random numbers are compared by the mean and the spread of many draws.
"""

from __future__ import annotations

import copy
import inspect
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import numtorch as nt

torch = pytest.importorskip("torch")

TOLERANCES = {"float32": 1e-5, "float64": 1e-10}
DRAWS = 300


def ours(value: Any) -> Any:
    """What torch's table gives to a constructor or to ``forward``, for numtorch."""
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return nt.nn.utils.rnn.PackedSequence(*map(ours, value))
    if isinstance(value, torch.Tensor):
        made = nt.from_numpy(np.array(value.detach().numpy()))
        return made.requires_grad_() if value.requires_grad else made
    if isinstance(value, torch.dtype):
        return getattr(nt, str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return nt.device(str(value))
    if isinstance(value, torch.nn.TransformerEncoderLayer):  # the one module that the table gives to a constructor
        known = {1: "relu", 2: "gelu"}.get(value.activation_relu_or_gelu)
        return nt.nn.TransformerEncoderLayer(
            value.self_attn.embed_dim,
            value.self_attn.num_heads,
            value.linear1.out_features,
            value.dropout.p,
            known or ours(value.activation),
            value.norm1.eps,
            value.self_attn.batch_first,
            value.norm_first,
            value.linear1.bias is not None,
        )
    if isinstance(value, torch.nn.Module):
        raise TypeError(f"the table gives a module, {value!r}")
    if isinstance(value, type) and value.__module__.startswith("torch.nn"):
        return getattr(nt.nn, value.__name__)
    if inspect.isfunction(value) and value.__module__ == "torch.nn.functional":
        return getattr(nt.nn.functional, value.__name__)
    if isinstance(value, dict):
        return {k: ours(v) for k, v in value.items()}
    if isinstance(value, torch.Size):
        return nt.Size(value)
    if type(value) in (tuple, list):
        return type(value)(map(ours, value))
    return value


def leaves(value: Any) -> Any:
    """torch's arguments as tensors of their own, outside the graph in which the table made them."""
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return type(value)(*map(leaves, value))
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, dict):
        return {k: leaves(v) for k, v in value.items()}
    if type(value) in (tuple, list):
        return type(value)(map(leaves, value))
    return value


def tensors(value: Any) -> Iterator[Any]:
    """The tensors in a result or among arguments, in order."""
    if isinstance(value, torch.Tensor | nt.Tensor):
        yield value
    elif isinstance(value, dict):
        for v in value.values():
            yield from tensors(v)
    elif isinstance(value, tuple | list):
        for v in value:
            yield from tensors(v)


def array(x: Any) -> np.ndarray:
    return np.asarray(x.detach().numpy())


def agree(a: Any, b: Any, tolerance: float, what: str) -> None:
    """AssertionError where a tensor of numtorch is not that of torch."""
    assert (a is None) == (b is None), f"{what}: {'no tensor' if a is None else 'a tensor'} where torch has the other"
    if b is None:
        return
    assert str(a.dtype) == str(b.dtype), f"{what}: {a.dtype} for {b.dtype}"
    assert tuple(a.shape) == tuple(b.shape), f"{what}: shape {tuple(a.shape)} for {tuple(b.shape)}"
    np.testing.assert_allclose(array(a), array(b), rtol=tolerance, atol=tolerance, err_msg=what)


def run(lib: Any, module: Any, args: tuple, kwargs: dict) -> tuple[list, list]:
    """The results of a call, and the gradients of a fixed weighted sum of them, of the arguments and parameters."""
    results = list(tensors(module(*args, **kwargs)))
    given = [t for t in tensors((args, kwargs)) if t.requires_grad]
    parameters = list(module.parameters())
    total = None
    for i, y in enumerate(results):
        if not y.requires_grad or not y.numel():
            continue
        weights = np.asarray(np.random.default_rng(i).standard_normal(tuple(y.shape)), array(y).real.dtype)
        part = (y * lib.from_numpy(weights)).sum()
        total = part if total is None else total + part
    if total is not None:
        total.backward()
    return results, [t.grad for t in (*given, *parameters)]


def random(run_once: Callable[[], list]) -> bool:
    """Whether two calls of torch's module differ."""
    return any(
        not np.array_equal(array(a), array(b), equal_nan=True) for a, b in zip(run_once(), run_once(), strict=True)
    )


def moments(run_once: Callable[[], list]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of each element over many draws."""
    drawn = np.array([np.concatenate([array(y).ravel() for y in run_once()]) for _ in range(DRAWS)], np.float64)
    return drawn.mean(0), drawn.std(0)


def same_input(cls: type, entry: Any, training: bool, dtype: torch.dtype) -> None:
    """Compare a module for one row of torch's table; AssertionError where it differs."""
    tolerance = TOLERANCES[str(dtype).removeprefix("torch.")]
    c, f = entry.constructor_input, entry.forward_input
    torch.manual_seed(0)
    theirs = cls(*c.args, **c.kwargs).to(dtype).train(training)
    mine = getattr(nt.nn, cls.__name__)(*ours(c.args), **ours(c.kwargs)).to(ours(dtype)).train(training)
    args, kwargs = leaves((f.args, f.kwargs)) if f is not None else ((), {})
    if isinstance(theirs, torch.nn.modules.lazy.LazyModuleMixin):
        with torch.no_grad():
            theirs(*args, **kwargs)
            mine(*ours(args), **ours(kwargs))
    state = {k: ours(v) for k, v in theirs.state_dict().items()}
    assert list(mine.state_dict()) == list(state), f"names of the state: {list(mine.state_dict())} for {list(state)}"
    mine.load_state_dict(state)
    theirs.load_state_dict({k: torch.from_numpy(np.array(array(v))) for k, v in mine.state_dict().items()})
    names = [name for name, _ in theirs.named_parameters()]
    assert [name for name, _ in mine.named_parameters()] == names
    assert repr(mine) == repr(theirs), f"repr: {mine!r} for {theirs!r}"
    if f is None:
        return
    copies = copy.deepcopy(theirs)
    if random(lambda: list(tensors(copies(*args, **kwargs)))):
        mean, spread = moments(lambda: list(tensors(theirs(*args, **kwargs))))
        my_args, my_kwargs = ours(args), ours(kwargs)
        my_mean, my_spread = moments(lambda: list(tensors(mine(*my_args, **my_kwargs))))
        near = 6 * (spread + my_spread) / DRAWS**0.5 + tolerance
        assert (abs(mean - my_mean) <= near).all(), "mean of random results"
        assert (abs(spread - my_spread) <= 0.35 * (spread + my_spread) + tolerance).all(), "spread of random results"
        return
    b, grads = run(torch, theirs, args, kwargs)
    a, my_grads = run(nt, mine, ours(args), ours(kwargs))
    assert len(a) == len(b), f"{len(a)} results for {len(b)}"
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        agree(x, y, tolerance, f"result {i}")
    for i, (x, y) in enumerate(zip(my_grads, grads, strict=True)):
        agree(x, y, tolerance, f"gradient {i}")
    for k, v in theirs.state_dict().items():
        agree(mine.state_dict()[k], v, tolerance, f"state {k} after the call")


def module_rows(words: list[str]) -> Iterator[Any]:
    from torch.testing._internal.common_modules import module_db

    for info in module_db:
        if not words or info.module_cls.__name__ in words:
            yield info


def module_inputs(info: Any, training: bool, dtype: torch.dtype) -> list[Any]:
    torch.manual_seed(0)
    return info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)


def short(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {' | '.join(lines[:5])}"[:300]


def modules(words: list[str], most: int | None = None, dtypes: tuple[str, ...] = ("float32", "float64")) -> dict:
    """Go through torch's modules.

    Returns:
        For each, the number of inputs and what was found in those that differ.
    """
    found: dict[str, tuple[int, list[str]]] = {}
    for info in module_rows(words):
        count, wrong = 0, []
        for dtype in dtypes:
            for training in (True, False):
                if not training and not info.train_and_eval_differ:
                    continue
                rows = module_inputs(info, training, getattr(torch, dtype))
                for i, entry in enumerate(rows[:most]):
                    count += 1
                    try:
                        same_input(info.module_cls, entry, training, getattr(torch, dtype))
                    except Exception as error:  # noqa: BLE001 - what differs is listed, whatever it is
                        mode = "train" if training else "eval"
                        c = entry.constructor_input
                        wrong.append(f"{dtype} {mode} {i} {entry.desc} {c.args} {c.kwargs}: {short(error)}")
        found[info.module_cls.__name__] = count, wrong
    return found


STEPS = 50
SHAPES = [(7, 5), (5,), (), (3, 2, 2)]


def gradients(theirs: list, mine: list, rng: np.random.Generator, sparse: bool) -> None:
    """The same random gradients for the parameters of both."""
    for p, q in zip(mine, theirs, strict=True):
        g = np.asarray(rng.standard_normal(tuple(q.shape)), array(q).dtype)
        if sparse:
            rows = rng.permutation(len(g))[:2]
            q.grad = torch.sparse_coo_tensor(torch.from_numpy(rows[None]), torch.from_numpy(g[rows]), q.shape)
            p.grad = nt.sparse_coo_tensor(nt.from_numpy(rows[None]), nt.from_numpy(g[rows]), p.shape)
        else:
            p.grad, q.grad = nt.from_numpy(g.copy()), torch.from_numpy(g.copy())


def descend(lib: Any, optimizer: Any, parameters: list, targets: list) -> None:
    """A step of an optimizer that asks for the loss: a sum of squares."""
    aims = [lib.from_numpy(t.copy()) for t in targets]

    def closure() -> Any:
        optimizer.zero_grad()
        loss = sum((((p - t) ** 2).sum() for p, t in zip(parameters, aims, strict=True)), lib.zeros(()))
        loss.backward()
        return loss

    optimizer.step(closure)


def trajectory(info: Any, options: dict, schedule: Callable | None = None) -> None:
    """Compare 50 steps of an optimizer with torch's; AssertionError where a parameter or a state differs."""
    name, rng = info.optim_cls.__name__, np.random.default_rng(0)
    shapes = [s for s in SHAPES if name != "Muon" or len(s) == 2]
    shapes = [s for s in shapes if s] if info.only_supports_sparse_grads else shapes
    values = [np.asarray(rng.standard_normal(s), np.float32) for s in shapes]
    targets = [np.asarray(rng.standard_normal(s), np.float32) for s in shapes]
    theirs = [torch.from_numpy(v.copy()).requires_grad_() for v in values]
    mine = [nt.from_numpy(v.copy()).requires_grad_() for v in values]
    my_options = ours(options)
    b, a = info.optim_cls(theirs, **copy.deepcopy(options)), getattr(nt.optim, name)(mine, **my_options)
    later = None if schedule is None else (schedule(b), translated(schedule)(a))
    for _ in range(STEPS):
        if info.step_requires_closure:
            descend(torch, b, theirs, targets)
            descend(nt, a, mine, targets)
        else:
            gradients(theirs, mine, rng, info.only_supports_sparse_grads)
            if options.get("differentiable"):
                torch.no_grad()(b.step)()
                nt.no_grad()(a.step)()
            else:
                b.step()
                a.step()
        for s in later or ():
            s.step(*([1.0] if type(s).__name__ == "ReduceLROnPlateau" else []))
    for i, (p, q) in enumerate(zip(mine, theirs, strict=True)):
        agree(p, q, 1e-5, f"parameter {i}")
    mine_groups, groups = a.state_dict()["param_groups"], b.state_dict()["param_groups"]
    for g, h in zip(mine_groups, groups, strict=True):
        assert list(g) == list(h), f"options: {list(g)} for {list(h)}"
        assert float(g["lr"]) == float(np.float64(float(h["lr"]))), f"lr {g['lr']} for {h['lr']}"
    for k, state in b.state_dict()["state"].items():
        names = a.state_dict()["state"][k]
        assert set(names) == set(state), f"names in the state: {list(names)} for {list(state)}"


def translated(schedule: Callable) -> Callable:
    """A function of torch's table that makes a schedule, with numtorch's classes."""
    names = {n: v for n, v in vars(nt.optim.lr_scheduler).items() if isinstance(v, type)}
    return types.FunctionType(schedule.__code__, {**schedule.__globals__, **names})


def optimizers(words: list[str], most: int | None = None) -> dict:
    """Go through torch's optimizers, with each of its options."""
    from torch.testing._internal import common_optimizers as table

    found: dict[str, tuple[int, list[str]]] = {}
    for info in table.optim_db:
        name = info.optim_cls.__name__
        if words and name not in words:
            continue
        rows = table._get_optim_inputs_including_global_cliquey_kwargs("cpu", torch.float32, info)
        cases: list[tuple[str, dict, Callable | None]] = [(r.desc, r.kwargs, None) for r in rows[:most]]
        if most is None:
            made = [
                s for group in info.scheduler_inputs for s in (group if isinstance(group, list | tuple) else [group])
            ]
            cases += [(f"schedule {i}", {"lr": 0.01}, s) for i, s in enumerate(made)]
        wrong = []
        for desc, options, schedule in cases:
            try:
                trajectory(info, options, schedule)
            except Exception as error:  # noqa: BLE001 - what differs is listed, whatever it is
                wrong.append(f"{desc} {options}: {short(error)}")
        found[name] = len(cases), wrong
    return found


# Options of each schedule; more of them are in tests/optim/test_lr_scheduler.py.
SCHEDULES: dict[str, dict] = {
    "LambdaLR": {"lr_lambda": lambda t: 0.95**t},
    "MultiplicativeLR": {"lr_lambda": lambda t: 1 / (t + 1)},
    "StepLR": {"step_size": 3},
    "MultiStepLR": {"milestones": [2, 5, 5, 8]},
    "ConstantLR": {"factor": 0.25, "total_iters": 4},
    "LinearLR": {"start_factor": 0.2, "total_iters": 6},
    "ExponentialLR": {"gamma": 0.9},
    "PolynomialLR": {"total_iters": 7, "power": 1.5},
    "CosineAnnealingLR": {"T_max": 7, "eta_min": 0.001},
    "CosineAnnealingWarmRestarts": {"T_0": 3, "T_mult": 2},
    "CyclicLR": {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 3},
    "OneCycleLR": {"max_lr": 0.4, "total_steps": 60},
    "ReduceLROnPlateau": {"patience": 2},
    "SequentialLR": {"milestones": [5]},
    "ChainedScheduler": {},
    "SWALR": {"swa_lr": 0.05, "anneal_epochs": 4},
}


def schedules(words: list[str]) -> dict:
    """Go through torch's schedules: the rates of 50 epochs, and again from the middle by ``state_dict``."""
    found: dict[str, tuple[int, list[str]]] = {}
    base = torch.optim.lr_scheduler.LRScheduler
    known = {v.__name__ for v in vars(torch.optim.lr_scheduler).values() if isinstance(v, type) and issubclass(v, base)}
    known -= {"LRScheduler", "_LRScheduler"}
    for name in sorted(known | {"SWALR"}):
        if words and name not in words:
            continue
        wrong = []
        try:
            runs = []
            for lib in (nt, torch):
                first, second = _schedule(lib, name), _schedule(lib, name)
                rates = [_epoch(*first) for _ in range(25)]
                second[1].load_state_dict(first[1].state_dict())
                second[0].load_state_dict(first[0].state_dict())
                runs.append((rates + [_epoch(*first) for _ in range(25)], [_epoch(*second) for _ in range(25)]))
            assert runs[0] == runs[1], f"rates {runs[0]} for {runs[1]}"
        except Exception as error:  # noqa: BLE001 - what differs is listed, whatever it is
            wrong.append(short(error))
        found[name] = 1, wrong
    return found


def _schedule(lib: Any, name: str) -> tuple[Any, Any]:
    optimizer = lib.optim.SGD([lib.ones(2, requires_grad=True)], lr=0.1, momentum=0.9)
    module = lib.optim.swa_utils if name == "SWALR" else lib.optim.lr_scheduler
    options = dict(SCHEDULES[name])
    parts = [lib.optim.lr_scheduler.ConstantLR(optimizer, 0.5, 4), lib.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)]
    if name == "SequentialLR":
        return optimizer, module.SequentialLR(optimizer, schedulers=parts, **options)
    if name == "ChainedScheduler":
        return optimizer, module.ChainedScheduler(parts, optimizer=optimizer)
    return optimizer, getattr(module, name)(optimizer, **options)


def _epoch(optimizer: Any, schedule: Any) -> tuple[float, float]:
    rate = optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]
    optimizer.step()
    schedule.step(*([1.0] if type(schedule).__name__ == "ReduceLROnPlateau" else []))
    return rate


def report(kind: str, found: dict[str, tuple[int, list[str]]], shown: int = 4) -> int:
    """Print what differs and how many pass."""
    for name, (count, wrong) in found.items():
        if wrong:
            print(f"{name}: {len(wrong)} of {count} differ")
            for line in wrong[:shown]:
                print("   ", line)
    passed = sum(not wrong for _, wrong in found.values())
    inputs = sum(count for count, _ in found.values())
    good = inputs - sum(len(wrong) for _, wrong in found.values())
    print(f"{kind}: {passed} of {len(found)}, {good} of {inputs} inputs")
    return len(found) - passed


def main(words: list[str]) -> int:
    warnings.simplefilter("ignore")
    kinds: dict[str, Callable] = {"modules": modules, "optimizers": optimizers, "schedules": schedules}
    if words and words[0] in kinds:
        return report(words[0], kinds[words[0]](words[1:]))
    if words == ["quick"]:
        kinds["modules"] = lambda words: modules(words, 1, ("float64",))
        kinds["optimizers"] = lambda words: optimizers(words, 1)
    return sum([report(kind, go([])) for kind, go in kinds.items()])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) > 0)
