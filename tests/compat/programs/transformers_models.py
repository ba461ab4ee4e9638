"""transformers: tiny GPT-2, BERT, Llama, T5, ViT and Mamba give PyTorch's loss and gradients."""

import transformers
from _values import fill, integers, norm, numbers, tell

tokens, small = integers(0, 99, 2, 12), {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
found = {}


def model(name, kind, config, **inputs):
    net = fill(kind(config)).eval()
    loss = net(**inputs).loss
    loss.backward()
    found[name] = [loss.item(), norm(net)]


words = {"input_ids": tokens, "labels": tokens}
t = transformers
model("gpt2", t.GPT2LMHeadModel, t.GPT2Config(vocab_size=99, n_embd=16, n_layer=2, n_head=2, n_positions=32), **words)
bert = t.BertConfig(vocab_size=99, intermediate_size=32, **small)
model("bert", t.BertForMaskedLM, bert, **words)
llama = t.LlamaConfig(vocab_size=99, intermediate_size=32, num_key_value_heads=1, **small)
model("llama", t.LlamaForCausalLM, llama, **words)
t5 = t.T5Config(vocab_size=99, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=0)
model("t5", t.T5ForConditionalGeneration, t5, **words)
vit = t.ViTConfig(image_size=16, patch_size=4, intermediate_size=32, num_labels=3, **small)
model("vit", t.ViTForImageClassification, vit, pixel_values=numbers(1, 2, 3, 16, 16), labels=integers(2, 3, 2))
mamba = t.MambaConfig(vocab_size=99, hidden_size=16, state_size=4, num_hidden_layers=2)
model("mamba", t.MambaForCausalLM, mamba, **words)
tell(**found)
