"""Averages over views by PyTorch, in float64: python make_views.py views.json"""
import json
import sys

import torch
import torch.nn.functional as F

generator = torch.Generator().manual_seed(5)
cases = []
for views, scale in ((10, 2.0), (2, 2.0), (10, 300.0)):
    logits = (torch.randn(views, 4, generator=generator, dtype=torch.float64) * scale).float().double()
    targets = torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=torch.float64)
    shares = torch.logsumexp(F.log_softmax(logits, 1), 0) - torch.log(torch.tensor(float(views), dtype=torch.float64))
    own = torch.sigmoid(logits).mean(0)
    # log of mean of sigmoid(x), and of sigmoid(-x), as sums of exponentials
    yes = torch.logsumexp(F.logsigmoid(logits), 0) - torch.log(torch.tensor(float(views), dtype=torch.float64))
    no = torch.logsumexp(F.logsigmoid(-logits), 0) - torch.log(torch.tensor(float(views), dtype=torch.float64))
    cases.append({
        "logits": logits.flatten().tolist(),
        "views": views,
        "shares": F.softmax(logits, 1).mean(0).tolist(),
        "losses": (-shares).tolist(),  # of each label
        "order": torch.argsort(shares, descending=True).tolist(),
        "own": own.tolist(),
        "ownLoss": float(-(targets * yes + (1 - targets) * no).mean()),
    })
json.dump({"cases": cases}, open(sys.argv[1], "w"))
