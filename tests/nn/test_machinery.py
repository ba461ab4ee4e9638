"""What surrounds layers: fusion with normalisation, calls with other weights, modules without initialisation, devices
of new tensors, older names."""

import numpy as np
import pytest

import numtorch as nt

utils, attention = nt.nn.utils, nt.nn.attention


def filled(bn):
    bn.running_mean.uniform_(-1, 1)
    bn.running_var.uniform_(0.5, 2)
    nt.nn.init.uniform_(bn.weight)
    nt.nn.init.uniform_(bn.bias)
    return bn.eval()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "build",
    [
        lambda b: (nt.nn.Conv2d(2, 4, 3, bias=b), nt.nn.BatchNorm2d(4), (1, 2, 5, 5), utils.fuse_conv_bn_eval, ()),
        lambda b: (
            nt.nn.ConvTranspose2d(2, 4, 3, bias=b),
            nt.nn.BatchNorm2d(4),
            (1, 2, 5, 5),
            utils.fuse_conv_bn_eval,
            (True,),
        ),
        lambda b: (nt.nn.Linear(3, 4, bias=b), nt.nn.BatchNorm1d(4), (2, 3), utils.fuse_linear_bn_eval, ()),
    ],
)
def test_fused_layers_compute_the_same(build, bias):
    layer, bn, shape, fuse, options = build(bias)
    fused = fuse(layer.eval(), filled(bn), *options)
    x = nt.rand(shape)
    assert type(fused) is type(layer) and isinstance(fused.bias, nt.nn.Parameter)
    np.testing.assert_allclose(fused(x).detach().numpy(), bn(layer(x)).detach().numpy(), atol=1e-5)
    with pytest.raises(AssertionError, match="eval"):
        fuse(layer.train(), bn, *options)


def test_a_call_with_other_weights():
    net = nt.nn.Sequential(nt.nn.Linear(2, 1, bias=False), nt.nn.BatchNorm1d(1, affine=False))
    given = {"0.weight": nt.ones(1, 2), "1.num_batches_tracked": nt.tensor(7), "nowhere": nt.ones(1)}
    x = nt.tensor([[1.0, 2.0], [3.0, 4.0]])
    with pytest.warns(FutureWarning, match="torch.func"):
        y = utils.stateless.functional_call(net, given, (x,))
    np.testing.assert_allclose(y.numpy(), [[-1], [1]], atol=1e-4)
    assert given["1.num_batches_tracked"] == 8 and net[1].num_batches_tracked == 0
    assert net[0].weight is dict(net.named_parameters())["0.weight"]
    with pytest.warns(FutureWarning), pytest.raises(RuntimeError, match="given but not in the module: nowhere"):
        utils.stateless.functional_call(net, given, (x,), strict=True)
    net[0].other = net[0].weight
    with pytest.warns(FutureWarning), pytest.raises(ValueError, match="tied weights"):
        utils.stateless.functional_call(net, {"0.weight": x, "0.other": x + 1}, (x,))


def test_modules_without_initialisation():
    layer = utils.skip_init(nt.nn.Linear, 3, 2, bias=False)
    assert layer.weight.shape == (2, 3) and layer.weight.device.type == "cpu" and layer.bias is None
    with pytest.raises(RuntimeError, match="takes no device="):
        utils.skip_init(nt.nn.ReLU)
    with pytest.raises(RuntimeError, match="a class of modules"):
        utils.skip_init(nt.nn.ReLU())


def test_gradients_are_scaled_by_a_norm_that_is_known():
    w = nt.nn.Parameter(nt.zeros(2))
    w.grad = nt.tensor([3.0, 4.0])
    utils.clip_grads_with_norm_(w, 1.0, utils.get_total_norm([w.grad]))
    np.testing.assert_allclose(w.grad.numpy(), [0.6, 0.8], rtol=1e-5)
    with pytest.warns(FutureWarning, match="clip_grad_norm_ is its name"):
        assert utils.clip_grad_norm(w, 1.0).item() == pytest.approx(1)


@pytest.mark.parametrize(
    "name, size",
    [("uniform", 2), ("normal", 2), ("eye", 2), ("dirac", 3), ("orthogonal", 2), ("xavier_normal", 2)]
    + [("xavier_uniform", 2), ("kaiming_normal", 2), ("kaiming_uniform", 2)],
)
def test_older_names_of_initialisation_warn(name, size):
    w = nt.empty((3,) * size)
    with pytest.warns(FutureWarning, match=f"{name}_ is its name"):
        assert getattr(nt.nn.init, name)(w) is w


def test_where_new_tensors_are_made():
    x = nt.rand(3, 4)
    with nt.device("meta") as where:
        made = [
            nt.ones(2),
            nt.eye(2),
            nt.tensor([1.0]),
            nt.arange(3),
            nt.rand(2),
            nt.randint(3, (2,)),
            nt.as_tensor([1]),
        ]
        made += [*nt.nn.Linear(2, 3).parameters(), *nt.nn.LSTM(2, 3).parameters(), *nt.nn.BatchNorm1d(2).buffers()]
        assert {t.device for t in made} == {where} == {nt.get_default_device()}
        assert nt.ones_like(x).device == nt.ones(1, device="cpu").device == nt.from_numpy(x.numpy()).device
        assert x[[0, 2]].device.type == "cpu" and x.sum().isfinite()  # what ops make for themselves is not moved
        with nt.device("cpu"):
            assert nt.ones(1).device.type == "cpu"
    nt.set_default_device("meta")
    try:
        assert nt.zeros(1).device.type == "meta"
    finally:
        nt.set_default_device(None)
    assert nt.device("meta")(nt.ones)(2).device.type == "meta" and nt.ones(1).device.type == "cpu"
    with pytest.raises(RuntimeError, match="Expected one of"):
        nt.set_default_device("nowhere")


def test_attention():
    assert [b.value for b in attention.SDPBackend] == [-1, 0, 1, 2, 3, 4]
    flash = nt.backends.cuda.flash_sdp_enabled
    with attention.sdpa_kernel([attention.SDPBackend.MATH, attention.SDPBackend.CUDNN_ATTENTION]):
        assert not flash() and nt.backends.cuda.cudnn_sdp_enabled()
    assert flash()
    with pytest.raises(AssertionError, match="takes an SDPBackend"), attention.sdpa_kernel(3):
        pass
    q, k = nt.rand(1, 2, 4), nt.rand(1, 3, 4)
    mask = attention.bias.causal_lower_right(2, 3)
    expected = nt.nn.functional.scaled_dot_product_attention(q, k, k, nt.tensor([[True, True, False], [True] * 3]))
    found = nt.nn.functional.scaled_dot_product_attention(q, k, k, mask)
    np.testing.assert_array_equal(found.numpy(), expected.numpy())
    with pytest.raises(ValueError, match="a number of queries"):
        attention.bias.causal_upper_left(2)


def test_switches():
    nt.set_deterministic_debug_mode("warn")
    assert nt.is_deterministic_algorithms_warn_only_enabled() and nt.get_deterministic_debug_mode() == 1
    nt.set_deterministic_debug_mode(0)
    assert not nt.are_deterministic_algorithms_enabled()
    with pytest.raises(RuntimeError, match="must be one of"):
        nt.set_deterministic_debug_mode("loud")
    assert nt.utils.deterministic.fill_uninitialized_memory
    nt.backends.cuda.matmul.allow_tf32 = True
    assert nt.get_float32_matmul_precision() == "high"
    nt.backends.cuda.matmul.allow_tf32 = False
    assert nt.get_float32_matmul_precision() == "highest"
    nt.backends.cudnn.benchmark = False
    with nt.backends.cudnn.flags(enabled=False, benchmark=True):
        assert nt.backends.cudnn.benchmark and not nt.backends.cudnn.enabled
    assert nt.backends.cudnn.set_flags(_benchmark=True)[:2] == (True, False)
    nt.backends.cudnn.set_flags(_benchmark=False)


def test_options_and_containers():
    assert nt.nn.LinearCrossEntropyOptions(batch_chunk_size=4).chunking_method == "auto"
    for wrong in ({"acc_policy": "x"}, {"batch_chunk_size": 0}, {"chunking_method": "x"}, {"acc_dtype": nt.int32}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            nt.nn.LinearCrossEntropyOptions(**wrong)
    with pytest.warns(FutureWarning, match="deprecated"):
        assert list(nt.nn.Container(a=nt.nn.ReLU())._modules) == ["a"]
    with pytest.raises(RuntimeError, match="Expected one of"):
        nt.nn.Linear(1, 1).xpu()


PUBLIC = {  # what torch has in these places for its own use
    "nn": "factory_kwargs",
    "nn.init": "",
    "nn.utils": "",
    "nn.utils.parametrize": "get_swap_module_params_on_conversion is_opaque_reference_type "
    "is_traceable_wrapper_subclass OpaqueBase",
    "nn.utils.parametrizations": "",
    "nn.utils.prune": "",
    "nn.utils.fusion": "ConvT LinearT",
    "nn.utils.memory_format": "",
    "nn.utils.stateless": "NamedMemberAccessor",
}


@pytest.mark.parametrize("place", PUBLIC)
def test_all_names_are_here(place):
    theirs = pytest.importorskip(f"torch.{place}")
    ours = nt
    for part in place.split("."):
        ours = getattr(ours, part)
    names = {
        n
        for n, v in vars(theirs).items()
        if not n.startswith("_") and (getattr(v, "__module__", None) or "torch").startswith("torch")
    }
    lacking = {n for n in names if not hasattr(ours, n)} - set(PUBLIC[place].split())
    assert {n for n in lacking if getattr(theirs, n).__class__.__name__ != "module"} == set()
