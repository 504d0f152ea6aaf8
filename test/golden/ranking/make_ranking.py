"""Average precision and area under the ROC curve of scikit-learn, for test/training/multi-label.test.ts.

    python make_ranking.py > ranking.json
"""

import json

import numpy
import sklearn
from sklearn.metrics import average_precision_score, roc_auc_score

random = numpy.random.default_rng(1)
cases = []
for images, share, levels in [(1, 1, 4), (2, 0.5, 100), (7, 0.5, 3), (40, 0.2, 5), (40, 0.9, 1000), (200, 0.03, 12), (60, 0.5, 1)]:
    # Few levels: many equal scores.
    scores = random.integers(0, levels, images) / levels
    targets = (random.random(images) < share).astype(int)
    both = 0 < targets.sum() < images
    cases.append({
        "scores": scores.tolist(),
        "targets": targets.tolist(),
        "averagePrecision": float(average_precision_score(targets, scores)) if targets.sum() > 0 else None,
        "auc": float(roc_auc_score(targets, scores)) if both else None,
    })
print(json.dumps({"sklearn": sklearn.__version__, "cases": cases}))
