"""Loss, gradient and scores of labels of which some are not known: PyTorch's and scikit-learn's in double precision, with
these labels left out. Writes missing.json beside this file."""
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

random = np.random.default_rng(14)
# Losses are those of the first BATCH images, scores those of all.
IMAGES, BATCH, CLASSES = 12, 6, 5
# Quarters are exact in single precision, and some are equal.
logits = np.round(random.normal(0, 2, (IMAGES, CLASSES)) * 4) / 4
logits[logits == 0] = 0.25
targets = (random.random((IMAGES, CLASSES)) < 0.4).astype(float)
targets[random.random((IMAGES, CLASSES)) < 0.35] = np.nan
targets[3] = np.nan
weights = np.array([0.5, 1, 2, 1.5, 0.25])
known = ~np.isnan(targets)


def loss(weighted, smoothing):
    x = torch.tensor(logits[:BATCH], requires_grad=True)
    mask = torch.tensor(known[:BATCH])
    y = torch.tensor(np.nan_to_num(targets[:BATCH])) * (1 - smoothing) + smoothing / 2
    criterion = torch.nn.BCEWithLogitsLoss(weight=torch.tensor(weights) if weighted else None, reduction='none')
    losses = criterion(x, y) * mask
    losses.mean().backward()
    wrong = (((logits > 0) != (np.nan_to_num(targets) > 0.5)) & known)[:BATCH].sum(1)
    return dict(weighted=weighted, smoothing=smoothing, losses=losses.mean(1).tolist(), ranks=wrong.tolist(),
                gradient=x.grad.flatten().tolist())


columns = [(targets[known[:, c], c], logits[known[:, c], c]) for c in range(CLASSES)]
wrong = ((logits > 0) != (np.nan_to_num(targets) > 0.5)) & known
out = dict(
    images=IMAGES, classes=CLASSES, logits=logits.flatten().tolist(), weights=weights.tolist(),
    targets=[None if np.isnan(t) else t for t in targets.flatten()],
    losses=[loss(w, s) for w in (False, True) for s in (0, 0.1)],
    averagePrecision=[average_precision_score(y, x) for y, x in columns],
    auc=[roc_auc_score(y, x) for y, x in columns],
    f1=[f1_score(y, x > 0) for y, x in columns],
    labelError=100 * wrong.sum() / known.sum(),
    subsetError=100 * wrong.any(1).mean(),
)
Path(__file__).with_name('missing.json').write_text(json.dumps(out) + '\n')
