#!/usr/bin/env python3
"""Makes pictures.json.gz: small picture files of many kinds, and what Pillow makes of them as RGB and as L.

    python make_pictures.py        (pillow, numpy, tifffile)

Pillow has no answer for pixels of 16 bits and in floating point (it clips them at 255): of these the expected pixels are
NumPy's, by the rule of docs/data.md. `off`: how far another JPEG decoder's rounding may be from Pillow's.
"""
import base64
import gzip
import io
import json
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageOps

WORK = Path(tempfile.mkdtemp())
pictures = {}

y, x = np.mgrid[0:16, 0:16]
rgb = np.stack([x * 17, y * 17, (x * 8 + y * 8) % 256], -1).astype(np.uint8)
ramp = np.arange(256).reshape(16, 16)
image = Image.fromarray(rgb)
oblong = image.resize((16, 12))
palette = image.quantize(16)


def b64(values):
    return base64.b64encode(np.ascontiguousarray(values, np.uint8).tobytes()).decode()


def grey(values):
    """convert('L') of RGB."""
    return np.asarray(Image.fromarray(values).convert('L'))


def keep(name, data, pixels=None, off=0):
    """pixels: [height][width][3], where Pillow is not to be asked."""
    if pixels is None:
        opened = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        pixels = np.asarray(opened.convert('RGB'))
    height, width, _ = pixels.shape
    pictures[name] = dict(
        file=base64.b64encode(data).decode(), height=height, width=width, rgb=b64(pixels), grey=b64(grey(pixels)), off=off
    )


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(values, **options):
    path = WORK / 'a.tif'
    tifffile.imwrite(path, values, **options)
    return path.read_bytes()


def thrice(values):
    return np.repeat(values.astype(np.uint8)[..., None], 3, -1)


# CMYK: with Adobe's marker, without it, and as YCCK (the marker's last byte says so).
cmyk = Image.frombytes('CMYK', (16, 16), np.dstack([rgb, (rgb[..., 0].astype(int) + rgb[..., 1]) // 4]).astype(np.uint8).tobytes())
adobe = saved(cmyk, 'JPEG', quality=95)
at = adobe.index(b'\xff\xee')
length = int.from_bytes(adobe[at + 2:at + 4], 'big')
assert adobe[at + 4:at + 9] == b'Adobe'
keep('cmyk.jpg', adobe, off=2)
keep('cmyk-without-marker.jpg', adobe[:at] + adobe[at + 2 + length:], off=2)
keep('ycck.jpg', adobe[:at + 15] + b'\2' + adobe[at + 16:], off=2)
keep('cmyk.tif', saved(cmyk, 'TIFF'))

# Transparency.
keep('transparent.gif', saved(palette, 'GIF', transparency=3))
keep('transparent-palette.png', saved(palette, 'PNG', transparency=3))
keep('transparent-grey.png', saved(image.convert('L'), 'PNG', transparency=100))
keep('transparent-rgb.png', saved(image, 'PNG', transparency=(17, 17, 16)))
rgba = Image.fromarray(np.dstack([rgb, ramp.astype(np.uint8)]))
keep('rgba.png', saved(rgba, 'PNG'))
keep('rgba.webp', saved(rgba, 'WEBP', lossless=True, exact=True))
keep('grey-alpha.png', saved(image.convert('LA'), 'PNG'))

# The first of several pictures.
other = Image.fromarray(255 - rgb)
keep('animation.gif', saved(palette, 'GIF', save_all=True, append_images=[other.quantize(16)], duration=100))
keep('animation.png', saved(image, 'PNG', save_all=True, append_images=[other]))
keep('animation.webp', saved(image, 'WEBP', save_all=True, append_images=[other], lossless=True))
keep('pages.tif', saved(image, 'TIFF', save_all=True, append_images=[other]))

# One bit, palettes, white at zero, BigTIFF.
keep('one-bit.png', saved(image.convert('1'), 'PNG'))
keep('fax.tif', saved(image.convert('1'), 'TIFF', compression='group4'))
keep('palette.png', saved(palette, 'PNG'))
keep('palette.tif', saved(palette, 'TIFF'))
keep('white-zero.tif', tiff(ramp.astype(np.uint8), photometric='miniswhite'))
keep('big.tif', tiff(rgb, photometric='rgb', bigtiff=True))
keep('grey.jpg', saved(image.convert('L'), 'JPEG'), off=1)

# The camera's orientation, all eight.
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x112] = orientation
    keep(f'orientation-{orientation}.png', saved(oblong, 'PNG', exif=exif))

# 16 bits: the upper eight. Floating point: 0 to 1 rounded, 0 to 255 cut off.
wide = (ramp * 257).astype(np.uint16)
keep('16-bit.png', saved(Image.fromarray(wide), 'PNG'), thrice(wide >> 8))
keep('16-bit.tif', tiff(wide), thrice(wide >> 8))
keep('16-bit-rgb.tif', tiff(rgb.astype(np.uint16) * 257, photometric='rgb'))
keep('12-of-16-bit.png', saved(Image.fromarray((ramp * 16).astype(np.uint16)), 'PNG'), thrice(ramp * 16 >> 8))
share = (ramp / 255).astype(np.float32)
keep('float-to-1.tif', tiff(share), thrice(np.rint(share * 255)))
keep('float-to-1-rgb.tif', tiff((rgb / 255).astype(np.float32), photometric='rgb'), rgb)
keep('float-to-255.tif', tiff((ramp * 0.99).astype(np.float32)))

# What is refused: the reason's beginning instead of pixels.
holes = ramp.astype(np.float32)
holes[3, 3] = np.nan
for name, data, reason in [
    ('signed.tif', tiff((ramp * 8 - 1024).astype(np.int16)), 'its pixels are signed 16-bit numbers, '),
    ('signed-8.tif', tiff((ramp - 128).astype(np.int8)), 'its pixels are signed 8-bit numbers, '),
    ('32-bit.tif', tiff(ramp.astype(np.uint32) << 24), 'its pixels are 32-bit numbers, '),
    ('hounsfield.tif', tiff((ramp * 8 - 1024).astype(np.float32)), 'its floating-point pixels go from -1024 to 1016, '),
    ('nan.tif', tiff(holes), 'its floating-point pixels are not all numbers, '),
    ('ycbcr.tif', saved(image.convert('YCbCr'), 'TIFF'), 'it is a TIFF image in YCbCr without JPEG, '),
    ('x.dcm', bytes(128) + b'DICM' + bytes(64), 'it is a DICOM image, which cannot be read here: convert it to PNG'),
    ('x.jp2', saved(image, 'JPEG2000'), 'it is a JPEG 2000 image, which cannot be read here'),
]:
    pictures[name] = dict(file=base64.b64encode(data).decode(), refused=reason)

text = json.dumps(pictures, indent=1, sort_keys=True)
Path(__file__).with_name('pictures.json.gz').write_bytes(gzip.compress(text.encode(), 9, mtime=0))
