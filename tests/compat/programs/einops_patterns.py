"""einops: rearrange, reduce, repeat, pack, einsum and layers, with gradients."""

import torch
from _values import fill, norm, numbers, tell
from einops import einsum, pack, rearrange, reduce, repeat, unpack
from einops.layers.torch import EinMix, Rearrange, Reduce

x = numbers(0, 2, 4, 6, 3)
packed, shapes = pack([x[:, 0], x[:, 1, 0]], "b *")
net = fill(
    torch.nn.Sequential(
        Rearrange("b h w c -> b (h w) c"), EinMix("b n c -> b n d", "c d", c=3, d=5), Reduce("b n d -> b d", "max")
    )
)
net(x).square().sum().backward()
tell(
    rearrange=rearrange(x, "b (h p) w c -> b h w (p c)", p=2)[0],
    reduce=reduce(x, "b (h 2) (w 2) c -> b h w c", "mean"),
    repeat=repeat(x[0, 0], "w c -> (w r) c", r=2),
    pack=packed,
    unpack=[list(part.shape) for part in unpack(packed, shapes, "b *")],
    einsum=einsum(x, x, "b h w c, b h w d -> c d"),
    gradient=norm(net),
)
