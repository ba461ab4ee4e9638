"""Architectures: torchvision's parameters by name and shape, its results and gradients, and weights from files."""

import numpy as np
import pytest
import torchvision_reference

import numtorch as nt
from numtorch import downloads, hub
from numtorch.vision import models
from numtorch.vision.models import weights

NAMES = ("squeezenet1_0", "squeezenet1_1", "mobilenet_v3_small", "mnasnet0_5", "densenet121", "efficientnet_b0")


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_torchvisions(name):
    torchvision = torchvision_reference.torchvision()
    import torch

    with torch.device("meta"):
        theirs = torchvision.models.get_model(name)
    ours = models.get_model(name).state_dict()
    assert [(k, tuple(v.shape)) for k, v in ours.items()] == [
        (k, tuple(v.shape)) for k, v in theirs.state_dict().items()
    ]


def test_every_count_is_the_published_one():
    """The table of weights says how many parameters each network has; those that are small are made and counted."""
    for name in ("mnasnet0_5", "squeezenet1_1"):
        found = sum(p.numel() for p in models.get_model(name).parameters())
        assert found == models.get_model_weights(name).DEFAULT.meta["num_params"]


SMALL = [
    ("SqueezeNet", {"version": "1_1", "num_classes": 3}, 32),
    ("MobileNetV2", {"width_mult": 0.125, "num_classes": 3, "dropout": 0.0}, 32),
    ("DenseNet", {"growth_rate": 4, "block_config": (2, 2), "num_init_features": 8, "num_classes": 3}, 32),
    ("VisionTransformer", {"image_size": 16, "patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 8,
                           "mlp_dim": 16, "num_classes": 3}, 16),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "size"), SMALL, ids=[name for name, *_ in SMALL])
def test_results_and_gradients_are_torchvisions(name, options, size):
    torchvision = torchvision_reference.torchvision()
    import torch

    torch.manual_seed(0)
    theirs = getattr(torchvision.models, name)(**options).eval()
    for p in theirs.parameters():
        torch.nn.init.normal_(p, std=0.3)
    ours = getattr(models, name)(**options).eval()
    ours.load_state_dict({k: nt.from_numpy(v.numpy().copy()) for k, v in theirs.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((2, 3, size, size)).astype(np.float32)
    out, wanted = ours(nt.from_numpy(x)), theirs(torch.from_numpy(x))
    scale = wanted.abs().max().item()
    np.testing.assert_allclose(out.detach().numpy(), wanted.detach().numpy(), atol=1e-4 * scale)
    out.square().sum().backward()
    wanted.square().sum().backward()
    for (key, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        allowed = 1e-3 * (b.grad.abs().max().item() + 1e-6)
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=allowed, err_msg=key)


def test_names():
    assert models.list_models("vgg*_bn") == ["vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"]
    assert models.get_model_weights(models.vit_b_16) is models.ViT_B_16_Weights
    assert models.get_weight("EfficientNet_B0_Weights.DEFAULT") is models.EfficientNet_B0_Weights.IMAGENET1K_V1
    with pytest.raises(ValueError, match="Unknown model net"):
        models.get_model("net")
    with pytest.raises(ValueError, match="'A.B' could not be found"):
        models.get_weight("A.B")


def test_enumerations():
    member = models.ResNet50_Weights.DEFAULT
    assert member is models.ResNet50_Weights.IMAGENET1K_V2 and member.url.endswith("resnet50-11ad3fa6.pth")
    assert len(member.meta["categories"]) == 1000 and member.meta["categories"][:2] == ["tench", "goldfish"]
    x = nt.zeros(3, 300, 260, dtype=nt.uint8)
    prepared = member.transforms()(x)
    assert prepared.shape == (3, 224, 224) and abs(prepared[0, 0, 0].item() + 0.485 / 0.229) < 1e-4
    torchvision = torchvision_reference.torchvision()
    for name, kind in weights.ENUMERATIONS.items():
        theirs = getattr(torchvision.models, name)
        assert {m: v.url for m, v in kind.__members__.items()} == {m: v.url for m, v in theirs.__members__.items()}
        for m in kind:
            there = theirs[m.name]
            assert m.meta["num_params"] == there.meta["num_params"]
            assert m.transforms.keywords["crop_size"] == there.transforms.keywords["crop_size"]
    assert models.ResNet50_Weights.DEFAULT.meta["categories"] == list(theirs.DEFAULT.meta["categories"])


def test_weights_from_a_file_and_offline(tmp_path, monkeypatch):
    net = models.squeezenet1_1(num_classes=2)
    path = tmp_path / "net.safetensors"
    nt.save(net.state_dict(), path)
    same = models.squeezenet1_1(weights=str(path), num_classes=2)
    assert nt.equal(same.features[0].weight, net.features[0].weight)

    def chunks(url, name, progress):
        raise OSError("no network")
        yield

    monkeypatch.setattr(downloads, "chunks", chunks)
    monkeypatch.setattr(hub, "_folder", str(tmp_path))
    for given in ("DEFAULT", "SqueezeNet1_1_Weights.IMAGENET1K_V1", models.SqueezeNet1_1_Weights.DEFAULT):
        with pytest.raises(RuntimeError, match=r"weights SqueezeNet1_1_Weights.IMAGENET1K_V1 are not here: .*path/to/"):
            models.squeezenet1_1(weights=given)
    with pytest.raises(ValueError, match="no member of SqueezeNet1_1_Weights"):
        models.squeezenet1_1(weights="IMAGENET")
    with pytest.raises(TypeError, match="expected SqueezeNet1_1_Weights but received ResNet18_Weights"):
        models.squeezenet1_1(weights=models.ResNet18_Weights.DEFAULT)
    with (
        pytest.warns(UserWarning, match="'pretrained' is deprecated"),
        pytest.raises(RuntimeError, match="are not here"),
    ):
        models.squeezenet1_1(pretrained=True)
