#!/usr/bin/env python3
"""Makes grad_cam.json beside it: gradients of class scores with respect to layers of small DenseNets, in evaluation, float64,
read with hooks, and the Grad-CAM maps made of them (Selvaraju et al., 2017, equations 1 and 2).

    python make_grad_cam.py      (PyTorch, torchvision, NumPy; made with PyTorch 2.15.0, torchvision 0.30, CPU)

The net "imagenet" is torchvision's own DenseNet; the others are make_golden.py's. Parameters, running statistics and the images
of step 0 are those of the net's golden file; image n is scored for class (3 n + 1) mod classes.
"""
import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parent.parent))
import make_golden
from make_features import torchvision_net
from make_golden import BATCH, DenseNet, IMAGES, NETS, bounds, dump, summary, values

make_golden.SAMPLES = 12  # of each tensor


def grad_cam(name, options):
    torchvisions = name == 'imagenet'
    net = torchvision_net(options) if torchvisions else DenseNet(options)
    for tensors, first in ((net.named_parameters(), 1), (((n, b) for n, b in net.named_buffers() if 'running' in n), 1001)):
        with torch.no_grad():
            for i, (tensor_name, tensor) in enumerate(tensors):
                tensor.copy_(values(first + i, tuple(tensor.shape), *bounds(tensor_name, tensor.shape)))
    net.eval()
    found = {}

    def keep(key):
        def hook(_, __, output):
            output.retain_grad()
            found[key] = output
        return hook

    for module_name, module in net.named_modules():
        last = module_name.split('.')[-1]
        if last.startswith(('conv0', 'pool0', 'denseblock', 'transition')):
            module.register_forward_hook(keep(module_name))
        elif last.startswith('denselayer'):
            # make_golden's layers give what they were given, too: theirs is the output of the last convolution.
            own = module if torchvisions else module.conv2 if module.bottleneck else module.conv1
            own.register_forward_hook(keep(module_name))
    maps = F.relu(net.features(values(IMAGES[name], (BATCH, 3, options['height'], options['width']), -1.7, 1.7)))
    maps.retain_grad()
    found['features.relu5'] = maps
    logits = net.classifier(maps.mean((2, 3)))
    scores = [logits[n, (3 * n + 1) % options['classes']] for n in range(BATCH)]
    sum(scores).backward()
    cams = {}
    for key, output in found.items():
        weights = output.grad.mean((2, 3), keepdim=True)
        cams[key] = F.relu((weights * output).sum(1))
    gradients = summary({key: output.grad for key, output in found.items()})
    maps = summary(cams)
    return {'scores': dict(values=[score.item() for score in scores])} | {
        key: dict(gradient=gradients[key], map=maps[key]) for key in found
    }


if __name__ == '__main__':
    names = ('plain', 'bc', 'imagenet', 'dropout-bc')
    nets = ',\n'.join(f'{json.dumps(name)}: {dump(grad_cam(name, NETS[name]))}' for name in names)
    path = Path(__file__).with_name('grad_cam.json')
    path.write_text('{\n' + nets + '\n}\n')
    print(path.name, path.stat().st_size // 1000, 'kB', torch.__version__)
