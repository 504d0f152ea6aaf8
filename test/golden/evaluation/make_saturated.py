"""What PyTorch says of networks that are too sure for float32 probabilities: python make_saturated.py saturated.json"""
import json
import sys

import torch
import torch.nn.functional as F

LOGITS = [
    [120, -3, 1, 2, 0.5, 4, -1, 3, 0, -2],  # all but one probability are 0
    [200, 199.99999, 150, 151, 152, 153, 154, 155, 156, 157],
    [-200, -130, -131, -132, -133, -134, -135, -136, -137, -138],
]
cases = []
for row in LOGITS:
    logits = torch.tensor(row, dtype=torch.float32).repeat(10, 1)
    labels = torch.arange(10)
    top5 = logits.topk(5, 1).indices
    cases.append({
        "logits": row,
        "order": top5[0].tolist(),
        "top1Error": 100 * float((logits.argmax(1) != labels).double().mean()),
        "top5Error": 100 * float((top5 != labels[:, None]).all(1).double().mean()),
        "loss": float(F.cross_entropy(logits.double(), labels)),
        # As sigmoids with one label each: the mean over classes and images.
        "binaryLoss": float(F.binary_cross_entropy_with_logits(logits.double(), F.one_hot(labels, 10).double())),
    })
# All classes alike: argmax is the first; which five topk takes is left open.
equal = torch.zeros(10, 10)
cases.append({"logits": [0.0] * 10, "order": [0, 1, 2, 3, 4], "top1Error": 100 * float((equal.argmax(1) != torch.arange(10)).double().mean()), "top5Error": 50.0,
              "loss": float(F.cross_entropy(equal.double(), torch.arange(10))),
              "binaryLoss": float(F.binary_cross_entropy_with_logits(equal.double(), F.one_hot(torch.arange(10), 10).double()))})
with open(sys.argv[1], "w") as file:
    json.dump({"cases": cases}, file)
