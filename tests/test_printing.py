"""Printed tensors, compared with torch where it is installed and with its recorded output."""

from __future__ import annotations

import numpy as np
import pytest

from numtorch import printing
from numtorch.printing import format_sparse, format_tensor, printoptions, set_printoptions

try:
    import torch
except ImportError:
    torch = None

rng = np.random.default_rng(0)

CASES = {
    "scalar": np.float32(3.5),
    "scalar whole": np.float32(3),
    "scalar int": np.int64(7),
    "scalar bool": np.bool_(True),
    "scalar nan": np.float32(np.nan),
    "scalar tiny": np.float64(1e-7),
    "ints": np.arange(10),
    "ints negative": np.array([[1, -200], [30, 4]]),
    "int8": np.array([-128, 127], np.int8),
    "uint8": np.array([0, 255], np.uint8),
    "int16": np.array([1, 2], np.int16),
    "int32": np.array([1, 2], np.int32),
    "int64 extreme": np.array([-(2**63), 2**63 - 1]),
    "bool": np.array([[True, False], [False, False]]),
    "floats": rng.standard_normal((3, 4)).astype(np.float32),
    "float64": rng.standard_normal((3, 4)),
    "whole": np.array([1.0, 2, 300], np.float32),
    "whole negative zero": np.array([-0.0, 0.0, 1.0], np.float32),
    "zeros": np.zeros((2, 3), np.float32),
    "negative zeros": np.array([-0.0, -0.0], np.float32),
    "negative zero among fractions": np.array([-0.0, 0.5], np.float32),
    "nan inf": np.array([np.nan, np.inf, -np.inf, 1.5], np.float32),
    "nan inf whole": np.array([np.nan, np.inf, -np.inf, 15], np.float32),
    "only nonfinite": np.array([np.nan, -np.inf, 0], np.float32),
    "sci by ratio": np.array([1.5, 0.001], np.float32),
    "sci by size": np.array([1.5e9, 2e9], np.float32),
    "sci whole": np.array([1.0, 1e5], np.float32),
    "sci small": np.array([1e-5, 2e-5], np.float32),
    "sci with zero and nan": np.array([1e-5, 0, np.nan, -np.inf], np.float32),
    "just no sci": np.array([1e-4, 1e-1], np.float64),
    "whole 1e8": np.array([1e8], np.float32),
    "subnormal": np.array([1e-45, 1e38], np.float32),
    "float64 extreme": np.array([5e-324, 1.7e308]),
    "float16": np.array([1.5, 65504], np.float16),
    "empty": np.zeros(0, np.float32),
    "empty int": np.zeros(0, np.int64),
    "empty 2d": np.zeros((0, 3), np.float32),
    "empty 3d": np.zeros((2, 0, 3), np.float64),
    "wrap": np.linspace(0, 1, 50, dtype=np.float32),
    "wrap ints": np.arange(100),
    "wrap rows": rng.standard_normal((2, 30)).astype(np.float32),
    "wide": np.array([10**18] * 8),
    "3d": np.arange(24).reshape(2, 3, 4),
    "4d": np.arange(48, dtype=np.float32).reshape(2, 3, 2, 4) / 7,
    "1000": np.arange(1000),
    "1001": np.arange(1001),
    "1001 floats": np.linspace(-5, 5, 1001, dtype=np.float32),
    "big matrix": rng.standard_normal((50, 50)).astype(np.float32),
    "long rows": np.arange(4000).reshape(2, 2000),
    "tall": np.arange(4000).reshape(2000, 2),
    "big 3d": np.arange(8000, dtype=np.float64).reshape(20, 20, 20),
    "big 4d": np.arange(6 * 7 * 8 * 9).reshape(6, 7, 8, 9),
    "hidden extremes": np.concatenate([np.ones(500), [1e30], np.ones(600)]).astype(np.float32),
    "complex": np.array([1 + 2j, -0.5 - 1e-3j], np.complex64),
    "complex scalar": np.array(1 - 2j, np.complex128),
    "complex matrix": (rng.standard_normal((4, 9)) + 1j * rng.standard_normal((4, 9))),
    "complex many": np.arange(2000).astype(np.complex64),
    "single column": np.arange(5.0, dtype=np.float32)[:, None],
    "ones shape": np.ones((1, 1, 1), np.float32),
}

OPTIONS = [
    {},
    {"precision": 2},
    {"precision": 8, "linewidth": 50},
    {"threshold": 5},
    {"threshold": 5, "edgeitems": 1},
    {"threshold": 0, "edgeitems": 0},
    {"profile": "short"},
    {"sci_mode": True},
    {"sci_mode": False},
    {"linewidth": 20},
    {"linewidth": 1},
]


@pytest.fixture(autouse=True)
def default_options():
    yield
    set_printoptions(profile="default")


def torch_text(array, options, **kwargs):
    x = torch.from_numpy(np.asarray(array))
    torch.set_printoptions(**options)
    try:
        return str(x.to(**kwargs)) if kwargs else str(x)
    finally:
        torch.set_printoptions(profile="default")


if torch is not None:

    @pytest.mark.parametrize("options", OPTIONS, ids=str)
    @pytest.mark.parametrize("name", CASES)
    def test_prints_what_torch_prints(name, options):
        array = np.asarray(CASES[name])
        with printoptions(**options):
            assert format_tensor(array) == torch_text(array, options)

    @pytest.mark.parametrize("seed", range(60))
    def test_random_arrays_print_what_torch_prints(seed):
        g = np.random.default_rng(seed)
        shape = tuple(g.integers(1, 9, size=g.integers(0, 5)))
        scale = 10.0 ** g.integers(-8, 9)
        array = g.standard_normal(shape) * scale
        if g.integers(2):
            array = np.round(array)
        if g.integers(3) == 0 and array.ndim:
            array[..., -1] = g.choice([np.nan, np.inf, -np.inf, 0.0])
        array = np.asarray(array, g.choice([np.float32, np.float64]))
        with printoptions(threshold=200):
            assert format_tensor(array) == torch_text(array, {"threshold": 200})

    @pytest.mark.parametrize("columns", range(1, 25))
    def test_suffixes_break_lines_where_torch_does(columns):
        x = torch.arange(columns, dtype=torch.float64).requires_grad_()
        y = x + 1
        leaf = format_tensor(x.detach().numpy(), requires_grad=True)
        assert leaf == str(x)
        assert format_tensor(y.detach().numpy(), grad_fn="AddBackward0") == str(y)
        assert format_tensor(y.detach().numpy(), requires_grad=True, grad_fn=y.grad_fn) == str(y)

    @pytest.mark.parametrize("name", ["bfloat16", "float16"])
    def test_half_types_come_as_float32(name):
        x = torch.linspace(-3, 3, 20).to(getattr(torch, name))
        array = x.float().numpy()
        assert format_tensor(array, dtype_name=f"torch.{name}") == str(x)
        assert format_tensor(array, dtype_name=name) == str(x)

    @pytest.mark.parametrize("dtype", ["float32", "int64", "float64", "complex64"])
    def test_meta_tensors_print_their_shape(dtype):
        x = torch.empty(2, 3, device="meta", dtype=getattr(torch, dtype))
        array = np.broadcast_to(np.zeros((), dtype), (2, 3))
        assert format_tensor(array, device="meta") == str(x)

    def test_default_dtype():
        torch.set_default_dtype(torch.float64)
        try:
            for dtype in (torch.float32, torch.float64, torch.complex64, torch.complex128):
                for shape in ((2,), (0,)):
                    x = torch.zeros(shape, dtype=dtype)
                    assert format_tensor(x.numpy(), default_dtype="torch.float64") == str(x)
        finally:
            torch.set_default_dtype(torch.float32)

    @pytest.mark.parametrize("nnz", [0, 1, 4])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
    @pytest.mark.filterwarnings("ignore")
    def test_sparse(nnz, dtype):
        indices = np.stack([np.arange(nnz), np.arange(nnz)[::-1]])
        values = np.arange(nnz).astype(dtype)
        x = torch.sparse_coo_tensor(torch.from_numpy(indices), torch.from_numpy(values), (5, 5))
        assert format_sparse(indices, values, (5, 5)) == str(x)

    def test_profiles_are_torchs():
        for profile in ("default", "short", "full"):
            set_printoptions(profile=profile)
            torch.set_printoptions(profile=profile)
            ours, theirs = printing.get_printoptions(), torch._tensor_str.get_printoptions()
            torch.set_printoptions(profile="default")
            assert ours == theirs


RECORDED = [
    (np.array([[1.5, -2.25], [0.0, 3.0]], np.float32), {}, "tensor([[ 1.5000, -2.2500],\n        [ 0.0000,  3.0000]])"),
    (np.array([1e-6, 1.0], np.float32), {}, "tensor([1.0000e-06, 1.0000e+00])"),
    (np.arange(1001), {}, "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
    (np.zeros((0, 2)), {}, "tensor([], size=(0, 2), dtype=torch.float64)"),
    (np.array([1.0, 2.0], np.float32), {"device": "cuda:0"}, "tensor([1., 2.], device='cuda:0')"),
    (np.array(2.0, np.float32), {"grad_fn": "MulBackward0"}, "tensor(2., grad_fn=<MulBackward0>)"),
    (np.array([1], np.int32), {"device": "cpu"}, "tensor([1], dtype=torch.int32)"),
    (np.array([1.0], np.float32), {"prefix": "Parameter("}, "Parameter([1.])"),
    (np.array([True]), {"requires_grad": False}, "tensor([True])"),
]


@pytest.mark.parametrize(("array", "options", "text"), RECORDED, ids=[r[2][:30] for r in RECORDED])
def test_recorded_output(array, options, text):
    assert format_tensor(array, **options) == text


def test_options_are_restored_after_the_block_even_on_an_error():
    before = printing.get_printoptions()
    with pytest.raises(RuntimeError, match="boom"), printoptions(precision=1, sci_mode=True):
        raise RuntimeError("boom")
    assert printing.get_printoptions() == before


def test_unknown_profile_names_the_choices():
    with pytest.raises(ValueError, match="'tiny'; choose one of default, short, full"):
        set_printoptions(profile="tiny")


def test_only_what_is_shown_is_read():
    huge = np.broadcast_to(np.float32(1.5), (10**6, 3, 10**7))
    assert format_tensor(huge) == format_tensor(np.full((1001, 3, 1001), np.float32(1.5)))
    bits = np.broadcast_to(np.uint16(0x3FC0), (10**13,))
    decode = lambda bits: (bits.astype(np.uint32) << 16).view(np.float32)  # noqa: E731
    text = "tensor([1.5000, 1.5000, 1.5000,  ..., 1.5000, 1.5000, 1.5000],\n       dtype=torch.bfloat16)"
    assert format_tensor(bits, dtype_name="bfloat16", decode=decode) == text
