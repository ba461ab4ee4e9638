"""``torch.utils.flop_counter`` counts the operations of products, by modules."""

import numtorch as torch


def test_operations_are_counted_by_modules(capsys):
    net = torch.nn.Sequential(torch.nn.Linear(8, 4, bias=False), torch.nn.ReLU(), torch.nn.Linear(4, 2, bias=False))
    counter = torch.utils.flop_counter.FlopCounterMode()
    with counter:
        net(torch.ones(3, 8)).sum().backward()
    first, second = 2 * 3 * 8 * 4, 2 * 3 * 4 * 2
    assert counter.get_total_flops() == 2 * first + 3 * second  # the input needs no gradient
    counts = counter.get_flop_counts()
    assert sum(counts["Sequential.0"].values()) == 2 * first and sum(counts["Sequential.2"].values()) == 3 * second
    shown = capsys.readouterr().out
    assert "Sequential.2" in shown and "Sequential.2" not in counter.get_table(depth=1)
    with torch.utils.flop_counter.FlopCounterMode(display=False) as other:
        torch.exp(torch.ones(3))
    assert other.get_total_flops() == 0 and capsys.readouterr().out == ""
