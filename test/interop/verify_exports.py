#!/usr/bin/env python3
"""Opens what densenet wrote with the programs it was written for, and says how far their logits are from the original's.

    python verify_exports.py FOLDER < jobs.json > results.json        (formats.mjs calls it)

A job: {kind: pth | safetensors | timm | onnx, path, input: [n, c, h, w], logits, net: {growth_rate, block_config, ...}}.
"""
import json
import sys
from importlib.metadata import version

import numpy as np
import onnx
import onnxruntime
import timm
import torch
import torchvision
from safetensors.torch import load_file


def images(shape):
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    return (((i * 7919) % 1024) / 512 - 1).astype(np.float32).reshape(shape)


def with_torchvision(state, net, x):
    model = torchvision.models.DenseNet(**net)
    model.load_state_dict(state, strict=True)
    with torch.no_grad():
        return model.double().eval()(torch.from_numpy(x).double()).numpy()


def logits(kind, path, net, x):
    if kind == 'pth':
        return with_torchvision(torch.load(path, weights_only=True), net, x), f'torch {torch.__version__}, torchvision {torchvision.__version__}'
    if kind == 'safetensors':
        return with_torchvision(load_file(path), net, x), f"safetensors {version('safetensors')}, torchvision {torchvision.__version__}"
    if kind == 'timm':
        model = timm.create_model(f'local-dir:{path}', pretrained=True)
        with torch.no_grad():
            return model.double().eval()(torch.from_numpy(x).double()).numpy(), f'timm {timm.__version__}'
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    run = lambda batch: session.run(['logits'], {'images': batch})[0]
    both, single = run(x), np.concatenate([run(x[i:i + 1]) for i in range(len(x))])
    assert np.abs(both - single).max() < 1e-3, 'the batch is not dynamic'
    return both, f'onnx {onnx.__version__} (checker), onnxruntime {onnxruntime.__version__}'


results = []
for job in json.load(sys.stdin):
    try:
        values, opened = logits(job['kind'], job['path'], job.get('net'), images(job['input']))
        results.append(dict(opened=opened, difference=float(np.abs(values - np.asarray(job['logits'])).max())))
    except Exception as error:
        results.append(dict(opened=type(error).__name__, error=str(error)))
print(json.dumps(results))
