"""Skew KL in log space from logits, with the gradient of the student's."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "frame"))
import torch
from pytorch_frame import report, size, timed

rows, vocab = {"large": (2048, 50257), "tiny": (7, 1031)}.get(size, (512, 50257))
alpha = 0.1
student = (10 * torch.rand(rows, vocab) - 5).requires_grad_()
teacher = 10 * torch.rand(rows, vocab) - 5
log_alpha, log_rest = torch.log(torch.tensor(alpha)), torch.log(torch.tensor(1 - alpha))


def step():
    student.grad = None
    log_p, log_q = torch.log_softmax(teacher, -1), torch.log_softmax(student, -1)
    mixture = torch.logaddexp(log_p + log_alpha, log_q + log_rest)
    loss = (log_p.exp() * (log_p - mixture)).sum(-1).mean()
    loss.backward()


values = [1000 * timed(step) for _ in range(8)][2:]
report(f"skewKL [{rows}, {vocab}]", "ms", values)
