#!/usr/bin/env python3
"""Makes training.json beside it: schedules, optimisers, clipping and losses as PyTorch has them, in float64.

    python make_training.py      (PyTorch and NumPy; made with PyTorch 2.15.0, CPU)
"""
import json
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F

import make_golden
from make_golden import DenseNet, IMAGES, NETS, bounds, summary, values

warnings.filterwarnings('ignore')
make_golden.SAMPLES = 4  # of each tensor
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


def binary_cross_entropy(weighted, smoothing, mixed=False):
    logits = values(500, (BATCH, CLASSES), -4, 4).requires_grad_()
    targets = (values(502, (BATCH, CLASSES), 0, 1) > 0.6).double()
    if mixed:
        targets = 0.75 * targets + 0.25 * targets.flip(0)
    smooth = targets * (1 - smoothing) + smoothing / 2
    weights = values(501, (CLASSES,), 0.5, 2) if weighted else None
    losses = F.binary_cross_entropy_with_logits(logits, smooth, weight=weights, reduction='none').mean(1)
    F.binary_cross_entropy_with_logits(logits, smooth, weight=weights).backward()
    wrong = ((logits > 0) != (targets > 0.5)).sum(1)
    return dict(weighted=weighted, smoothing=smoothing, targets=targets.flatten().tolist(), losses=losses.tolist(),
                ranks=wrong.tolist(), gradient=logits.grad.flatten().tolist())


def bc_net():
    """The net "bc" of make_golden.py with its numbers."""
    net = DenseNet(NETS['bc'])
    with torch.no_grad():
        for first, tensors in ((1, net.named_parameters()), (1001, ((n, b) for n, b in net.named_buffers() if 'running' in n))):
            for i, (name, tensor) in enumerate(tensors):
                tensor.copy_(values(first + i, tuple(tensor.shape), *bounds(name, tensor.shape)))
    net.train()
    return net


def bc_batch(step):
    options = NETS['bc']
    images = values(IMAGES['bc'] + step, (4, 3, options['height'], options['width']), -1.7, 1.7)
    return images, torch.tensor([(7 * n + 3 * step) % options['classes'] for n in range(4)])


def whole_net(make, clip):
    """Three steps with two groups of parameters (weights decay, norms and biases do not), clipping and smoothing."""
    net = bc_net()
    parameters = dict(net.named_parameters())
    optimizer = make([dict(params=[p for p in parameters.values() if p.ndim > 1]),
                      dict(params=[p for p in parameters.values() if p.ndim == 1], weight_decay=0)])
    losses, norms = [], []
    for step in range(3):
        images, labels = bc_batch(step)
        optimizer.zero_grad()
        loss = F.cross_entropy(net(images), labels, label_smoothing=0.1)
        loss.backward()
        losses.append(loss.item())
        norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), clip).item())
        optimizer.step()
    return dict(losses=losses, norms=norms, clip=clip, parameters3=summary(parameters))


def frozen_net(patterns):
    """Two steps of that net; parameters whose names begin so are frozen, norms among them evaluate."""
    net = bc_net()
    frozen = [n for n, _ in net.named_parameters() if n.startswith(tuple(patterns))]
    for name, module in net.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d) and f'{name}.weight' in frozen and f'{name}.bias' in frozen:
            module.eval()
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name not in frozen)
    trained = {n: p for n, p in net.named_parameters() if p.requires_grad}
    optimizer = torch.optim.SGD(trained.values(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
    result = dict(frozen=frozen, losses=[])
    for step in range(2):
        images, labels = bc_batch(step)
        optimizer.zero_grad()
        loss = F.cross_entropy(net(images), labels)
        loss.backward()
        result['losses'].append(loss.item())
        if step == 0:
            result['gradient1'] = summary({n: p.grad for n, p in trained.items()})
        optimizer.step()
    result['parameters2'] = summary(dict(net.named_parameters()))
    result['running2'] = summary({n: b for n, b in net.named_buffers() if 'running' in n})
    return result


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
golden['binaryCrossEntropy'] = [binary_cross_entropy(w, s, m) for m in (False, True) for w in (False, True) for s in (0, 0.1)]

# A frozen beginning; norms in the middle and at the end of the rest; all norms.
golden['frozen'] = [frozen_net(patterns) for patterns in (
    ['features.conv0', 'features.denseblock1', 'features.transition1'],
    ['features.denseblock1.denselayer2.norm1', 'features.denseblock2.denselayer1.norm', 'features.transition2.norm',
     'features.denseblock3.denselayer2.norm2.weight', 'features.norm5', 'classifier.bias'],
)]

golden['whole'] = dict(
    adamw=whole_net(lambda groups: torch.optim.AdamW(groups, lr=0.01, weight_decay=0.1), clip=0.8),
    rmsprop=whole_net(lambda groups: torch.optim.RMSprop(groups, lr=0.001, alpha=0.9, momentum=0.5, weight_decay=0.1), clip=0.8),
)

path = Path(__file__).with_name('training.json')
path.write_text('{\n' + ',\n'.join(f'{json.dumps(k)}: {json.dumps(v)}' for k, v in golden.items()) + '\n}\n')
print(f'{path.name}: {path.stat().st_size // 1000} kB')
