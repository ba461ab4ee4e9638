"""transformers: a model is saved and loaded again, and generates tokens greedily and by beams."""

import tempfile

import torch
import transformers
from _values import fill, integers, tell

config = transformers.GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2, n_positions=32, eos_token_id=None)
net = fill(transformers.GPT2LMHeadModel(config), 0.5).eval()
with tempfile.TemporaryDirectory() as folder:
    net.save_pretrained(folder)
    again = transformers.GPT2LMHeadModel.from_pretrained(folder).eval()
start = integers(0, 50, 1, 4)
some = {"attention_mask": torch.ones_like(start), "max_new_tokens": 6, "do_sample": False, "pad_token_id": 0}
tell(greedy=again.generate(start, **some), beams=again.generate(start, num_beams=3, **some))
