"""The step of lora.ts in PyTorch with peft: adapters of rank 16 beside all linear layers of SmolLM2's shapes, AdamW; eager."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "frame"))
import torch
from peft import LoraConfig, get_peft_model
from pytorch_frame import device, report, size, timed
from transformers import LlamaConfig, LlamaForCausalLM

tiny = size == "tiny"
batch, seq, vocab, steps = (2, 32, 512, 6) if tiny else (4, 256, 49152, 8)
shape = dict(hidden_size=96, intermediate_size=128, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=1)
if not tiny:
    shape = dict(hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3)
base = LlamaForCausalLM(LlamaConfig(
    vocab_size=vocab, max_position_embeddings=8192, rope_theta=100000.0, rms_norm_eps=1e-5, tie_word_embeddings=True, **shape,
)).to(device)
model = get_peft_model(base, LoraConfig(r=16, lora_alpha=64, lora_dropout=0.1, target_modules="all-linear"))
model.train()
trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=5e-4, weight_decay=1e-2)
ids = torch.randint(0, vocab, (batch, seq))


def step():
    model(input_ids=ids, labels=ids).loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


report("LoRA step", "tokens/s", [batch * seq / timed(step) for _ in range(steps)][2:])
