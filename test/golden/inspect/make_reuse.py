#!/usr/bin/env python3
"""Makes reuse.json beside it: the average absolute weights between the layers of small DenseNets, with PyTorch alone, by hooks
that note which channels of a block each module gave, and which it was given.

    python make_reuse.py      (PyTorch, NumPy; made with PyTorch 2.15.0, CPU)

Nets and parameters are make_golden.py's.
"""
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from make_golden import DenseNet, NETS, bounds, values


def reuse(options):
    net = DenseNet(options)
    with torch.no_grad():
        for i, (name, tensor) in enumerate(net.named_parameters()):
            tensor.copy_(values(1 + i, tuple(tensor.shape), *bounds(name, tensor.shape)))
    blocks = []
    for b in range(1, len(options['blocks']) + 1):
        block = getattr(net.features, f'denseblock{b}')
        given = block[0].norm1.num_features
        made = [given] + [options['growthRate']] * len(block)
        readers = [layer.conv1.weight for layer in block]
        transition = getattr(net.features, f'transition{b}', None)
        readers.append(net.classifier.weight if transition is None else transition.conv.weight)
        columns = []
        for weight in readers:
            parts = torch.split(weight.detach().abs(), made[:next(n for n in range(len(made) + 1) if sum(made[:n]) == weight.shape[1])], dim=1)
            columns.append([part.mean().item() for part in parts])
        blocks.append(columns)
    return blocks


path = Path(__file__).with_name('reuse.json')
path.write_text(json.dumps({name: reuse(NETS[name]) for name in ('plain', 'bc', 'imagenet')}) + '\n')
print(path.name, path.stat().st_size, 'bytes')
