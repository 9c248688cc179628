"""Writes ../divergences.json: values and gradients of every divergence on small, awkward logits.

    python test/oracles/make/divergences.py        (needs torch and mpmath)

`value` and `gradient` are exact: the definitions in 60-digit arithmetic, checked here against PyTorch's float64
autograd in log space. `official` is the gradient of the plain probability formulas that the DistiLLM code uses, by
PyTorch's float32 autograd, or null where it is not finite. Values are means over the rows whose label is not -100;
gradients are those of the mean with respect to the student's logits, row by row.
"""

import math

import mpmath
import torch
from lossCases import f32, short, write_cases

mpmath.mp.dps = 60
IGNORED = -100

# kind, weight: alpha of the skewed forms, w of jensenShannon and symmetricKL
LOSSES = [
    ("forwardKL", 0),
    ("reverseKL", 0),
    ("symmetricKL", 0.3),
    ("jensenShannon", 0.1),
    ("jensenShannon", 0.5),
    ("totalVariation", 0),
    ("skewKL", 0.1),
    ("skewKL", 0.9),
    ("skewReverseKL", 0.1),
    ("skewReverseKL", 0.9),
]


def exact_row(kind, w, p, q):
    """Loss of a row and g with dloss/dz_j = q_j (g_j - sum_i q_i g_i)."""
    log, sign = mpmath.log, mpmath.sign
    kl = lambda a, b: sum(x * log(x / y) for x, y in zip(a, b))
    mix = lambda a, x, y: [a * s + (1 - a) * t for s, t in zip(x, y)]
    pairs = list(zip(p, q))
    forward, reverse = [-x / y for x, y in pairs], [log(y / x) for x, y in pairs]
    if kind == "forwardKL":
        return kl(p, q), forward
    if kind == "reverseKL":
        return kl(q, p), reverse
    if kind == "symmetricKL":
        return (1 - w) * kl(p, q) + w * kl(q, p), [(1 - w) * f + w * r for f, r in zip(forward, reverse)]
    if kind == "jensenShannon":
        m = mix(w, q, p)
        return w * kl(q, m) + (1 - w) * kl(p, m), [w * log(y / z) for y, z in zip(q, m)]
    if kind == "totalVariation":
        return sum(abs(x - y) for x, y in pairs) / 2, [sign(y - x) / 2 for x, y in pairs]
    if kind == "skewKL":
        m = mix(w, p, q)
        return kl(p, m), [-(1 - w) * x / z for x, z in zip(p, m)]
    m = mix(w, q, p)
    return kl(q, m), [log(y / z) - w * y / z for y, z in zip(q, m)]


def exact(kind, w, case):
    w, temperature = mpmath.mpf(f32(w)), mpmath.mpf(f32(case["temperature"]))
    rows = [r for r, label in enumerate(case["labels"]) if label != IGNORED]
    total, gradient = mpmath.mpf(0), [[0.0] * case["vocab"] for _ in case["labels"]]

    def softmax(logits):
        e = [mpmath.exp(mpmath.mpf(z) / temperature) for z in logits]
        return [x / sum(e) for x in e]

    for r in rows:
        p, q = softmax(case["teacher"][r]), softmax(case["student"][r])
        loss, g = exact_row(kind, w, p, q)
        total += loss / len(rows)
        mean = sum(y * h for y, h in zip(q, g))
        gradient[r] = [float(y * (h - mean) / temperature / len(rows)) for y, h in zip(q, g)]
    return float(total), gradient


def log_space(kind, w, p, q):
    """The same from log-probabilities in torch."""
    kl = lambda a, b: (a.exp() * (a - b)).sum(-1)
    mix = lambda a, x, y: torch.logaddexp(x + math.log(a), y + math.log(1 - a))
    if kind == "forwardKL":
        return kl(p, q)
    if kind == "reverseKL":
        return kl(q, p)
    if kind == "symmetricKL":
        return (1 - w) * kl(p, q) + w * kl(q, p)
    if kind == "jensenShannon":
        m = mix(w, q, p)
        return w * kl(q, m) + (1 - w) * kl(p, m)
    if kind == "totalVariation":
        return (p.exp() - q.exp()).abs().sum(-1) / 2
    if kind == "skewKL":
        return kl(p, mix(w, p, q))
    return kl(q, mix(w, q, p))


def plain(kind, w, p, q):
    """The probability formulas of the official code, without the teacher's entropy, which moves no gradient."""
    cross = lambda a, b: -(a * b.log()).sum(-1)
    kl = lambda a, b: (a * (a.log() - b.log())).sum(-1)
    if kind == "forwardKL":
        return cross(p, q)
    if kind == "reverseKL":
        return kl(q, p)
    if kind == "symmetricKL":
        return (1 - w) * cross(p, q) + w * kl(q, p)
    if kind == "jensenShannon":
        m = (1 - w) * p + w * q
        return w * kl(q, m) + (1 - w) * kl(p, m)
    if kind == "totalVariation":
        return (p - q).abs().sum(-1) / 2
    if kind == "skewKL":
        return cross(p, w * p + (1 - w) * q)
    return kl(q, (1 - w) * p + w * q)


def autograd(kind, w, case, dtype, formula, distribution):
    student = torch.tensor(case["student"], dtype=dtype, requires_grad=True)
    teacher = torch.tensor(case["teacher"], dtype=dtype)
    mask = torch.tensor(case["labels"]) != IGNORED
    temperature = f32(case["temperature"])
    losses = formula(kind, w, distribution(teacher / temperature, -1), distribution(student / temperature, -1))
    loss = losses[mask].sum() / max(int(mask.sum()), 1)
    loss.backward()
    return loss.item(), student.grad


def random_case(name, labels, vocab, scale, temperature=1.0, crest=None):
    """Logits are multiples of 1/64: short in the file and exact in float32. `crest` brings the largest within reach of
    each other, so that the rest may be extreme and the gradient still be a float32."""
    shape = (len(labels), vocab)

    def draw():
        logits = torch.randn(shape) * scale
        if crest:
            logits = logits.clamp(max=crest) + torch.randn(shape) * crest / 2
        return ((logits * 64).round() / 64).tolist()

    return {
        "name": name, "vocab": vocab, "temperature": temperature, "labels": labels, "teacher": draw(), "student": draw(),
    }


def main():
    torch.manual_seed(7)
    cases = [
        random_case("small", [3, IGNORED, 11], 13, 1),
        random_case("one row of odd length", [40], 59, 1.5),
        random_case("warm", [0, 5], 17, 3, temperature=2.5),
        random_case("peaked", [2, 8, IGNORED], 19, 9),
        random_case("extreme", [1, IGNORED, 22], 23, 60, crest=24),
        random_case("one word takes all", [4], 11, 150),
        random_case("all masked", [IGNORED, IGNORED], 7, 1),
    ]
    for case in cases:
        case["losses"] = []
        for kind, weight in LOSSES:
            value, gradient = exact(kind, weight, case)
            check, check_gradient = autograd(kind, f32(weight), case, torch.float64, log_space, torch.log_softmax)
            assert abs(check - value) <= 1e-12 * max(1, abs(value)), (case["name"], kind, check, value)
            assert (check_gradient - torch.tensor(gradient, dtype=torch.float64)).abs().max() < 1e-13, (case["name"], kind)
            _, official = autograd(kind, f32(weight), case, torch.float32, plain, torch.softmax)
            case["losses"].append({
                "kind": kind, "weight": weight, "value": value, "gradient": short(gradient),
                "official": short(official.tolist()) if bool(official.isfinite().all()) else None,
            })
    write_cases("divergences", cases)


main()
