#!/usr/bin/env python3
"""Makes features.json beside it: what the layers of small DenseNets give in evaluation, float64, read with hooks.

    python make_features.py      (PyTorch, torchvision, NumPy; made with PyTorch 2.15.0, torchvision 0.29.2, CPU)

The net "imagenet" is torchvision's own DenseNet; "plain" and "bc", which torchvision cannot build, are make_golden.py's.
Parameters, running statistics and the images of step 0 are those of the net's golden file.
"""
import json
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision

import make_golden
from make_golden import BATCH, DenseNet, IMAGES, NETS, bounds, dump, summary, values

make_golden.SAMPLES = 12  # of each layer


def torchvision_net(o):
    return torchvision.models.DenseNet(o['growthRate'], tuple(o['blocks']), o['initialChannels'], 4, 0, o['classes'])


def features(name, options):
    net = torchvision_net(options) if name == 'imagenet' else DenseNet(options)
    for tensors, first in ((net.named_parameters(), 1), (((n, b) for n, b in net.named_buffers() if 'running' in n), 1001)):
        with torch.no_grad():
            for i, (tensor_name, tensor) in enumerate(tensors):
                tensor.copy_(values(first + i, tuple(tensor.shape), *bounds(tensor_name, tensor.shape)))
    found = {}
    wanted = ('conv0', 'relu0', 'pool0', 'denseblock', 'transition', 'denselayer')
    for module_name, module in net.named_modules():
        last = module_name.split('.')[-1]
        if not last.startswith(wanted):
            continue
        def keep(_, __, output, key=module_name, last=last):
            # make_golden's layers give what they were given, too.
            own = output[:, -options['growthRate']:] if last.startswith('denselayer') else output
            found[key] = own.detach().clone()
        module.register_forward_hook(keep)
    net.eval()
    with torch.no_grad():
        maps = F.relu(net.features(values(IMAGES[name], (BATCH, 3, options['height'], options['width']), -1.7, 1.7)))
    found['features.relu5'] = maps
    found['pooled'] = F.adaptive_avg_pool2d(maps, (1, 1))
    shapes = {key: list(tensor.shape[1:]) for key, tensor in found.items()}
    return {key: dict(shape=shapes[key], **entry) for key, entry in summary(found).items()}


if __name__ == '__main__':
    nets = ',\n'.join(f'{json.dumps(name)}: {dump(features(name, NETS[name]))}' for name in ('plain', 'bc', 'imagenet'))
    path = Path(__file__).with_name('features.json')
    path.write_text('{\n' + nets + '\n}\n')
    print(path.name, path.stat().st_size // 1000, 'kB', torch.__version__, torchvision.__version__)
