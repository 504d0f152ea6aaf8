#!/usr/bin/env python3
"""Makes fixtures/ of what Theano computed: both networks of Lasagne's Recipes, re-typed, in float64; flyyufelix's network in Keras 1.
Adds their logits to golden.json.

    python make_theano.py        (Python 3.6, Keras 1.2.2, Theano 1.0.5, h5py 2.10)
"""
import os

import numpy as np

from homes import CLASSES, SHAPE, WORK, Fill, bgr, filling, images, keep, shicai

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
