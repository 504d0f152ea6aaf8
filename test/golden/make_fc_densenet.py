#!/usr/bin/env python3
"""Makes fc-densenet.json beside it: three steps of a small FC-DenseNet in float64, with Lasagne's RMSprop. README.md says what it holds.

    python make_fc_densenet.py      (PyTorch, NumPy; made with PyTorch 2.15.0, CPU)

The net is written from the paper: a block on the way up reads [from below, from the way down, its own]. The project keeps the channels
in the order in which they are made, so weights are stored in that order, and are permuted here when they are used.
"""
import json
from collections import OrderedDict
from pathlib import Path

import torch
import torch.nn.functional as F

from make_golden import SEED, bounds, dropout_mask, dump, rounded_list, summary, values

OPTIONS = dict(family='fc-densenet', growthRate=3, blocks=[2, 1, 2, 1, 2], initialChannels=5, classes=4, height=13, width=10,
               dropRate=0.2)
BATCH, STEPS, IMAGES, LABELS = 3, 3, 3001, 4001
RATE, RHO, EPSILON, DECAY, BN_EPSILON = 1e-3, 0.9, 1e-6, 2e-4, 1e-4
CLASS_WEIGHTS = [1, 0.5, 2, 1.25]


class Net:
    def __init__(self):
        self.parameters, self.running = OrderedDict(), OrderedDict()
        k, blocks, channels = OPTIONS['growthRate'], OPTIONS['blocks'], OPTIONS['initialChannels']
        depth = len(blocks) // 2
        self.convolution('features.conv0', channels, 3, 3)
        skips = []
        for b, layers in enumerate(blocks, 1):
            for i in range(1, layers + 1):
                name = f'features.denseblock{b}.denselayer{i}'
                self.norm(f'{name}.norm1', channels)
                self.convolution(f'{name}.conv1', k, channels, 3)
                channels += k
            if b <= depth:
                skips.append(channels)
                self.norm(f'features.transitiondown{b}.norm', channels)
                self.convolution(f'features.transitiondown{b}.conv', channels, channels, 1)
            elif skips:
                self.convolution(f'features.transitionup{b}.conv', layers * k, layers * k, 3)
                channels = skips.pop() + layers * k
        self.convolution('classifier', OPTIONS['classes'], channels, 1)

    def convolution(self, name, out, channels, size):
        self.parameters[f'{name}.weight'] = torch.zeros(out, channels, size, size)
        self.parameters[f'{name}.bias'] = torch.zeros(out)

    def norm(self, name, channels):
        for field in ('weight', 'bias'):
            self.parameters[f'{name}.{field}'] = torch.zeros(channels)
        for field in ('running_mean', 'running_var'):
            self.running[f'{name}.{field}'] = torch.zeros(channels)

    def __call__(self, x, mode, step=0):
        """`mode`: train, eval (running statistics) or own (those of each image)."""
        if mode == 'own':
            return torch.cat([self.forward(image[None], mode, step) for image in x])
        return self.forward(x, mode, step)

    def forward(self, x, mode, step):
        p, r = self.parameters, self.running
        dropouts = iter(range(1000))

        def composite(x, name, norm, conv, order, padding):
            statistics = [r[f'{name}.{norm}.running_{s}'][order] for s in ('mean', 'var')] if mode != 'own' else [None, None]
            z = F.batch_norm(x, *statistics, p[f'{name}.{norm}.weight'][order], p[f'{name}.{norm}.bias'][order], mode != 'eval', 0.1,
                             BN_EPSILON)
            if mode == 'train':
                for s, values in zip(('mean', 'var'), statistics):
                    r[f'{name}.{norm}.running_{s}'][order] = values
            y = F.conv2d(F.relu(z), p[f'{name}.{conv}.weight'][:, order], p[f'{name}.{conv}.bias'], padding=padding)
            return y * dropout_mask(step, next(dropouts), OPTIONS['dropRate'], y.shape) if mode == 'train' else y

        blocks = OPTIONS['blocks']
        depth = len(blocks) // 2
        x = F.conv2d(x, p['features.conv0.weight'], p['features.conv0.bias'], padding=1)
        order, skips = list(range(x.shape[1])), []
        for b, layers in enumerate(blocks, 1):
            made = []
            for i in range(1, layers + 1):
                made.append(composite(x, f'features.denseblock{b}.denselayer{i}', 'norm1', 'conv1', order, 1))
                order = order + list(range(len(order), len(order) + made[-1].shape[1]))
                x = torch.cat([x, made[-1]], 1)
            if b <= depth:
                skips.append(x)
                # Its own convolution keeps the order of channels.
                x = F.max_pool2d(composite(x, f'features.transitiondown{b}', 'norm', 'conv', order, 0), 2)
                order = list(range(x.shape[1]))
            elif skips:
                name, skip = f'features.transitionup{b}.conv', skips.pop()
                up = F.conv_transpose2d(torch.cat(made, 1), p[f'{name}.weight'], p[f'{name}.bias'], stride=2)
                up = up[:, :, :skip.shape[2], :skip.shape[3]]
                x = torch.cat([up, skip], 1)
                order = [skip.shape[1] + i for i in range(up.shape[1])] + list(range(skip.shape[1]))
        return F.conv2d(x, p['classifier.weight'][:, order], p['classifier.bias'])


def main():
    net = Net()
    entries = {}
    with torch.no_grad():
        for kind, tensors, first in (('parameters', net.parameters, 1), ('running', net.running, 1001)):
            entries[kind] = []
            for i, (name, tensor) in enumerate(tensors.items()):
                low, high = bounds(name, tensor.shape)
                tensor.copy_(values(first + i, tuple(tensor.shape), low, high))
                entries[kind].append(dict(name=name, shape=list(tensor.shape), number=first + i, low=low, high=high))
    for tensor in net.parameters.values():
        tensor.requires_grad_()
    height, width, classes = OPTIONS['height'], OPTIONS['width'], OPTIONS['classes']
    images = [values(IMAGES + step, (BATCH, 3, height, width), -1.7, 1.7) for step in range(STEPS)]
    # One in so many pixels has no label.
    labels = [values(LABELS + step, (BATCH, height, width), -1, classes).floor().long() for step in range(STEPS)]
    golden = dict(options=OPTIONS, batch=BATCH, seed=SEED, learningRate=RATE,
                  rmsprop=dict(alpha=RHO, epsilon=EPSILON, rooted=True, momentum=0, weightDecay=DECAY),
                  classWeights=CLASS_WEIGHTS, input=dict(number=IMAGES, low=-1.7, high=1.7),
                  labels=dict(number=LABELS, low=-1, high=classes), losses=[], **entries)
    squares = {name: torch.zeros_like(p) for name, p in net.parameters.items()}
    for step in range(STEPS):
        logits = net(images[step], 'train', step)
        loss = F.cross_entropy(logits, labels[step], torch.tensor(CLASS_WEIGHTS), ignore_index=-1)
        loss.backward()
        golden['losses'].append(loss.item())
        if step == 0:
            golden['logits1'] = summary({'logits': logits})
            golden['predicted1'] = logits.argmax(1).flatten().tolist()
            golden['gradient1'] = summary({n: p.grad for n, p in net.parameters.items()})
        with torch.no_grad():
            for name, p in net.parameters.items():
                # W and gamma decay, biases and beta do not.
                decays = name.endswith('.weight')
                g = p.grad + (DECAY * p if decays else 0)
                squares[name] = RHO * squares[name] + (1 - RHO) * g * g
                p -= RATE * g / torch.sqrt(squares[name] + EPSILON)
                p.grad = None
    golden['parameters3'] = summary(net.parameters)
    golden['running3'] = summary(net.running)
    with torch.no_grad():
        golden['logitsEvaluated'] = summary({'logits': net(images[0], 'eval')})
        golden['logitsOwn'] = summary({'logits': net(images[0], 'own')})
    lines = ',\n'.join(f'{json.dumps(key)}: {dump(value)}' for key, value in golden.items())
    Path(__file__).with_name('fc-densenet.json').write_text('{\n' + lines + '\n}\n')
    print(sum(p.numel() for p in net.parameters.values()), 'parameters, losses', golden['losses'])


if __name__ == '__main__':
    main()
