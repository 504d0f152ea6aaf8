"""Golden numbers of Pillow and torchvision for src/images/transforms. Run with Pillow 12.0
(13.0 resizes some images vertically first, which the published weights never saw) and torchvision 0.29."""
import base64
import gzip
import json
import sys

import numpy as np
import torchvision.transforms.functional as F
from PIL import Image
from torchvision import transforms as T
from torchvision.transforms.autoaugment import RandAugment, TrivialAugmentWide, _apply_op

FILL = [124, 116, 104]


def picture(height, width):
    """The same formula as in test/images/transforms/picture.ts: slopes, an edge and some noise."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    value = 40 + 3 * x + 2 * y * (c + 1) // 2 + (x * 7 + y * 13 + c * 29 + x * y * 31) % 53
    value = np.where((x + 2 * y) % 41 < 20, value, value // 2)
    return Image.fromarray((value % 256).astype(np.uint8))


def planar(image):
    """[3][height][width], base64."""
    return base64.b64encode(np.asarray(image).transpose(2, 0, 1).tobytes()).decode()


MODES = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
golden = {"resize": [], "preprocess": [], "operations": []}
for name, mode in MODES.items():
    for height, width, box in [
        (16, 16, [0, 0, 53, 37]),
        (45, 20, [0, 0, 53, 37]),
        (12, 60, [0, 0, 53, 37]),
        (37, 9, [0, 0, 53, 37]),
        (3, 2, [0, 0, 53, 37]),
        (18, 18, [5, 7, 30, 11]),
        (5, 5, [52, 36, 1, 1]),
    ]:
        left, top, w, h = box
        image = picture(37, 53).crop((left, top, left + w, top + h)).resize((width, height), mode)
        golden["resize"].append(
            {"interpolation": name, "height": height, "width": width, "box": box, "pixels": planar(image)}
        )
    for height, width, resize, crop in [(37, 53, 20, 17), (53, 37, 16, 13), (20, 31, 20, 15), (29, 21, 25, 20)]:
        pipeline = T.Compose([T.Resize(resize, interpolation=T.InterpolationMode(name)), T.CenterCrop(crop)])
        golden["preprocess"].append(
            {
                "interpolation": name,
                **{"height": height, "width": width, "resize": resize, "crop": crop},
                "pixels": planar(pipeline(picture(height, width))),
            }
        )
# In torchvision's order.
ten = T.Compose([T.Resize(16, interpolation=T.InterpolationMode.BICUBIC), T.TenCrop(13, vertical_flip=False)])(picture(37, 53))
golden["tenCrop"] = [planar(image) for image in ten]

NAMES = {
    "identity": "Identity", "shearX": "ShearX", "shearY": "ShearY", "translateX": "TranslateX",
    "translateY": "TranslateY", "rotate": "Rotate", "brightness": "Brightness", "saturation": "Color",
    "contrast": "Contrast", "sharpness": "Sharpness", "posterize": "Posterize", "solarize": "Solarize",
    "autoContrast": "AutoContrast", "equalize": "Equalize",
}
source = picture(12, 14)
for method, steps, space in [
    ("randAugment", [4, 30], RandAugment()._augmentation_space(31, (12, 14))),
    ("trivialAugment", [2, 15], TrivialAugmentWide()._augmentation_space(31)),
]:
    for name, theirs in NAMES.items():
        magnitudes, signed = space[theirs]
        for step in steps if magnitudes.ndim > 0 else [0]:
            for sign in [1, -1] if signed else [1]:
                magnitude = float(magnitudes[step].item()) if magnitudes.ndim > 0 else 0.0
                image = _apply_op(source, theirs, sign * magnitude, F.InterpolationMode.NEAREST, FILL)
                golden["operations"].append(
                    {"method": method, "name": name, "step": step, "sign": sign, "pixels": planar(image)}
                )

with open(sys.argv[1], "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as file:
    file.write(json.dumps(golden).encode())
