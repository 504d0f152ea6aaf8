#!/usr/bin/env python3
"""Makes fixtures/npy.json: arrays as NumPy saves them, byte by byte.

    python make_npy.py      (NumPy)
"""
import base64
import io
import json
from pathlib import Path

import numpy as np

SHAPES = [(0,), (5,), (1, 1), (3, 4), (2, 3, 2, 5), (12345678901, 0), (1,) * 30]
cases = []
for shape in SHAPES:
    for dtype in ('<f4', '<f8'):
        count = int(np.prod(shape, dtype=object))
        array = (np.arange(count, dtype=dtype) / 8 - 1).reshape(shape)
        file = io.BytesIO()
        np.save(file, array)
        cases.append(dict(shape=shape, dtype=dtype, file=base64.b64encode(file.getvalue()).decode()))
Path(__file__).with_name('fixtures').joinpath('npy.json').write_text(
    '{"numpy": "%s", "cases": [\n%s\n]}\n' % (np.__version__, ',\n'.join(map(json.dumps, cases))))
