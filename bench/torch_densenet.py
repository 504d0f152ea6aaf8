"""One network in PyTorch, timed: the other side of bench/compare.mjs, which starts it in a fresh process each time.

    python torch_densenet.py '{"task": "train", "batch": 64, "size": 32, ...}'

The argument is a JSON object (see `Work`); the answer is one line of JSON with the seconds of each counted step, the peak
resident bytes, and the number of parameters, which compare.mjs holds against ours. The images are made once and not
augmented, so PyTorch is spared the work of a data loader that our own figures contain.
"""

import json
import re
import sys
import time
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional


@dataclass
class Work:
    task: str  # train or infer
    batch: int
    size: int  # height and width of the images
    blocks: list  # dense layers in each
    growth: int
    bottleneck: int  # channels of a bottleneck in growth rates; 0: none
    reduction: float
    initial: int  # channels of the first convolution
    classes: int
    stem: str  # cifar or imagenet
    layout: str  # contiguous or channels_last
    precision: str  # float32, float64, or bfloat16: autocast, weights and update in float32
    compile: bool
    threads: int
    settle: int
    iterations: int


class Dense(nn.Module):
    """Batch norm, ReLU, convolution, once or (with a bottleneck) twice; the result goes behind its input."""

    def __init__(self, channels, growth, bottleneck):
        super().__init__()
        if bottleneck:
            self.reduce_norm = nn.BatchNorm2d(channels)
            self.reduce = nn.Conv2d(channels, bottleneck * growth, kernel_size=1, bias=False)
            channels = bottleneck * growth
        else:
            self.reduce = None
        self.grow_norm = nn.BatchNorm2d(channels)
        self.grow = nn.Conv2d(channels, growth, kernel_size=3, padding=1, bias=False)

    def forward(self, features):
        new = features
        if self.reduce is not None:
            new = self.reduce(functional.relu(self.reduce_norm(new), inplace=True))
        new = self.grow(functional.relu(self.grow_norm(new), inplace=True))
        return torch.cat((features, new), dim=1)


def network(work):
    channels = work.initial
    if work.stem == "imagenet":
        stem = [nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(channels)]
        stem += [nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2, padding=1)]
    else:
        stem = [nn.Conv2d(3, channels, 3, padding=1, bias=False)]
    body = []
    for number, layers in enumerate(work.blocks):
        if number > 0:
            kept = int(channels * work.reduction)
            body += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
            body += [nn.Conv2d(channels, kept, 1, bias=False), nn.AvgPool2d(2)]
            channels = kept
        for _ in range(layers):
            body.append(Dense(channels, work.growth, work.bottleneck))
            channels += work.growth
    head = [nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*stem, *body, *head, nn.Linear(channels, work.classes))


def casting(work):
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=work.precision == "bfloat16", cache_enabled=work.task == "train")


def training_step(model, images, labels, work):
    """The paper's SGD; the loss is read, as whoever trains does."""
    update = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4, nesterov=True)
    run = torch.compile(model) if work.compile else model

    def step():
        update.zero_grad(set_to_none=True)
        with casting(work):
            loss = functional.cross_entropy(run(images), labels)
        loss.backward()
        update.step()
        return loss.item()

    return step


def inference_step(model, images, work):
    """Compiled if asked for; else frozen, which folds batch norms into convolutions."""
    model.eval()
    with torch.inference_mode(), casting(work):
        if work.compile:
            run = torch.compile(model)
        else:
            run = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, images)))

    def step():
        with torch.inference_mode(), casting(work):
            return run(images).argmax(dim=1).tolist()

    return step


def peak_resident_bytes():
    with open("/proc/self/status") as status:
        return 1024 * int(re.search(r"VmHWM:\s*(\d+)", status.read()).group(1))


def main():
    work = Work(**json.loads(sys.argv[1]))
    if work.precision == "bfloat16" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        print(json.dumps(None))
        return
    torch.manual_seed(0)
    torch.set_num_threads(work.threads)
    form = torch.channels_last if work.layout == "channels_last" else torch.contiguous_format
    numbers = torch.float64 if work.precision == "float64" else torch.float32
    model = network(work).to(dtype=numbers, memory_format=form)
    images = torch.randn(work.batch, 3, work.size, work.size).to(dtype=numbers, memory_format=form)
    labels = torch.arange(work.batch) % work.classes
    parameters = sum(tensor.numel() for tensor in model.parameters())
    step = training_step(model, images, labels, work) if work.task == "train" else inference_step(model, images, work)
    seconds = []
    for _ in range(work.settle + work.iterations):
        begin = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - begin)
    answer = {
        "version": torch.__version__,
        "seconds": seconds[work.settle :],
        "peakBytes": peak_resident_bytes(),
        "parameters": parameters,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
