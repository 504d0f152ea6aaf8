#!/usr/bin/env python3
"""Makes the golden files beside it: small DenseNets, five SGD steps in float64 with PyTorch. README.md says what they hold.

    python make_golden.py        (PyTorch and NumPy; made with PyTorch 2.15.0, CPU)
"""
import json
import math
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)

STEPS, BATCH, LEARNING_RATE, SEED = 5, 4, 0.1, 11
SGD = dict(momentum=0.9, weightDecay=1e-4, nesterov=True)
SAMPLES = 32

NETS = {
    'plain': dict(growthRate=5, blocks=[2, 2, 2], bottleneck=False, reduction=1, initialChannels=16, height=12, width=10,
                  classes=10, stem='cifar'),
    'bc': dict(growthRate=12, blocks=[2, 3, 2], bottleneck=True, reduction=0.5, initialChannels=25, height=13, width=16,
               classes=10, stem='cifar'),
    'imagenet': dict(growthRate=8, blocks=[1, 2, 1, 2], bottleneck=True, reduction=0.5, initialChannels=16, height=64,
                     width=48, classes=7, stem='imagenet'),
    'dropout-bc': dict(growthRate=6, blocks=[2, 1], bottleneck=True, reduction=0.5, initialChannels=9, height=9, width=8,
                       classes=5, stem='cifar', dropRate=0.2),
    'dropout-plain': dict(growthRate=5, blocks=[2, 1], bottleneck=False, reduction=1, initialChannels=7, height=6, width=8,
                          classes=5, stem='cifar', dropRate=0.3),
}

# Images of step s have the number of the net plus s. A pre-activation within rounding of zero would flip its ReLU mask in float32,
# and later steps would be another training. Where there are many (bc: a quarter of a million in a step) the number is the one of
# 2001, 2011 ... 3991 whose nearest one of the first four steps is farthest from zero; the last step's move no number that is kept.
# Norms over few pixels magnify rounding besides (imagenet): of the numbers up to 55991 with none nearer than 8e-6 it is the one whose
# gradient moves least (2.5e-5 in the worst tensor), and losses hardly more than with any, when every convolution's outputs are off by
# 3e-7 at random.
IMAGES = {name: {'bc': 2281, 'imagenet': 47611}.get(name, 2001) for name in NETS}

# ---- the project's counter-based random numbers (src/util/random.ts, src/engine/dropout.ts), in NumPy

def mix32(x):
    x = np.asarray(x, dtype=np.uint64) & 0xFFFFFFFF
    x = ((x ^ (x >> np.uint64(16))) * np.uint64(0x7FEB352D)) & np.uint64(0xFFFFFFFF)
    x = ((x ^ (x >> np.uint64(15))) * np.uint64(0x846CA68B)) & np.uint64(0xFFFFFFFF)
    return x ^ (x >> np.uint64(16))


def words(key, count):
    return mix32(mix32(np.arange(count, dtype=np.uint64) ^ np.uint64(key)) ^ np.uint64(key))


def values(number, shape, low, high):
    """Tensor `number` of a net: low + (high - low) * word / 2^32."""
    u = words(int(mix32(number)), math.prod(shape)).astype(np.float64) / 2.0 ** 32
    return torch.from_numpy((low + (high - low) * u).reshape(shape))


def dropout_mask(step, layer, rate, shape):
    key = int(mix32(4))  # the purpose "dropout"
    for part in (SEED, step, layer):
        key = int(mix32(key ^ part))
        key = int(mix32((key + 0x9E3779B9) & 0xFFFFFFFF))
    keep = words(key, math.prod(shape)) >= math.floor(rate * 2 ** 32)
    return torch.from_numpy(keep.reshape(shape).astype(np.float64)) / (1 - rate)


# ---- DenseNets, written from the paper, with torchvision's names

class Dropout(nn.Module):
    """Dropout with the project's masks."""
    made = 0
    step = 0

    def __init__(self, rate):
        super().__init__()
        self.rate = rate
        if rate > 0:
            self.layer = Dropout.made
            Dropout.made += 1

    def forward(self, x):
        if not self.training or self.rate == 0:
            return x
        return x * dropout_mask(Dropout.step, self.layer, self.rate, x.shape)


class DenseLayer(nn.Module):
    def __init__(self, channels, o):
        super().__init__()
        k = o['growthRate']
        self.bottleneck = o['bottleneck']
        self.norm1 = nn.BatchNorm2d(channels)
        if self.bottleneck:
            self.conv1 = nn.Conv2d(channels, 4 * k, 1, bias=False)
            self.drop1 = Dropout(o.get('dropRate', 0))
            self.norm2 = nn.BatchNorm2d(4 * k)
            self.conv2 = nn.Conv2d(4 * k, k, 3, padding=1, bias=False)
            self.drop2 = Dropout(o.get('dropRate', 0))
        else:
            self.conv1 = nn.Conv2d(channels, k, 3, padding=1, bias=False)
            self.drop1 = Dropout(o.get('dropRate', 0))

    def forward(self, x):
        y = self.drop1(self.conv1(F.relu(self.norm1(x))))
        if self.bottleneck:
            y = self.drop2(self.conv2(F.relu(self.norm2(y))))
        return torch.cat([x, y], 1)


class Transition(nn.Module):
    def __init__(self, channels, out, o):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, out, 1, bias=False)
        self.drop = Dropout(o.get('dropRate', 0))

    def forward(self, x):
        return F.avg_pool2d(self.drop(self.conv(F.relu(self.norm(x)))), 2)


class DenseNet(nn.Module):
    def __init__(self, o):
        super().__init__()
        Dropout.made = 0
        channels = o['initialChannels']
        if o['stem'] == 'cifar':
            parts = [('conv0', nn.Conv2d(3, channels, 3, padding=1, bias=False))]
        else:
            parts = [('conv0', nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False)),
                     ('norm0', nn.BatchNorm2d(channels)), ('relu0', nn.ReLU()), ('pool0', nn.MaxPool2d(3, 2, 1))]
        for b, layers in enumerate(o['blocks'], 1):
            block = OrderedDict()
            for i in range(1, layers + 1):
                block[f'denselayer{i}'] = DenseLayer(channels, o)
                channels += o['growthRate']
            parts.append((f'denseblock{b}', nn.Sequential(block)))
            if b < len(o['blocks']):
                out = math.floor(channels * o['reduction'])
                parts.append((f'transition{b}', Transition(channels, out, o)))
                channels = out
        parts.append(('norm5', nn.BatchNorm2d(channels)))
        self.features = nn.Sequential(OrderedDict(parts))
        self.classifier = nn.Linear(channels, o['classes'])

    def forward(self, x):
        return self.classifier(F.relu(self.features(x)).mean((2, 3)))


# ---- five steps

def bounds(name, shape):
    if len(shape) == 4:
        limit = math.sqrt(6 / math.prod(shape[1:]))
    elif len(shape) == 2:
        limit = math.sqrt(3 / shape[1])
    elif name == 'classifier.bias':
        limit = 0.1
    elif name.endswith('running_var'):
        return 0.5, 1.5
    elif name.endswith('running_mean'):
        limit = 0.2
    elif name.endswith('.weight'):
        return -0.5, 1.5  # gamma: some are negative
    else:
        limit = 0.3
    return -limit, limit


def summary(tensors):
    """Of each tensor: sum, sum of squares, and up to 32 elements, evenly spaced."""
    result = {}
    for name, tensor in tensors.items():
        flat = tensor.detach().flatten()
        count = len(flat)
        chosen = range(count) if count <= SAMPLES else [j * count // SAMPLES for j in range(SAMPLES)]
        result[name] = dict(sum=flat.sum().item(), squares=(flat * flat).sum().item(), samples=[flat[j].item() for j in chosen])
    return result


def rounded_list(tensor):
    return tensor.detach().flatten().tolist()


def nearest_to_zero(net):
    """A list that gets the least distance from zero of each batch norm's output, from now on."""
    nearest = []
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(lambda _, __, output: nearest.append(output.detach().abs().min().item()))
    return nearest


def make(name, options):
    number = IMAGES[name]
    net = DenseNet(options)
    nearest = nearest_to_zero(net)
    parameters = OrderedDict(net.named_parameters())
    running = OrderedDict((n, b) for n, b in net.named_buffers() if 'running' in n)
    entries = {}
    with torch.no_grad():
        for kind, tensors, first in (('parameters', parameters, 1), ('running', running, 1001)):
            entries[kind] = []
            for i, (tensor_name, tensor) in enumerate(tensors.items()):
                low, high = bounds(tensor_name, tensor.shape)
                tensor.copy_(values(first + i, tuple(tensor.shape), low, high))
                entries[kind].append(dict(name=tensor_name, shape=list(tensor.shape), number=first + i, low=low, high=high))
    shape = (BATCH, 3, options['height'], options['width'])
    labels = [[(7 * n + 3 * step) % options['classes'] for n in range(BATCH)] for step in range(STEPS)]
    golden = dict(net=name, torch=torch.__version__.split('+')[0], options=options, batch=BATCH, steps=STEPS,
                  learningRate=LEARNING_RATE, sgd=SGD, seed=SEED, input=dict(number=number, low=-1.7, high=1.7), labels=labels,
                  losses=[], **entries)

    optimizer = torch.optim.SGD(net.parameters(), lr=LEARNING_RATE, momentum=SGD['momentum'], nesterov=True,
                                weight_decay=SGD['weightDecay'])
    images = [values(number + step, shape, -1.7, 1.7) for step in range(STEPS)]
    net.train()
    for step in range(STEPS):
        if step == STEPS - 1:
            print(f'{name}: nearest pre-activation of the steps before the last {min(nearest):.1e}')
        Dropout.step = step
        optimizer.zero_grad()
        logits = net(images[step])
        loss = F.cross_entropy(logits, torch.tensor(labels[step]))
        loss.backward()
        golden['losses'].append(loss.item())
        if step == 0:
            golden['logits1'] = rounded_list(logits)
            golden['gradient1'] = summary({n: p.grad for n, p in parameters.items()})
            right = logits.gather(1, torch.tensor(labels[0])[:, None])
            golden['ranks1'] = (logits > right).sum(1).tolist()
        optimizer.step()
        if step in (0, STEPS - 1):
            golden[f'parameters{step + 1}'] = summary(parameters)
            golden[f'running{step + 1}'] = summary(running)
    golden['logits5'] = rounded_list(logits)
    golden['velocity5'] = summary({n: optimizer.state[p]['momentum_buffer'] for n, p in parameters.items()})
    net.eval()
    with torch.no_grad():
        golden['logitsEvaluated'] = rounded_list(net(images[0]))

    lines = ',\n'.join(f'{json.dumps(key)}: {dump(value)}' for key, value in golden.items())
    path = Path(__file__).with_name(f'{name}.json')
    path.write_text('{\n' + lines + '\n}\n')
    count = sum(p.numel() for p in parameters.values())
    print(f'{path.name}: {count} parameters, {path.stat().st_size // 1000} kB, losses {golden["losses"]}')


def dump(value):
    """One line per tensor."""
    if isinstance(value, dict) and all(isinstance(v, dict) for v in value.values()):
        return '{\n' + ',\n'.join(f' {json.dumps(k)}: {json.dumps(v)}' for k, v in value.items()) + '\n}'
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return '[\n' + ',\n'.join(' ' + json.dumps(v) for v in value) + '\n]'
    return json.dumps(value)


if __name__ == '__main__':
    for net_name, net_options in NETS.items():
        make(net_name, net_options)
