"""Scores of random predictions by scikit-learn, and the calibration error by its definition (Guo et al. 2017)."""
import gzip
import json
import sys

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, top_k_accuracy_score

random = np.random.default_rng(1)
images, classes = 300, 7
labels = random.integers(0, classes - 1, images)  # the last class never occurs
logits = random.normal(size=(images, classes)) * 2
logits[np.arange(images), labels] += 2.5
logits[:, 2] = -30  # never predicted
probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
# As they are stored: four digits.
probabilities = np.round(probabilities, 4)
predicted = probabilities.argmax(1)
precision, recall, f1, _ = precision_recall_fscore_support(labels, predicted, labels=range(classes), zero_division=0)

bins = np.linspace(0, 1, 16)
confidence = probabilities.max(1)
error = 0.0
for low, high in zip(bins[:-1], bins[1:]):
    inside = (confidence > low) & (confidence <= high)
    if inside.any():
        error += inside.mean() * abs((predicted == labels)[inside].mean() - confidence[inside].mean())

golden = {
    "labels": labels.tolist(),
    "probabilities": probabilities.ravel().tolist(),
    "confusion": confusion_matrix(labels, predicted, labels=range(classes)).tolist(),
    "precision": precision.tolist(),
    "recall": recall.tolist(),
    "f1": f1.tolist(),
    "top1Error": 100 * float((predicted != labels).mean()),
    "top5Error": 100 * (1 - float(top_k_accuracy_score(labels, probabilities, k=5, labels=range(classes)))),
    "expectedCalibrationError": float(error),
}
with open(sys.argv[1], "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as file:
    file.write(json.dumps(golden).encode())
