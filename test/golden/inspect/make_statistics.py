"""numpy's statistics and histograms of some lists of numbers: python make_statistics.py > statistics.json"""

import json

import numpy as np

rng = np.random.default_rng(1)
lists = {
    "normal": rng.normal(0.3, 2, 200),
    "float32": rng.normal(0, 1e-3, 200).astype(np.float32).astype(np.float64),
    "whole": np.arange(-7, 14, dtype=np.float64),
    "same": np.full(5, 1.25),
    "zeros": np.zeros(3),
    "one": np.array([-3.5]),
    "far": np.array([1e30, 1.0, -1e-30, 2.0]),
}
cases = []
for name, values in lists.items():
    for bins in (20, 7):
        counts, edges = np.histogram(values, bins)
        cases.append(
            dict(
                name=name,
                bins=bins,
                values=values.tolist(),
                mean=values.mean(),
                standardDeviation=values.std(),
                smallest=values.min(),
                largest=values.max(),
                edges=edges.tolist(),
                counts=counts.tolist(),
            )
        )
print(json.dumps(cases))
