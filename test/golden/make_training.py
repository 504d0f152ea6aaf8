#!/usr/bin/env python3
"""Makes training.json beside it: schedules, optimisers, clipping and losses as PyTorch has them, in float64.

    python make_training.py      (PyTorch and NumPy; made with PyTorch 2.15.0, CPU)
"""
import json
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F

from make_golden import values

warnings.filterwarnings('ignore')
STEPS = 5
SHAPES = [(3, 2, 2), (5,), (4, 3)]
golden = dict(torch=torch.__version__.split('+')[0])


def one_cycle(top, epochs, batches):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=top, total_steps=epochs * batches, cycle_momentum=False)
    rates = []
    for _ in range(epochs * batches):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        schedule.step()
    return dict(top=top, epochs=epochs, batches=batches, rates=rates)


def plateau(patience, losses):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=patience)
    rates = []
    for loss in losses:
        rates.append(optimizer.param_groups[0]['lr'])
        schedule.step(loss)
    return dict(patience=patience, losses=losses, rates=rates)


def optimise(make, clip=None):
    """`make` gets three tensors: the first decays, the second does not, the third is frozen (it gets no gradient)."""
    tensors = [values(i + 1, shape, -1, 1).requires_grad_(i < 2) for i, shape in enumerate(SHAPES)]
    optimizer = make(tensors)
    for step in range(STEPS):
        for i, tensor in enumerate(tensors[:2]):
            tensor.grad = values(100 + 10 * step + i, SHAPES[i], -1, 1)
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(tensors, clip)
        for group in optimizer.param_groups:
            group['lr'] = 0.1 / (step + 1)
        optimizer.step()
    state = {}
    for i, tensor in enumerate(tensors[:2]):
        for key, value in optimizer.state[tensor].items():
            if value is not None and value.shape == tensor.shape:
                state.setdefault(key, []).extend(value.flatten().tolist())
    return dict(parameters=[x for t in tensors for x in t.detach().flatten().tolist()], state=state)


def groups(tensors, decay):
    return [dict(params=[tensors[0]], weight_decay=decay), dict(params=tensors[1:2], weight_decay=0)]


BATCH, CLASSES = 6, 5


def cross_entropy(weighted, smoothing, mixed):
    logits = values(500, (BATCH, CLASSES), -4, 4).requires_grad_()
    first = [(3 * n + 1) % CLASSES for n in range(BATCH)]
    second = [(2 * n) % CLASSES for n in range(BATCH)]
    share = [0.1 + 0.15 * n for n in range(BATCH)] if mixed else [1.0] * BATCH
    target = torch.zeros(BATCH, CLASSES)
    for n in range(BATCH):
        target[n, first[n]] += share[n]
        target[n, second[n]] += 1 - share[n]
    weights = values(501, (CLASSES,), 0.5, 2) if weighted else None
    # With probabilities as targets PyTorch divides by the number of images, whatever the weights.
    losses = F.cross_entropy(logits, target, weight=weights, label_smoothing=smoothing, reduction='none')
    mean = F.cross_entropy(logits, target, weight=weights, label_smoothing=smoothing)
    mean.backward()
    return dict(weighted=weighted, smoothing=smoothing, mixed=mixed, first=first, second=second, share=share,
                losses=losses.tolist(), gradient=logits.grad.flatten().tolist())


def binary_cross_entropy(weighted, smoothing):
    logits = values(500, (BATCH, CLASSES), -4, 4).requires_grad_()
    targets = (values(502, (BATCH, CLASSES), 0, 1) > 0.6).double()
    smooth = targets * (1 - smoothing) + smoothing / 2
    weights = values(501, (CLASSES,), 0.5, 2) if weighted else None
    losses = F.binary_cross_entropy_with_logits(logits, smooth, weight=weights, reduction='none').mean(1)
    F.binary_cross_entropy_with_logits(logits, smooth, weight=weights).backward()
    wrong = ((logits > 0) != (targets > 0.5)).sum(1)
    return dict(weighted=weighted, smoothing=smoothing, targets=targets.flatten().tolist(), losses=losses.tolist(),
                ranks=wrong.tolist(), gradient=logits.grad.flatten().tolist())


golden['oneCycle'] = [one_cycle(0.4, 3, 7), one_cycle(0.1, 10, 13)]
golden['plateau'] = plateau(2, [5, 4, 4, 4.1, 4, 3.9999, 3, 3.5, 3.4, 3.3, 2.9, 2.9, 2.9, 2.9])
golden['optimizers'] = dict(
    steps=STEPS, sizes=[torch.Size(s).numel() for s in SHAPES],
    sgd=optimise(lambda t: torch.optim.SGD(groups(t, 0.01), lr=0.1, momentum=0.9, nesterov=True)),
    sgdClipped=optimise(lambda t: torch.optim.SGD(groups(t, 0.01), lr=0.1, momentum=0.9, nesterov=True), clip=0.7),
    sgdClippedLoosely=optimise(lambda t: torch.optim.SGD(groups(t, 0.01), lr=0.1, momentum=0.9, nesterov=True), clip=70),
    adamw=optimise(lambda t: torch.optim.AdamW(groups(t, 0.3), lr=0.1, betas=(0.8, 0.95), eps=1e-6)),
    rmsprop=optimise(lambda t: torch.optim.RMSprop(groups(t, 0.01), lr=0.1, alpha=0.9, eps=1e-5, momentum=0.7)),
    rmspropPlain=optimise(lambda t: torch.optim.RMSprop(groups(t, 0.01), lr=0.1, alpha=0.99, eps=1e-8)),
)
golden['crossEntropy'] = [cross_entropy(w, s, m) for w in (False, True) for s in (0, 0.1) for m in (False, True)]
golden['binaryCrossEntropy'] = [binary_cross_entropy(w, s) for w in (False, True) for s in (0, 0.1)]

path = Path(__file__).with_name('training.json')
path.write_text('{\n' + ',\n'.join(f'{json.dumps(k)}: {json.dumps(v)}' for k, v in golden.items()) + '\n}\n')
print(f'{path.name}: {path.stat().st_size // 1000} kB')
