"""``python -m numtorch.kernels``: lists kernels, explains a choice, compiles kernels in advance, shows or clears the
cache."""

from __future__ import annotations

import argparse
import ast
import re
import sys
from typing import Any

import numtorch as torch
from numtorch import kernels, notices
from numtorch.kernels import bake, cache, packs, registry, steps, warm

MODELS = ("mlp", "lenet", "resnet18", "gpt", "demo")
_SHAPE = re.compile(r"(\d+(?:x\d+)*)(?::(\w+))?")


def main(argv: list[str] | None = None) -> int:
    """Run a command; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m numtorch.kernels",
        description="List kernels, explain a choice, compile kernels in advance, show or clear the cache.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser(
        "list", help="list every op with its kernels, their devices and dtypes, and its source line"
    )
    listing.add_argument("op", nargs="?", help="list only ops whose names contain this text")
    why = commands.add_parser(
        "explain",
        help="print which kernel computes a call, and why",
        epilog="example: python -m numtorch.kernels explain softmax 768x512 dim=-1",
    )
    why.add_argument("op", help="name of the op")
    why.add_argument(
        "args",
        nargs="*",
        help="arguments of the call: a shape for a tensor (768x512, 64:int64), a number, or name=value for a parameter",
    )
    ahead = commands.add_parser("warmup", help="compile the kernels of a model's training step in advance")
    ahead.add_argument("--model", choices=MODELS, default="mlp", help="which model (mlp)")
    ahead.add_argument("--processes", type=int, default=None, help="number of processes that compile (one per core)")
    baking = commands.add_parser(
        "bake",
        help="compile kernels for all machines of a level into one file, a kernel pack",
        epilog="A pack in the package's folder is used without more; one elsewhere where NUMTORCH_PACKS names it.",
    )
    baking.add_argument("--cpu", choices=bake.CPUS, default="native", help="the level, or this machine (native)")
    baking.add_argument("--models", action="store_true", help="the models of warmup, and README's programs")
    baking.add_argument(
        "--ops", nargs="?", const="", metavar="TEXT", help="common forms of ops, those with TEXT in the name"
    )
    baking.add_argument(
        "--workload", action="append", default=[], metavar="SCRIPT", help="a Python script, which is run"
    )
    baking.add_argument("--out", metavar="FILE", help="the pack (in the package's folder)")
    baking.add_argument("--processes", type=int, default=None, help="number of processes that compile (one per core)")
    commands.add_parser("cache", help="print the cache folder, the number and size of its kernels, and its size limit")
    commands.add_parser("clear", help="delete the compiled kernels in the cache folder")
    args = parser.parse_args(argv)
    try:
        return {
            "list": lambda: table(args.op),
            "explain": lambda: explain(args.op, args.args),
            "warmup": lambda: warmup(args.model, args.processes),
            "bake": lambda: bake.bake(
                args.cpu,
                args.out,
                models=args.models or not (args.workload or args.ops is not None),
                ops=args.ops,
                workloads=args.workload,
                processes=args.processes,
            ),
            "cache": where,
            "clear": clear,
        }[args.command]()
    except (KeyError, TypeError, ValueError, RuntimeError, NotImplementedError) as e:
        notices.tell(f"{args.command}: {e.args[0] if e.args else e}")
        return 2


def table(part: str | None) -> int:
    """Print the registry."""
    registry.load_plugins()
    rows = []
    for name in sorted(registry.ENTRIES):
        entry = registry.ENTRIES[name]
        if part and part not in name:
            continue
        site = entry.site.rpartition("numtorch/")[2] if "numtorch/" in entry.site else entry.site
        for k in entry.kernels:
            types = "any" if k.dtypes is None else ", ".join(d.name for d in k.dtypes)
            rows.append((name, k.name, k.device, types, k.priority.name.lower(), site))
        if entry.body is not None:
            rows.append((name, "body", "any", "any", "composite", site))
    if not rows:
        raise KeyError(f"no op's name contains {part!r}")
    _print([("op", "kernel", "device", "dtypes", "priority", "defined at"), *rows])
    print(f"\n{len(rows)} kernels of {len({r[0] for r in rows})} ops")
    return 0


def _print(rows: list[tuple]) -> None:
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    print("\n".join("  ".join(f"{v:<{w}}" for v, w in zip(r, widths, strict=True)).rstrip() for r in rows))


def arguments(texts: list[str]) -> tuple[list, dict]:
    """Tensors, numbers and parameters from the words of a command line.

    >>> from numtorch.kernels.__main__ import arguments
    >>> (x, alpha), params = arguments(["2x3", "0.5", "dim=-1"])
    >>> x.shape, alpha, params
    (Size([2, 3]), 0.5, {'dim': -1})
    """
    positional: list = []
    named: dict = {}
    for text in texts:
        if "=" in text:
            name, _, value = text.partition("=")
            named[name] = _value(value)
        else:
            positional.append(_value(text))
    return positional, named


def _value(text: str) -> Any:
    if (shape := _SHAPE.fullmatch(text)) and ("x" in text or ":" in text):
        dtype = getattr(torch, shape[2] or "float32", None)
        if not isinstance(dtype, torch.dtype):
            raise ValueError(f"{text}: no dtype is called {shape[2]!r}")
        sizes = tuple(int(n) for n in shape[1].split("x"))
        torch.manual_seed(0)
        return torch.randn(sizes).to(dtype) if dtype.is_floating_point else torch.zeros(sizes, dtype=dtype)
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def explain(op: str, texts: list[str]) -> int:
    """Print the candidates for a call."""
    positional, named = arguments(texts)
    entry = registry.ENTRIES.get(op)
    if not positional and entry is not None:
        print(kernels.list(op))
        return 0
    print(kernels.explain(op, *positional, **named))
    return 0


def warmup(model: str, processes: int | None) -> int:
    """Compile what a step of a model needs."""
    done = kernels.warmup(steps.step, model, backward=False, processes=processes)
    how = "" if warm.possible() else " in one process: several need Linux"
    print(
        f"{model}: {done['kernels']:.0f} kernels compiled{how}, {done['loaded']:.0f} loaded, {done['seconds']:.1f} s "
        f"({cache.folder()})"
    )
    return 0


def where() -> int:
    """Print the folder of the cache, what it holds, and its limit."""
    most = cache.limit()
    allowed = (
        "no limit"
        if most is None
        else f"at most {most / 1e6:,.0f} MB, kernels that were used longest ago are deleted first"
    )
    print(
        f"{cache.folder()}\n{len(cache.entries())} kernels, {cache.size() / 1e6:.1f} MB; {allowed} (NUMTORCH_CACHE_MB)"
    )
    print("\n".join(packs.described()) or "no kernel packs")
    return 0


def clear() -> int:
    """Delete what is cached."""
    bytes_ = sum(f.stat().st_size for f in cache.entries())
    print(f"{cache.clear()} kernels deleted from {cache.folder()}, {bytes_ / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
