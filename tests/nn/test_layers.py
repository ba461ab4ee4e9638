"""Every layer against torch's: outputs, gradients, buffers, text, keys, in training and in evaluation."""

import copy
import pickle

import more_layers
import numpy as np
import pytest
from same_as_torch import assert_same, assert_same_run, both, copy_state, normal, pair, torch

import numtorch as nt

IMAGE, ROW, LINE = (2, 4, 7, 6), (3, 4), (2, 4, 9)


def indices(*shape, n=5):
    return np.random.default_rng(1).integers(0, n, shape)


# (how to build it, shapes or arrays of the inputs)
LAYERS = {
    "Identity": (lambda nn: nn.Identity(1, a=2), [ROW]),
    "Linear": (lambda nn: nn.Linear(4, 3), [ROW]),
    "Linear of a vector": (lambda nn: nn.Linear(4, 3), [(4,)]),
    "Linear of a batch of rows": (lambda nn: nn.Linear(4, 3, bias=False), [(2, 3, 4)]),
    "Bilinear": (lambda nn: nn.Bilinear(4, 5, 3), [(2, 3, 4), (2, 3, 5)]),
    "Bilinear without bias": (lambda nn: nn.Bilinear(4, 5, 3, bias=False), [(2, 4), (2, 5)]),
    "Flatten": (lambda nn: nn.Flatten(), [IMAGE]),
    "Flatten from 2": (lambda nn: nn.Flatten(2, 3), [IMAGE]),
    "Unflatten": (lambda nn: nn.Unflatten(1, (2, 2)), [IMAGE]),
    "ReLU": (lambda nn: nn.ReLU(), [ROW]),
    "ReLU6": (lambda nn: nn.ReLU6(), [ROW]),
    "LeakyReLU": (lambda nn: nn.LeakyReLU(0.2), [ROW]),
    "PReLU": (lambda nn: nn.PReLU(), [ROW]),
    "PReLU by channel": (lambda nn: nn.PReLU(4, 0.1), [IMAGE]),
    "PReLU of a vector": (lambda nn: nn.PReLU(), [(4,)]),
    "ELU": (lambda nn: nn.ELU(0.7), [ROW]),
    "SELU": (lambda nn: nn.SELU(), [ROW]),
    "CELU": (lambda nn: nn.CELU(0.7), [ROW]),
    "GELU": (lambda nn: nn.GELU(), [ROW]),
    "GELU tanh": (lambda nn: nn.GELU("tanh"), [ROW]),
    "SiLU": (lambda nn: nn.SiLU(), [ROW]),
    "Mish": (lambda nn: nn.Mish(), [ROW]),
    "Sigmoid": (lambda nn: nn.Sigmoid(), [ROW]),
    "Tanh": (lambda nn: nn.Tanh(), [ROW]),
    "Softmax": (lambda nn: nn.Softmax(1), [IMAGE]),
    "Softmin": (lambda nn: nn.Softmin(-1), [ROW]),
    "LogSoftmax": (lambda nn: nn.LogSoftmax(dim=1), [ROW]),
    "Softmax2d": (lambda nn: nn.Softmax2d(), [IMAGE]),
    "Softplus": (lambda nn: nn.Softplus(2.0, 1.0), [ROW]),
    "Softsign": (lambda nn: nn.Softsign(), [ROW]),
    "Softshrink": (lambda nn: nn.Softshrink(0.3), [ROW]),
    "Hardshrink": (lambda nn: nn.Hardshrink(0.3), [ROW]),
    "Tanhshrink": (lambda nn: nn.Tanhshrink(), [ROW]),
    "LogSigmoid": (lambda nn: nn.LogSigmoid(), [ROW]),
    "Hardtanh": (lambda nn: nn.Hardtanh(-0.5, 0.7), [ROW]),
    "Hardsigmoid": (lambda nn: nn.Hardsigmoid(), [ROW]),
    "Hardswish": (lambda nn: nn.Hardswish(), [ROW]),
    "Threshold": (lambda nn: nn.Threshold(0.1, -2.0), [ROW]),
    "GLU": (lambda nn: nn.GLU(1), [ROW]),
    "Conv1d": (lambda nn: nn.Conv1d(4, 6, 3), [LINE]),
    "Conv1d with everything": (
        lambda nn: nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2, bias=False),
        [LINE],
    ),
    "Conv1d unbatched": (lambda nn: nn.Conv1d(4, 6, 3, padding="same"), [(4, 9)]),
    "Conv1d circular": (lambda nn: nn.Conv1d(4, 6, 3, padding=2, padding_mode="circular"), [LINE]),
    "Conv2d": (lambda nn: nn.Conv2d(4, 6, 3), [IMAGE]),
    "Conv2d with everything": (lambda nn: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (2, 1), 2), [IMAGE]),
    "Conv2d same": (lambda nn: nn.Conv2d(4, 2, (4, 3), padding="same", dilation=(1, 2)), [IMAGE]),
    "Conv2d valid": (lambda nn: nn.Conv2d(4, 2, 3, padding="valid", bias=False), [IMAGE]),
    "Conv2d reflect": (lambda nn: nn.Conv2d(4, 2, 3, padding=(1, 2), padding_mode="reflect"), [IMAGE]),
    "Conv2d replicate": (lambda nn: nn.Conv2d(4, 2, 3, padding=1, padding_mode="replicate"), [IMAGE]),
    "Conv2d circular same": (lambda nn: nn.Conv2d(4, 2, 4, padding="same", padding_mode="circular"), [IMAGE]),
    "Conv2d unbatched": (lambda nn: nn.Conv2d(4, 2, 3), [(4, 7, 6)]),
    "Conv3d": (lambda nn: nn.Conv3d(2, 3, 2, stride=(1, 2, 1), padding=1), [(2, 2, 3, 4, 3)]),
    "Conv3d circular": (lambda nn: nn.Conv3d(2, 3, 3, padding=1, padding_mode="circular"), [(1, 2, 3, 4, 3)]),
    "ConvTranspose1d": (lambda nn: nn.ConvTranspose1d(4, 6, 3, 2, 1, 1, groups=2), [LINE]),
    "ConvTranspose3d": (lambda nn: nn.ConvTranspose3d(2, 3, (2, 3, 2), stride=2, bias=False), [(1, 2, 2, 3, 2)]),
    "ConvTranspose2d": (lambda nn: nn.ConvTranspose2d(4, 6, 3), [IMAGE]),
    "ConvTranspose2d with everything": (
        lambda nn: nn.ConvTranspose2d(4, 6, (3, 2), 2, (1, 0), 1, 2, False, (2, 1)),
        [IMAGE],
    ),
    "MaxPool1d": (lambda nn: nn.MaxPool1d(2), [LINE]),
    "MaxPool1d with everything": (lambda nn: nn.MaxPool1d(3, 2, 1, 2, ceil_mode=True), [LINE]),
    "MaxPool2d": (lambda nn: nn.MaxPool2d(2), [IMAGE]),
    "MaxPool2d with everything": (lambda nn: nn.MaxPool2d((3, 2), (1, 2), (1, 0), (2, 1), ceil_mode=True), [IMAGE]),
    "AvgPool1d": (lambda nn: nn.AvgPool1d(3, 2, 1, count_include_pad=False), [LINE]),
    "AvgPool2d": (lambda nn: nn.AvgPool2d(2), [IMAGE]),
    "AvgPool2d with everything": (lambda nn: nn.AvgPool2d((3, 2), 2, 1, True, False), [IMAGE]),
    "AvgPool2d divisor": (lambda nn: nn.AvgPool2d(3, divisor_override=2), [IMAGE]),
    "AdaptiveAvgPool1d": (lambda nn: nn.AdaptiveAvgPool1d(4), [LINE]),
    "AdaptiveAvgPool2d": (lambda nn: nn.AdaptiveAvgPool2d((3, None)), [IMAGE]),
    "AdaptiveAvgPool2d to one": (lambda nn: nn.AdaptiveAvgPool2d(1), [IMAGE]),
    "BatchNorm1d": (lambda nn: nn.BatchNorm1d(4), [ROW]),
    "BatchNorm1d of sequences": (lambda nn: nn.BatchNorm1d(4, momentum=None), [LINE]),
    "BatchNorm2d": (lambda nn: nn.BatchNorm2d(4, eps=1e-3, momentum=0.3), [IMAGE]),
    "BatchNorm2d without affine": (lambda nn: nn.BatchNorm2d(4, affine=False), [IMAGE]),
    "BatchNorm2d without bias": (lambda nn: nn.BatchNorm2d(4, bias=False), [IMAGE]),
    "BatchNorm2d without averages": (lambda nn: nn.BatchNorm2d(4, track_running_stats=False), [IMAGE]),
    "BatchNorm3d": (lambda nn: nn.BatchNorm3d(4), [(2, 4, 3, 2, 2)]),
    "LayerNorm": (lambda nn: nn.LayerNorm(6), [IMAGE]),
    "LayerNorm of two dimensions": (lambda nn: nn.LayerNorm([7, 6], bias=False), [IMAGE]),
    "LayerNorm without affine": (lambda nn: nn.LayerNorm(6, 1e-3, elementwise_affine=False), [IMAGE]),
    "RMSNorm": (lambda nn: nn.RMSNorm(6), [IMAGE]),
    "RMSNorm without affine": (lambda nn: nn.RMSNorm((7, 6), eps=1e-4, elementwise_affine=False), [IMAGE]),
    "GroupNorm": (lambda nn: nn.GroupNorm(2, 4), [IMAGE]),
    "GroupNorm without affine": (lambda nn: nn.GroupNorm(4, 4, affine=False), [IMAGE]),
    "Embedding": (lambda nn: nn.Embedding(5, 3), [indices(2, 4)]),
    "Embedding with padding": (lambda nn: nn.Embedding(5, 3, padding_idx=-2), [indices(2, 4)]),
    "Dropout of nothing": (lambda nn: nn.Dropout(0.0), [ROW]),
    "Dropout2d of everything": (lambda nn: nn.Dropout2d(1.0), [IMAGE]),
    "Sequential": (
        lambda nn: nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 2))),
        [ROW],
    ),
} | more_layers.ROWS


def build(name):
    make, inputs = LAYERS[name]
    torch.manual_seed(0)
    nt.manual_seed(0)
    ours, theirs = pair(lambda f: make(f.nn))
    for seed, p in enumerate(ours.parameters()):  # weights of norms would all be 1 and biases 0
        with nt.no_grad():
            p.copy_(nt.from_numpy(normal(*p.shape, seed=seed + 50)))
    copy_state(ours, theirs)
    return ours, theirs, [normal(*x, seed=i) if isinstance(x, tuple) else x for i, x in enumerate(inputs)]


@pytest.mark.plain(but=r"\[(Linear|Conv2d|BatchNorm2d|LayerNorm|Embedding|MaxPool2d|Sequential)\]")
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")  # torch's
@pytest.mark.parametrize("name", LAYERS)
def test_layer(name):
    ours, theirs, inputs = build(name)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [k for k, _ in ours.named_parameters()] == [k for k, _ in theirs.named_parameters()]
    assert_same_run(ours, theirs, *inputs)
    ours.zero_grad()
    theirs.zero_grad()
    assert_same_run(ours, theirs, *inputs)
    assert_same_run(ours.eval(), theirs.eval(), *inputs) if not list(ours.parameters()) else None
    y = ours(*[nt.from_numpy(x) for x in inputs])
    for other in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert repr(other) == repr(ours)
        np.testing.assert_array_equal(other(*[nt.from_numpy(x) for x in inputs]).detach().numpy(), y.detach().numpy())


@pytest.mark.parametrize("name", ["BatchNorm1d", "BatchNorm1d of sequences", "BatchNorm2d"])
def test_batch_norm_in_evaluation(name):
    ours, theirs, inputs = build(name)
    for _ in range(2):
        ours(nt.from_numpy(inputs[0])), theirs(torch.from_numpy(inputs[0]))
    ours.zero_grad(), theirs.zero_grad()
    assert_same_run(ours.eval(), theirs.eval(), *inputs)
    ours.reset_running_stats()
    assert ours.num_batches_tracked.item() == 0 and not ours.running_mean.any()


def test_batch_norm_loads_states_without_a_count():
    m = nt.nn.BatchNorm2d(3)
    old = {k: v for k, v in m.state_dict().items() if k != "num_batches_tracked"}
    assert not m.load_state_dict(old).missing_keys


INPLACE = ["ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "ELU", "CELU"]


@pytest.mark.parametrize("name", INPLACE)
def test_inplace_activation(name):
    results = []
    for f, x in zip((nt, torch), both(normal(3, 4), grad=True), strict=True):
        layer = getattr(f.nn, name)(inplace=True)
        h = x * 1.5
        y = layer(h)
        assert y is h
        (y * y).sum().backward()
        results.append((repr(layer), y, x.grad))
    assert results[0][0] == results[1][0]
    assert_same(results[0][1], results[1][1])
    assert_same(results[0][2], results[1][2])


@pytest.mark.parametrize(
    "make",
    [
        lambda nn: nn.Dropout(),
        lambda nn: nn.Dropout2d(0.2, True),
        lambda nn: nn.Dropout1d(0.1),
        lambda nn: nn.Embedding(5, 3, 1, 2.0, 1.0, True),
        lambda nn: nn.Threshold(1, 2, True),
        lambda nn: nn.GLU(),
        lambda nn: nn.Softmax(),
        lambda nn: nn.MaxPool2d(3, return_indices=True),
        lambda nn: nn.CrossEntropyLoss(),
        lambda nn: nn.SmoothL1Loss(),
        lambda nn: nn.KLDivLoss(),
        lambda nn: nn.Sequential(),
        lambda nn: nn.Sequential(
            nn.Conv2d(1, 2, 3), nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Linear(1, 1)]), nn.ModuleDict({"a": nn.Tanh()})
        ),
    ],
)
def test_text(make):
    assert repr(make(nt.nn)) == repr(make(torch.nn))


@pytest.mark.parametrize(
    "make",
    [
        lambda nn: nn.Conv2d(3, 4, 3, groups=2),
        lambda nn: nn.Conv2d(4, 3, 3, groups=2),
        lambda nn: nn.Conv2d(4, 4, 3, groups=0),
        lambda nn: nn.Conv2d(1, 1, 3, stride=2, padding="same"),
        lambda nn: nn.GroupNorm(3, 4),
        lambda nn: nn.Dropout(1.5),
        lambda nn: nn.Hardtanh(1, 0),
        lambda nn: nn.Embedding(3, 2, padding_idx=3),
        lambda nn: nn.Bilinear(0, 1, 1),
        lambda nn: nn.Unflatten(1, (2, "a")),
        lambda nn: nn.Unflatten(1, 3),
    ],
)
def test_bad_arguments(make):
    errors = []
    for f in (nt, torch):
        with pytest.raises((ValueError, AssertionError, TypeError)) as e:
            make(f.nn)
        errors.append((type(e.value), str(e.value)))
    assert errors[0] == errors[1]


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (lambda f: f.nn.Linear(3, 2), lambda f: f.ones(2, 4)),
        (lambda f: f.nn.BatchNorm2d(3), lambda f: f.ones(2, 3)),
        (lambda f: f.nn.BatchNorm1d(3), lambda f: f.ones(3)),
        (lambda f: f.nn.Linear(3, 2).double(), lambda f: f.ones(2, 3)),
        (lambda f: f.nn.Conv2d(3, 2, 3), lambda f: f.ones(1, 2, 5, 5)),
        (lambda f: f.nn.Softmax2d(), lambda f: f.ones(2)),
        (lambda f: f.nn.Embedding(3, 2), lambda f: f.tensor([3])),
        (lambda f: f.nn.LayerNorm(3), lambda f: f.ones(2, 4)),
    ],
)
def test_bad_inputs(layer, x):
    kinds = []
    for f in (nt, torch):
        with pytest.raises((RuntimeError, ValueError, IndexError)) as e:
            layer(f)(x(f))
        kinds.append(e.type)
    assert kinds[0] is kinds[1]


@pytest.mark.parametrize(
    "make",
    [lambda nn: nn.Linear(200, 50), lambda nn: nn.Conv2d(8, 40, 5, groups=2), lambda nn: nn.Bilinear(30, 20, 150)],
)
def test_initial_values_have_torchs_range(make):
    ours, theirs = make(nt.nn), make(torch.nn)
    for (name, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        a, b = p.detach().numpy(), q.detach().numpy()
        assert abs(a).max() == pytest.approx(abs(b).max(), rel=0.15 if name == "bias" else 0.02)
        if name == "weight":
            assert a.std() == pytest.approx(b.std(), rel=0.05) and abs(a.mean()) < 0.2 * a.std()


def test_transposed_convolution_to_a_wanted_size():
    ours, theirs = pair(lambda f: f.nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1))
    x = normal(1, 2, 5, 6)
    for size in ((9, 12), (1, 3, 10, 11)):
        assert_same(ours(nt.from_numpy(x), size), theirs(torch.from_numpy(x), size))
    texts = []
    for m, f in ((ours, nt), (theirs, torch)):
        with pytest.raises(ValueError) as e:
            m(f.from_numpy(x), (8, 12))
        texts.append(str(e.value))
    assert texts[0] == texts[1]


def test_dropout_drops_and_scales():
    m = nt.nn.Dropout(0.25)
    y = m(nt.ones(10000)).numpy()
    assert set(np.unique(y)) == {0, np.float32(1 / 0.75)} and (y == 0).mean() == pytest.approx(0.25, abs=0.03)
    channels = nt.nn.Dropout2d(0.5)(nt.ones(50, 20, 3, 3)).numpy().reshape(1000, 9)
    assert (channels == channels[:, :1]).all() and (channels[:, 0] == 0).mean() == pytest.approx(0.5, abs=0.1)
    x = nt.ones(5)
    assert m.eval()(x) is x
    h = nt.ones(100)
    assert nt.nn.Dropout2d(0.5, inplace=True)(h.view(1, 100, 1)).data_ptr() == h.data_ptr() and 0 in h.tolist()
    lines = nt.nn.Dropout1d(0.5)(nt.ones(30, 4)).numpy()
    assert (lines == lines[:, :1]).all()


def test_embedding_from_pretrained_and_padding():
    table = nt.from_numpy(normal(4, 3))
    m = nt.nn.Embedding.from_pretrained(table, padding_idx=1)
    assert not m.weight.requires_grad and m(nt.tensor([2])).tolist() == [table[2].tolist()]
    m = nt.nn.Embedding(4, 3, padding_idx=1)
    assert not m.weight[1].any()
    m(nt.tensor([1, 2, 1])).sum().backward()
    assert m.weight.grad.tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 1], [0, 0, 0]]


def test_embedding_limits_norms_of_the_rows_it_uses():
    ours, theirs = pair(lambda f: f.nn.Embedding(6, 3, max_norm=1.0, norm_type=1.0))
    at = indices(2, 3, n=4)
    assert_same(ours(nt.from_numpy(at)), theirs(torch.from_numpy(at)))
    assert_same(ours.weight, theirs.weight)


@pytest.mark.parametrize(("d", "shape"), [(1, LINE), (2, IMAGE), (3, (2, 3, 5, 4, 6))])
def test_maxima_put_back_and_fractional_windows(d, shape):
    x = normal(*shape)
    samples = np.random.default_rng(2).random((*shape[:2], d)).astype(np.float32)

    def results(library):
        given = library.tensor(x, requires_grad=True)
        y, at = getattr(library.nn, f"MaxPool{d}d")(2, return_indices=True)(given)
        z, places = getattr(library.nn, f"AdaptiveMaxPool{d}d")(3, return_indices=True)(given)
        found = [y, at, getattr(library.nn, f"MaxUnpool{d}d")(2)(y, at, output_size=shape), z, places]
        if d > 1:
            pool = getattr(library.nn, f"FractionalMaxPool{d}d")
            pool = pool(2, output_ratio=0.6, return_indices=True, _random_samples=library.tensor(samples))
            found += pool(given)
        sum((t * t).sum() for t in found if t.requires_grad).backward()
        return [*found, given.grad]

    for a, b in zip(results(nt), results(torch), strict=True):
        assert_same(a, b)


def test_adaptive_softmax():
    ours, theirs = pair(lambda f: f.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10], div_value=2.0, head_bias=True))
    assert repr(ours) == repr(theirs)
    data, target = normal(6, 8), np.array([0, 7, 19, 3, 12, 9])

    def results(library, layer):
        x = library.tensor(data, requires_grad=True)
        output, loss = layer(x, library.tensor(target))
        (loss + (output * output).sum()).backward()
        return [output, loss, x.grad, layer.log_prob(x), layer.predict(x), *[p.grad for p in layer.parameters()]]

    for a, b in zip(results(nt, ours), results(torch, theirs), strict=True):
        assert_same(a, b)


LAZY = {
    "LazyLinear": ((4,), ROW),
    "LazyConv1d": ((4, 3), LINE),
    "LazyConv2d": ((4, 3), IMAGE[1:]),
    "LazyConv3d": ((4, 2), (1, 2, 3, 3, 3)),
    "LazyConvTranspose1d": ((4, 3), LINE),
    "LazyConvTranspose2d": ((4, 3), IMAGE),
    "LazyConvTranspose3d": ((4, 2), (1, 2, 3, 3, 3)),
    "LazyBatchNorm1d": ((), LINE),
    "LazyBatchNorm2d": ((), IMAGE),
    "LazyBatchNorm3d": ((), (2, 3, 2, 2, 2)),
    "LazyInstanceNorm1d": ((), LINE),
    "LazyInstanceNorm2d": ((), IMAGE),
    "LazyInstanceNorm3d": ((), (2, 3, 2, 2, 2)),
}


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")  # torch's
@pytest.mark.parametrize("name", LAZY)
def test_lazy_layers_learn_their_shapes(name):
    args, shape = LAZY[name]
    ours, theirs = getattr(nt.nn, name)(*args), getattr(torch.nn, name)(*args)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    copied = copy.deepcopy(ours)
    x = normal(*shape)
    ours(nt.tensor(x)), theirs(torch.tensor(x))
    assert type(ours).__name__ == type(theirs).__name__ == name[4:]
    assert repr(ours) == repr(theirs)
    copy_state(ours, theirs)
    assert_same_run(ours, theirs, x)
    copied.load_state_dict(ours.state_dict())
    assert {k: v.shape for k, v in copied.state_dict().items()} == {k: v.shape for k, v in ours.state_dict().items()}
    assert copied.has_uninitialized_params() is False


def test_response_norm_across_maps():
    # Torch's gradient, written by hand, is not that of its values.
    x = normal(2, 3, 4, 5)
    ours, theirs = (library.nn.CrossMapLRN2d(5, 0.1) for library in (nt, torch))
    assert_same(ours(nt.tensor(x)), theirs(torch.tensor(x)))
    given = nt.tensor(x[:1, :, :2, :2].astype(np.float64), requires_grad=True)
    assert nt.autograd.gradcheck(ours, [given])
