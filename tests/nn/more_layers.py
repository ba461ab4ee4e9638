"""More rows of ``test_layers.LAYERS``: layers of padding, pooling, resampling and rearranging."""

import numpy as np

IMAGE, LINE, VOLUME = (2, 4, 7, 6), (2, 4, 9), (2, 3, 5, 4, 6)


def padded():
    """Each padding layer."""
    found = {}
    for d, shape in ((1, LINE), (2, IMAGE), (3, VOLUME)):
        for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular"):
            name = f"{kind}Pad{d}d"
            args = ((2, 1) * d, 0.7) if kind == "Constant" else ((2, 1) * d,)
            found[name] = (lambda nn, name=name, args=args: getattr(nn, name)(*args), [shape])
    found["ReflectionPad2d of one width"] = (lambda nn: nn.ReflectionPad2d(1), [IMAGE[1:]])
    return found


ROWS = padded() | {
    "MaxPool3d": (lambda nn: nn.MaxPool3d(2), [VOLUME]),
    "MaxPool3d with everything": (
        lambda nn: nn.MaxPool3d((3, 2, 2), 2, (1, 0, 1), (1, 2, 1), ceil_mode=True),
        [VOLUME],
    ),
    "AvgPool3d": (lambda nn: nn.AvgPool3d(2, 1), [VOLUME]),
    "AvgPool3d with everything": (lambda nn: nn.AvgPool3d((3, 2, 2), 2, 1, True, False), [VOLUME]),
    "AvgPool3d divisor": (lambda nn: nn.AvgPool3d(2, divisor_override=3), [VOLUME[1:]]),
    "AdaptiveAvgPool3d": (lambda nn: nn.AdaptiveAvgPool3d((2, None, 4)), [VOLUME]),
    "AdaptiveMaxPool1d": (lambda nn: nn.AdaptiveMaxPool1d(4), [LINE]),
    "AdaptiveMaxPool2d": (lambda nn: nn.AdaptiveMaxPool2d((3, None)), [IMAGE]),
    "AdaptiveMaxPool3d": (lambda nn: nn.AdaptiveMaxPool3d((2, 3, 4)), [VOLUME]),
    "LPPool1d": (lambda nn: nn.LPPool1d(2, 3, stride=2), [LINE]),
    "LPPool2d": (lambda nn: nn.LPPool2d(2, 2, ceil_mode=True), [IMAGE]),
    "LPPool3d": (lambda nn: nn.LPPool3d(2, 2), [VOLUME]),
    "Upsample": (lambda nn: nn.Upsample(scale_factor=2), [IMAGE]),
    "Upsample linear": (lambda nn: nn.Upsample(5, mode="linear"), [LINE]),
    "Upsample bicubic": (lambda nn: nn.Upsample((9, 4), mode="bicubic", align_corners=True), [IMAGE]),
    "Upsample trilinear": (lambda nn: nn.Upsample(scale_factor=(2.0, 1.5, 0.5), mode="trilinear"), [VOLUME]),
    "UpsamplingNearest2d": (lambda nn: nn.UpsamplingNearest2d((3, 11)), [IMAGE]),
    "UpsamplingBilinear2d": (lambda nn: nn.UpsamplingBilinear2d(scale_factor=1.7), [IMAGE]),
    "PixelShuffle": (lambda nn: nn.PixelShuffle(2), [IMAGE]),
    "PixelUnshuffle": (lambda nn: nn.PixelUnshuffle(2), [(2, 3, 4, 6)]),
    "ChannelShuffle": (lambda nn: nn.ChannelShuffle(2), [IMAGE]),
    "Unfold": (lambda nn: nn.Unfold((3, 2), (1, 2), (1, 0), 2), [IMAGE]),
    "Fold": (lambda nn: nn.Fold((7, 6), (3, 2), (1, 2), (1, 0), 2), [(2, 24, 8)]),
    "InstanceNorm1d": (lambda nn: nn.InstanceNorm1d(4), [LINE]),
    "InstanceNorm2d": (lambda nn: nn.InstanceNorm2d(4, affine=True, track_running_stats=True), [IMAGE]),
    "InstanceNorm2d of one image": (lambda nn: nn.InstanceNorm2d(4, affine=True, bias=False), [IMAGE[1:]]),
    "InstanceNorm3d": (lambda nn: nn.InstanceNorm3d(3, eps=1e-3, momentum=0.3), [VOLUME]),
    "LocalResponseNorm": (lambda nn: nn.LocalResponseNorm(3, 0.1, 0.5, 2.0), [IMAGE]),
    "LocalResponseNorm of even size": (lambda nn: nn.LocalResponseNorm(2), [LINE]),
    "CosineSimilarity": (lambda nn: nn.CosineSimilarity(2, 1e-6), [LINE, LINE]),
    "PairwiseDistance": (lambda nn: nn.PairwiseDistance(3.0, keepdim=True), [(3, 4), (3, 4)]),
    "Dropout3d of everything": (lambda nn: nn.Dropout3d(1.0), [VOLUME]),
    "AlphaDropout of nothing": (lambda nn: nn.AlphaDropout(0.0), [LINE]),
    "FeatureAlphaDropout of everything": (lambda nn: nn.FeatureAlphaDropout(1.0), [LINE]),
    "RReLU of one slope": (lambda nn: nn.RReLU(0.25, 0.25), [LINE]),
}
SIGNS = np.array([1, -1, 1])
LABELS = np.array([[3, 0, -1, 1], [2, -1, 0, 0], [-1, 1, 1, 1]])
ROWS |= {
    "MarginRankingLoss": (lambda nn: nn.MarginRankingLoss(0.3, reduction="sum"), [(3,), (3,), SIGNS]),
    "CosineEmbeddingLoss": (lambda nn: nn.CosineEmbeddingLoss(0.1), [(3, 4), (3, 4), SIGNS]),
    "HingeEmbeddingLoss": (lambda nn: nn.HingeEmbeddingLoss(0.7, reduction="none"), [(3,), SIGNS]),
    "SoftMarginLoss": (lambda nn: nn.SoftMarginLoss(), [(3,), SIGNS]),
    "MultiLabelMarginLoss": (lambda nn: nn.MultiLabelMarginLoss(), [(3, 4), LABELS]),
    "MultiLabelMarginLoss of one": (lambda nn: nn.MultiLabelMarginLoss(reduction="none"), [(4,), LABELS[0]]),
    "MultiLabelSoftMarginLoss": (lambda nn: nn.MultiLabelSoftMarginLoss(), [(3, 4), (LABELS > 0).astype(int)]),
    "TripletMarginLoss": (lambda nn: nn.TripletMarginLoss(0.5, 3.0, swap=True), [(3, 4), (3, 4), (3, 4)]),
    "TripletMarginWithDistanceLoss": (
        lambda nn: nn.TripletMarginWithDistanceLoss(margin=0.5, swap=True),
        [(3, 4), (3, 4), (3, 4)],
    ),
    "PoissonNLLLoss": (lambda nn: nn.PoissonNLLLoss(full=True), [(3,), np.array([0, 1, 5])]),
    "GaussianNLLLoss": (
        lambda nn: nn.GaussianNLLLoss(full=True),
        [(3, 4), (3, 4), np.array([[0.5], [1e-9], [2.0]], np.float32)],
    ),
}
BAGS = np.array([[1, 2, 4, 5], [4, 3, 2, 6]])
ROWS |= {
    f"EmbeddingBag {mode}": (lambda nn, mode=mode: nn.EmbeddingBag(7, 3, mode=mode, padding_idx=4), [BAGS])
    for mode in ("sum", "mean", "max")
}
ROWS["EmbeddingBag of offsets"] = (lambda nn: nn.EmbeddingBag(7, 3), [BAGS[0], np.array([0, 2, 2])])
ROWS["DataParallel"] = (lambda nn: nn.DataParallel(nn.Linear(4, 3)), [(2, 4)])
