"""That nothing stands between a choice and its kernel but while an observer is there, and then it does."""

import pytest

import numtorch as torch
from numtorch.dispatch.op import OPS
from numtorch.kernels import timing


class Counting:
    """The least that an observer has to do."""

    def __init__(self):
        self.ops = []

    def launcher(self, run, about):
        self.ops.append(about.kernel.id)
        return run

    def planned(self, make, op, kernel):
        return make()

    def loop(self, build, op, device, jit, arity, work):
        self.ops.append((op, work.dtype, work.each))
        return build()


def test_kernels_pass_by_an_observer():
    x = torch.ones(3, requires_grad=True)
    seen = Counting()
    with timing.observe(seen):
        torch.exp(x).backward(torch.ones(3))
        torch.softmax(x, 0)
    assert {("exp", "float32", (8, 24, 4)), ("exp.backward", "float32", (12, 1, 4))} <= set(seen.ops)
    assert seen.ops[-1] == "softmax/cpu/rows"
    assert timing.active is None


def test_nothing_is_between_when_nobody_observes():
    """Off means off: what is remembered is the compiled function itself."""
    x = torch.ones(4, 4)
    torch.softmax(x, 1)
    (plan,) = OPS["softmax"].plans.values()
    assert plan.entry is plan.loop.function.serial.entry(x._buf, x._buf, *plan.numbers)
    torch.exp(x)
    (choice,) = OPS["exp"].entry.memo.values()
    jit = OPS["exp"].program.plan((x,), None).jit
    assert choice[0] is jit.entry(x._buf, x._buf)


def test_observers_do_not_nest():
    with timing.observe(Counting()), pytest.raises(RuntimeError, match="do not nest"), timing.observe(Counting()):
        pass
    assert timing.active is None


def test_an_error_ends_the_observation():
    with pytest.raises(ZeroDivisionError), timing.observe(Counting()):
        1 / 0  # noqa: B018
    assert timing.active is None
