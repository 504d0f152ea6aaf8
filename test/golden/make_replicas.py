#!/usr/bin/env python3
"""Makes replicas.json beside it: two SGD steps of the net "bc" as the original's DataParallelTable has them, in float64.

    python make_replicas.py      (PyTorch and NumPy; made with PyTorch 2.15.0, CPU)

Each batch is cut for the replicas by its sliceRange; each has batch statistics of its own; the criterion's mean is over the
outputs of all of them, and their gradients are added.
"""
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

import make_golden
from make_training import bc_batch, bc_net
from make_golden import summary

make_golden.SAMPLES = 4


def slices(count, replicas):
    starts = [math.ceil(i * count / replicas) for i in range(replicas)] + [count]
    return list(zip(starts[:-1], starts[1:]))


REPLICAS, BATCHES = 2, [4, 3]  # the second is the last of an epoch
net = bc_net()
parameters = dict(net.named_parameters())
optimizer = torch.optim.SGD(parameters.values(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
losses = []
for step, size in enumerate(BATCHES):
    images, labels = bc_batch(step)
    images, labels = images[:size], labels[:size]
    optimizer.zero_grad()
    loss = F.cross_entropy(torch.cat([net(images[a:b]) for a, b in slices(size, REPLICAS)]), labels)
    loss.backward()
    losses.append(loss.item())
    optimizer.step()
path = Path(__file__).with_name('replicas.json')
path.write_text(json.dumps(dict(slices=[slices(s, REPLICAS) for s in BATCHES], losses=losses, parameters2=summary(parameters))) + '\n')
