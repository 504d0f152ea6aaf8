"""`densenet train --recipe quick` in PyTorch: the same network, recipe and files, to compare errors epoch by epoch.

    python bench/recipe_torch.py [--data ~/.cache/densenet/cifar10] [--epochs-run N]

Prints a JSON line of what is trained, then one for each epoch: loss and error in percent over the epoch's augmented images
while the weights change, and of all test images after it, as our log.jsonl has them. The random numbers are PyTorch's, so
the two agree in distribution, not in digits. `densenet data cifar10` brings the files.
"""

import argparse
import json
import math
import os
import time

import numpy
import torch
from torch import nn
from torch.nn import functional

from torch_densenet import Work, network

# src/training/recipes.ts, `quick`; what it does not name is PAPER_RECIPE of src/training/recipe.ts.
EPOCHS = 36
WARMUP_EPOCHS = 2
BATCH = 64
RATE = 0.1
MOMENTUM = 0.9
WEIGHT_DECAY = 2e-4
PAD = 4
# src/images/info.ts
MEAN = (125.3, 123.0, 113.9)
DEVIATION = (63.0, 62.1, 66.7)
# densenet-bc-40-12 of src/model/presets.ts
BLOCKS = [6, 6, 6]
GROWTH = 12


def parse():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.path.join(cache, "densenet", "cifar10"), help="CIFAR-10's binary files")
    parser.add_argument("--epochs-run", type=int, default=EPOCHS, help=f"stop after so many of the {EPOCHS} epochs")
    parser.add_argument("--batches", type=int, help="only the first so many batches of an epoch, for a trial")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--layout", choices=["channels_last", "contiguous"], default="channels_last")
    return parser.parse_args()


def read(folder, files):
    """Images [n][3][32][32], normalised, and labels [n], of records of a label byte and 3072 pixels."""
    records = numpy.concatenate([numpy.fromfile(os.path.join(folder, name), numpy.uint8).reshape(-1, 3073) for name in files])
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).astype(numpy.float32))
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
    return (images - mean) / deviation, torch.from_numpy(records[:, 0].astype(numpy.int64))


def initialise(model):
    """As the original and src/model/initialise.ts: He's normal over fan out; the classifier uniform, its bias 0."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=math.sqrt(2 / (module.kernel_size[0] * module.kernel_size[1] * module.out_channels)))
        elif isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            nn.init.uniform_(module.weight, -bound, bound)
            nn.init.zeros_(module.bias)


def augmented(images):
    """Mirror every other image, pad with zeros (the mean colour), cut out a window: each image for itself."""
    count, _, height, width = images.shape
    mirrored = torch.rand(count) < 0.5
    images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
    padded = functional.pad(images, (PAD, PAD, PAD, PAD))
    corners = torch.randint(2 * PAD + 1, (count, 2)).tolist()
    return torch.stack([padded[i, :, y : y + height, x : x + width] for i, (y, x) in enumerate(corners)])


def rate_of(step, batches_per_epoch):
    """src/training/schedule.ts: half a cosine over all epochs, times a linear warm-up; `step` from 1."""
    cosine = 0.5 * RATE * (1 + math.cos(math.pi * step / (EPOCHS * batches_per_epoch)))
    return cosine * min(1, step / (WARMUP_EPOCHS * batches_per_epoch))


class Metrics:
    def __init__(self):
        self.images, self.loss, self.wrong = 0, 0.0, 0

    def add(self, logits, labels):
        self.images += len(labels)
        self.loss += functional.cross_entropy(logits, labels, reduction="sum").item()
        self.wrong += (logits.argmax(1) != labels).sum().item()

    def averages(self):
        return {"loss": self.loss / self.images, "top1Error": 100 * self.wrong / self.images}


def train_epoch(model, optimizer, images, labels, form, epoch, most):
    model.train()
    metrics = Metrics()
    batches = math.ceil(len(images) / BATCH)
    for number, chosen in enumerate(torch.randperm(len(images)).split(BATCH)[:most]):
        rate = rate_of((epoch - 1) * batches + number + 1, batches)
        for group in optimizer.param_groups:
            group["lr"] = rate
        logits = model(augmented(images[chosen]).to(memory_format=form))
        loss = functional.cross_entropy(logits, labels[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        metrics.add(logits.detach(), labels[chosen])
    return metrics.averages(), rate


def test(model, images, labels, form, most):
    model.eval()
    metrics = Metrics()
    with torch.inference_mode():
        for part, right in list(zip(images.split(BATCH), labels.split(BATCH)))[:most]:
            metrics.add(model(part.to(memory_format=form)), right)
    return metrics.averages()


def main():
    options = parse()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    form = torch.channels_last if options.layout == "channels_last" else torch.contiguous_format
    work = Work(
        task="train", batch=BATCH, size=32, blocks=BLOCKS, growth=GROWTH, bottleneck=4, reduction=0.5, initial=2 * GROWTH,
        classes=10, stem="cifar", layout=options.layout, compile=False, threads=options.threads, settle=0, iterations=0,
    )
    model = network(work)
    initialise(model)
    model = model.to(memory_format=form)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True)
    images, labels = read(options.data, [f"data_batch_{n}.bin" for n in range(1, 6)])
    test_images, test_labels = read(options.data, ["test_batch.bin"])
    parameters = sum(tensor.numel() for tensor in model.parameters())
    print(json.dumps({"torch": torch.__version__, "threads": options.threads, "layout": options.layout,
                      "seed": options.seed, "parameters": parameters, "epochs": EPOCHS}), flush=True)
    for epoch in range(1, min(options.epochs_run, EPOCHS) + 1):
        begin = time.perf_counter()
        trained, rate = train_epoch(model, optimizer, images, labels, form, epoch, options.batches)
        middle = time.perf_counter()
        tested = test(model, test_images, test_labels, form, options.batches)
        print(json.dumps({"epoch": epoch, "learningRate": rate, "train": trained, "test": tested,
                          "seconds": round(middle - begin, 1), "testSeconds": round(time.perf_counter() - middle, 1)}), flush=True)


if __name__ == "__main__":
    main()
