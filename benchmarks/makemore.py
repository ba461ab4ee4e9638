"""Small models of names, character by character, with the sizes and the structure of Karpathy's makemore: a network
with a cell of its own that goes through the steps in a loop, and a Transformer whose attention is written out.

Source: https://github.com/karpathy/makemore
"""

from __future__ import annotations

from math import pi, sqrt
from types import SimpleNamespace
from typing import Any

VOCABULARY, CONTEXT, WIDTH, HEADS, LAYERS = 27, 16, 64, 4, 4  # 26 letters and the mark of a name's end


def recurrent(fw: SimpleNamespace, gated: bool) -> Any:
    """Each step joins a letter's vector with the state; ``gated``: a GRU's cell, else a linear layer and tanh."""
    nn, T = fw.nn, fw.T

    class Simple(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.xh_to_h = nn.Linear(2 * WIDTH, WIDTH)

        def forward(self, x: Any, h: Any) -> Any:
            return T.tanh(self.xh_to_h(T.cat([x, h], dim=1)))

    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.xh_to_z, self.xh_to_r, self.xh_to_hbar = (nn.Linear(2 * WIDTH, WIDTH) for _ in range(3))

        def forward(self, x: Any, h: Any) -> Any:
            both = T.cat([x, h], dim=1)
            r = T.sigmoid(self.xh_to_r(both))
            new = T.tanh(self.xh_to_hbar(T.cat([x, r * h], dim=1)))
            z = T.sigmoid(self.xh_to_z(both))
            return (1 - z) * h + z * new

    class Names(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.start = nn.Parameter(T.zeros(1, WIDTH))
            self.wte = nn.Embedding(VOCABULARY, WIDTH)
            self.cell = Gated() if gated else Simple()
            self.lm_head = nn.Linear(WIDTH, VOCABULARY)

        def forward(self, tokens: Any) -> Any:
            batch, steps = tokens.size()
            letters, h, states = self.wte(tokens), self.start.expand((batch, -1)), []
            for i in range(steps):
                h = self.cell(letters[:, i, :], h)
                states.append(h)
            return self.lm_head(T.stack(states, 1))

    return Names()


def transformer(fw: SimpleNamespace) -> Any:
    """GPT-2's blocks: products, mask and softmax of attention one by one, and GELU by its formula with tanh."""
    nn, F, T = fw.nn, fw.F, fw.T

    class Gelu(nn.Module):
        def forward(self, x: Any) -> Any:
            return 0.5 * x * (1.0 + T.tanh(sqrt(2.0 / pi) * (x + 0.044715 * T.pow(x, 3.0))))

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c_attn, self.c_proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.register_buffer("bias", T.tril(T.ones(CONTEXT, CONTEXT)).view(1, 1, CONTEXT, CONTEXT))

        def forward(self, x: Any) -> Any:
            n, t, c = x.size()
            q, k, v = (z.view(n, t, HEADS, c // HEADS).transpose(1, 2) for z in self.c_attn(x).split(WIDTH, dim=2))
            scores = (q @ k.transpose(-2, -1)) * (1.0 / sqrt(k.size(-1)))
            scores = scores.masked_fill(self.bias[:, :, :t, :t] == 0, float("-inf"))
            y = F.softmax(scores, dim=-1) @ v
            return self.c_proj(y.transpose(1, 2).contiguous().view(n, t, c))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(WIDTH), Attention(), nn.LayerNorm(WIDTH)
            self.c_fc, self.c_proj, self.act = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH), Gelu()

        def forward(self, x: Any) -> Any:
            x = x + self.attn(self.ln_1(x))
            return x + self.c_proj(self.act(self.c_fc(self.ln_2(x))))

    class Names(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wte, self.wpe = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(CONTEXT, WIDTH)
            self.h = nn.ModuleList([Block() for _ in range(LAYERS)])
            self.ln_f, self.lm_head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY, bias=False)

        def forward(self, tokens: Any) -> Any:
            places = T.arange(0, tokens.size(1), dtype=T.long).unsqueeze(0)
            x = self.wte(tokens) + self.wpe(places)
            for block in self.h:
                x = block(x)
            return self.lm_head(self.ln_f(x))

    return Names()
