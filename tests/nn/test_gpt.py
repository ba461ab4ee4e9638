"""A small GPT in nanoGPT's manner: step by step torch's losses, and a text that it learns."""

import numpy as np
from same_as_torch import copy_state, torch

import numtorch as nt

TEXT = (
    "Shall I compare thee to a summer's day? Thou art more lovely and more temperate: rough winds do shake the "
    "darling buds of May, and summer's lease hath all too short a date. "
) * 2
LETTERS = sorted(set(TEXT))
CONTEXT, WIDTH, HEADS = 16, 32, 4


def gpt(torch):
    nn, F = torch.nn, torch.nn.functional

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.c_attn, self.c_proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

        def forward(self, x):
            n, t, c = x.size()
            q, k, v = (z.view(n, t, HEADS, c // HEADS).transpose(1, 2) for z in self.c_attn(x).split(WIDTH, dim=2))
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=True)
            return self.c_proj(y.transpose(1, 2).contiguous().view(n, t, c))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(WIDTH), Attention(), nn.LayerNorm(WIDTH)
            self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

        def forward(self, x):
            x = x + self.attn(self.ln_1(x))
            return x + self.mlp(self.ln_2(x))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(len(LETTERS), WIDTH), nn.Embedding(CONTEXT, WIDTH)
            self.h = nn.ModuleList([Block() for _ in range(2)])
            self.ln_f, self.lm_head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, len(LETTERS), bias=False)

        def forward(self, tokens, targets):
            x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
            for block in self.h:
                x = block(x)
            logits = self.lm_head(self.ln_f(x))
            return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))

    return GPT()


def training(torch, net, lr, steps):
    """The losses of steps on windows of the text, eight at a time."""
    codes = np.array([LETTERS.index(c) for c in TEXT])
    starts = np.random.default_rng(0).integers(0, len(codes) - CONTEXT - 1, (steps, 8))
    opt = torch.optim.AdamW(net.parameters(), lr=lr, betas=(0.9, 0.99), weight_decay=0.1)
    losses = []
    for at in starts:
        windows = torch.tensor(np.stack([codes[i : i + CONTEXT + 1] for i in at]))
        loss = net(windows[:, :-1], windows[:, 1:].contiguous())
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return losses


def test_steps_are_torchs():
    ours, theirs = gpt(nt).double(), gpt(torch).double()
    copy_state(ours, theirs)
    np.testing.assert_allclose(training(nt, ours, 3e-3, 5), training(torch, theirs, 3e-3, 5), rtol=1e-9)


def test_it_learns_a_text():
    nt.manual_seed(0)
    losses = training(nt, gpt(nt), 1e-2, 80)
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
