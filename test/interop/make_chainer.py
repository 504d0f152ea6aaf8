#!/usr/bin/env python3
"""Makes Chainer's files in fixtures/, and adds to golden.json what it computes from them in float64. Names, order and biases are those
of yasunorikudo's and t-hanya's DenseNets, re-typed.

    python make_chainer.py        (chainer 7.8.1, numpy 1.23)
"""
import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np

from homes import CLASSES, SHAPE, WORK, Fill, images, keep

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
