"""Architectures: torchvision's parameters by name and shape, its results and gradients, and weights from files."""

import numpy as np
import pytest
import torchvision_reference

import numtorch as nt
from numtorch import downloads, hub
from numtorch.vision import models
from numtorch.vision.models import builders, inception, regnet, weights
from numtorch.vision.models.swin import PatchMergingV2, SwinTransformerBlockV2

NAMES = (
    "squeezenet1_0", "squeezenet1_1", "mobilenet_v3_small", "mnasnet0_5", "densenet121", "efficientnet_b0",
    "shufflenet_v2_x0_5",
)  # fmt: skip


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
    ("ShuffleNetV2", {"stages_repeats": [1, 2, 1], "stages_out_channels": [4, 8, 8, 8, 16], "num_classes": 3}, 32),
    ("SwinTransformer", {"patch_size": [2, 2], "embed_dim": 8, "depths": [2, 1], "num_heads": [2, 2],
                         "window_size": [3, 3], "num_classes": 3}, 14),
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


def test_regnets_and_swin_v2_give_torchvisions_results():
    """Networks whose parts are classes, which stand elsewhere there."""
    torchvision = torchvision_reference.torchvision()
    import torch

    numbers = {"depth": 3, "w_0": 8, "w_a": 8.0, "w_m": 2.0, "group_width": 4, "se_ratio": 0.25}
    there, here = torchvision.models, {"num_classes": 3}
    swin = {"patch_size": [2, 2], "embed_dim": 8, "depths": [2, 1], "num_heads": [2, 2], "window_size": [3, 3], **here}
    pairs = [
        (
            models.RegNet(regnet.BlockParams.from_init_params(**numbers), stem_width=4, **here),
            there.RegNet(there.regnet.BlockParams.from_init_params(**numbers), stem_width=4, **here),
        ),
        (
            models.SwinTransformer(**swin, block=SwinTransformerBlockV2, downsample_layer=PatchMergingV2),
            there.SwinTransformer(
                **swin,
                block=there.swin_transformer.SwinTransformerBlockV2,
                downsample_layer=there.swin_transformer.PatchMergingV2,
            ),
        ),
    ]
    x = np.random.default_rng(0).standard_normal((2, 3, 20, 14)).astype(np.float32)
    for ours, theirs in pairs:
        state = {k: nt.from_numpy(v.numpy().copy()) for k, v in theirs.eval().state_dict().items()}
        assert list(state) == list(ours.state_dict())
        ours.eval().load_state_dict(state)
        with torch.no_grad():
            wanted = theirs(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(ours(nt.from_numpy(x)).detach().numpy(), wanted, atol=1e-4 * np.abs(wanted).max())


def test_the_widths_of_regnets():
    params = regnet.BlockParams.from_init_params(27, 48, 20.71, 2.65, 24, se_ratio=0.25)
    assert (params.depths, params.widths, params.group_widths) == ([2, 6, 17, 2], [48, 120, 336, 888], [24] * 4)
    with pytest.raises(ValueError, match="Invalid RegNet settings"):
        regnet.BlockParams.from_init_params(4, 9, 1.0, 2.0, 8)


def test_blocks_of_branches():
    """What the blocks of GoogLeNet and Inception V3 make of channels and extents; of whole networks torchvision's test
    is the parameters' names and shapes."""
    x = nt.zeros(1, 8, 9, 9)
    assert inception._Inception(8, 2, 3, 4, 5, 6, 7).eval()(x).shape == (1, 19, 9, 9)
    for block, channels, extent in (
        (inception._block_a(8, 32), 256, 9),
        (inception._block_b(8), 488, 4),
        (inception._block_d(8), 520, 4),
    ):
        assert block.eval()(x).shape == (1, channels, extent, extent)


@pytest.mark.parametrize("name", ["GoogLeNet", "Inception3"])
def test_networks_of_branches_have_torchvisions_parameters(name):
    torchvision = torchvision_reference.torchvision()
    import torch

    options = {"num_classes": 3, "init_weights": False}
    with torch.device("meta"):
        theirs = getattr(torchvision.models, name)(**options).state_dict()
    ours = getattr(models, name)(**options).state_dict()
    assert [(k, tuple(v.shape)) for k, v in ours.items()] == [(k, tuple(v.shape)) for k, v in theirs.items()]


def test_classifiers_of_inner_layers_are_left_out_after_loading(tmp_path):
    class Small(nt.nn.Module):
        def __init__(self, num_classes=2, aux_logits=True, init_weights=True, transform_input=False):
            super().__init__()
            self.aux_logits, self.transform_input = aux_logits, transform_input
            self.aux1 = nt.nn.Linear(2, num_classes) if aux_logits else None
            self.fc = nt.nn.Linear(2, num_classes)

    loaded = {"transform_input": True, "aux_logits": False}
    build = builders.builder("small_net", "A net", "none", Small, __name__, loaded=loaded, auxiliary=("aux1",))
    try:
        nt.save(Small(3).state_dict(), tmp_path / "net.safetensors")
        net = build(weights=str(tmp_path / "net.safetensors"))
        assert net.aux1 is None and not net.aux_logits and net.transform_input and net.fc.out_features == 3
        assert build(weights=str(tmp_path / "net.safetensors"), aux_logits=True).aux1 is not None
        assert build().aux1 is not None and not build().transform_input
    finally:
        del builders.BUILDERS["small_net"]


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
