"""`densenet train fc-densenet-56 --recipe camvid` in PyTorch: the same network, recipe and pictures, to compare mean IoUs.

    python bench/pixels_torch.py FOLDER [--epochs 30] [--crop 64] [--seed 0] [--threads 2]
    densenet train fc-densenet-56 --recipe camvid --dataset FOLDER --image-size 64 --epochs 30 --output runs/pixels

    python bench/pixels_torch.py --steps 3 --crop 224
    densenet train fc-densenet-56 --recipe camvid --dataset FOLDER-OF-LARGER-ONES --image-size 224 --epochs 1 --output runs/steps

Makes the pictures, if FOLDER is not there, and trains. Prints a JSON line for each epoch: the processor's seconds in training and in
testing so far, the loss, and the mean IoU of the validation images, each normalised by its own statistics, as log.jsonl has them.
Without FOLDER it times steps on noise: a JSON line for each, with the most memory that was resident so far. The network is defined as
bfortuner's pytorch_tiramisu is, anew, with He's uniform weights; random numbers are PyTorch's. What a pixel is of is told by shape and
texture, not by colour: a sky, a ground, and shapes of random colours before them, some of them striped; edges have no label.
"""

import argparse
import json
import math
import os
import resource
import time

import numpy
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

HEIGHT, WIDTH, VOID = 96, 128, 255
CLASSES = ["sky", "ground", "disc", "box", "triangle", "ring", "striped box"]
COUNTS = {"train": 48, "val": 16, "test": 16}
# fc-densenet-56 of src/model/presets.ts, `camvid` of src/training/recipes.ts.
BLOCKS, GROWTH, FIRST, DROP, NORM_EPSILON = (4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4), 12, 48, 0.2, 1e-4
BATCH, RATE, FALL, RHO, EPSILON, DECAY = 3, 1e-3, 0.995, 0.9, 1e-6, 2e-4
# src/images/standard-normalisation.ts
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def picture(random):
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH].astype(numpy.float64)
    horizon = random.integers(HEIGHT // 4, 3 * HEIGHT // 4) + 6 * numpy.sin(x / random.uniform(8, 25) + random.uniform(0, 6))
    labels = (y > horizon).astype(numpy.uint8)
    colour = lambda: random.uniform(30, 225, 3)
    ground = colour() + random.normal(0, 22, (HEIGHT, WIDTH, 1))
    image = numpy.where(labels[..., None] == 1, ground, colour() + (y[..., None] / HEIGHT - 0.5) * random.uniform(-60, 60, 3))
    for _ in range(random.integers(4, 9)):
        kind, size = random.integers(2, len(CLASSES)), random.uniform(8, 20)
        u, v = (x - random.uniform(0, WIDTH)) / size, (y - random.uniform(0, HEIGHT)) / size
        inside = {
            2: u * u + v * v < 1,
            3: (abs(u) < 1) & (abs(v) < 1),
            4: (abs(u) < (1 + v) / 2) & (v < 1),
            5: abs(u * u + v * v - 0.65) < 0.35,
            6: (abs(u) < 1) & (abs(v) < 1),
        }[int(kind)]
        stripes = (numpy.floor(x / 3) % 2)[..., None] if kind == 6 else 0
        image = numpy.where(inside[..., None], colour() * (1 - stripes) + colour() * stripes, image)
        labels = numpy.where(inside, kind, labels).astype(numpy.uint8)
    edge = numpy.zeros_like(labels, bool)
    edge[1:] |= labels[1:] != labels[:-1]
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    noisy = numpy.clip(image + random.normal(0, 8, image.shape), 0, 255).astype(numpy.uint8)
    return noisy, numpy.where(edge, VOID, labels).astype(numpy.uint8)


def make(folder):
    random = numpy.random.default_rng(1)
    for split, count in COUNTS.items():
        for kind in "images", "masks":
            os.makedirs(os.path.join(folder, split, kind))
        for i in range(count):
            for kind, values in zip(("images", "masks"), picture(random)):
                Image.fromarray(values).save(os.path.join(folder, split, kind, f"{i:03}.png"))
    with open(os.path.join(folder, "classes.txt"), "w") as file:
        file.write("\n".join(CLASSES) + "\n")


def read(folder, split):
    def tensors(kind):
        place = os.path.join(folder, split, kind)
        return torch.stack([torch.from_numpy(numpy.array(Image.open(os.path.join(place, name)))) for name in sorted(os.listdir(place))])

    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
    return (tensors("images").permute(0, 3, 1, 2).float() - mean) / deviation, tensors("masks").long()


def layer(inputs, outputs, size):
    norm = nn.BatchNorm2d(inputs, eps=NORM_EPSILON)
    return nn.Sequential(norm, nn.ReLU(), nn.Conv2d(inputs, outputs, size, padding=size // 2), nn.Dropout(DROP))


class Block(nn.Module):
    def __init__(self, inputs, layers):
        super().__init__()
        self.layers = nn.ModuleList([layer(inputs + GROWTH * i, GROWTH, 3) for i in range(layers)])

    def forward(self, x):
        """Everything, and what is new of it."""
        first = x.shape[1]
        for part in self.layers:
            x = torch.cat([x, part(x)], 1)
        return x, x[:, first:]


class FcDenseNet(nn.Module):
    def __init__(self):
        super().__init__()
        depth, width, skips = len(BLOCKS) // 2, FIRST, []
        self.first = nn.Conv2d(3, FIRST, 3, padding=1)
        self.down, self.pools, self.up, self.rise = (nn.ModuleList() for _ in range(4))
        for layers in BLOCKS[:depth]:
            self.down.append(Block(width, layers))
            width += GROWTH * layers
            skips.append(width)
            self.pools.append(nn.Sequential(layer(width, width, 1), nn.MaxPool2d(2)))
        self.bottom = Block(width, BLOCKS[depth])
        made = GROWTH * BLOCKS[depth]
        for layers in BLOCKS[depth + 1 :]:
            self.rise.append(nn.ConvTranspose2d(made, made, 3, stride=2))
            width = made + skips.pop()
            self.up.append(Block(width, layers))
            made = GROWTH * layers
        self.last = nn.Conv2d(width + made, len(CLASSES), 1)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)

    def forward(self, x):
        x, skips = self.first(x), []
        for block, pool in zip(self.down, self.pools):
            x, _ = block(x)
            skips.append(x)
            x = pool(x)
        _, new = self.bottom(x)
        for rise, block in zip(self.rise, self.up):
            skip = skips.pop()
            raised = rise(new)[:, :, : skip.shape[2], : skip.shape[3]]
            x, new = block(torch.cat([raised, skip], 1))
        return self.last(x)


def crops(images, masks, chosen, size):
    """Squares at random places, half of them mirrored."""
    taken = []
    for i in chosen:
        top, left = (int(torch.randint(most - size + 1, ())) for most in (HEIGHT, WIDTH))
        pair = [tensor[i][..., top : top + size, left : left + size] for tensor in (images, masks)]
        taken.append([tensor.flip(-1) for tensor in pair] if torch.rand(()) < 0.5 else pair)
    return (torch.stack(tensors) for tensors in zip(*taken))


def mean_iou(net, images, masks):
    """By each image's own statistics, without moving the running ones; no dropout."""
    confusion = numpy.zeros((len(CLASSES), len(CLASSES)))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats, module.kept = False, (module.running_mean, module.running_var)
            module.running_mean = module.running_var = None
    net.eval()
    with torch.no_grad():
        for image, mask in zip(images, masks):
            known = mask != VOID
            guess = net(image[None]).argmax(1)[0]
            confusion += numpy.bincount((len(CLASSES) * mask[known] + guess[known]).numpy(), minlength=confusion.size).reshape(confusion.shape)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats, (module.running_mean, module.running_var) = True, module.kept
    right = confusion.diagonal()
    return float((right / (confusion.sum(0) + confusion.sum(1) - right)).mean())


class RmsProp:
    """Lasagne's."""

    def __init__(self, net):
        self.parameters = list(net.parameters())
        self.squares = [torch.zeros_like(p) for p in self.parameters]
        # Weights and gamma decay, biases and beta do not.
        self.decays = [name.endswith("weight") for name, _ in net.named_parameters()]

    def step(self, net, rate, inputs, labels):
        loss = functional.cross_entropy(net(inputs), labels, ignore_index=VOID)
        net.zero_grad()
        loss.backward()
        with torch.no_grad():
            for p, square, decay in zip(self.parameters, self.squares, self.decays):
                gradient = p.grad + DECAY * p if decay else p.grad
                square.mul_(RHO).addcmul_(gradient, gradient, value=1 - RHO)
                p.sub_(rate * gradient / torch.sqrt(square + EPSILON))
        return loss.item()


def time_steps(steps, crop):
    net = FcDenseNet()
    optimizer = RmsProp(net)
    inputs, labels = torch.randn(BATCH, 3, crop, crop), torch.randint(len(CLASSES), (BATCH, crop, crop))
    for _ in range(steps):
        start, wall = time.process_time(), time.perf_counter()
        optimizer.step(net, RATE, inputs, labels)
        told = {"processorSeconds": time.process_time() - start, "seconds": time.perf_counter() - wall}
        print(json.dumps({**told, "peakBytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--crop", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    if options.folder is None:
        return time_steps(options.steps, options.crop)
    if not os.path.exists(options.folder):
        make(options.folder)
    (images, masks), judged = read(options.folder, "train"), read(options.folder, "val")
    net = FcDenseNet()
    optimizer = RmsProp(net)
    training = testing = 0.0
    for epoch in range(1, options.epochs + 1):
        start = time.process_time()
        net.train()
        rate = RATE * FALL ** (epoch - 1)
        batches = torch.randperm(len(images)).split(BATCH)
        losses = [optimizer.step(net, rate, *crops(images, masks, chosen, options.crop)) for chosen in batches]
        middle = time.process_time()
        training += middle - start
        iou = mean_iou(net, *judged)
        testing += time.process_time() - middle
        told = {"epoch": epoch, "seconds": training, "testSeconds": testing, "loss": math.fsum(losses) / len(losses), "meanIou": iou}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
