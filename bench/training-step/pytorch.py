"""The step of ours.ts in PyTorch: same shapes, transformers' GPT-2, LLaMA (--family llama) or T5 (--family t5), skew KL in
log space, AdamW; eager."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "frame"))
import torch
from pytorch_frame import argument, device, report, size, timed
from transformers import (
    GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, T5Config, T5ForConditionalGeneration,
)

family = argument("--family", "gpt2")
batch, seq, vocab, positions, alpha = {
    ("gpt2", "large"): (8, 512, 50257, 1024, 0.1), ("llama", "large"): (8, 256, 4096, 256, 0.1),
    ("t5", "large"): (8, 256, 4096, 256, 0.1),
}.get((family, size), (2, 128, 512, 256, 0.1) if size == "tiny" else (8, 128, 4096, 256, 0.1))


def gpt2(n_embd, n_layer, n_head):
    common = dict(vocab_size=vocab, n_positions=positions, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    return GPT2LMHeadModel(GPT2Config(n_embd=n_embd, n_layer=n_layer, n_head=n_head, **common)).to(device)


def llama(width):
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=vocab, max_position_embeddings=positions, hidden_size=width, intermediate_size=7 * width // 3,
        num_hidden_layers=6, num_attention_heads=6, num_key_value_heads=2, tie_word_embeddings=True,
    )).to(device)


def t5(width, head):
    return T5ForConditionalGeneration(T5Config(
        vocab_size=vocab, d_model=width, d_kv=head, d_ff=11 * width // 4, num_layers=5, num_heads=4, dropout_rate=0.0,
        feed_forward_proj="gated-gelu", decoder_start_token_id=0, use_cache=False,
    )).to(device)


if family == "t5":
    shape = (32, 8) if size == "tiny" else (256, 64)
    student, teacher = t5(*shape), t5(*shape)
elif family == "llama":
    student, teacher = llama(48 if size == "tiny" else 384), llama(48 if size == "tiny" else 384)
else:
    small = (768, 12, 12)
    student_shape, teacher_shape = {"large": (small, small), "tiny": ((32, 4, 4), (64, 8, 8))}.get(
        size, ((256, 4, 4), (512, 8, 8)))
    student, teacher = gpt2(*student_shape), gpt2(*teacher_shape)
teacher.eval()
optimizer = torch.optim.AdamW(student.parameters(), lr=5e-4, weight_decay=1e-2)
ids = torch.randint(0, vocab, (batch, seq))
inputs = {"input_ids": ids}
if family == "t5":
    # A prompt, and an answer behind a start token.
    half = seq // 2
    inputs = {"input_ids": ids[:, :half], "decoder_input_ids": ids[:, half - 1 : -1]}
log_alpha, log_rest = torch.log(torch.tensor(alpha)), torch.log(torch.tensor(1 - alpha))


def step():
    with torch.no_grad():
        log_p = torch.log_softmax(teacher(**inputs).logits, -1)
    log_q = torch.log_softmax(student(**inputs).logits, -1)
    loss = (log_p.exp() * (log_p - torch.logaddexp(log_p + log_alpha, log_q + log_rest))).sum(-1).mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


values = [batch * seq / timed(step) for _ in range(12)][2:]
report("training step", "tokens/s", values)
