"""ResNets compute what the same layers of torch compute, and name their parameters as torchvision does."""

import numpy as np
import pytest

import numtorch as nt
from numtorch.vision import models
from numtorch.vision.models.resnet import BasicBlock, Bottleneck, ResNet

BLOCK = [
    "conv1.weight",
    *(f"bn1.{n}" for n in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")),
]


def keys(module):
    return list(module.state_dict())


def test_names_are_torchvisions():
    first = [*BLOCK, *(f"layer1.0.{n}" for n in (*BLOCK, *(n.replace("1.", "2.") for n in BLOCK)))]
    found = keys(models.resnet18())
    assert found[: len(first)] == first
    assert len(found) == 122 and found[-2:] == ["fc.weight", "fc.bias"]
    assert [k for k in found if "downsample" in k][:3] == [
        "layer2.0.downsample.0.weight",
        "layer2.0.downsample.1.weight",
        "layer2.0.downsample.1.bias",
    ]
    names = [n.replace("1.", f"{i}.") for i in (1, 2, 3) for n in BLOCK]
    assert keys(Bottleneck(64, 16)) == names


def test_size_is_the_published_one():
    assert sum(p.numel() for p in models.resnet50().parameters()) == 25_557_032


def theirs(torch, block, stride):
    """The block as a function of torch's, with the parameters of ours by name."""
    F = torch.nn.functional

    def run(p, x):
        def norm(name, y):
            return F.batch_norm(y, None, None, p[f"{name}.weight"], p[f"{name}.bias"], True)

        if block is BasicBlock:
            y = norm("bn1", F.conv2d(x, p["conv1.weight"], None, stride, 1)).relu()
            y = norm("bn2", F.conv2d(y, p["conv2.weight"], None, 1, 1))
        else:
            y = norm("bn1", F.conv2d(x, p["conv1.weight"])).relu()
            y = norm("bn2", F.conv2d(y, p["conv2.weight"], None, stride, 1)).relu()
            y = norm("bn3", F.conv2d(y, p["conv3.weight"]))
        short = x
        if "downsample.0.weight" in p:
            short = norm("downsample.1", F.conv2d(x, p["downsample.0.weight"], None, stride))
        return (y + short).relu()

    return run


@pytest.mark.parametrize("block, stride", [(BasicBlock, 1), (Bottleneck, 2)])
def test_blocks_as_torch(block, stride):
    torch = pytest.importorskip("torch")
    nt.manual_seed(0)
    inner, outer = 4, 4 * block.expansion
    down = (
        nt.nn.Sequential(nt.nn.Conv2d(outer, outer, 1, stride, bias=False), nt.nn.BatchNorm2d(outer))
        if stride == 2
        else None
    )
    net = block(outer, inner, stride, down).double()
    rng = np.random.default_rng(0)
    pixels = rng.standard_normal((2, outer, 6, 6))
    x = nt.tensor(pixels, requires_grad=True)
    y = net(x)
    weight = rng.standard_normal(tuple(y.shape))
    (y * nt.tensor(weight)).sum().backward()

    p = {k: torch.tensor(v.detach().numpy(), requires_grad=True) for k, v in net.named_parameters()}
    given = torch.tensor(pixels, requires_grad=True)
    expected = theirs(torch, block, stride)(p, given)
    (expected * torch.tensor(weight)).sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), expected.detach().numpy(), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(x.grad.numpy(), given.grad.numpy(), rtol=1e-8, atol=1e-9)
    for name, ours in net.named_parameters():
        np.testing.assert_allclose(ours.grad.numpy(), p[name].grad.numpy(), rtol=1e-8, atol=1e-9, err_msg=name)


def test_options():
    dilated = ResNet(
        Bottleneck, [1, 1, 1, 2], replace_stride_with_dilation=[False, False, True], groups=2, width_per_group=4
    )
    assert dilated.layer4[1].conv2.dilation == (2, 2) and dilated.layer4[0].conv2.stride == (1, 1)
    assert dilated.layer4[0].conv2.weight.shape == (64, 32, 3, 3)
    still = ResNet(
        BasicBlock, [1, 1, 1, 1], num_classes=3, zero_init_residual=True, norm_layer=lambda n: nt.nn.GroupNorm(2, n)
    )
    assert still.layer1[0].bn2.weight.sum().item() == 0 and still.bn1.weight.min().item() == 1
    with pytest.raises(ValueError, match="is no member of ResNet18_Weights"):
        models.resnet18(weights="BEST")
    with pytest.raises(ValueError, match="groups=1"):
        BasicBlock(4, 4, groups=2)
