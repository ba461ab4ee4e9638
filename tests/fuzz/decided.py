"""Differences from torch that are meant, each with its reason; everything else is a finding.

A line is (function names, category, condition or None, reason). The condition gets the call, and what was found in
words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

import numtorch
from tests.fuzz.calls import FLOATING, Call, Of, T
from tests.fuzz.compare import Leaf, run


def _written(call: Any) -> list:
    """Tensors that a call writes to."""
    name = call.name.rpartition(".")[2]
    writes = (
        name.endswith("_")
        and not name.endswith("__")
        or name.startswith("__i")
        or name == "__setitem__"
        or call.kwargs.get("inplace")
    )
    first = [v for v in call.leaves() if isinstance(v, T)][:1] if writes else []
    return first + ([call.kwargs["out"]] if "out" in call.kwargs else [])


def overlaps(call: Any, what: str) -> bool:
    """Whether memory that is written to is seen through another view, or more than once."""
    written = [v for v in _written(call) if isinstance(v, T | Of)]
    shared = any(isinstance(v, Of) and v.view for v in (*call.leaves(), *written))
    return bool(written) and (shared or any(s[0] in ("as_strided", "expand") for v in written for s in v.view))


def _filled(*fills: Any) -> Callable[[Any, str], bool]:
    return lambda call, what: any(isinstance(v, T) and v.fill in fills for v in call.leaves())


def _no_number(call: Any, what: str) -> bool:
    """Whether a number among the arguments, not an element, is NaN."""
    return any(isinstance(v, float) and math.isnan(v) for v in call.leaves())


def _negative_bound(call: Any, what: str) -> bool:
    """Whether unsigned elements meet a negative number."""
    return "np.uint8" in what and any(
        isinstance(v, int | float) and v < 0 for v in (*call.args[1:], *call.kwargs.values())
    )


def _no_infinity(call: Any, what: str) -> bool:
    """Whether a number among the arguments, not an element, is infinite."""
    return any(isinstance(v, float) and math.isinf(v) for v in call.leaves())


def _empty(call: Any, what: str) -> bool:
    return any(isinstance(v, T) and 0 in v.final for v in call.leaves())


def _empty_view(call: Any, what: str) -> bool:
    return any(isinstance(v, T) and v.view and 0 in v.final for v in call.leaves())


def _view_resized(call: Any, what: str) -> bool:
    """Whether ``out`` is a view of another shape than the result."""
    out = call.kwargs.get("out")
    if isinstance(out, Of) and not out.view:
        operands = [v for v in call.leaves() if isinstance(v, T)]
        out = operands[min(out.i, len(operands) - 1)] if operands else out
    if not isinstance(out, T | Of) or not out.view:
        return False
    found = run(Call(call.name, call.args, {k: v for k, v in call.kwargs.items() if k != "out"}), numtorch).value
    return isinstance(found, Leaf) and (isinstance(out, Of) or out.final != found.shape)


def _overflows(call: Any, what: str) -> bool:
    """Whether results differ only where one is infinite or NaN, and operands are so large."""
    return "nowhere both finite" in what and _filled("special", "limits")(call, what)


def _large(call: Any, what: str) -> bool:
    """Whether there are numbers whose squares float32 does not hold."""
    found = [v.array() for v in call.leaves() if isinstance(v, T) and v.dtype in FLOATING]
    return any(np.any(np.abs(a[np.isfinite(a)]) > 1e18) for a in found)


def _only_at_nan(call: Any, what: str) -> bool:
    """Whether gradients of the first operand differ only where it is NaN."""
    x = next(v for v in call.leaves() if isinstance(v, T) and v.grad).array()
    ours, theirs = (run(call, lib).grads[0].values for lib in (numtorch, import_module("torch")))
    return np.allclose(ours[~np.isnan(x)], theirs[~np.isnan(x)], rtol=1e-2, atol=1e-3, equal_nan=True)


def _repeated(call: Any, what: str) -> bool:
    """Whether a position occurs twice among those that are written to."""
    at = [
        v.array().ravel()
        for v in call.leaves()
        if isinstance(v, T) and isinstance(v.fill, tuple) and v.fill[0] in ("index", "around")
    ]
    return any(len(np.unique(a % v)) < len(a) for a in at for v in [max(int(np.prod(call.args[0].final)), 1)])


def _says(text: str) -> Callable[[Any, str], Any]:
    return lambda call, what: re.search(text, what)


def _named(call: Any, what: str) -> bool:
    """Whether an operator's method is called as no operator calls it: without operands, with too many, or with
    keywords."""
    return len(call.args) != 2 or bool(call.kwargs) or not isinstance(call.args[0], T | Of)


DECIDED: list[tuple[str, str, Callable[[Any, str], Any] | None, str]] = [
    (
        r".*",
        "error_class",
        None,
        "which of TypeError, ValueError, IndexError and RuntimeError a wrong argument raises differs from op to op in "
        "torch",
    ),
    (
        r".*\.from_dlpack",
        "error_kind",
        lambda c, s: "ours BufferError" in s,
        "the protocol of the exchange asks for this kind, which torch raises, too",
    ),
    (
        r"F\.multi_head_attention_forward",
        "error_kind",
        lambda c, s: "ours AssertionError" in s,
        "torch's function asserts what it is given, too",
    ),
    (
        r".*",
        "error_kind",
        lambda c, s: re.search(r"ours AttributeError: '\w+' object has no attribute", s),
        "what is given in a tensor's place and is none is found out by what it lacks: asking first would cost every "
        "call",
    ),
    (
        r".*",
        "error_words",
        lambda c, s: re.search(r"ours TypeError: ('\w+' object is not|unhashable type|object of type)", s),
        "a value of the wrong kind may raise Python's own TypeError",
    ),
    (
        r".*",
        "accepted",
        lambda c, s: "out" in c.kwargs and s.startswith("torch TypeError"),
        "methods are the functions themselves, which take out= as well; and out= is taken by functions of which torch "
        "forgot it",
    ),
    (
        r".*",
        "accepted",
        lambda c, s: "out" in c.kwargs and re.search("Found dtype .* but expected", s),
        "out= takes any type that the result may become without changing its kind, as most functions do in torch too",
    ),
    (
        r".*",
        "accepted",
        lambda c, s: "out" in c.kwargs and overlaps(c, s) and re.search("refers? to a single memory", s),
        "a result that is computed apart, or for which out= gets new memory, may be written over what it was made of",
    ),
    (
        r".*\.tri[lu]_",
        "accepted",
        overlaps,
        "torch refuses some tensors that overlap themselves and fills others: here an element becomes 0 wherever one "
        "of its places does",
    ),
    (
        r"(numtorch|Tensor)\.(maximum|minimum|logical_(and|or|xor)_?)",
        "accepted",
        _says("argument 'other' .*must be Tensor, not"),
        "a number stands for a tensor of it, as in every other elementwise function of two operands",
    ),
    (
        r".*\.(clamp|clip)_?",
        "accepted",
        _says("invalid combination of arguments"),
        "one bound may be a number and the other a tensor",
    ),
    (
        r".*\.((clamp|clip)(_min|_max)?_?|hardtanh_?)",
        "accepted",
        _says("without overflow"),
        "a bound beyond the type, which limits nothing, changes nothing",
    ),
    (r".*\.lerp_?", "accepted", _says("invalid combination of arguments"), "a number stands for a tensor of it"),
    (
        r"(numtorch|Tensor)\.\w+",
        "accepted",
        lambda c, s: not isinstance((*c.args, None)[0], T | Of) and s.startswith("torch TypeError"),
        "functions of two operands take a number as the first too, and methods are the functions themselves",
    ),
    (r".*\.true_divide_?", "accepted", lambda c, s: "rounding_mode" in c.kwargs, "true_divide is another name of div"),
    (
        r".*\.(sum|mean|prod|amax|amin|max|min|any|all|(nan)?median)",
        "accepted",
        _says('missing 1 required positional arguments: "dim"|invalid combination of arguments - got .*keepdim'),
        "all dimensions are meant where none is told, with keepdim= as well",
    ),
    (
        r".*\.(std|var)",
        "accepted",
        lambda c, s: re.search("invalid combination .*keepdim", s) and "correction" not in c.kwargs,
        "all dimensions are meant where none is told, with keepdim= as well",
    ),
    (
        r".*\.prod",
        "accepted",
        _says("must be int, not (tuple|list)|got .*(tuple|list)"),
        "several dimensions, as for sum",
    ),
    (r".*\.(amax|amin)", "accepted", _says("to have non-zero size"), "no elements are asked for: the result is empty"),
    (
        r"F\.softshrink",
        "accepted",
        _says("lambda must be in range .* found inf"),
        "what is infinitely thick leaves 0 of everything",
    ),
    (
        r"F\..*pool\d?d",
        "accepted",
        _says("to type int without overflow"),
        "a step beyond 32 bits is as good as any beyond the image",
    ),
    (
        r".*",
        "accepted",
        lambda c, s: isinstance(c.kwargs.get("out"), Of),
        "operands that share memory with out= are read before",
    ),
    (r".*index_put_", "accepted", overlaps, "positions that share memory with what is written are read before"),
    (r"Tensor\.view", "accepted", _says("self.stride.-1. must be 1"), "strides of what has no elements do not matter"),
    (r".*", "accepted", _says("NoneType"), "None stands for an argument that is not given"),
    (
        r".*",
        "accepted",
        _says("Overflow when unpacking"),
        "a count or a place beyond 64 bits is as good as any beyond the tensor",
    ),
    (
        r".*",
        "accepted",
        _says("some elements of the input tensor and the written-to tensor"),
        "operands that share memory with what is written are read before",
    ),
    (
        r"F\.(cross_entropy|nll_loss)",
        "accepted",
        _says("expected scalar type Long but found Byte"),
        "classes may be bytes, as torch takes them where there are no further dimensions",
    ),
    (
        r"F\.(feature_)?dropout[123]?d?",
        "accepted",
        _says("argument 'input' .position 1. must be Tensor"),
        "what is only handed back is not looked at",
    ),
    (r"Tensor\.normal_", "accepted", _says("must be float, not Tensor"), "a tensor of one element is a number"),
    (r"numtorch\.asarray", "accepted", _says("can't alias"), "what has no elements shares no memory"),
    (
        r".*",
        "accepted",
        lambda c, s: (
            re.search('missing 1 required positional arguments: "(size|shape|dims|repeats)"', s)
            or c.name == "Tensor.view"
            and len(c.args) == 1
            and not c.kwargs
        ),
        "shapes given as *shape may be empty: no sizes are the shape without dimensions",
    ),
    (
        r"numtorch\.(reshape|permute|tile|flip|broadcast_to)",
        "accepted",
        _says(r"takes \d positional arguments? but|must be tuple of ints, not int"),
        "the function takes sizes as the method does",
    ),
    (
        r".*",
        "accepted",
        _says("is not differentiable with respect to argument"),
        "there is a gradient where torch has none",
    ),
    (
        r".*\.conv_transpose\dd",
        "accepted",
        _says("Output size is too small"),
        "padding may leave nothing: the result is empty",
    ),
    (
        r"F\.logsigmoid",
        "accepted",
        lambda c, s: "out" in c.kwargs and "expected scalar type" in s,
        "out= takes any type that the result may become without changing its kind, as most functions do in torch too",
    ),
    (
        r".*",
        "accepted",
        _says("pin_memory|memory_format|non_blocking|sparse_grad|argument 'layout'"),
        "options of memory that have no effect here may be given, so that programs written for other devices run",
    ),
    (
        r".*\.(uniform_|random_)",
        "accepted",
        lambda c, s: "low" in c.kwargs,
        "the lower bound, which torch calls by a word of Python's, from, is called low here",
    ),
    (
        r"numtorch\.normal",
        "accepted",
        lambda c, s: not c.args or "mean" not in c.kwargs and "std" not in c.kwargs,
        "the standard normal distribution is drawn from where neither mean nor deviation is told",
    ),
    (
        r"numtorch\.where",
        "accepted",
        lambda c, s: c.kwargs.get("input", 0) is None or c.kwargs.get("other", 0) is None,
        "None is as if nothing were given",
    ),
    (
        r"Tensor\.detach_",
        "accepted",
        _says("Can't detach views"),
        "a view outside any graph has nothing to be detached from",
    ),
    (
        r".*index_put_?",
        "accepted",
        _says("masked_fill_ only supports boolean masks"),
        "bytes as a mask, where torch takes them elsewhere",
    ),
    (
        r".*\.(movedim|moveaxis|[hvd]split|tensor_split)",
        "accepted",
        _says("invalid combination of arguments - got .*Tensor"),
        "a tensor of integers is a sequence of integers",
    ),
    (
        r"Tensor\.__\w+__",
        "refused|wrong|accepted",
        _named,
        "an operator's method that is called by name, as no operator calls it, is the function of that name",
    ),
    (
        r"Tensor\.__[ri]?(and|or|xor)__",
        "refused",
        _says("NotImplementedError: .* is not defined for"),
        "the op's own words for fractions say more than Python's for unknown operands",
    ),
    (
        r".*",
        "accepted",
        lambda c, s: "not implemented for" in s or "not supported" in s,
        "types that torch's CPU kernels have not been written for are computed here",
    ),
    (
        r".*",
        "accepted",
        _says(
            r"view size is not compatible|could not (create a primitive|construct a memory descriptor)|SymInt"
            r"|unspecified dimension|Trying to resize storage|setStorage|INTERNAL ASSERT"
            r"|doesn't match the broadcast shape"
        ),
        "what torch's implementation stumbles over, not its meaning",
    ),
    (
        r".*",
        "grad_missing",
        lambda c, s: c.mode and "True" not in s.partition("ours")[2],
        "what comes of a call without gradients wants none, a view either",
    ),
    (
        r".*",
        "wrong(_state|_grad)?|consistency",
        overlaps,
        "torch writes to elements that it has yet to read, or twice to one, in no fixed order",
    ),
    (
        r".*_scatter",
        "wrong",
        lambda c, s: any(t[0] == "as_strided" for v in c.leaves() if isinstance(v, T) for t in v.view),
        "torch's copy of a tensor that overlaps itself overlaps itself as well",
    ),
    (
        r".*\.(std|var)",
        "wrong_grad",
        lambda c, s: c.kwargs.get("dim") in ((), []) or [] in c.args or () in c.args,
        "over no dimensions is over all: torch's gradient then counts one element",
    ),
    (
        r".*\.(nan)?median",
        "wrong",
        lambda c, s: any(t[0] in ("expand", "as_strided") for v in c.leaves() if isinstance(v, T) for t in v.view),
        "torch reads a tensor with repeated elements as if it had none",
    ),
    (r"Tensor\.stride", "wrong", None, "strides of dimensions of size 1 are told as in a tensor of its own memory"),
    (
        r"Tensor\.(byte|char|short|int|long|bool|to|type|type_as|copy_)|.*full.*|.*fill.*",
        "wrong",
        _filled("special", "limits"),
        "infinity, NaN and what lies beyond an integer type have no right value in it: torch's depends on the "
        "processor",
    ),
    # Arguments
    (
        r"Tensor\.__\w+__",
        "accepted",
        _says("torch TypeError: NotImplemented"),
        "operators' methods are the functions themselves, which take more than Python ever passes",
    ),
    (
        r".*",
        "refused",
        lambda c, s: any(isinstance(v, complex) for v in c.leaves()),
        "there are no complex numbers here",
    ),
    (
        r"Tensor\..*",
        "refused",
        lambda c, s: not isinstance(c.args[0] if c.args else None, T | Of),
        "a method is called on a tensor",
    ),
    (
        r".*",
        "refused",
        lambda c, s: (
            _empty(c, s)
            and re.search(
                "not implemented for|is not defined for|the same dtype|should be the same"
                "|same length|same sequence length|should contain",
                s,
            )
        ),
        "where there is nothing to compute, torch does not look at types and extents",
    ),
    (r".*kthvalue", "refused", _says("not implemented for bool"), "torch does not look at the type of a single number"),
    (
        r".*",
        "refused",
        lambda c, s: overlaps(c, s) and "more than one element" in s,
        "torch does not notice every tensor that overlaps itself",
    ),
    (
        r".*",
        "refused",
        _says("found element of type bool"),
        "torch takes True for 1 behind the first of several numbers",
    ),
    (
        r".*",
        "refused",
        _says("functions with out=.* arguments don't support automatic differentiation"),
        "some functions of torch forget to refuse an out beside gradients, and some compute them",
    ),
    (
        r".*linear|.*resize.*",
        "refused",
        _says("cannot resize variables that require grad"),
        "whatever the grad mode: the gradient would not fit",
    ),
    (
        r"Tensor\.__i\w+__",
        "refused",
        _says("positional arguments but"),
        "torch's operators' methods take what Python never passes",
    ),
    (
        r".*(gather|take_along_dim)",
        "refused",
        _says("is out of bounds"),
        "torch reads beyond a tensor that is not contiguous",
    ),
    (
        r"Tensor\.split",
        "refused",
        _says("must be int, not Tensor"),
        "torch takes a tensor for a size, even one of fractions",
    ),
    (
        r"F\.conv.*",
        "refused",
        lambda c, s: any(isinstance(v, int) and v > 2**31 for v in c.leaves()),
        "torch's extents overflow unnoticed",
    ),
    (
        r"Tensor\.__i?(and|or|xor)__",
        "refused",
        _says("is beyond int64"),
        "torch wraps one integer beyond int64 around, and refuses others",
    ),
    (
        r"F\.mse_loss",
        "refused",
        _says("not implemented for int"),
        "integers have no mean squared error, with weights or without",
    ),
    (r".*(nan)?median", "refused", _says("empty tensor has no median"), "torch gives the smallest integer"),
    # Types, shapes, memory
    (
        r".*",
        "wrong_state",
        _view_resized,
        "an out that is a view and does not fit gets memory of its own where it must grow",
    ),
    (
        r"Tensor\.storage_offset|.*as_strided.*",
        "wrong(_grad|_state)?",
        _empty_view,
        "a view of nothing begins where its base does",
    ),
    (
        r"numtorch\.(linspace|logspace)",
        "wrong",
        lambda c, s: "out" in c.kwargs and s.startswith("shape"),
        "torch keeps an out that has as many elements, whatever its shape",
    ),
    (
        r"F\.binary_cross_entropy_with_logits",
        "wrong",
        _says("^dtype"),
        "torch subtracts in place, from the type of the target",
    ),
    (
        r"Tensor\.__rtruediv__",
        "wrong",
        _says("^dtype"),
        "torch multiplies by the reciprocal, whose type counts as well",
    ),
    # Gradients
    (
        r"Tensor\.(eq|ne|lt|le|gt|ge|less|less_equal|greater|greater_equal|not_equal)_",
        "grad_missing",
        lambda c, s: c.args[0].dtype not in FLOATING,
        "torch says that integers want a gradient, and fails when it is asked for one",
    ),
    (r".*bernoulli", "grad_missing", None, "samples have no gradient: torch fails when it is asked for one"),
    (
        r"F\.hardsigmoid",
        "wrong_grad",
        lambda c, s: any(isinstance(v, T) and v.dtype == "float64" for v in c.leaves()),
        "torch's sixth is one of float32",
    ),
    (
        r"F\.group_norm",
        "wrong_grad",
        lambda c, s: len(c.args[0].final) == 2 and c.args[0].final[1] == c.args[1],
        "groups of one element: the gradient is 0 but for rounding, in both",
    ),
    (r"F\.group_norm", "wrong_grad", _empty, "the gradient of a weight of nothing is a sum over nothing, which is 0"),
    (
        r".*\.(put|index_put|index_copy|scatter)_?|.*__setitem__",
        "wrong(_state)?",
        _repeated,
        "which of several elements that are written to one place stays is open",
    ),
    (
        r"F\.kl_div",
        "wrong_grad",
        _says(r"torch np.float64\(nan\) ours np.float64\(-?inf\)"),
        "t * log(t) is infinitely steep at 0",
    ),
    # NaN and infinity
    (r"F\..*", "wrong(_grad)?", _no_number, "a threshold, bound or slope that is NaN asks for nothing"),
    (
        r"F\.(batch|layer|group|instance|rms|local_response)_norm|F\.normalize",
        "wrong(_grad|_state)?",
        _large,
        "sums and squares that overflow: torch takes some of them in float64",
    ),
    (r"F\..*avg_pool.d", "wrong", _large, "sums in which large numbers cancel depend on their order"),
    (
        r"F\.(relu6|hardtanh|softshrink|hardshrink|hardswish|elu|celu|selu)_?",
        "wrong_grad",
        _only_at_nan,
        "torch's gradient at NaN is another in its vector loop than in the rest of a row",
    ),
    (r"F\.hardswish", "wrong", _overflows, "hardswish(-inf) is 0, and large numbers do not overflow"),
    (r"F\.gelu", "wrong", _overflows, "gelu(inf) is inf"),
    (
        r".*\.unique",
        "wrong",
        lambda c, s: "dim" in c.kwargs and _filled("special")(c, s),
        "slices with NaN are in no order; ours are sorted by the other elements",
    ),
    (
        r"F\.conv.*",
        "wrong(_grad)?",
        _overflows,
        "loops multiply the zeros that stand around an image as well: of an infinity more elements become NaN in one "
        "library or the other",
    ),
    (
        r"F\.(bi)?linear|.*matmul(__)?|.*\.(mm|bmm|mv|dot|addmm|outer)",
        "wrong(_grad)?",
        _overflows,
        "sums of products that overflow on the way depend on their order",
    ),
    (
        r"F\.(bi)?linear|.*matmul(__)?|.*\.(mm|bmm|mv|dot|addmm)",
        "wrong(_grad)?",
        _filled("limits"),
        "sums in which the largest numbers cancel depend on their order",
    ),
    (
        r"F\.scaled_dot_product_attention",
        "wrong(_grad)?",
        lambda c, s: (c.kwargs.get("is_causal") or "attn_mask" in c.kwargs) and "torch np.float64(nan)" in s,
        "keys that a query does not see have no part in its result, not even as 0 * NaN",
    ),
    (
        r"F\.scaled_dot_product_attention",
        "wrong",
        _says(r"torch np.float64\(0.0\) ours np.float64\(nan\)"),
        "torch's fused loop takes scores that are NaN for keys that are not seen",
    ),
    (r".*\.prod", "wrong_grad", _overflows, "products of huge numbers overflow on the way or not, by their order"),
    (
        r".*\.(pow|__i?pow__)",
        "wrong_grad",
        _says("nowhere both finite"),
        "a negative number has no slope under a fraction: NaN there, unless the exponent less 1 rounds to a whole "
        "number",
    ),
    (r"F\.pairwise_distance", "wrong", _overflows, "sums of squares that overflow are infinite"),
    (
        r"F\.cosine_similarity",
        "wrong_grad",
        lambda c, s: c.kwargs.get("eps", 0) > 1e-3,
        "where eps is above a norm the gradient is that of the formula, in which the norm then has no part",
    ),
    (
        r"F\.binary_cross_entropy",
        "wrong_grad",
        _filled("limits"),
        "(x - t) / (x * (1 - x)) magnifies what rounding there is near 0 and 1",
    ),
    (
        r".*\.a(max|min)",
        "wrong_grad",
        _says("torch np.float64.nan"),
        "where NaN is the extreme the NaN elements share the gradient",
    ),
    (
        r".*\.cumprod_?|.*\.index_reduce_?",
        "wrong_grad",
        _overflows,
        "gradients of products beside infinities and NaN: torch divides by zeros",
    ),
    (
        r"numtorch\.block_diag",
        "wrong_grad",
        lambda c, s: _empty(c, s),
        "torch places the gradient as if an empty block had no row",
    ),
    (r".*\.msort", "wrong(_grad)?", _filled("special"), "torch's order of equal elements is open"),
    (r".*\.mode", "wrong", _filled("special"), "torch counts runs of what NaN leaves unsorted"),
    (r"F\.bilinear", "wrong_grad", _large, "sums in which large numbers cancel depend on their order"),
    (r"F\.cosine_similarity", "wrong", _large, "sums of squares that overflow are infinite"),
    (
        r"F\.conv.*",
        "wrong(_grad)?",
        _filled("limits", "special"),
        "sums in which the largest numbers meet overflow or not, by their order",
    ),
    (
        r".*\.(mv|mm|bmm|matmul|addmm)",
        "wrong(_grad)?",
        _large,
        "sums in which large numbers cancel depend on their order",
    ),
    (
        r"F\.batch_norm",
        "wrong_grad",
        lambda c, s: any(t[0] in ("expand", "as_strided") for v in c.leaves() if isinstance(v, T) for t in v.view),
        "torch reads running statistics with repeated elements as if they had none",
    ),
    (
        r".*\.(min|max|any|all|sum|prod)",
        "wrong",
        lambda c, s: isinstance(c.kwargs.get("out"), Of),
        "torch writes the result over elements that it has yet to read",
    ),
    (
        r"F\.scaled_dot_product_attention",
        "wrong",
        lambda c, s: any(t[0] == "as_strided" for v in c.leaves() if isinstance(v, T) for t in v.view),
        "torch's fused loop reads rows that overlap as if they did not",
    ),
    (r"F\.scaled_dot_product_attention", "wrong_grad", _overflows, "scores that overflow have no softmax"),
    (r"F\.binary_cross_entropy_with_logits", "wrong", _overflows, "the loss of an infinity is one, not NaN"),
    (r".*\.addmm", "wrong", _no_infinity, "a factor that is infinite multiplies sums or products, by the library"),
    (
        r".*\.(clip|clamp)_?",
        "wrong",
        _negative_bound,
        "a bound below an unsigned type limits nothing; torch lets it wrap around",
    ),
    (
        r".*\.norm",
        "wrong(_grad)?",
        lambda c, s: any(isinstance(v, int) and abs(v) > 1e6 for v in c.args),
        "a huge order is nearly that of infinity",
    ),
    (r".*\.scatter_reduce_?", "wrong_grad", _says("ours np.float64.0.0."), "what was not scattered has no slope"),
    (
        r".*\.index_reduce_?",
        "wrong_grad",
        lambda c, s: c.kwargs.get("include_self") is False,
        "what is not included has no share of the gradient, even where it is as large as the extreme",
    ),
    (
        r"F\.batch_norm",
        "wrong_state",
        _filled("limits"),
        "sums in which the largest numbers cancel depend on their order",
    ),
    (
        r".*\.(nan)?median",
        "grad_missing",
        lambda c, s: _empty(c, s),
        "the median of nothing is NaN, of which there is no element",
    ),
    # Refused or taken otherwise
    (
        r".*_scatter",
        "accepted",
        _says("Autograd not support dtype"),
        "what is written into integers has no gradient, as after a cast",
    ),
    (
        r".*\.norm",
        "wrong",
        lambda c, s: isinstance(c.kwargs.get("out"), Of),
        "torch writes the result over elements that it has yet to read",
    ),
    (r".*\.norm", "wrong(_grad)?", _overflows, "sums of squares that overflow are infinite"),
    (
        r"F\.(group|layer)_norm",
        "wrong",
        _says(r"torch np.float64\(-?\d\.\d+e-1[0-9]\) ours np.float64\(-?0.0\)"),
        "equal numbers are at no distance from their mean",
    ),
    (r"Tensor\.(sub|subtract|add)_?", "refused", _says("positional arguments but 3"), "alpha is given by its name"),
    (
        r".*\.cum(max|min)",
        "refused",
        _says("Dimension out of range"),
        "a dimension that there is none of is an error without elements too",
    ),
    (
        r"F\..*",
        "refused",
        _says("more than one element of the written-to tensor"),
        "elements that lie at several places are not written to; torch forgot to ask in some functions",
    ),
    (r".*\.split", "refused", _says("must be int, not Tensor"), "a size is a number"),
    (r"F\.adaptive_.*", "refused", _says("must be int, not bool"), "a truth value is no size"),
    (r"F\.conv.*", "refused", _says("should be the same"), "types are looked at whatever path is taken"),
    (r"F\.dropout2d", "refused", _says("at least 2 dimensions"), "a feature has a channel, without elements too"),
    (r"F\.pad", "refused", _says("nothing would be left"), "an edge that is cut away first has nothing to be repeated"),
    (
        r"F\.scaled_dot_product_attention",
        "refused",
        lambda c, s: _empty(c, s),
        "extents are looked at without elements too",
    ),
    (
        r"F\.scaled_dot_product_attention",
        "accepted",
        _says("Dimension specified as -2"),
        "a mask of one number counts for all scores",
    ),
    (
        r"Tensor\.\w+",
        "refused",
        _says("is beyond int64|does not fit in int64"),
        "an integer beyond the type is refused, on either side",
    ),
    (
        r"numtorch\.\w+Tensor",
        "refused",
        _says("does not fit in int64"),
        "an integer beyond the type is refused, on either side",
    ),
    (
        r"Tensor\.detach_",
        "refused",
        _says("Can't detach views"),
        "a view is part of what it was taken from, in any mode",
    ),
    (r"numtorch\.linspace", "refused", _says("not implemented for bool"), "truth values are in no line"),
    (
        r".*\.norm",
        "accepted",
        _says("matrix_norm: dim must be a 2-tuple"),
        "the norm over any number of dimensions is that of all their elements",
    ),
    (
        r"Tensor\.repeat_interleave",
        "accepted",
        _says("got \\(\\)"),
        "methods are the functions themselves: of one tensor, the repeats",
    ),
    (r"Tensor\.[hvd]split", "refused", _says("dtype of long"), "places are int64"),
    (
        r"numtorch\.randn?",
        "refused",
        _says("it draws floating-point numbers"),
        "types are looked at without elements too",
    ),
    (r"Tensor\.__i?pow__", "accepted", _says("to type c10::Half"), "a power beyond the type is infinite, or 0"),
    (r"Tensor\.bernoulli_", "accepted", _says("generator=str"), "an empty text is no generator, as None"),
    (
        r"numtorch\.where",
        "accepted",
        _says("Expected out type to be"),
        "out= takes any type that the result may become without changing its kind, as most functions do in torch too",
    ),
    (
        r"F\.batch_norm",
        "refused",
        lambda c, s: _empty(c, s) and "mixed dtypes" in s,
        "types are looked at without elements too",
    ),
    (r"F\.batch_norm", "refused", _says("expected at least 2D input"), "a batch has channels, without elements too"),
    (
        r"F\.pad",
        "refused",
        _says("without overflow"),
        "a number beyond the type is refused also where nothing is filled with it",
    ),
    (r".*", "refused", _says("cannot resize variables that require grad"), "a leaf keeps its size"),
    (r"numtorch\.\w+Tensor", "refused", _says("the elements must be numbers"), "text has no elements"),
    (
        r"numtorch\.(sub|add)",
        "refused",
        _says("must be Tensor, not (float|int)"),
        "of two numbers there is no tensor to be made",
    ),
    (r".*_scatter", "refused", lambda c, s: "out" in c.kwargs, "a copy with a part replaced is new"),
    (
        r"Tensor\.is_contiguous|numtorch\.sort",
        "accepted",
        _says("positional arguments? but|invalid combination"),
        "arguments that may be named may be given in order, and the other way round",
    ),
    (r"Tensor\.random_", "accepted", _says("generator=list"), "an empty list is no generator, as None"),
    (r".*", "accepted", _says("Device string must not be empty"), "an empty name stands for no device"),
    (
        r".*\.topk",
        "wrong(_grad)?",
        lambda c, s: c.kwargs.get("sorted") is False,
        "what is not asked to be sorted comes in any order",
    ),
    (
        r".*\.chunk",
        "accepted",
        _says("split_size can only be 0"),
        "more chunks than elements are as many as there are elements",
    ),
]
_compiled = [
    (re.compile(rf"(?:{names})\Z"), category, condition, reason) for names, category, condition, reason in DECIDED
]


def reason(call: Any, category: str, what: str) -> str | None:
    """Why this difference is meant; None if it is not."""
    for names, kind, condition, why in _compiled:
        if re.fullmatch(kind, category) and names.match(call.name) and (condition is None or condition(call, what)):
            return why
    return None
