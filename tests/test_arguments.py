"""What users pass as arguments becomes plain Python, or is refused with torch's kind of error."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import numtorch
from numtorch import arguments
from numtorch.dtype import ALL, INTEGERS, finfo, iinfo
from numtorch.dtype import bool as boolean

pytestmark = pytest.mark.plain  # no kernel sees what is refused here


@pytest.mark.parametrize("value", [3, np.int32(3), numtorch.tensor(3)])
def test_integers_of_every_kind(value):
    made = arguments.integer(value, "f", "n")
    assert made == 3 and type(made) is int
    assert arguments.integers([value], "f", "size") == (3,)


@pytest.mark.parametrize("value", [3.0, True, np.float32(3), np.bool_(True), "3", None])
def test_nothing_else_passes_as_an_integer(value):
    with pytest.raises(TypeError, match="must be int"):
        arguments.integer(value, "f", "n")
    with pytest.raises(TypeError, match="at pos 1"):
        arguments.integers((1, value), "f", "size")


@pytest.mark.parametrize("d", INTEGERS)
def test_integer_elements_stay_in_range(d):
    info = iinfo(d)
    assert arguments.element(info.max, d) == info.max and arguments.element(info.min, d) == info.min
    below = -256 if d is numtorch.uint8 else info.min - 1
    for beyond in (info.max + 1, below, float("nan"), float("inf"), 10**400, 1.001 * info.max, 1.001 * info.min - 0.5):
        with pytest.raises(RuntimeError, match="without overflow"):
            arguments.element(beyond, d)


def test_negative_integers_become_bytes_as_in_c():
    assert arguments.element(-1, numtorch.uint8) == 255 and arguments.element(-255, numtorch.uint8) == 1


@pytest.mark.parametrize("value", ["3", None, [1], Decimal(3), Fraction(1, 2)])
def test_only_numbers_are_elements(value):
    with pytest.raises(TypeError, match="expected a number"):
        arguments.element(value, numtorch.int32)


def test_complex_elements():
    assert arguments.element(1 + 2j, numtorch.complex64) == 1 + 2j and arguments.element(3, numtorch.complex128) == 3
    assert arguments.element(2 + 0j, numtorch.int32) == 2 and arguments.element(2 + 0j, numtorch.float32) == 2.0
    for value, d in ((1j, numtorch.int32), (1j, numtorch.float64), (complex(1e39), numtorch.complex64)):
        with pytest.raises(RuntimeError, match="without overflow"):
            arguments.element(value, d)


@pytest.mark.parametrize("d", [d for d in ALL if d.is_floating_point])
def test_floating_elements(d):
    largest = finfo(d).max
    assert arguments.element(largest, d) == largest and arguments.element(1, d) == 1.0
    assert arguments.element(float("inf"), d) == float("inf") and np.isnan(arguments.element(float("nan"), d))
    with pytest.raises(RuntimeError, match="without overflow"):
        arguments.element(10**400, d)


def test_bool_elements():
    assert arguments.element(2, boolean) is True and arguments.element(0.0, boolean) is False


# One call for each place that takes an integer; ``n`` is 1 where a dimension or a count of 1 is right.
F = numtorch.nn.functional
INDEX = numtorch.zeros(2, 3, dtype=numtorch.int64)
INTEGER_CALLS = {
    "view": lambda x, n: x.view(n, 6),
    "view_sequence": lambda x, n: x.view((n, 6)),
    "reshape": lambda x, n: x.reshape(n, -1),
    "reshape_strided": lambda x, n: x.T.reshape(n, 6),
    "expand": lambda x, n: x.expand(n, 2, 3),
    "broadcast_to": lambda x, n: x.broadcast_to(n, 2, 3),
    "unflatten": lambda x, n: x.unflatten(1, (n, 3)),
    "unflatten_dim": lambda x, n: x.unflatten(n, (3, 1)),
    "flatten": lambda x, n: x.flatten(0, n),
    "permute": lambda x, n: x.permute(n, 0),
    "torch_permute": lambda x, n: numtorch.permute(x, (n, 0)),
    "transpose": lambda x, n: x.transpose(0, n),
    "unsqueeze": lambda x, n: x.unsqueeze(n),
    "squeeze": lambda x, n: x.squeeze(n),
    "squeeze_several": lambda x, n: x.squeeze((0, n)),
    "select": lambda x, n: x.select(0, n),
    "select_dim": lambda x, n: x.select(n, 0),
    "narrow": lambda x, n: x.narrow(0, n, 1),
    "narrow_length": lambda x, n: x.narrow(0, 0, n),
    "diagonal": lambda x, n: x.diagonal(n),
    "unfold": lambda x, n: x.unfold(n, 2, 1),
    "unfold_size": lambda x, n: x.unfold(0, n, 1),
    "unfold_step": lambda x, n: x.unfold(0, 1, n),
    "movedim": lambda x, n: x.movedim(0, n),
    "movedim_several": lambda x, n: x.movedim((0, n), (n, 0)),
    "as_strided_size": lambda x, n: x.as_strided((n,), (1,)),
    "as_strided_stride": lambda x, n: x.as_strided((2,), (n,)),
    "as_strided_offset": lambda x, n: x.as_strided((2,), (1,), n),
    "swapaxes": lambda x, n: x.swapaxes(0, n),
    "split": lambda x, n: x.split(n),
    "split_dim": lambda x, n: x.split(1, n),
    "chunk": lambda x, n: x.chunk(n),
    "tensor_split": lambda x, n: x.tensor_split(n),
    "unbind": lambda x, n: x.unbind(n),
    "cat": lambda x, n: numtorch.cat((x, x), n),
    "stack": lambda x, n: numtorch.stack((x, x), n),
    "tril": lambda x, n: x.tril(n),
    "triu": lambda x, n: x.triu(n),
    "diag": lambda x, n: x.diag(n),
    "diag_embed": lambda x, n: x.diag_embed(n),
    "roll": lambda x, n: x.roll(n),
    "roll_dim": lambda x, n: x.roll(1, n),
    "flip": lambda x, n: x.flip(n),
    "rot90": lambda x, n: x.rot90(n),
    "repeat": lambda x, n: x.repeat(n, 2),
    "tile": lambda x, n: x.tile(n),
    "repeat_interleave": lambda x, n: x.repeat_interleave(n),
    "repeat_interleave_dim": lambda x, n: x.repeat_interleave(2, n),
    "diff": lambda x, n: x.diff(n),
    "diff_dim": lambda x, n: x.diff(1, n),
    "tril_indices": lambda x, n: numtorch.tril_indices(2, 2, n),
    "triu_indices": lambda x, n: numtorch.triu_indices(n, 2),
    "select_scatter": lambda x, n: x.select_scatter(x[0], 0, n),
    "slice_scatter": lambda x, n: x.slice_scatter(x[1:], 0, n),
    "diagonal_scatter": lambda x, n: x.diagonal_scatter(x[:, 0], n),
    "pad": lambda x, n: F.pad(x, (n, 1)),
    "pad_reflect": lambda x, n: F.pad(x, (n, 1), "reflect"),
    "size": lambda x, n: x.size(n),
    "stride": lambda x, n: x.stride(n),
    "resize_": lambda x, n: x.clone().resize_(n, 2),
    "sum": lambda x, n: x.sum(n),
    "sum_several": lambda x, n: x.sum((0, n)),
    "mean": lambda x, n: x.mean(n),
    "prod": lambda x, n: x.prod(n),
    "amax": lambda x, n: x.amax(n),
    "amin": lambda x, n: x.amin((0, n)),
    "any": lambda x, n: x.any(n),
    "all": lambda x, n: x.all(n),
    "argmax": lambda x, n: x.argmax(n),
    "argmin": lambda x, n: x.argmin(n),
    "max": lambda x, n: x.max(dim=n),
    "min": lambda x, n: x.min(dim=n),
    "count_nonzero": lambda x, n: x.count_nonzero(n),
    "var": lambda x, n: x.var((0, n)),
    "std": lambda x, n: x.std(dim=(n,)),
    "norm": lambda x, n: x.norm(2, n),
    "norm_1": lambda x, n: x.norm(1, n),
    "logsumexp": lambda x, n: x.logsumexp(n),
    "cumsum": lambda x, n: x.cumsum(n),
    "cumprod": lambda x, n: x.cumprod(n),
    "cummax": lambda x, n: x.cummax(n),
    "logcumsumexp": lambda x, n: x.logcumsumexp(n),
    "softmax": lambda x, n: x.softmax(n),
    "log_softmax": lambda x, n: F.log_softmax(x, n),
    "sort": lambda x, n: x.sort(n),
    "argsort": lambda x, n: x.argsort(n),
    "topk": lambda x, n: x.topk(n),
    "kthvalue": lambda x, n: x.kthvalue(n),
    "median": lambda x, n: x.median(n),
    "mode": lambda x, n: x.mode(n),
    "index_select": lambda x, n: x.index_select(n, INDEX[0]),
    "gather": lambda x, n: x.gather(n, INDEX),
    "scatter": lambda x, n: x.scatter(n, INDEX, x),
    "one_hot": lambda x, n: F.one_hot(INDEX, n),
    "layer_norm": lambda x, n: F.layer_norm(x[:, :1], (n,)),
    "rms_norm": lambda x, n: F.rms_norm(x[:, :1], (n,)),
    "group_norm": lambda x, n: F.group_norm(x, n),
    "max_pool2d": lambda x, n: F.max_pool2d(x[None, None], n),
    "max_pool2d_pair": lambda x, n: F.max_pool2d(x[None, None], (n, 1)),
    "max_pool2d_padding": lambda x, n: F.max_pool2d(x[None, None], 2, 1, n),
    "max_pool1d": lambda x, n: F.max_pool1d(x[None], n),
    "avg_pool2d": lambda x, n: F.avg_pool2d(x[None, None], n),
    "avg_pool1d": lambda x, n: F.avg_pool1d(x[None], (n,)),
    "adaptive_avg_pool2d": lambda x, n: F.adaptive_avg_pool2d(x[None, None], (n, 2)),
    "conv2d_stride": lambda x, n: F.conv2d(x[None, None], x[None, None], stride=(n, 1)),
    "conv2d_padding": lambda x, n: F.conv2d(x[None, None], x[None, None], padding=(n, 0)),
    "conv2d_groups": lambda x, n: F.conv2d(x[None, None], x[None, None], groups=n),
    "conv1d_dilation": lambda x, n: F.conv1d(x[:, None], x[:1, None, :2], dilation=n),
    "conv_transpose2d": lambda x, n: F.conv_transpose2d(x[None, None], x[None, None], stride=n),
    "embedding_padding": lambda x, n: F.embedding(INDEX, x, n),
    "cross_entropy_ignore": lambda x, n: F.cross_entropy(x, INDEX[:, 0], ignore_index=n),
    "nll_loss_ignore": lambda x, n: F.nll_loss(x, INDEX[:, 0], ignore_index=n),
    "glu": lambda x, n: F.glu(x.repeat(1, 2), n),
    "ones": lambda x, n: numtorch.ones(n),
    "zeros": lambda x, n: numtorch.zeros((2, n)),
    "empty": lambda x, n: numtorch.empty(n).zero_(),
    "full": lambda x, n: numtorch.full((n,), 2.0),
    "new_zeros": lambda x, n: x.new_zeros(n, 2),
    "eye": lambda x, n: numtorch.eye(n),
    "eye_columns": lambda x, n: numtorch.eye(2, n),
    "linspace": lambda x, n: numtorch.linspace(0, 1, n),
    "rand": lambda x, n: numtorch.rand(n).shape,
    "randn": lambda x, n: numtorch.randn((n, 2)).shape,
    "randint": lambda x, n: numtorch.randint(0, n, (2,)),
    "randint_size": lambda x, n: numtorch.randint(0, 1, (n,)),
    "randperm": lambda x, n: numtorch.randperm(n),
    "multinomial": lambda x, n: numtorch.multinomial(x[0, 1:2], n),
}
TENSORS_MEAN_MORE = {"repeat_interleave", "tensor_split", "max", "min"}


def listed(value):
    """Tensors as their elements, also in tuples."""
    if isinstance(value, numtorch.Tensor):
        return value.shape, value.tolist()
    return tuple(map(listed, value)) if isinstance(value, tuple) else value


@pytest.mark.parametrize("call", INTEGER_CALLS)
def test_what_is_no_integer_is_refused_at_once_and_never_remembered(call):
    run, x = INTEGER_CALLS[call], numtorch.arange(6.0).reshape(2, 3) + 1

    def refused():
        tensors = () if call in TENSORS_MEAN_MORE else (numtorch.tensor(1.0), numtorch.tensor(True))
        for wrong in (1.0, True, np.float64(1), np.float32(1), np.bool_(True), *tensors):
            with pytest.raises(TypeError):
                run(x, wrong)

    refused()  # nothing is known yet of the right call
    right = listed(run(x, 1))
    refused()  # and now it is
    for same in (1, np.int64(1), np.uint8(1), *(() if call in TENSORS_MEAN_MORE else (numtorch.tensor(1),))):
        assert listed(run(x, same)) == right


def test_values_that_are_equal_keys_and_differ_stay_apart():
    x = numtorch.ones(1, 2)
    for value in (0.0, -0.0, float("nan"), 0, 1.0, True, np.float32(2.5), -0.0, 0.0):
        padded = F.pad(x, (1, 0), value=value)[0, 0].item()
        assert np.array_equal(padded, float(value), equal_nan=True) and np.signbit(padded) == np.signbit(float(value))
        filled = numtorch.full((1,), value, dtype=numtorch.float32).item()
        assert np.array_equal(filled, float(value), equal_nan=True) and np.signbit(filled) == np.signbit(float(value))
    image = -numtorch.zeros(1, 1, 2)
    from numtorch.vision.transforms import functional

    for mean in (0.0, -0.0, 0.0):
        assert np.signbit(functional.normalize(image, [mean], [1.0]).numpy()).all() == (not np.signbit(mean))


def test_what_is_no_device_or_type_is_called_so():
    for wrong in (None, 1.5, [1]):
        with pytest.raises(TypeError, match="must be str, int or torch.device"):
            numtorch.device(wrong)
    with pytest.raises(TypeError, match=r"expected torch.dtype, not int"):
        numtorch.promote_types(numtorch.int8, 3)
    with pytest.raises(TypeError, match=r"expected torch.dtype, not str"):
        numtorch.can_cast("int8", numtorch.int8)
