"""The loss of labels somewhere in a sequence: its gradient, which ``ctc_grad`` computes, and torch's values."""

import importlib.util

import numpy as np
import pytest

import numtorch as nt

rng = np.random.default_rng(0)
SCORES = rng.standard_normal((7, 4, 5))
LABELS = np.array([[2, 2, 3], [1, 4, 0], [0, 0, 0], [3, 1, 4]])
LENGTHS, STEPS = np.array([3, 2, 0, 3]), np.array([7, 5, 4, 6])


def test_the_gradient_is_the_slope():
    x = nt.tensor(SCORES, requires_grad=True)
    assert nt.autograd.gradcheck(
        lambda x: nt.nn.functional.ctc_loss(x.log_softmax(2), nt.tensor(LABELS), STEPS, LENGTHS, reduction="none"), [x]
    )


def test_the_probability_of_all_ways():
    logs = nt.zeros(2, 1, 2, dtype=nt.float64).log_softmax(2)
    # "-a", "a-" and "aa" give "a": three of four ways.
    loss = nt.nn.functional.ctc_loss(logs, nt.tensor([[1]]), [2], [1], reduction="sum")
    assert float(loss) == pytest.approx(-np.log(0.75))


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        (lambda f, x: f(x, nt.tensor(LABELS), [7, 5, 4], LENGTHS), "input_lengths must be of size batch_size"),
        (lambda f, x: f(x, nt.tensor(LABELS), [7, 5, 4, 9], LENGTHS), "input_lengths to have value at most 7"),
        (lambda f, x: f(x, nt.tensor(LABELS), STEPS, LENGTHS, blank=5), "blank must be in label range"),
        (lambda f, x: f(x, nt.tensor(LABELS) + 2, STEPS, LENGTHS), "targets are classes below 5"),
        (lambda f, x: f(x, nt.tensor([1, 2]), STEPS, LENGTHS), "the sum of target_lengths"),
    ],
)
def test_mistakes(mistake, text):
    with pytest.raises(RuntimeError, match=text):
        mistake(nt.nn.functional.ctc_loss, nt.tensor(SCORES).log_softmax(2))


if importlib.util.find_spec("torch"):
    import torch

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("flat", [False, True])
    @pytest.mark.parametrize("short", [False, True])
    def test_values_are_those_of_torch(dtype, flat, short):
        steps = np.where(np.arange(4) == 3, 2, STEPS) if short else STEPS

        def results(library):
            x = library.tensor(SCORES.astype(dtype), requires_grad=True)
            labels = np.concatenate([row[:n] for row, n in zip(LABELS, LENGTHS, strict=True)]) if flat else LABELS
            found = []
            for reduction in ("none", "mean", "sum"):
                loss = library.nn.CTCLoss(reduction=reduction, zero_infinity=short)
                given = (library.tensor(labels), library.tensor(steps), library.tensor(LENGTHS))
                found.append(loss(x.log_softmax(2), *given))
            sum((y * y).sum() for y in found).backward()
            return [*found, x.grad]

        for a, b in zip(results(nt), results(torch), strict=True):
            tolerance = 2e-5 if dtype == "float32" else 1e-10
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)
