"""What make_caffe.py and those beside it have in common: where files go, their values, and the network that shicai made of the
original's for Caffe, from which miraclewkf's for MXNet and flyyufelix's for Keras came. Python 3.6 must do."""
import ast
import atexit
import gzip
import json
import math
import shutil
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent / 'fixtures'
WORK = Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, str(WORK))
PERIOD = 509
if not hasattr(math, 'prod'):
    math.prod = lambda values: int(np.prod(values))

# pattern, images, filling: as there, without running it.
source = ast.parse((Path(__file__).parent / 'make_fixtures.py').read_text())
source.body = [n for n in source.body if isinstance(n, ast.FunctionDef) and n.name in ('pattern', 'images', 'filling')]
exec(compile(source, 'make_fixtures.py', 'exec'))

# Of 32 x 32 pixels the three channels would be the same.
SHAPE, CLASSES = (2, 3, 36, 36), 5
BLOCKS, GROWTH, FIRST = (1, 2, 1, 1), 4, 8
VARIANCE = 2e-5


def keep(name, path, producer=None, shape=None, logits=None):
    """A file, with logits if it is one of weights."""
    target = HERE / (name + '.gz')
    with gzip.GzipFile(str(target), 'wb', 9, mtime=0) as file:
        file.write(Path(str(path)).read_bytes())
    golden = json.loads((HERE / 'golden.json').read_text())
    if logits is not None:
        golden[name] = dict(producer=producer, input=list(shape), logits=np.asarray(logits, np.float64).reshape(shape[0], -1).tolist())
    (HERE / 'golden.json').write_text(json.dumps(golden, indent=1, sort_keys=True) + '\n')
    print(name, target.stat().st_size, 'bytes', '' if logits is None else np.asarray(logits).reshape(-1)[:3])


class Fill:
    """Values for one tensor after the other."""
    def __init__(self, variance=VARIANCE):
        self.number, self.variance = 0, variance

    def __call__(self, kind, *shape):
        self.number += 1
        return filling(kind, self.number, shape, self.variance)


def bgr(x):
    return np.ascontiguousarray(x[:, ::-1])


def shicai(blocks=BLOCKS, is_201=False):
    """Its layers: (name, kind, what it reads, settings)."""
    layers = []
    channels = FIRST

    def conv(name, bottom, inputs, outputs, size, stride=1):
        layers.append((name, 'conv', [bottom], dict(inputs=inputs, outputs=outputs, size=size, stride=stride, pad=size // 2)))
        return name

    def normed(name, bottom, width):
        layers.append((name + '/bn', 'norm', [bottom], dict(channels=width)))
        layers.append((name.replace('conv', 'relu'), 'relu', [name + '/bn'], {}))
        return name.replace('conv', 'relu')

    x = normed('conv1', conv('conv1', 'data', 3, FIRST, 7, 2), FIRST)
    layers.append(('pool1', 'max', [x], dict(size=3, stride=2, pad=1)))
    x = 'pool1'
    for stage, count in enumerate(blocks, 2):
        for i in range(1, count + 1):
            name = 'conv%d_%d' % (stage, i)
            y = conv(name + '/x1', normed(name + '/x1', x, channels), channels, 4 * GROWTH, 1)
            y = conv(name + '/x2', normed(name + '/x2', y, 4 * GROWTH), 4 * GROWTH, GROWTH, 3)
            layers.append(('concat_%d_%d' % (stage, i), 'concat', [x, y], {}))
            x = layers[-1][0]
            channels += GROWTH
        name = 'conv%d_%d/blk' % (stage, count) if is_201 else 'conv%d_blk' % stage
        x = normed(name, x, channels)
        if stage <= len(blocks):
            x = conv(name, x, channels, channels // 2, 1)
            layers.append(('pool%d' % stage, 'average', [x], dict(size=2, stride=2, pad=0)))
            x = layers[-1][0]
            channels //= 2
    layers.append(('pool%d' % stage, 'global', [x], {}))
    layers.append(('fc6', 'conv', [layers[-1][0]], dict(inputs=channels, outputs=CLASSES, size=1, stride=1, pad=0, bias=True)))
    return layers
