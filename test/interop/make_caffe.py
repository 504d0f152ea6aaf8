#!/usr/bin/env python3
"""Makes Caffe's files in fixtures/, and adds to golden.json what OpenCV computes from them and their prototxt. A caffemodel is
written here, as caffe.proto says.

    python make_caffe.py        (opencv-python-headless 4.12)
"""
import struct
from pathlib import Path

import cv2
import numpy as np

from homes import CLASSES, Fill, SHAPE, WORK, bgr, images, keep, shicai


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
