#!/usr/bin/env python3
"""Makes fixtures/wild/: weights as they are found, and in golden.json what their producers compute from them.

    python make_wild.py        (torch, torchvision, timm, torch_ema, keras, tensorflow, h5py)

golden.json has for each file the shape of the images and `logits`, or `features` (the mean of the last maps), or both;
of a file with averaged and raw weights `raw`, the logits of those. Weights and images are those of make_fixtures.py.
"""
import ast
import gzip
import json
import math
import os
import tempfile
from collections import OrderedDict
from pathlib import Path

os.environ['KERAS_BACKEND'] = 'tensorflow'
import numpy as np
import timm
import torch
import torch_ema
import torch.nn.functional as F
import torchvision
from torch import nn

HERE = Path(__file__).parent / 'fixtures' / 'wild'
WORK = Path(tempfile.mkdtemp())
PERIOD = 509
golden = {}

# pattern, images, filling, fill_keras: as there, without running it.
source = ast.parse((Path(__file__).parent / 'make_fixtures.py').read_text())
wanted = ('pattern', 'images', 'filling', 'fill_keras')
exec(compile(ast.Module([n for n in source.body if isinstance(n, ast.FunctionDef) and n.name in wanted], []), 'make_fixtures.py', 'exec'))


def fill(module, offset=0):
    for number, (name, tensor) in enumerate(module.state_dict().items(), offset + 1):
        if name.endswith('num_batches_tracked') or name == 'n_averaged':
            tensor.fill_(100)
            continue
        kind = {'running_mean': 'mean', 'running_var': 'variance', 'bias': 'beta'}.get(name.split('.')[-1])
        kind = kind or ('kernel' if tensor.dim() > 1 else 'gamma')
        tensor.copy_(torch.from_numpy(filling(kind, number, tuple(tensor.shape))))
    return module.eval()


def keep(name, value, **expected):
    path = WORK / name
    if value is not None:
        torch.save(value, path)
    (HERE / f'{name}.gz').write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    golden[name] = {'input': list(SHAPE), **{k: np.asarray(v, np.float64).tolist() for k, v in expected.items()}}


SHAPE = (2, 3, 32, 32)
inputs = torch.from_numpy(images(SHAPE)).double()


def run(module):
    with torch.no_grad():
        return module.double()(inputs).numpy()


def net(offset=0, **options):
    return fill(torchvision.models.DenseNet(**{**dict(growth_rate=4, block_config=(2, 2), num_init_features=8, num_classes=5), **options}), offset)


def features(module):
    return run(nn.Sequential(module.features, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()))


def state(offset=0, prefix=''):
    return OrderedDict((prefix + n, t) for n, t in net(offset).state_dict().items())


raw, average = run(net()), run(net(50))
both = dict(logits=average, raw=raw)
keep('timm-ema.pth.tar', dict(epoch=3, arch='densenet', state_dict=state(), state_dict_ema=state(50)), **both)
# torch_ema's averages have no names; running statistics stay those of the network.
ema, mixed = torch_ema.ExponentialMovingAverage(net(50).parameters(), decay=0.9), net()
ema.copy_to(mixed.parameters())
keep('torch-ema.pth', dict(model=state(), ema=ema.state_dict()), logits=run(mixed), raw=raw)
averaged = torch.optim.swa_utils.AveragedModel(net(50))
averaged.n_averaged.fill_(7)
keep('averaged-model.pth', averaged.state_dict(), logits=average)
keep('torchvision-reference.pth', dict(model=state(), epoch=1, model_ema=averaged.state_dict()), **both)
# As lightning.pytorch.callbacks.WeightAveraging writes them.
keep('lightning-averaging.ckpt', {'epoch': 1, 'state_dict': state(50, 'model.'), 'current_model_state': state(0, 'model.'),
                                 'averaging_state': {'n_averaged': torch.tensor(7)}}, **both)


class Module(nn.Module):
    """A LightningModule: the network, its average and a weighted loss as attributes."""

    def __init__(self):
        super().__init__()
        self.model = net()
        self.ema = torch.optim.swa_utils.AveragedModel(net(50))
        self.criterion = nn.CrossEntropyLoss(weight=torch.ones(5))


keep('lightning-module.ckpt', dict(epoch=1, state_dict=Module().state_dict()), **both)
values = state(0, 'model.')
values['criterion.weight'] = torch.ones(5)
keep('wrapped.ckpt', dict(state_dict=values), logits=raw)

headless = fill(timm.models.densenet.DenseNet(growth_rate=4, block_config=(2, 2), num_classes=0))
keep('timm-headless.pth', headless.state_dict(), features=run(headless))
keep('features-only.pth', net().features.state_dict(), features=features(net()))
mlp = net()
mlp.classifier = nn.Sequential(nn.Linear(16, 12), nn.ReLU(), nn.Dropout(), nn.Linear(12, 5))
fill(mlp)
keep('head-of-two.pth', mlp.state_dict(), features=features(mlp))
dropped = net()
dropped.classifier = nn.Sequential(nn.Dropout(), nn.Linear(16, 3))
fill(dropped)
keep('behind-dropout.pth', dropped.state_dict(), logits=run(dropped))


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = net().features
        self.fc = nn.Linear(16, 3, bias=False)

    def forward(self, x):
        return self.fc(F.relu(self.backbone(x)).mean((2, 3)))


keep('own-classifier.pth', fill(Own()).state_dict(), logits=run(fill(Own())))

import keras
import keras.src.applications.densenet as applications


def keras_base():
    return applications.DenseNet([1, 1, 1, 1], weights=None, input_shape=SHAPE[2:] + SHAPE[1:2], include_top=False)


def keras_run(model):
    return np.asarray(model(images(SHAPE).transpose(0, 2, 3, 1), training=False))


def keras_keep(name, model, **expected):
    (model.save_weights if '.weights.' in name else model.save)(WORK / name)
    keep(name, None, **expected)


base = fill_keras(keras_base())
keras_keep('keras-headless.h5', base, features=keras_run(base).mean((1, 2)))
keras_keep('keras-headless.weights.h5', base, features=keras_run(base).mean((1, 2)))
nested = keras.Sequential([keras.layers.Input(SHAPE[2:] + SHAPE[1:2]), base, keras.layers.GlobalAveragePooling2D(),
                           keras.layers.Dropout(0.2), keras.layers.Dense(4)])
nested.layers[-1].set_weights([filling('kernel', 3, (4, base.output.shape[-1])).T, filling('beta', 5, (4,))])
for name in 'keras-nested.h5', 'keras-nested.weights.h5', 'keras-nested.keras':
    keras_keep(name, nested, logits=keras_run(nested))
dense = keras.layers.Dense(4, name='answer')
own = keras.Model(base.input, dense(keras.layers.GlobalAveragePooling2D()(base.output)))
dense.set_weights(nested.layers[-1].get_weights())
keras_keep('keras-own-classifier.h5', own, logits=keras_run(own))

(HERE / 'golden.json').write_text(json.dumps(golden, indent=1, sort_keys=True) + '\n')
