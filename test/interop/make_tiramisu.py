#!/usr/bin/env python3
"""Makes tiramisu.pth in fixtures/, and adds to golden.json what PyTorch computes from it in float64. Names and order are those of
bfortuner's FC-DenseNet (pytorch_tiramisu), written anew; its log-softmax is left out.

    python make_tiramisu.py        (torch 2.15.0, numpy)
"""
import numpy as np
import torch
from torch import nn

from homes import WORK, Fill, images, keep

# Odd sizes: what comes from below is larger than the skip, or of its size.
SHAPE, CLASSES, GROWTH, FIRST = (2, 3, 7, 6), 4, 3, 5
DOWN, MIDDLE, UP = (2, 1), 1, (1, 2)


class DenseLayer(nn.Sequential):
    def __init__(self, width):
        super().__init__()
        self.add_module('norm', nn.BatchNorm2d(width))
        self.add_module('relu', nn.ReLU())
        self.add_module('conv', nn.Conv2d(width, GROWTH, 3, padding=1))
        self.add_module('drop', nn.Dropout2d(0.2))


class DenseBlock(nn.Module):
    def __init__(self, width, layers, only_new):
        super().__init__()
        self.only_new = only_new
        self.layers = nn.ModuleList([DenseLayer(width + GROWTH * i) for i in range(layers)])

    def forward(self, x):
        first = x.shape[1]
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return x[:, first:] if self.only_new else x


class Down(nn.Sequential):
    def __init__(self, width):
        super().__init__()
        self.add_module('norm', nn.BatchNorm2d(width))
        self.add_module('relu', nn.ReLU())
        self.add_module('conv', nn.Conv2d(width, width, 1))
        self.add_module('drop', nn.Dropout2d(0.2))
        self.add_module('maxpool', nn.MaxPool2d(2))


class Up(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.convTrans = nn.ConvTranspose2d(width, width, 3, stride=2)

    def forward(self, x, skip):
        up, (height, width) = self.convTrans(x), skip.shape[2:]
        top, left = (up.shape[2] - height) // 2, (up.shape[3] - width) // 2
        return torch.cat([up[:, :, top:top + height, left:left + width], skip], 1)


class Tiramisu(nn.Module):
    def __init__(self):
        super().__init__()
        width, skips = FIRST, []
        self.add_module('firstconv', nn.Conv2d(3, FIRST, 3, padding=1))
        self.denseBlocksDown, self.transDownBlocks = nn.ModuleList(), nn.ModuleList()
        for layers in DOWN:
            self.denseBlocksDown.append(DenseBlock(width, layers, False))
            width += GROWTH * layers
            skips.append(width)
            self.transDownBlocks.append(Down(width))
        self.add_module('bottleneck', nn.Sequential())
        self.bottleneck.add_module('bottleneck', DenseBlock(width, MIDDLE, True))
        made = GROWTH * MIDDLE
        self.transUpBlocks, self.denseBlocksUp = nn.ModuleList(), nn.ModuleList()
        for i, layers in enumerate(UP):
            self.transUpBlocks.append(Up(made))
            width = made + skips.pop()
            self.denseBlocksUp.append(DenseBlock(width, layers, i < len(UP) - 1))
            made = GROWTH * layers
        self.finalConv = nn.Conv2d(width + made, CLASSES, 1)

    def forward(self, x):
        x, skips = self.firstconv(x), []
        for block, down in zip(self.denseBlocksDown, self.transDownBlocks):
            x = block(x)
            skips.append(x)
            x = down(x)
        x = self.bottleneck(x)
        for up, block in zip(self.transUpBlocks, self.denseBlocksUp):
            x = block(up(x, skips.pop()))
        return self.finalConv(x)


net, fill = Tiramisu().eval(), Fill()
for name, tensor in net.state_dict().items():
    if name.endswith('num_batches_tracked'):
        tensor.fill_(100)
        continue
    kind = {'running_mean': 'mean', 'running_var': 'variance', 'bias': 'beta'}.get(name.split('.')[-1])
    kind = kind or ('kernel' if tensor.dim() > 1 else 'gamma')
    tensor.copy_(torch.from_numpy(fill(kind, *tensor.shape)))
path = WORK / 'tiramisu.pth'
# As its save_weights writes them.
torch.save(dict(startEpoch=3, loss=0.5, error=0.1, state_dict=net.state_dict()), path)
with torch.no_grad():
    logits = net.double()(torch.from_numpy(images(SHAPE).astype(np.float64))).numpy()
keep('tiramisu.pth', path, f"torch {torch.__version__}, bfortuner's FC-DenseNet, names and order, written anew", SHAPE, logits)
