#!/usr/bin/env python3
"""Makes the files of Caffe, MXNet, Keras with Scale, Chainer and Lasagne in fixtures/, and adds to golden.json what their
producers, or a program that reads them, compute. Weights and images are those of make_fixtures.py.

    python make_homes.py caffe      opencv-python-headless 4.12 (it reads Caffe; a caffemodel is written here, as caffe.proto says)
    python make_homes.py mxnet      mxnet 1.9.1, numpy 1.23
    python make_homes.py chainer    chainer 7.8.1, numpy 1.23
    python make_homes.py keras      tensorflow, tf_keras, h5py
    python make_homes.py theano     Python 3.6, Keras 1.2.2, Theano 1.0.5, h5py 2.10
"""
import ast
import atexit
import gzip
import json
import math
import os
import shutil
import struct
import sys
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

SHAPE, CLASSES = (2, 3, 32, 32), 5
BLOCKS, GROWTH, FIRST = (1, 2, 1, 1), 4, 8
VARIANCE = 2e-5


def keep(name, path, producer, shape, logits):
    target = HERE / (name + '.gz')
    target.write_bytes(gzip.compress(Path(str(path)).read_bytes(), 9) if sys.version_info < (3, 8) else
                       gzip.compress(Path(path).read_bytes(), 9, mtime=0))
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


# ---- shicai's network: its layers, as (name, kind, what it reads, settings), for Caffe and MXNet

def shicai(blocks=BLOCKS, is_201=False):
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


# ---- Caffe

def caffe():
    import cv2

    def varint(n):
        out = bytearray()
        while n > 127:
            out.append(n & 127 | 128)
            n >>= 7
        return bytes(out + bytearray([n]))

    def field(number, value):
        if isinstance(value, (bytes, str)):
            value = value.encode() if isinstance(value, str) else value
            return varint(number << 3 | 2) + varint(len(value)) + value
        if isinstance(value, float):
            return varint(number << 3 | 5) + struct.pack('<f', value)
        return varint(number << 3) + varint(int(value))

    def blob(values, legacy):
        shape = values.shape
        if legacy:
            four = (1,) * (4 - len(shape)) + shape
            return b''.join(field(i, n) for i, n in enumerate(four, 1)) + field(8, values.astype('<f8').tobytes())
        return field(7, field(1, b''.join(map(varint, shape)))) + field(5, values.astype('<f4').tobytes())

    # name of a setting: its message's field, its own field
    settings = {
        'convolution_param': (106, dict(num_output=1, bias_term=2, pad=3, kernel_size=4, stride=6)),
        'batch_norm_param': (139, dict(eps=3)),
        'scale_param': (142, dict(bias_term=4)),
        'pooling_param': (121, dict(pool=1, kernel_size=2, stride=3, pad=4, global_pooling=12, round_mode=13)),
        'inner_product_param': (117, dict(num_output=1)),
        'transform_param': (100, dict(scale=1, mean_value=5)),
    }
    # OpenCV's own words for what Caffe calls round_mode: FLOOR.
    words = {'pool': ['MAX', 'AVE'], 'bias_term': ['false', 'true'], 'global_pooling': ['false', 'true']}

    def model(layers, path, legacy=False):
        """layers: (name, type, bottoms, top, {message: {setting: value}}, blobs); the prototxt, for the judge."""
        wire, text = field(1, 'DENSENET'), 'input: "data"\ninput_dim: %d\ninput_dim: %d\ninput_dim: %d\ninput_dim: %d\n' % SHAPE
        for name, kind, bottoms, top, messages, blobs in layers:
            layer = field(1, name) + field(2, kind) + b''.join(field(3, b) for b in bottoms) + field(4, top)
            lines = ['name: "%s"' % name, 'type: "%s"' % kind] + ['bottom: "%s"' % b for b in bottoms] + ['top: "%s"' % top]
            for message, values in messages.items():
                number, fields = settings[message]
                content = b''
                inner = []
                for key, value in values.items():
                    for one in value if isinstance(value, list) else [value]:
                        # Forks called the same field ceil_mode, and wrote 0.
                        content += field(fields[key], 0 if legacy and key == 'round_mode' else one)
                        inner.append('ceil_mode: false' if key == 'round_mode' else '%s: %s' % (key, words[key][one] if key in words else one))
                layer += field(number, content)
                lines.append('%s { %s }' % (message, ' '.join(inner)))
            layer += b''.join(field(7, blob(values, legacy)) for values in blobs)
            wire += field(100, layer)
            if kind != 'Data':
                text += 'layer {\n  %s\n}\n' % '\n  '.join(lines)
        Path(path).write_bytes(wire)
        return text

    def judged(layers, path, x):
        text = model(layers, path)
        Path(str(path) + '.prototxt').write_text(text)
        net = cv2.dnn.readNetFromCaffe(str(path) + '.prototxt', str(path))
        net.setInput(x)
        return net.forward()

    def norm(name, bottom, width, fill, factor):
        values = [fill(kind, width) for kind in ('gamma', 'beta', 'mean', 'variance')]
        return [(name, 'BatchNorm', [bottom], name, {'batch_norm_param': dict(eps=1e-5)},
                 [values[2] * factor, values[3] * factor, np.array([factor], np.float32)]),
                (name.replace('BatchNorm', 'Scale').replace('/bn', '/scale'), 'Scale', [name], name, {'scale_param': dict(bias_term=1)}, values[:2])]

    def shicais(is_201=False):
        fill = Fill()
        layers = []
        for name, kind, bottoms, given in shicai(is_201=is_201):
            if kind == 'conv':
                blobs = [fill('kernel', given['outputs'], given['inputs'], given['size'], given['size'])]
                bias = 'bias' in given
                blobs += [fill('beta', given['outputs'])] if bias else []
                layers.append((name, 'Convolution', bottoms, name, {'convolution_param': dict(
                    num_output=given['outputs'], bias_term=int(bias), pad=given['pad'], kernel_size=given['size'], stride=given['stride'])}, blobs))
            elif kind == 'norm':
                layers += norm(name, bottoms[0], given['channels'], fill, 2.5)
            elif kind == 'relu':
                layers.append((name, 'ReLU', bottoms, name, {}, []))
            elif kind == 'concat':
                layers.append((name, 'Concat', bottoms, name, {}, []))
            elif kind == 'global':
                layers.append((name, 'Pooling', bottoms, name, {'pooling_param': dict(pool=1, global_pooling=1)}, []))
            else:
                pool = dict(pool=int(kind == 'average'), kernel_size=given['size'], stride=given['stride'], pad=given['pad'])
                layers.append((name, 'Pooling', bottoms, name, {'pooling_param': dict(pool, **({'round_mode': 1} if kind == 'max' else {}))}, []))
        return layers

    made = "opencv-python-headless %s, which reads Caffe's; " % cv2.__version__
    x = images(SHAPE)
    logits = judged(shicais(), WORK / 'caffe.caffemodel', bgr(x))
    keep('caffe.caffemodel', WORK / 'caffe.caffemodel', made + "shicai's names", SHAPE, logits)
    logits = judged(shicais(is_201=True), WORK / 'x.caffemodel', bgr(x))
    model(shicais(is_201=True), WORK / 'caffe-201.caffemodel', legacy=True)
    keep('caffe-201.caffemodel', WORK / 'caffe-201.caffemodel', made + "names of shicai's 201, old shapes, float64", SHAPE, logits)
    # Pools of Caffe round up unless they are told otherwise.
    odd = (2, 3, 49, 41)
    big = shicais()
    big = [layer[:4] + ({'pooling_param': {k: v for k, v in layer[4]['pooling_param'].items() if k != 'round_mode'}},) + layer[5:]
           if 'pooling_param' in layer[4] else layer for layer in big]
    keep('caffe-ceil.caffemodel', WORK / 'caffe-ceil.caffemodel', made + 'pools that round up', odd,
         judged(big, WORK / 'caffe-ceil.caffemodel', bgr(images(odd))))

    # The authors' own, for CIFAR: names that pycaffe gives.
    fill = Fill()
    counts = {}
    layers = [('Data1', 'Data', [], 'data', {'transform_param': dict(scale=0.0078125, mean_value=[125.0, 123.0, 114.0])}, [])]

    def numbered(kind):
        counts[kind] = counts.get(kind, 0) + 1
        return '%s%d' % (kind, counts[kind])

    def conv(bottom, inputs, outputs, size):
        name = numbered('Convolution')
        layers.append((name, 'Convolution', [bottom], name, {'convolution_param': dict(
            num_output=outputs, bias_term=0, pad=size // 2, kernel_size=size, stride=1)}, [fill('kernel', outputs, inputs, size, size)]))
        return name

    def bn_relu(bottom, width):
        name = numbered('BatchNorm')
        layers.extend(norm(name, bottom, width, fill, 0.75))
        layers.append((numbered('ReLU'), 'ReLU', [name], name, {}, []))
        return name

    channels, y = 8, conv('data', 3, 8, 3)
    for block in range(3):
        for _ in range(2):
            new = conv(bn_relu(y, channels), channels, 4, 3)
            top = numbered('Concat')
            layers.append((top, 'Concat', [y, new], top, {}, []))
            y, channels = top, channels + 4
        if block < 2:
            y = conv(bn_relu(y, channels), channels, channels, 1)
            top = numbered('Pooling')
            layers.append((top, 'Pooling', [y], top, {'pooling_param': dict(pool=1, kernel_size=2, stride=2)}, []))
            y = top
    y = bn_relu(y, channels)
    top = numbered('Pooling')
    layers.append((top, 'Pooling', [y], top, {'pooling_param': dict(pool=1, global_pooling=1)}, []))
    layers.append(('InnerProduct1', 'InnerProduct', [top], 'InnerProduct1', {'inner_product_param': dict(num_output=CLASSES)},
                   [fill('kernel', CLASSES, channels), fill('beta', CLASSES)]))
    keep('caffe-cifar.caffemodel', WORK / 'cifar.caffemodel', made + "the authors' network and names", SHAPE, judged(layers, WORK / 'cifar.caffemodel', x))


# ---- MXNet

def mxnet():
    import mxnet as mx
    made = 'mxnet %s' % mx.__version__

    def values(symbol, shape, fill):
        shapes, _, aux = symbol.infer_shape(data=shape)
        kinds = dict(weight='kernel', bias='beta', gamma='gamma', beta='beta', mean='mean', var='variance')
        arrays = lambda names, all: {n: mx.nd.array(fill(kinds[n.split('_')[-1]], *s)) for n, s in zip(names, all) if n != 'data'}
        return arrays(symbol.list_arguments(), shapes), arrays(symbol.list_auxiliary_states(), aux)

    def logits(symbol, arguments, aux, x):
        run = symbol.bind(mx.cpu(), dict(arguments, data=mx.nd.array(x)), aux_states=aux)
        return run.forward(is_train=False)[0].asnumpy()

    def converted(fix_gamma=False):
        """miraclewkf's, of shicai's."""
        made = {'data': mx.sym.Variable('data')}
        for caffes, kind, bottoms, given in shicai():
            inputs, name = [made[b] for b in bottoms], caffes.replace('/', '_')
            if kind == 'conv':
                size = given['size']
                out = mx.sym.Convolution(*inputs, name=name, kernel=(size, size), num_filter=given['outputs'], no_bias='bias' not in given,
                                         stride=(given['stride'],) * 2, pad=(given['pad'],) * 2)
            elif kind == 'norm':
                out = mx.sym.BatchNorm(*inputs, name=name, eps=1e-4, fix_gamma=fix_gamma, use_global_stats=False)
            elif kind == 'relu':
                out = mx.sym.Activation(*inputs, name=name, act_type='relu')
            elif kind == 'concat':
                out = mx.sym.Concat(*inputs, name=name)
            elif kind == 'global':
                out = mx.sym.Pooling(*inputs, name=name, global_pool=True, kernel=(7, 7), pool_type='avg', pooling_convention='full')
            else:
                out = mx.sym.Pooling(*inputs, name=name, kernel=(given['size'],) * 2, stride=(given['stride'],) * 2, pad=(given['pad'],) * 2,
                                     pool_type='max' if kind == 'max' else 'avg', pooling_convention='full')
            made[caffes] = out
        return out

    x = images(SHAPE)
    for name, fixed in ('mxnet-0000', False), ('mxnet-fixed-0000', True):
        symbol = converted(fixed)
        arguments, aux = values(symbol, SHAPE, Fill(1.0 if fixed else VARIANCE))
        expected = logits(symbol, arguments, aux, bgr(x))
        mx.model.save_checkpoint(str(WORK / name[:-5]), 0, symbol, arguments, aux)
        keep(name + '.params', WORK / (name + '.params'), made + (", miraclewkf's network, fix_gamma" if fixed else ", miraclewkf's network, its symbol beside it"), SHAPE, expected)
        keep(name[:-5] + '-symbol.json', WORK / (name[:-5] + '-symbol.json'), None, None, None)
        if not fixed:
            keep('mxnet-alone.params', WORK / (name + '.params'), made + ", miraclewkf's network without its symbol", SHAPE, expected)
            wanted = {k: v.asnumpy() for k, v in mx.nd.load(str(WORK / (name + '.params'))).items()}
            for version in 'v1', 'legacy':
                path = WORK / ('mxnet-%s.params' % version)
                old(path, wanted, version)
                read = mx.nd.load(str(path))
                assert all((read[k].asnumpy() == v).all() for k, v in wanted.items())
                keep(path.name, path, made + ', the same as versions before wrote it (%s)' % version, SHAPE, expected)

    from mxnet.gluon.model_zoo.vision.densenet import DenseNet
    net = DenseNet(FIRST, GROWTH, BLOCKS, classes=CLASSES, prefix='densenet0_')
    # Its last pool is 7 x 7: of the maps of images of 224.
    net.features._children[str(len(net.features) - 2)] = mx.gluon.nn.GlobalAvgPool2D()
    net.initialize()
    net(mx.nd.array(x))
    fill = Fill()
    for name, parameter in net.collect_params().items():
        kinds = dict(weight='kernel', bias='beta', gamma='gamma', beta='beta', mean='mean', var='variance')
        parameter.set_data(mx.nd.array(fill(kinds[name.split('_')[-1]], *parameter.shape)))
    net.hybridize()
    expected = net(mx.nd.array(x)).asnumpy()
    net.save_parameters(str(WORK / 'gluon.params'))
    keep('gluon.params', WORK / 'gluon.params', made + ", gluon's network, save_parameters", SHAPE, expected)
    net.export(str(WORK / 'gluon'))
    keep('gluon-0000.params', WORK / 'gluon-0000.params', made + ", gluon's network, exported", SHAPE, expected)
    keep('gluon-symbol.json', WORK / 'gluon-symbol.json', None, None, None)
    keep('gluon-alone.params', WORK / 'gluon-0000.params', made + ", gluon's network, exported, without its symbol", SHAPE, expected)


def old(path, arrays, version):
    """As MXNet wrote before its version 1.0."""
    out = struct.pack('<QQQ', 0x112, 0, len(arrays))
    for values in arrays.values():
        dimensions = ''.join('Q' if version == 'v1' else 'I' for _ in values.shape)
        head = struct.pack('<II', 0xf993fac8, values.ndim) if version == 'v1' else struct.pack('<I', values.ndim)
        out += head + struct.pack('<' + dimensions, *values.shape) + struct.pack('<iii', 1, 0, 0) + values.astype('<f4').tobytes()
    out += struct.pack('<Q', len(arrays))
    for name in arrays:
        out += struct.pack('<Q', len(name)) + name.encode()
    Path(path).write_bytes(out)


# ---- Chainer

def chainer_():
    import chainer
    import chainer.functions as F
    import chainer.links as L
    made = 'chainer %s, ' % chainer.__version__
    x = images(SHAPE).astype(np.float64)

    def block(width, layers, norm):
        chain = chainer.Chain()
        for i in range(layers):
            chain.add_link('%s%d' % (norm, i + 1), L.BatchNormalization(width + 4 * i))
            chain.add_link('conv%d' % (i + 1), L.Convolution2D(width + 4 * i, 4, 3, 1, 1))
        return chain

    def transition(width, norm):
        chain = chainer.Chain()
        chain.add_link(norm, L.BatchNormalization(width))
        chain.add_link('conv', L.Convolution2D(width, width, 1))
        return chain

    def network(norm, first, stem, last, fc):
        net = chainer.Chain()
        net.add_link(stem, L.Convolution2D(3, 8, 3, 1, 1))
        for i in range(3):
            net.add_link('dense%d' % (i + first), block(8 + 8 * i, 2, norm))
            if i < 2:
                net.add_link('trans%d' % (i + first), transition(16 + 8 * i, norm))
        net.add_link(last, L.BatchNormalization(32))
        net.add_link(fc, L.Linear(32, CLASSES))
        return net

    def forward(net, x, norm, first, stem, last, fc):
        h = net[stem](x)
        for i in range(3):
            dense = net['dense%d' % (i + first)]
            for j in 1, 2:
                h = F.concat((h, dense['conv%d' % j](F.relu(dense['%s%d' % (norm, j)](h)))))
            if i < 2:
                trans = net['trans%d' % (i + first)]
                h = F.average_pooling_2d(trans['conv'](F.relu(trans[norm](h))), 2)
        h = F.relu(net[last](h))
        return net[fc](F.average_pooling_2d(h, h.shape[2]))

    for name, names in ('yasunorikudo', ('bn', 2, 'conv1', 'bn4', 'fc5')), ('t-hanya', ('norm', 1, 'conv0', 'norm4', 'fc4')):
        net = network(*names)
        fill = Fill()
        for key, parameter in sorted(net.namedparams()):
            kind = {'W': 'kernel', 'b': 'beta', 'gamma': 'gamma', 'beta': 'beta'}[key.split('/')[-1]]
            parameter.array = fill(kind, *parameter.shape)
        for _, link in sorted(net.namedlinks()):
            if isinstance(link, L.BatchNormalization):
                link.avg_mean[...] = fill('mean', *link.avg_mean.shape)
                link.avg_var[...] = fill('variance', *link.avg_var.shape)
        model = L.Classifier(net)
        if name == 't-hanya':
            net.dense1.add_persistent('dropout_ratio', 0.2)
            net.trans1.add_persistent('dropout_ratio', None)
        path = WORK / ('%s.npz' % name)
        chainer.serializers.save_npz(str(path), model)
        for parameter in net.params():
            parameter.array = parameter.array.astype(np.float64)
        for _, link in net.namedlinks():
            if isinstance(link, L.BatchNormalization):
                link.avg_mean, link.avg_var = link.avg_mean.astype(np.float64), link.avg_var.astype(np.float64)
        with chainer.using_config('train', False), chainer.using_config('enable_backprop', False):
            logits = forward(net, x, *names).array
        keep('chainer-%s.npz' % name, path, made + "%s's names, biases, order" % name, SHAPE, logits)


# ---- Keras with Scale (flyyufelix's)

def keras():
    import tf_keras as K

    class Scale(K.layers.Layer):
        def build(self, shape):
            # Names as Keras's backend gave them.
            self.gamma = self.add_weight(name=self.name + '_gamma', shape=(shape[-1],), initializer='ones')
            self.beta = self.add_weight(name=self.name + '_beta', shape=(shape[-1],), initializer='zeros')

        def call(self, x):
            return x * self.gamma + self.beta

    tensors = {'data': K.Input((None, None, 3))}
    for name, kind, bottoms, given in shicai():
        inputs, plain = [tensors[b] for b in bottoms], name.replace('/', '_')
        if kind == 'conv' and name == 'fc6':
            out = K.layers.Dense(CLASSES, name=name)(inputs[0])
        elif kind == 'conv':
            padded = K.layers.ZeroPadding2D(given['pad'])(inputs[0])
            out = K.layers.Conv2D(given['outputs'], given['size'], strides=given['stride'], use_bias=False, name=plain)(padded)
        elif kind == 'norm':
            out = Scale(name=plain[:-2] + 'scale')(K.layers.BatchNormalization(epsilon=1.1e-5, name=plain)(inputs[0]))
        elif kind == 'relu':
            out = K.layers.ReLU()(inputs[0])
        elif kind == 'concat':
            out = K.layers.Concatenate()(inputs)
        elif kind == 'max':
            out = K.layers.MaxPooling2D(3, 2)(K.layers.ZeroPadding2D(1)(inputs[0]))
        elif kind == 'average':
            out = K.layers.AveragePooling2D(2, 2)(inputs[0])
        else:
            out = K.layers.GlobalAveragePooling2D()(inputs[0])
        tensors[name] = out
    model = K.Model(tensors['data'], out)
    fill = Fill()
    for layer in model.layers:
        kinds = {'BatchNormalization': ['gamma', 'beta', 'mean', 'variance'], 'Scale': ['gamma', 'beta']}.get(type(layer).__name__)
        values = []
        for i, w in enumerate(layer.get_weights()):
            if w.ndim == 4:
                values.append(fill('kernel', *(w.shape[::-1][:2] + w.shape[:2])).transpose(2, 3, 1, 0))
            elif w.ndim == 2:
                values.append(fill('kernel', *w.shape[::-1]).T)
            elif type(layer).__name__ == 'Scale':
                values.append(filling('gamma' if i == 0 else 'beta', fill.number + 50 + i, w.shape))
            else:
                values.append(fill(kinds[i] if kinds else 'beta', *w.shape))
        if values:
            layer.set_weights(values)
    x = images(SHAPE)
    logits = model(bgr(x).transpose(0, 2, 3, 1), training=False).numpy()
    path = WORK / 'keras-scale.h5'
    model.save_weights(str(path))
    keep('keras-scale.h5', path, "tf_keras %s, flyyufelix's names and order, re-typed" % K.__version__, SHAPE, logits)


# ---- Theano: Keras 1 and Lasagne

def theano_():
    os.environ.update(THEANO_FLAGS='floatX=float32,optimizer=fast_compile,base_compiledir=%s' % (WORK / 'theano'), KERAS_BACKEND='theano')
    import theano
    import theano.ifelse
    import theano.tensor as T

    def lasagne(fast):
        """The arrays of Lasagne's Recipes, and the logits; in float64."""
        fill = Fill(1.0)
        arrays = []
        x = T.tensor4('x', 'float64')

        def add(value):
            arrays.append(value)
            return theano.shared(value.astype(np.float64))

        def conv(h, inputs, outputs, size):
            # Conv2DLayer of Lasagne 0.1 is this, padded.
            return T.nnet.conv2d(h, add(fill('kernel', outputs, inputs, size, size)), border_mode='half')

        def column(v):
            return v.dimshuffle('x', 0, 'x', 'x')

        def norm(h, width):
            beta, gamma = add(fill('beta', width)), add(fill('gamma', width))
            mean, inverse = statistics(width)
            return (h - column(mean)) * column(gamma * inverse) + column(beta)

        def statistics(width):
            mean = add(fill('mean', width))
            return mean, add(1 / np.sqrt(fill('variance', width) + np.float32(1e-4)))

        def plain(h, width):
            mean, inverse = statistics(width)
            return (h - column(mean)) * column(inverse)

        def affine(h, width):
            gamma, beta = add(fill('gamma', width)), add(fill('beta', width))
            return h * column(gamma) + column(beta)

        before = affine if fast else norm
        after = plain if fast else (lambda h, width: h)
        h, width = after(conv(x, 3, 8, 3), 8), 8
        for b in range(3):
            for _ in range(2):
                h = T.concatenate([h, after(conv(T.nnet.relu(before(h, width)), width, 4, 3), 4)], axis=1)
                width += 4
            if b < 2:
                h = conv(T.nnet.relu(before(h, width)), width, width, 1)
                h = after(T.signal.pool.pool_2d(h, (2, 2), ignore_border=True, mode='average_inc_pad'), width)
        h = T.nnet.relu(before(h, width)).mean((2, 3))
        h = T.dot(h, add(fill('kernel', CLASSES, width).T.copy())) + add(fill('beta', CLASSES))
        return arrays, theano.function([x], h)(images(SHAPE).astype(np.float64))

    import theano.tensor.signal.pool
    for fast in False, True:
        name = 'lasagne-fast.npz' if fast else 'lasagne.npz'
        arrays, logits = lasagne(fast)
        np.savez(str(WORK / name), *arrays)
        keep(name, WORK / name, "Theano %s, Lasagne's %s network, re-typed" % (theano.__version__, 'fast' if fast else 'plain'), SHAPE, logits)

    import keras
    from keras import backend
    from keras.engine import Layer
    from keras.layers import (Activation, AveragePooling2D, BatchNormalization, Convolution2D, Dense, GlobalAveragePooling2D, Input,
                              MaxPooling2D, ZeroPadding2D, merge)
    from keras.models import Model
    backend.set_image_dim_ordering('th')

    class Scale(Layer):
        def build(self, shape):
            self.gamma = backend.variable(np.ones(shape[1]), name=self.name + '_gamma')
            self.beta = backend.variable(np.zeros(shape[1]), name=self.name + '_beta')
            self.trainable_weights = [self.gamma, self.beta]

        def call(self, x, mask=None):
            spread = (1, -1, 1, 1)
            return x * backend.reshape(self.gamma, spread) + backend.reshape(self.beta, spread)

    tensors = {'data': Input(SHAPE[1:])}
    for name, kind, bottoms, given in shicai():
        inputs, plain = [tensors[b] for b in bottoms], name.replace('/', '_')
        if name == 'fc6':
            out = Dense(CLASSES, name=name)(inputs[0])
        elif kind == 'conv':
            padded = ZeroPadding2D((given['pad'],) * 2)(inputs[0])
            out = Convolution2D(given['outputs'], given['size'], given['size'], subsample=(given['stride'],) * 2, bias=False, name=plain)(padded)
        elif kind == 'norm':
            out = Scale(name=plain[:-2] + 'scale')(BatchNormalization(epsilon=1.1e-5, axis=1, name=plain)(inputs[0]))
        elif kind == 'relu':
            out = Activation('relu')(inputs[0])
        elif kind == 'concat':
            out = merge(inputs, mode='concat', concat_axis=1)
        elif kind == 'max':
            out = MaxPooling2D((3, 3), strides=(2, 2))(ZeroPadding2D((1, 1))(inputs[0]))
        elif kind == 'average':
            out = AveragePooling2D((2, 2), strides=(2, 2))(inputs[0])
        else:
            out = GlobalAveragePooling2D()(inputs[0])
        tensors[name] = out
    model = Model(tensors['data'], out)
    fill = Fill()
    for layer in model.layers:
        kinds = {'BatchNormalization': ['gamma', 'beta', 'mean', 'variance']}.get(type(layer).__name__)
        values = []
        for i, w in enumerate(layer.get_weights()):
            if w.ndim == 2:
                values.append(fill('kernel', *w.shape[::-1]).T)
            elif type(layer).__name__ == 'Scale':
                values.append(filling('gamma' if i == 0 else 'beta', fill.number + 50 + i, w.shape))
            else:
                values.append(fill('kernel' if w.ndim == 4 else kinds[i] if kinds else 'beta', *w.shape))
        if values:
            layer.set_weights(values)
    logits = model.predict(bgr(images(SHAPE)))
    path = WORK / 'keras1-theano.h5'
    model.save_weights(str(path))
    keep('keras1-theano.h5', path, "Keras %s with Theano, flyyufelix's names and order, re-typed" % keras.__version__, SHAPE, logits)


{'caffe': caffe, 'mxnet': mxnet, 'chainer': chainer_, 'keras': keras, 'theano': theano_}[sys.argv[1]]()
