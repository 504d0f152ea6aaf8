#!/usr/bin/env python3
"""Makes MXNet's files in fixtures/, and adds to golden.json what it computes from them.

    python make_mxnet.py        (mxnet 1.9.1, numpy 1.23)
"""
import struct
from pathlib import Path

import mxnet as mx
from mxnet.gluon.model_zoo.vision.densenet import DenseNet

from homes import BLOCKS, CLASSES, FIRST, GROWTH, SHAPE, VARIANCE, WORK, Fill, bgr, images, keep, shicai


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
    keep(name[:-5] + '-symbol.json', WORK / (name[:-5] + '-symbol.json'))
    if not fixed:
        keep('mxnet-alone.params', WORK / (name + '.params'), made + ", miraclewkf's network without its symbol", SHAPE, expected)
        wanted = {k: v.asnumpy() for k, v in mx.nd.load(str(WORK / (name + '.params'))).items()}
        for version in 'v1', 'legacy':
            path = WORK / ('mxnet-%s.params' % version)
            old(path, wanted, version)
            read = mx.nd.load(str(path))
            assert all((read[k].asnumpy() == v).all() for k, v in wanted.items())
            keep(path.name, path, made + ', the same as versions before wrote it (%s)' % version, SHAPE, expected)

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
keep('gluon-symbol.json', WORK / 'gluon-symbol.json')
keep('gluon-alone.params', WORK / 'gluon-0000.params', made + ", gluon's network, exported, without its symbol", SHAPE, expected)
