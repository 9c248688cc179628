"""The step of ours.ts in PyTorch: same shapes, transformers' GPT-2 or (--family llama) LLaMA, skew KL in log space, AdamW;
eager."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "frame"))
import torch
from pytorch_frame import argument, device, report, size, timed
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

family = argument("--family", "gpt2")
batch, seq, vocab, positions, alpha = {
    ("gpt2", "large"): (8, 512, 50257, 1024, 0.1), ("llama", "large"): (8, 256, 4096, 256, 0.1),
}.get((family, size), (2, 128, 512, 256, 0.1) if size == "tiny" else (8, 128, 4096, 256, 0.1))


def gpt2(n_embd, n_layer, n_head):
    common = dict(vocab_size=vocab, n_positions=positions, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    return GPT2LMHeadModel(GPT2Config(n_embd=n_embd, n_layer=n_layer, n_head=n_head, **common)).to(device)


def llama(width):
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=vocab, max_position_embeddings=positions, hidden_size=width, intermediate_size=7 * width // 3,
        num_hidden_layers=6, num_attention_heads=6, num_key_value_heads=2, tie_word_embeddings=True,
    )).to(device)


if family == "llama":
    student, teacher = llama(48 if size == "tiny" else 384), llama(48 if size == "tiny" else 384)
else:
    small = (768, 12, 12)
    student_shape, teacher_shape = {"large": (small, small), "tiny": ((32, 4, 4), (64, 8, 8))}.get(
        size, ((256, 4, 4), (512, 8, 8)))
    student, teacher = gpt2(*student_shape), gpt2(*teacher_shape)
teacher.eval()
optimizer = torch.optim.AdamW(student.parameters(), lr=5e-4, weight_decay=1e-2)
ids = torch.randint(0, vocab, (batch, seq))
log_alpha, log_rest = torch.log(torch.tensor(alpha)), torch.log(torch.tensor(1 - alpha))


def step():
    with torch.no_grad():
        log_p = torch.log_softmax(teacher(ids).logits, -1)
    log_q = torch.log_softmax(student(ids).logits, -1)
    loss = (log_p.exp() * (log_p - torch.logaddexp(log_p + log_alpha, log_q + log_rest))).sum(-1).mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


values = [batch * seq / timed(step) for _ in range(12)][2:]
report("training step", "tokens/s", values)
