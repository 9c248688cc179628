"""
ours.ts in PyTorch: same shapes, skew KL in log space, forward and gradients, all rows at once or in chunks (--chunk 128)
whose graphs are freed one by one. Memory on a processor is the process's: the most that was ever resident (ru_maxrss) less
what was resident before the first call, inputs and gradients included in the latter; on a GPU it is PyTorch's own count.
"""
import os
import resource
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "frame"))
import torch
from pytorch_frame import argument, device, report, size, timed

tokens, vocab, student_width, teacher_width = {
    "large": (2048, 50257, 768, 768), "tiny": (67, 1031, 48, 80)}.get(size, (2048, 50257, 768, 1600))
alpha = 0.1
chunk = int(argument("--chunk", str(tokens)))


def uniform(rows, cols, scale=1.0):
    return torch.empty(rows, cols).uniform_(-scale, scale)


hidden = uniform(tokens, student_width).requires_grad_()
head = uniform(vocab, student_width, 6 / student_width**0.5).requires_grad_()
teacher_hidden = uniform(tokens, teacher_width)
teacher_head = uniform(vocab, teacher_width, 6 / teacher_width**0.5)
hidden.grad, head.grad = torch.zeros_like(hidden), torch.zeros_like(head)
log_alpha, log_rest = torch.log(torch.tensor(alpha)), torch.log(torch.tensor(1 - alpha))
with open("/proc/self/statm") as file:
    resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
allocated = torch.cuda.memory_allocated() if device == "cuda" else 0


def step():
    for first in range(0, tokens, chunk):
        rows = slice(first, first + chunk)
        with torch.no_grad():
            log_p = torch.log_softmax(teacher_hidden[rows] @ teacher_head.T, -1)
        log_q = torch.log_softmax(hidden[rows] @ head.T, -1)
        loss = (log_p.exp() * (log_p - torch.logaddexp(log_p + log_alpha, log_q + log_rest))).sum() / tokens
        loss.backward()


values = [timed(step) for _ in range(4)][1:]
report(f"{tokens} tokens, {vocab} words, {student_width} and {teacher_width} wide", "s", values)
if device == "cuda":
    report("peak extra memory", "MB", [(torch.cuda.max_memory_allocated() - allocated) / 1e6])
else:
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident
    report("peak extra resident memory of the process", "MB", [peak / 1e6])
