#!/usr/bin/env python3
"""Makes the file of flyyufelix's Keras network in fixtures/: a Scale behind every batch norm, re-typed, and adds its logits to
golden.json.

    python make_keras_scale.py        (tensorflow, tf_keras, h5py)
"""
import tf_keras as K

from homes import CLASSES, SHAPE, WORK, Fill, bgr, filling, images, keep, shicai


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
