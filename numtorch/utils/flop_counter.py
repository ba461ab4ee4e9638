"""``torch.utils.flop_counter``: how many operations the products, convolutions and attentions of a program take."""

from __future__ import annotations

from typing import Any

import numtorch as torch

_COUNTED = ("matmul", "linear", "conv", "attention", "einsum", "recurrent", "bilinear")


class FlopCounterMode:
    """A block whose products, convolutions and attentions are counted, forward and backward, by the modules that call
    them: a multiplication and an addition are two operations. The counts are those of ``torch.profiler``: layers add
    their biases.

    Args:
        mods: accepted; modules are found as the profiler finds them.
        depth: how many levels of modules the table shows.
        display: print the table at the end of the block.
        custom_mapping: accepted.

    >>> counter = torch.utils.flop_counter.FlopCounterMode(display=False)
    >>> with counter:
    ...     y = torch.ones(4, 8) @ torch.ones(8, 2)
    >>> counter.get_total_flops()
    128
    """

    def __init__(
        self, mods: Any = None, depth: int = 2, display: bool = True, custom_mapping: dict[Any, Any] | None = None
    ):
        self.depth, self.display = depth, display
        self.flop_counts: dict[str, dict[str, int]] = {"Global": {}}
        self._profile: Any = None

    def __enter__(self) -> FlopCounterMode:
        self.flop_counts = {"Global": {}}
        self._profile = torch.profiler.profile()
        self._profile.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._profile.__exit__(*exc)
        for row in self._profile.rows:
            if not row.flops or not row.op.startswith(_COUNTED) or row.op.endswith("bias_grad"):
                continue
            path = row.module.split(".") if row.module else []
            for place in ["Global", *[".".join(path[: i + 1]) for i in range(len(path))]]:
                counts = self.flop_counts.setdefault(place, {})
                counts[row.op] = counts.get(row.op, 0) + int(row.flops)
        self._profile = None
        if self.display:
            print(self.get_table())

    def get_total_flops(self) -> int:
        """The operations of the whole block.

        >>> torch.utils.flop_counter.FlopCounterMode().get_total_flops()
        0
        """
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict[str, dict[str, int]]:
        """The operations by modules, and in each by ops. ``Global`` is the whole block.

        >>> torch.utils.flop_counter.FlopCounterMode().get_flop_counts()
        {'Global': {}}
        """
        return {place: dict(counts) for place, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """The counts as a text, a line for each module and op.

        Args:
            depth: how many levels of modules; that of the counter unless given.

        >>> print(torch.utils.flop_counter.FlopCounterMode().get_table())
        Module    FLOP  % Total
        Global       0    0.00%
        """
        depth = self.depth if depth is None else depth
        whole = self.get_total_flops()
        lines = []
        for place, counts in self.flop_counts.items():
            level = 0 if place == "Global" else place.count(".") + 1
            if level > depth:
                continue
            lines.append(("  " * level + place, sum(counts.values())))
            lines += [("  " * level + f" - {op}", count) for op, count in counts.items()]
        wide = max(len(name) for name, _ in lines)
        rows = [f"{name:<{wide}}  {count:>6}  {100 * count / max(whole, 1):6.2f}%" for name, count in lines]
        return "\n".join([f"{'Module':<{wide}}  {'FLOP':>6}  % Total", *rows])
