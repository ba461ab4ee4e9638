"""ONNX: what is exported is valid, runs in onnxruntime with our values, and is read again."""

import io
import sys

import numpy as np
import pytest

import numtorch as torch
import numtorch.nn.functional as F
from numtorch import nn
from numtorch.kernels import steps

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")


def flat(result):
    """The tensors of nested results."""
    return [part for value in result for part in flat(value)] if isinstance(result, tuple | list) else [result]


def checked(model, args, *others, **options):
    """Export; compare onnxruntime, and what is read again, with the program for each of the inputs."""
    program = torch.onnx.export(model, args, **options)
    onnx.checker.check_model(program.model_proto, full_check=True)
    onnx.shape_inference.infer_shapes(program.model_proto, check_type=True, strict_mode=True, data_prop=True)
    session = ort.InferenceSession(program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])
    again = torch.onnx.load(program.model_proto)
    if isinstance(model, nn.Module):
        model.eval()
    for given in (args, *others):
        wanted = [x.detach().numpy() for x in flat(model(*given))]
        feed = {i.name: x.numpy() for i, x in zip(session.get_inputs(), given, strict=True)}
        for found in (session.run(None, feed), [x.detach().numpy() for x in flat(again(*given))]):
            for a, b in zip(found, wanted, strict=True):
                assert (a.shape, a.dtype) == (b.shape, b.dtype)
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    return program.model_proto


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


# --- models -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lenet", "resnet18", "gpt"])
def test_models(name):
    net, x, _ = steps.MODELS[name]()
    model = checked(net, (x[:2],), (x[:3],), (x[:1],), input_names=["x"], dynamic_axes={"x": {0: "batch"}})
    names = {i.name for i in model.graph.initializer}
    assert [n for n, _ in net.named_parameters() if n not in names and not n.endswith("weight")] == []
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert net.training is False or all(m.training for m in net.modules())


@pytest.mark.parametrize(
    "layer", [nn.LSTM(3, 4, 2, bidirectional=True), nn.GRU(3, 4), nn.RNN(3, 4, bias=False)], ids=str
)
def test_recurrent_layers(layer):
    kind = type(layer).__name__
    dynamic = {"x": {0: "steps", 1: "batch"}}
    model = checked(layer, (torch.randn(5, 2, 3),), (torch.randn(7, 3, 3),), input_names=["x"], dynamic_axes=dynamic)
    assert [n.op_type for n in model.graph.node].count(kind) == layer.num_layers


def test_recurrent_layers_with_states():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.LSTM(3, 4, batch_first=True)
            self.cell = nn.GRUCell(4, 4)

        def forward(self, x, h, c):
            y, (h, c) = self.rnn(x, (h, c))
            return self.cell(y[:, -1], h[0]), c

    checked(Net(), (torch.randn(2, 5, 3), torch.randn(1, 2, 4), torch.randn(1, 2, 4)))


def test_attention():
    dynamic = {"x": {0: "batch", 1: "time"}}
    encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    x, y = torch.randn(5, 2, 8), torch.randn(3, 4, 8)
    model = checked(encoder, (x,), (y,), input_names=["x"], dynamic_axes=dynamic)
    assert [d.dim_param for d in model.graph.output[0].type.tensor_type.shape.dim] == ["batch", "time", ""]
    checked(nn.MultiheadAttention(8, 2), (torch.randn(3, 2, 8), torch.randn(4, 2, 8), torch.randn(4, 2, 8)))
    mask = torch.ones(4, 4, dtype=torch.bool).tril()
    q, k = torch.randn(1, 4, 4, 2), torch.randn(1, 2, 4, 2)
    checked(lambda q, k: F.scaled_dot_product_attention(q, k, k, attn_mask=mask, enable_gqa=True), (q, k))


@pytest.mark.parametrize("opset", range(18, 24))
def test_versions_of_the_operators(opset):
    net = nn.Sequential(
        nn.Conv2d(4, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.GELU(), nn.InstanceNorm2d(8, affine=True),
        nn.AvgPool2d(2, ceil_mode=True), nn.Upsample(scale_factor=2, mode="bilinear"), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.LayerNorm(8), nn.Softmax(1),
    )  # fmt: skip
    model = checked(net, (torch.randn(2, 4, 7, 7),), opset_version=opset)
    assert model.opset_import[0].version == opset
    checked(
        lambda x: F.gelu(x, approximate="tanh").sum((0, 1), keepdim=True), (torch.randn(2, 3),), opset_version=opset
    )


def test_convolutions_and_pooling():
    line = [nn.Conv1d(2, 3, 3, padding="same"), nn.ConvTranspose1d(3, 2, 3, 2, 1, output_padding=1), nn.MaxPool1d(2)]
    checked(nn.Sequential(*line, nn.AvgPool1d(2)), (torch.randn(2, 2, 9),))
    checked(
        nn.Sequential(nn.Conv3d(2, 3, 3, padding=1), nn.BatchNorm3d(3), nn.MaxPool3d(2)), (torch.randn(1, 2, 4, 4, 4),)
    )
    image = [nn.Conv2d(1, 4, 3, 2, 1, groups=1), nn.PixelShuffle(2), nn.PixelUnshuffle(2), nn.ZeroPad2d(1)]
    checked(
        nn.Sequential(*image, nn.ReflectionPad2d(1), nn.Dropout2d(), nn.Upsample(size=(5, 6))),
        (torch.randn(2, 1, 8, 8),),
    )
    checked(
        lambda x: F.interpolate(x, scale_factor=1.5, mode="bicubic", align_corners=True), (torch.randn(1, 1, 4, 4),)
    )


def test_activations():
    names = "ReLU6 Hardtanh Hardswish Hardsigmoid LeakyReLU ELU SELU CELU GELU SiLU Mish Softplus Softshrink Hardshrink"
    kinds = [*names.split(), "Tanhshrink", "Softsign", "LogSigmoid", "Tanh", "Sigmoid", "PReLU"]
    layers = [getattr(nn, name)() for name in kinds]
    checked(lambda x: [layer(x) for layer in layers], (torch.randn(3, 5),))


# --- functions ----------------------------------------------------------------------------------------------------

FORMS = {
    "operators": lambda x, t: (
        -x, 2 - x, x / 2, x // 0.3, x % 0.3, x**2, 2**x, x @ x.T, x > 0, ~(x > 0), (x > 0) & (x < 1), x == x, x != 0.0,
        t + 0.5, t // 2, t * x[0, 0], abs(x),
    ),
    "reductions": lambda x, t: (
        x.sum(), x.sum(1), x.mean(-1, keepdim=True), x.max(), x.max(1), x.min(0), x.amax((0, 1)), x.std(1), x.var(),
        torch.var_mean(x, 1), x.norm(dim=1), x.prod(1), x.any(1), x.all(), x.argmax(), x.argmin(1), x.logsumexp(1),
        x.cumsum(1), F.normalize(x), x.norm(p=3, dim=1), t.sum(),
    ),
    "shapes": lambda x, t: (
        x.view(-1), x.reshape(2, 6), x.flatten(), x.T, x.mT, x.transpose(0, 1), x.permute(1, 0), x.unsqueeze(0),
        x[None],        x.expand(2, 3, 4), x.repeat(2, 1), x.unflatten(1, (2, 2)), x.movedim(0, 1), x.squeeze(),
        x.flip(0), x.roll(1, 0),
        x.repeat_interleave(2, 1), F.pad(x, (1, 2)), x.chunk(2, 1), x.split([1, 2]), x.unbind(0), torch.cat([x, x]),
        torch.stack([x, x], -1), x.view_as(x + 0), x.tril(), x.triu(1),
    ),
    "positions": lambda x, t: (
        x[0], x[-1], x[:, 1:], x[::2], x[..., 0], x[:, None, 1], x[t], x[[1, 0]], x[t, t], x[x > 0], x[:, t],
        x.gather(1, t[:, None]),        x.scatter(1, t[:, None], 9.0), x.index_select(1, t), x.narrow(1, 1, 2),
        x.topk(2), x.sort(1), x.argsort(1),
        F.one_hot(t, 5), x.take_along_dim(t[:, None], 1), x.scatter_add(1, t[:, None], x), list(x)[1],
    ),
    "functions": lambda x, t: (
        x.exp(), x.abs().log1p(), x.sin(), x.erf(), x.clamp(0.1, 0.5), x.clamp(max=x * 2), x.round(decimals=1),
        x.trunc(),        torch.where(x > 0, x, 0.0), x.masked_fill(x > 0, 1.0), x.maximum(x * 2), x.lerp(x + 1,
        0.3), x.fmod(0.3),
        torch.atan2(x, x + 1), x.isnan(), x.softmax(-1), x.log_softmax(0), F.glu(x), F.rms_norm(x, [4]),
        x.rsqrt().isnan(),        torch.addcmul(x, x, x, value=2.0), torch.hypot(x, x + 1), torch.logaddexp(x,
        x * 2), x.double().long(), x.bool(),
    ),
    "products": lambda x, t: (
        torch.einsum("ij,kj->ik", x, x), torch.addmm(x[0], x, x[:, :4].new_ones(4, 4)), torch.outer(x[0], x[1]),
        x.matmul(x[0]),        torch.baddbmm(x[None, :, :3], x[None, :, :3], x[None, :, :3]), F.linear(x, x, x[:, 0]),
        F.linear(x[None], x),        F.cosine_similarity(x, x * 2 + 1),
    ),
    "losses": lambda x, t: (
        F.cross_entropy(x, t), F.mse_loss(x, x * 2), F.nll_loss(x.log_softmax(1), t), F.smooth_l1_loss(x, x * 2),
        F.binary_cross_entropy_with_logits(x, x.sigmoid()), F.kl_div(x, x.softmax(1), reduction="batchmean"),
        F.huber_loss(x, x * 3),
    ),
    "new": lambda x, t: (
        torch.arange(3) + t, torch.zeros_like(x), torch.full_like(x, 2.0), x.new_zeros(2), x.clone().fill_(3.0),
        torch.ones(3) * x[:, 0],
    ),
}  # fmt: skip


@pytest.mark.parametrize("family", FORMS)
def test_functions(family):
    checked(FORMS[family], (torch.randn(3, 4), torch.tensor([0, 2, 1])))


def test_writes():
    def f(x):
        x = x.clone()
        x[:, 0] = 1
        x += 1
        x.mul_(2)
        y = F.relu(x - 2, inplace=True)
        y[y > 4] = 0.0
        return x * y

    checked(f, (torch.randn(2, 3),))


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(32, 4)
        self.register_buffer("mask", torch.tril(torch.ones(32, 32)))

    def forward(self, i):
        batch, time = i.shape
        x = self.table(i) + self.table(torch.arange(time))
        scores = (x @ x.transpose(1, 2)).masked_fill(self.mask[:time, :time] == 0, float("-inf"))
        x = scores.softmax(-1) @ x
        heads = x.view(batch, time, 2, 2).transpose(1, 2)
        return x.view(batch * time, -1), heads, torch.zeros(batch, time) + x[..., 0], x[:, -1], x[:, : time // 1 - 1]


def test_sizes_that_follow_the_inputs():
    i, j = torch.randint(0, 32, (2, 6)), torch.randint(0, 32, (3, 9))
    model = checked(Positions(), (i,), (j,), (j[:1, :2],), dynamic_shapes={"i": {0: "B", 1: "T"}})
    shapes = [[d.dim_param or d.dim_value for d in o.type.tensor_type.shape.dim] for o in model.graph.output]
    assert shapes[0] == ["B*T", 4] and shapes[1] == ["B", 2, "T", 2] and shapes[4] == ["B", "T - 1", 4]


# --- files and names --------------------------------------------------------------------------------------------------


def test_files(tmp_path):
    net, x = nn.Linear(300, 20), torch.randn(2, 300)
    torch.onnx.export(net, x, tmp_path / "net.onnx", input_names=["x"], output_names=["y"])
    again = torch.onnx.load(tmp_path / "net.onnx")
    assert torch.allclose(again(x=x), net(x)) and again.output_names == ["y"]
    assert {n.replace("_", ".") for n, _ in again.named_parameters()} == {"weight", "bias"}
    torch.onnx.export(net, x, str(tmp_path / "large.onnx"), external_data=True)
    assert (tmp_path / "large.onnx.data").stat().st_size == 300 * 20 * 4
    assert torch.allclose(torch.onnx.load(str(tmp_path / "large.onnx"))(x), net(x))
    buffer = io.BytesIO()
    torch.onnx.export(net, (x,), buffer)
    assert torch.allclose(torch.onnx.load(io.BytesIO(buffer.getvalue()))(x), net(x))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["large.onnx", "large.onnx.data", "net.onnx"]


def test_inputs_by_name_and_in_structures():
    def f(a, pair, scale=1.0, *, b):
        return {"sum": a + pair[0] * scale + b, "product": pair[1] * 2}

    x = [torch.randn(2) for _ in range(4)]
    program = torch.onnx.export(f, (x[0], (x[1], x[2])), kwargs={"b": x[3], "scale": 3.0})
    assert [i.name for i in program.model_proto.graph.input] == ["a", "pair_0", "pair_1", "b"]
    found = torch.onnx.load(program.model_proto)(*x)
    assert torch.allclose(found[0], x[0] + x[1] * 3 + x[3]) and torch.equal(found[1], x[2] * 2)


def test_the_program_is_left_as_it_was():
    net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.LSTM(2, 2)).train()
    net[1].eval()
    torch.onnx.export(net[:2], torch.ones(1, 2))
    torch.onnx.export(net[2], torch.ones(1, 1, 2))
    assert [m.training for m in net] == [True, False, True] and "forward" not in vars(net[2])
    assert not torch.onnx.is_in_onnx_export()
    y = net[0](torch.ones(1, 2, requires_grad=True))
    assert y.requires_grad


# --- what cannot be done ------------------------------------------------------------------------------------


def raises(kind, text, model, args, **options):
    with pytest.raises(kind, match=text):
        torch.onnx.export(model, args, **options)


def test_what_cannot_be_exported_is_named_with_its_line():
    x = torch.randn(4, 4)
    errors = torch.onnx.errors
    raises(errors.UnsupportedOperatorError, r"test_onnx\.py:\d+: .*(svd|singular)", lambda x: torch.linalg.svd(x)[1], x)
    raises(errors.OnnxExporterError, r"test_onnx\.py:\d+: .*padded|view of another", _writes_to_a_view, x)
    raises(ValueError, "from 18 to 23", torch.exp, x, opset_version=9)
    raises(ValueError, "2 dimensions; dimension 5", torch.exp, x, dynamic_axes={"input": [5]})
    raises(errors.OnnxExporterError, "gives no tensor", lambda x: 3, x)
    raises(
        errors.OnnxExporterError, "decides what is done|makes 1 calls",
        lambda x: x.exp() if x.shape[0] > 5 else x.sin().cos(), x, input_names=["x"], dynamic_axes={"x": {0: "n"}},
    )  # fmt: skip
    with pytest.warns(UserWarning, match="reads elements"):
        torch.onnx.export(lambda x: x * x.max().item(), x)


def _writes_to_a_view(x):
    y = x * 2
    y[0].add_(1)
    return y


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError):
        torch.onnx.load(tmp_path / "nothing.onnx")
    for text in (b"", b"no model", b"\x08\x07" * 50):
        (tmp_path / "bad.onnx").write_bytes(text)
        with pytest.raises(torch.onnx.errors.CheckerError, match=r"bad\.onnx is no ONNX model"):
            torch.onnx.load(tmp_path / "bad.onnx")
    helper = onnx.helper
    value = helper.make_tensor_value_info("x", 1, [2])
    node = helper.make_node(
        "TfIdfVectorizer", ["x"], ["y"], mode="TF", max_gram_length=1, max_skip_count=0, min_gram_length=1
    )
    graph = helper.make_graph([node], "g", [value], [helper.make_tensor_value_info("y", 1, [2])])
    with pytest.raises(torch.onnx.errors.UnsupportedOperatorError, match="TfIdfVectorizer"):
        torch.onnx.load(helper.make_model(graph))
    whole = torch.onnx.export(nn.Linear(4, 2), torch.ones(1, 4)).model_proto.SerializeToString()
    found = set()
    for i in range(
        0, len(whole), 3
    ):  # a bit of a byte is another one: a sentence, or a model, and never something else
        altered = bytearray(whole)
        altered[i] ^= 1 << i % 8
        try:
            torch.onnx.load(io.BytesIO(bytes(altered)))
            found.add("model")
        except torch.onnx.errors.OnnxExporterError as e:
            found.add(type(e).__name__)
    assert {"model", "CheckerError", "UnsupportedOperatorError"} == found
    with pytest.raises(FileNotFoundError):
        torch.onnx.export(torch.exp, torch.ones(2), tmp_path / "nowhere" / "net.onnx")
    good = torch.onnx.load(torch.onnx.export(torch.exp, torch.ones(2)).model_proto)
    with pytest.raises(TypeError, match="missing"):
        good()
    with pytest.raises(TypeError, match="1 inputs"):
        good(torch.ones(2), torch.ones(2))


def test_without_the_package(monkeypatch):
    torch.onnx.graph.library.cache_clear()
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match="pip install onnx"):
        torch.onnx.export(torch.exp, torch.ones(2))
    torch.onnx.graph.library.cache_clear()
