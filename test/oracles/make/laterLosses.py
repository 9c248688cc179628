"""Writes ../laterLosses.json: values and gradients of the losses that came after DistiLLM, and of what every loss may have.

    python test/oracles/make/laterLosses.py        (needs torch)

Each loss is its published formula in log-probabilities, differentiated by PyTorch's autograd in float64: the mixtures are
normalised by logsumexp, TAID's target is made of logits and detached, the tokens beside the top k are added up. Nothing here
is derived by hand. `loss` is the data of a factory of src/distill/losses. Values are means over the rows whose label is not
-100; gradients are those of the mean with respect to the student's logits, row by row.
"""

import math

import torch
from lossCases import f32, short, write_cases

IGNORED = -100

LOSSES = [
    # ABKD, arXiv 2505.04560: published numbers, the points that have names, and the limits where alpha or beta is 0
    {"kind": "alphaBeta", "alpha": 0.2, "beta": 0.7},
    {"kind": "alphaBeta", "alpha": 0.1, "beta": 0.8},
    {"kind": "alphaBeta", "alpha": 0.5, "beta": 0.5},
    {"kind": "alphaBeta", "alpha": 1, "beta": 0},
    {"kind": "alphaBeta", "alpha": 0, "beta": 1},
    {"kind": "alphaBeta", "alpha": 0.6, "beta": 0},
    {"kind": "alphaBeta", "alpha": 0, "beta": 0.6},
    {"kind": "alphaBeta", "alpha": 1.4, "beta": 0.3},
    # AMiD, arXiv 2510.15982
    {"kind": "alphaMixture", "alpha": 0.5, "lambda": 0.5},
    {"kind": "alphaMixture", "alpha": 0.5, "lambda": 0.5, "divergenceAlpha": 0.2, "divergenceBeta": 0.7},
    {"kind": "alphaMixture", "alpha": -1, "lambda": 0.1},
    {"kind": "alphaMixture", "alpha": -1, "lambda": 0.9, "between": "studentMixture"},
    {"kind": "alphaMixture", "alpha": 1, "lambda": 0.3},
    {"kind": "alphaMixture", "alpha": 3, "lambda": 0.4, "between": "studentMixture"},
    {"kind": "alphaMixture", "alpha": 0.5, "lambda": 0.5, "between": "mixtureTeacher"},
    {"kind": "alphaMixture", "alpha": -5, "lambda": 0.7, "between": "mixtureStudent"},
    {
        "kind": "alphaMixture", "alpha": 0.5, "lambda": 0.5, "between": "mixtureStudent",
        "divergenceAlpha": 0.2, "divergenceBeta": 0.7,
    },
    # TAID, arXiv 2501.16937, at the t with which it starts
    {"kind": "taid", "start": 0.4},
    {"kind": "taid", "start": 0.2, "temperature": 2},
    # The teacher's top k and the rest
    {"kind": "forwardKL", "topK": 1},
    {"kind": "forwardKL", "topK": 5},
    {"kind": "skewKL", "alpha": 0.1, "topK": 3, "temperature": 1.5},
    {"kind": "alphaBeta", "alpha": 0.2, "beta": 0.7, "topK": 4},
    # A clamp between the losses of the rows: above it a row has no gradient
    {"kind": "forwardKL", "clamp": 1},
    {"kind": "alphaMixture", "alpha": 0.5, "lambda": 0.5, "clamp": 0.2},
    # A temperature on either side, with and without its square
    {"kind": "forwardKL", "temperature": 2, "temperatureSquared": True},
    {"kind": "reverseKL", "temperature": 2, "teacherTemperature": 0.7},
    {"kind": "skewReverseKL", "alpha": 0.1, "temperature": 3, "teacherTemperature": 1.5, "temperatureSquared": True},
    {"kind": "alphaBeta", "alpha": 0.2, "beta": 0.7, "temperature": 0.8, "teacherTemperature": 2},
]


def kl(x, y):
    return (x.exp() * (x - y)).sum(-1)


def alpha_beta(x, y, a, b):
    """ABKD, formula 5, and its limits."""
    if a == 0:
        return ((b * y).exp() * (b * (y - x) - 1) + (b * x).exp()).sum(-1) / b**2
    if b == 0:
        return ((a * x).exp() * (a * (x - y) - 1) + (a * y).exp()).sum(-1) / a**2
    c = a + b
    terms = (a * x + b * y).exp() - a / c * (c * x).exp() - b / c * (c * y).exp()
    return -terms.sum(-1) / (a * b)


def mixture(p, q, weight, power):
    if power == 0:
        raw = weight * p + (1 - weight) * q
    else:
        raw = torch.logaddexp(math.log(weight) + power * p, math.log(1 - weight) + power * q) / power
    return torch.log_softmax(raw, -1)


def together(p, q, k):
    """Log-probabilities of the teacher's top k and of all others together."""
    top = p.topk(k, -1).indices
    others = torch.ones_like(p, dtype=torch.bool).scatter(-1, top, False)
    rest = lambda x: torch.logsumexp(x.masked_fill(~others, -math.inf), -1, keepdim=True)
    return [torch.cat([x.gather(-1, top), rest(x)], -1) for x in (p, q)]


def row_losses(loss, teacher, student):
    temperature = f32(loss.get("temperature", 1))
    teacher = teacher / f32(loss.get("teacherTemperature", loss.get("temperature", 1)))
    student = student / temperature
    p, q = torch.log_softmax(teacher, -1), torch.log_softmax(student, -1)
    if "topK" in loss:
        p, q = together(p, q, loss["topK"])
    kind = loss["kind"]
    if kind == "forwardKL":
        losses = kl(p, q)
    elif kind == "reverseKL":
        losses = kl(q, p)
    elif kind == "skewKL":
        losses = kl(p, mixture(p, q, f32(loss["alpha"]), 1))
    elif kind == "skewReverseKL":
        losses = kl(q, mixture(p, q, 1 - f32(loss["alpha"]), 1))
    elif kind == "alphaBeta":
        losses = alpha_beta(p, q, f32(loss["alpha"]), f32(loss["beta"]))
    elif kind == "taid":
        t = f32(loss["start"])
        losses = kl(torch.log_softmax((1 - t) * student.detach() + t * teacher, -1), q)
    else:
        r = mixture(p, q, f32(loss["lambda"]), f32((1 - loss["alpha"]) / 2))
        pairs = {"teacherMixture": (p, r), "studentMixture": (q, r), "mixtureTeacher": (r, p), "mixtureStudent": (r, q)}
        pair = pairs[loss.get("between", "teacherMixture")]
        losses = alpha_beta(*pair, f32(loss.get("divergenceAlpha", 1)), f32(loss.get("divergenceBeta", 0)))
    if "clamp" in loss:
        losses = losses.clamp(max=f32(loss["clamp"]))
    return losses * (temperature**2 if loss.get("temperatureSquared") else 1)


def measured(loss, case):
    student = torch.tensor(case["student"], dtype=torch.float64, requires_grad=True)
    teacher = torch.tensor(case["teacher"], dtype=torch.float64)
    losses = row_losses(loss, teacher, student)[torch.tensor(case["labels"]) != IGNORED]
    mean = losses.mean()
    mean.backward()
    return losses.tolist(), mean.item(), student.grad.tolist()


def random_case(name, labels, vocab, scale):
    """Logits are multiples of 1/64: short in the file and exact in float32."""
    draw = lambda: ((torch.randn(len(labels), vocab) * scale * 64).round() / 64).tolist()
    return {"name": name, "vocab": vocab, "labels": labels, "teacher": draw(), "student": draw()}


def main():
    torch.manual_seed(11)
    cases = [
        random_case("small", [3, IGNORED, 11, 0], 13, 1),
        random_case("one row of odd length", [30], 37, 1.5),
        random_case("peaked", [2, 8, IGNORED], 19, 6),
    ]
    for case in cases:
        case["losses"] = []
        for loss in LOSSES:
            rows, value, gradient = measured(loss, case)
            assert min(rows) > -1e-15, (case["name"], loss, rows)
            case["losses"].append({"loss": loss, "value": value, "gradient": short(gradient)})
    write_cases("laterLosses", cases)


main()
