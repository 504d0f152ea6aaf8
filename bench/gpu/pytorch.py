"""The steps of measure.mjs in PyTorch on the same GPU: eager, compiled, CUDA graphs, each in float32, TF32 and bfloat16.

    python bench/gpu/pytorch.py [--quick]

One line of JSON for each. Images are made once and stay on the GPU, so nothing of a loader is in it.
"""

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import torch
from torch.nn import functional

sys.path.append(str(Path(__file__).parent.parent))
from torch_densenet import network  # noqa: E402

QUICK = "--quick" in sys.argv
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
CIFAR = dict(blocks=[16, 16, 16], growth=12, bottleneck=4, reduction=0.5, initial=24, classes=10, stem="cifar")
IMAGENET = dict(blocks=[6, 12, 24, 16], growth=32, bottleneck=4, reduction=0.5, initial=64, classes=1000, stem="imagenet")
WORKS = [("densenet-bc-100-12", CIFAR, 64, 32), ("densenet-bc-100-12", CIFAR, 512, 32), ("densenet-121", IMAGENET, 64, 224)]
if QUICK:
    WORKS = [("small", {**CIFAR, "blocks": [1, 1, 1]}, 4, 32)]
STEPS = 2 if QUICK else 20


def stepper(model, images, labels, half, way):
    update = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4, nesterov=True)
    run = torch.compile(model, mode="reduce-overhead" if way == "graphs" else None) if way != "eager" else model

    def step():
        update.zero_grad(set_to_none=True)
        with torch.autocast(DEVICE, dtype=torch.bfloat16, enabled=half):
            loss = functional.cross_entropy(run(images), labels)
        loss.backward()
        update.step()
        return loss.item()

    return step


def measure(name, description, batch, size, precision, way):
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    model = network(SimpleNamespace(**description)).to(DEVICE).train()
    images = torch.randn(batch, 3, size, size, device=DEVICE)
    labels = torch.arange(batch, device=DEVICE) % description["classes"]
    step = stepper(model, images, labels, precision == "bf16", way)
    milliseconds = []
    for i in range(STEPS + 5):
        start = time.perf_counter()
        step()
        if i >= 5:
            milliseconds.append(1000 * (time.perf_counter() - start))
    found = dict(what="step", model=name, batchSize=batch, precision=precision, way=way)
    found["milliseconds"] = sorted(milliseconds)[len(milliseconds) // 2]
    if DEVICE == "cuda":
        found["peakBytes"] = torch.cuda.max_memory_allocated()
        torch.cuda.reset_peak_memory_stats()
    print(json.dumps(found), flush=True)


print(json.dumps(dict(what="machine", torch=torch.__version__, device=torch.cuda.get_device_name() if DEVICE == "cuda" else "cpu")))
for work in WORKS:
    for way in ["eager"] if QUICK else ["eager", "compile", "graphs"]:
        for precision in ["float32"] if QUICK else ["float32", "tf32", "bf16"]:
            torch._dynamo.reset()
            try:
                measure(*work, precision, way)
            except Exception as error:  # What cannot be compiled or does not fit is said; the rest is measured.
                print(json.dumps(dict(what="failed", model=work[0], way=way, precision=precision, message=str(error)[:200])))
