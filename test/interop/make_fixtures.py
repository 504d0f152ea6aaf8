#!/usr/bin/env python3
"""Makes fixtures/: files of weights by their real producers, and the logits these compute from them. README.md lists them.

    python make_fixtures.py [NAME...]       (only these; torch, torchvision, timm, monai, torchxrayvision, keras, h5py, safetensors)
    KERAS_2=1 python make_fixtures.py        (in another environment: tensorflow, tf_keras; adds the files of Keras 2)

Weights are periodic sequences, different for every tensor, so that gzip makes kilobytes of them.
"""
import argparse
import collections
import gzip
import json
import math
import os
import shutil
import sys
import tempfile
from collections import OrderedDict
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent / 'fixtures'
WORK = Path(tempfile.mkdtemp())
PERIOD = 509
golden = json.loads((HERE / 'golden.json').read_text()) if (HERE / 'golden.json').exists() else {}


def pattern(number, shape, low, high):
    """Element i is low + (high - low) * ((number + i * step) mod 509) / 508, in float32."""
    count = math.prod(shape)
    i = np.arange(count, dtype=np.int64)
    step = 7 + 2 * (number % 97)
    u = ((number * 31 + i * step) % PERIOD) / (PERIOD - 1)
    return (low + (high - low) * u).astype(np.float32).reshape(shape)


def images(shape):
    """Element i is ((7919 i) mod 1024) / 512 - 1, exact in float32; [n][c][h][w]."""
    i = np.arange(math.prod(shape), dtype=np.int64)
    return (((i * 7919) % 1024) / 512 - 1).astype(np.float32).reshape(shape)


def filling(kind, number, shape, variance=1.0):
    """Values that keep activations near 1: by what they are."""
    if kind == 'kernel':
        bound = math.sqrt(6 / math.prod(shape[1:]))
        return pattern(number, shape, -bound, bound)
    low, high = {'gamma': (0.5, 1.5), 'beta': (-0.3, 0.3), 'mean': (-0.3, 0.3), 'variance': (0.5, 1.5)}[kind]
    scale = {'variance': variance, 'gamma': math.sqrt(variance), 'mean': 1.0, 'beta': 1.0}[kind]
    return pattern(number, shape, low * scale, high * scale)


def keep(name, path, producer, shape, logits):
    if sys.argv[1:] and name not in sys.argv[1:]:
        return
    target = HERE / f'{name}.gz'
    target.write_bytes(gzip.compress(Path(path).read_bytes(), 9, mtime=0))
    golden[name] = dict(producer=producer, input=list(shape), logits=np.asarray(logits, np.float64).tolist())
    print(f'{name}: {target.stat().st_size} bytes')


def refusal(name):
    """A file that is to be refused."""
    if not sys.argv[1:] or name in sys.argv[1:]:
        (HERE / f'{name}.gz').write_bytes(gzip.compress((WORK / name).read_bytes(), 9, mtime=0))


def finish():
    (HERE / 'golden.json').write_text(json.dumps(golden, indent=1, sort_keys=True) + '\n')
    shutil.rmtree(WORK)


# ---- PyTorch

def pytorch():
    import monai
    import timm
    import torch
    import torch.nn.functional as F
    import torchvision
    import torchxrayvision
    from safetensors.torch import save_file
    from torch import nn

    def fill(module, offset=0):
        number = offset
        for name, tensor in module.state_dict().items():
            number += 1
            if name.endswith('num_batches_tracked'):
                tensor.fill_(100)
                continue
            if name == 'op_threshs':
                continue
            part = name.split('.')[-1]
            kind = {'running_mean': 'mean', 'running_var': 'variance', 'bias': 'beta'}.get(part)
            kind = kind or ('kernel' if tensor.dim() > 1 else 'gamma')
            tensor.copy_(torch.from_numpy(filling(kind, number, tuple(tensor.shape))))
        return module.eval()

    def logits(module, shape):
        with torch.no_grad():
            return module.double()(torch.from_numpy(images(shape)).double()).numpy()

    def torchvision_net(**options):
        return fill(torchvision.models.DenseNet(**{
            **dict(growth_rate=4, block_config=(2, 2), num_init_features=8, num_classes=5), **options}))

    made = f'torchvision {torchvision.__version__}, torch {torch.__version__}'
    shape = (2, 3, 32, 32)
    net = torchvision_net()
    state = net.state_dict()
    expected = logits(torchvision_net(), shape)

    def save(name, value, **options):
        torch.save(value, WORK / name, **options)
        return WORK / name

    keep('torchvision.pth', save('torchvision.pth', state), made, shape, expected)
    odd = torchvision_net(growth_rate=5, num_init_features=15, block_config=(2, 3, 1))
    keep('odd.pth', save('odd.pth', odd.state_dict()), made + ', odd channel counts', shape,
         logits(torchvision_net(growth_rate=5, num_init_features=15, block_config=(2, 3, 1)), shape))
    dotted = OrderedDict((n.replace('norm1', 'norm.1').replace('norm2', 'norm.2').replace('conv1', 'conv.1').replace('conv2', 'conv.2')
                          if 'denselayer' in n else n, t) for n, t in state.items() if not n.endswith('num_batches_tracked'))
    old = dict(_use_new_zipfile_serialization=False)
    keep('published.pth', save('published.pth', dotted, **old), made + ", as torchvision's published files are", shape, expected)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net(torch.from_numpy(images(shape))).sum().backward()
    optimizer.step()
    fill(net)
    checkpoint = dict(epoch=3, arch='densenet', best_acc1=np.float64(71.5), best=torch.tensor(71.5), args=None,
                      state_dict=OrderedDict(('module.' + n, t) for n, t in net.state_dict().items()),
                      optimizer=optimizer.state_dict())
    keep('checkpoint.pth.tar', save('checkpoint.pth.tar', checkpoint), made + ', a training checkpoint of DataParallel', shape, expected)
    keep('checkpoint-old.pth.tar', save('checkpoint-old.pth.tar', checkpoint, **old), made + ', the same in the old format', shape, expected)
    chexnet = OrderedDict(('module.densenet121.' + n.replace('classifier.', 'classifier.0.'), t) for n, t in dotted.items())
    keep('chexnet.pth.tar', save('chexnet.pth.tar', dict(epoch=1, best_loss=0.5, state_dict=chexnet)), made + ', named as CheXNet', shape, expected)
    flat = torch.cat([t.double().flatten() for t in state.values()])
    views, begin = OrderedDict(), 0
    for name, tensor in state.items():
        view = flat[begin:begin + tensor.numel()].view(tensor.shape)
        begin += tensor.numel()
        views[name] = view if tensor.is_floating_point() else tensor
    keep('shared-float64.pth', save('shared-float64.pth', views), made + ', float64, all views of one storage', shape, expected)
    strided = OrderedDict((n, t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else
                           t.t().contiguous().t() if t.dim() == 2 else t) for n, t in state.items())
    keep('channels-last.pth', save('channels-last.pth', strided), made + ', channels last', shape, expected)
    for protocol in 4, 5:
        keep(f'protocol{protocol}.pth', save(f'protocol{protocol}.pth', state, pickle_protocol=protocol),
             f'{made}, pickle protocol {protocol}', shape, expected)
        keep(f'protocol{protocol}-old.pth', save(f'protocol{protocol}-old.pth', state, pickle_protocol=protocol, **old),
             f'{made}, pickle protocol {protocol}, old format', shape, expected)
    scraps = dict(epoch=1, args=argparse.Namespace(lr=0.1, steps=[1, 2]), metric=np.float32(3), curve=np.arange(3.0), device=torch.device('cpu'),
                  counts=collections.Counter('aab'), history=collections.defaultdict(list), seen={1, 2}, size=torch.Size([1, 2]), model=state)
    keep('scraps.pth', save('scraps.pth', scraps), made + ', with all that training scripts keep', shape, expected)
    keep('parameters.pt', save('parameters.pt', OrderedDict((n, nn.Parameter(t) if t.is_floating_point() else t) for n, t in state.items())),
         made + ', parameters instead of tensors', shape, expected)
    for name, dtype in ('float16', torch.float16), ('bfloat16', torch.bfloat16):
        half = torchvision_net().to(dtype)
        values = OrderedDict(half.state_dict())
        keep(f'{name}.pth', save(f'{name}.pth', values), f'{made}, {name}', shape, logits(half, shape))
        save_file(values, WORK / f'{name}.safetensors')
        keep(f'{name}.safetensors', WORK / f'{name}.safetensors', f'{made}, safetensors, {name}', shape, logits(half, shape))

    kinds = dict(growth_rate=4, block_config=(2, 2), num_classes=5)
    net = fill(timm.models.densenet.DenseNet(**kinds))
    save_file(net.state_dict(), WORK / 'timm.safetensors')
    keep('timm.safetensors', WORK / 'timm.safetensors', f'timm {timm.__version__}, safetensors', shape, logits(net, shape))
    blur = fill(timm.create_model('densenetblur121d', num_classes=2))
    names = OrderedDict((n, t[:1].contiguous() if t.dim() else t) for n, t in blur.state_dict().items()
                        if not n.startswith('features.denseblock') or 'denseblock1.denselayer1.' in n)
    save_file(names, WORK / 'blur.safetensors')
    refusal('blur.safetensors')

    grey = (2, 1, 32, 32)
    net = fill(monai.networks.nets.DenseNet(spatial_dims=2, in_channels=1, out_channels=3, init_features=8, growth_rate=4, block_config=(2, 2)))
    keep('monai.pt', save('monai.pt', net.state_dict()), f'MONAI {monai.__version__}', grey, logits(net, grey))
    net = fill(torchxrayvision.models.DenseNet(growth_rate=4, block_config=(2, 2), num_init_features=8, num_classes=4, in_channels=1))
    weights = OrderedDict(net.state_dict())
    weights['op_threshs'] = torch.tensor([0.5, float('nan'), 0.4, 0.3])
    features = lambda x: net.classifier(F.adaptive_avg_pool2d(F.relu(net.features(x)), (1, 1)).flatten(1))
    with torch.no_grad():
        net.double()
        values = features(torch.from_numpy(images(grey)).double()).numpy()
    keep('torchxrayvision.pt', save('torchxrayvision.pt', weights), f'TorchXRayVision {torchxrayvision.__version__}, its state dict', grey, values)
    save('whole-model.pth', fill(torchvision_net()))
    refusal('whole-model.pth')
    scripted = torch.jit.script(torchvision_net())
    scripted.save(str(WORK / 'script.pt'))
    refusal('script.pt')

    # The CIFAR re-implementations: their names, orders of concatenation and of definition, written anew.
    class Layer(nn.Module):
        def __init__(self, channels, k, plain, new_first):
            super().__init__()
            self.bn1 = nn.BatchNorm2d(channels)
            self.conv1 = nn.Conv2d(channels, k, 3, padding=1, bias=False) if plain else nn.Conv2d(channels, 4 * k, 1, bias=False)
            if not plain:
                self.bn2 = nn.BatchNorm2d(4 * k)
                self.conv2 = nn.Conv2d(4 * k, k, 3, padding=1, bias=False)
            self.plain, self.new_first = plain, new_first

        def forward(self, x):
            y = self.conv1(F.relu(self.bn1(x)))
            y = y if self.plain else self.conv2(F.relu(self.bn2(y)))
            return torch.cat([y, x] if self.new_first else [x, y], 1)

    class Net(nn.Module):
        def __init__(self, blocks, names, k=4, plain=False, new_first=False):
            super().__init__()
            block_name, bn, conv, last, classifier = names
            channels = 2 * k
            self.conv1 = nn.Conv2d(3, channels, 3, padding=1, bias=False)
            self.order = []
            for i, count in enumerate(blocks, 1):
                layers = nn.Sequential(*[Layer(channels + j * k, k, plain, new_first) for j in range(count)])
                block = layers
                if block_name == 'block':
                    block = nn.Sequential(OrderedDict(layer=layers))
                self.add_module(f'{block_name}{i}', block)
                self.order.append(block)
                channels += count * k
                if i < len(blocks):
                    out = channels // 2
                    transition = nn.Sequential(OrderedDict([
                        (bn, nn.BatchNorm2d(channels)), ('relu', nn.ReLU()), (conv, nn.Conv2d(channels, out, 1, bias=False)),
                        ('pool', nn.AvgPool2d(2))]))
                    self.add_module(f'trans{i}', transition)
                    self.order.append(transition)
                    channels = out
            self.add_module(last, nn.BatchNorm2d(channels))
            self.add_module(classifier, nn.Linear(channels, 10))
            self.last, self.classifier_ = getattr(self, last), getattr(self, classifier)

        def forward(self, x):
            x = self.conv1(x)
            for part in self.order:
                x = part(x)
            return self.classifier_(F.relu(self.last(x)).mean((2, 3)))

        def state_dict(self, *args, **kwargs):
            full = super().state_dict(*args, **kwargs)
            return OrderedDict((n, t) for n, t in full.items() if not n.startswith(('last.', 'classifier_.')))

    small = (2, 3, 16, 16)
    for name, arguments, extra in [
        ('kuangliu.pth', ((2, 3, 2), ('dense', 'bn', 'conv', 'bn', 'linear')), dict(new_first=True)),
        ('bamos.pth', ((2, 3, 2), ('dense', 'bn1', 'conv1', 'bn1', 'fc')), {}),
        ('andreasveit.pth.tar', ((2, 3, 2), ('block', 'bn1', 'conv1', 'bn1', 'fc')), {}),
        ('andreasveit-plain.pth.tar', ((3, 3, 3), ('block', 'bn1', 'conv1', 'bn1', 'fc')), dict(plain=True)),
    ]:
        net = fill(Net(*arguments, **extra), offset=len(name))
        value = net.state_dict()
        if name == 'kuangliu.pth':
            value = dict(net=OrderedDict(('module.' + n, t) for n, t in value.items()), acc=95.04, epoch=199)
        if name.endswith('.tar'):
            value = dict(epoch=300, state_dict=value, best_prec1=95.2)
        keep(name, save(name, value), f"torch {torch.__version__}, {name.split('.')[0]}'s names and order, re-typed", small, logits(net, small))
    gpleiss = OrderedDict((n.replace('norm5', 'norm_final'), t) for n, t in torchvision_net().state_dict().items())
    keep('gpleiss.pth', save('gpleiss.pth', gpleiss), f"torch {torch.__version__}, torchvision's network under gpleiss's names", shape, expected)


# ---- Keras

CLASSES, KERAS_INPUT = 5, (2, 3, 32, 32)


def fill_keras(model):
    """Variances near 1e-5, where Keras's epsilon of 1.001e-5 shows."""
    number = 0
    for layer in model.layers:
        values = []
        for i, old in enumerate(layer.get_weights()):
            number += 1
            if old.ndim == 4:
                values.append(filling('kernel', number, old.shape[::-1][:2] + old.shape[:2]).transpose(2, 3, 1, 0))
            elif old.ndim == 2:
                values.append(filling('kernel', number, old.shape[::-1]).T)
            elif layer.__class__.__name__ == 'BatchNormalization':
                kind = ('gamma', 'beta', 'mean', 'variance')[i]
                values.append(filling(kind, number, old.shape, 2e-5))
            else:
                values.append(filling('beta', number, old.shape))
        if values:
            layer.set_weights(values)
    return model


def keras3():
    os.environ['KERAS_BACKEND'] = 'torch'
    import h5py
    import keras
    import keras.src.applications.densenet
    net = fill_keras(keras.src.applications.densenet.DenseNet(
        [1, 1, 1, 1], weights=None, input_shape=(32, 32, 3), classes=CLASSES, classifier_activation=None))
    logits = keras.ops.convert_to_numpy(net(images(KERAS_INPUT).transpose(0, 2, 3, 1), training=False))
    made = f'Keras {keras.__version__}'
    for name in 'keras3.weights.h5', 'keras3.keras', 'keras3.h5':
        path = WORK / name
        (net.save_weights if 'weights' in name else net.save)(path)
        keep(name, path, made, KERAS_INPUT, logits)
    path = WORK / 'keras3-nameless.weights.h5'
    shutil.copy(WORK / 'keras3.weights.h5', path)
    with h5py.File(path, 'r+') as file:
        groups = []
        file.visit(groups.append)
        for group in groups:
            file[group].attrs.pop('name', None)
    keep(path.name, path, made + ', the names of layers removed, as older versions of it write', KERAS_INPUT, logits)


def keras2():
    import tf_keras
    import tf_keras.src.applications.densenet
    net = fill_keras(tf_keras.src.applications.densenet.DenseNet(
        [1, 1, 1, 1], weights=None, input_shape=(32, 32, 3), classes=CLASSES, classifier_activation=None))
    logits = net(images(KERAS_INPUT).transpose(0, 2, 3, 1), training=False).numpy()
    made = f'tf_keras {tf_keras.__version__}'
    for name in 'keras2.h5', 'keras2-weights.h5':
        path = WORK / name
        (net.save_weights if 'weights' in name else net.save)(path)
        keep(name, path, made, KERAS_INPUT, logits)


if os.environ.get('KERAS_2'):
    keras2()
else:
    if not os.environ.get('KERAS_3'):
        pytorch()
    keras3()
finish()
