"""bfloat16 as PyTorch has it: conversions of odd numbers, and one layer whose products take it, forward and backward.

    python make_bfloat16.py > bfloat16.json

Conversions are bits of a float32 and of its bfloat16. The layer is batch norm, ReLU and a 3 x 3 convolution in float64 of what is
rounded to bfloat16 first: the input, then z and the weights; the output is rounded when all is summed up, and so is the
gradient at the output before it is used. torch.compile, autocast and oneDNN have no part in it.
"""

import json

import torch
from torch.nn import functional

EDGES = [
    0x00000000, 0x80000000, 0x00000001, 0x00007FFF, 0x00008000, 0x00008001, 0x00017FFF, 0x00018000, 0x00018001,
    0x007F7FFF, 0x007F8000, 0x007FFFFF, 0x00800000, 0x3F7F7FFF, 0x3F7F8000, 0x3F7F8001, 0x3F800000, 0x3F808000,
    0x3F808001, 0x3F818000, 0xBF808000, 0xBF818000, 0x7F7F7FFF, 0x7F7F8000, 0x7F7FFFFF, 0xFF7F7FFF, 0xFF7FFFFF,
    0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0xFF80FFFF,
]


def conversions():
    random = torch.randint(0, 2**32, (200,), generator=torch.Generator().manual_seed(0)).tolist()
    single = torch.tensor(EDGES + random, dtype=torch.int64).to(torch.int32)
    half = single.view(torch.float32).to(torch.bfloat16).view(torch.int16)
    return [[a & 0xFFFFFFFF, b & 0xFFFF] for a, b in zip(single.tolist(), half.tolist())]


def single(values):
    return values.to(torch.float32).to(torch.float64)


def rounded(values):
    return values.to(torch.float32).to(torch.bfloat16).to(torch.float64)


def layer():
    generator = torch.Generator().manual_seed(1)
    normal = lambda *shape: single(torch.randn(*shape, generator=generator, dtype=torch.float64))
    epsilon = 1e-5
    x = rounded(1 + normal(2, 3, 4, 5))
    gamma, beta, weight = single(1 + normal(3)), normal(3), single(normal(4, 3, 3, 3) / 3)
    upstream = rounded(normal(2, 4, 4, 5))
    mean, variance = single(x.mean((0, 2, 3))), single(x.var((0, 2, 3), unbiased=False))
    of_channel = lambda values: values.view(1, -1, 1, 1)
    scale = of_channel(gamma / torch.sqrt(variance + epsilon))
    z = torch.relu(scale * (x - of_channel(mean)) + of_channel(beta))
    output = rounded(functional.conv2d(rounded(z), rounded(weight), padding=1))
    weight_gradient = torch.nn.grad.conv2d_weight(rounded(z), weight.shape, upstream, padding=1)
    z_gradient = torch.nn.grad.conv2d_input(z.shape, rounded(weight), upstream, padding=1)
    masked = torch.where(z > 0, z_gradient, torch.zeros_like(z))
    input_gradient = rounded(scale * masked)
    numbers = dict(
        x=x, mean=mean, variance=variance, gamma=gamma, beta=beta, weight=weight, upstream=upstream, output=output,
        weightGradient=weight_gradient, inputGradient=input_gradient,
    )
    return {"epsilon": epsilon, **{name: values.flatten().tolist() for name, values in numbers.items()}}


print(json.dumps({"conversions": conversions(), "layer": layer()}))
