#!/usr/bin/env python3
"""Makes fixtures/: a picture, a config.json as timm writes it for its repositories on Hugging Face, and what torchvision and
timm themselves answer for the picture: their own preprocessing, the networks of ../interop/fixtures.

    python make_fixtures.py      (torch, torchvision, timm, safetensors, pillow)
"""
import gzip
import io
import json
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision
from PIL import Image, ImageDraw
from safetensors.torch import load as load_safetensors
from timm.data import create_transform, resolve_data_config
from timm.models._hub import save_config_for_hf

HERE = Path(__file__).parent / 'fixtures'
WEIGHTS = Path(__file__).parent.parent / 'interop' / 'fixtures'


def picture():
    y, x = np.mgrid[0:263, 0:301]
    planes = [(x * 255 // 300), (y * 255 // 262), ((x + y) // 4 % 64 * 4)]
    image = Image.fromarray(np.stack(planes, -1).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    draw.ellipse((40, 30, 190, 150), fill=(220, 40, 30))
    draw.rectangle((170, 120, 280, 240), fill=(20, 60, 200), outline=(255, 255, 255), width=5)
    for i in range(0, 263, 7):
        draw.line((0, i, 301, 263 - i), fill=(i % 256, 255 - i % 256, 90))
    return image


def logits(network, transform, image):
    with torch.no_grad():
        return network.double().eval()(transform(image).unsqueeze(0).double())[0].tolist()


image = picture()
image.save(HERE / 'picture.png', optimize=True)
image = Image.open(HERE / 'picture.png').convert('RGB')

state = torch.load(io.BytesIO(gzip.decompress((WEIGHTS / 'torchvision.pth.gz').read_bytes())))
network = torchvision.models.DenseNet(growth_rate=4, block_config=(2, 2), num_init_features=8, num_classes=5)
network.load_state_dict(state)
transform = torchvision.models.DenseNet121_Weights.IMAGENET1K_V1.transforms()
answers = {'torchvision': logits(network, transform, image)}

kinds = dict(growth_rate=4, block_config=(2, 2), num_classes=5)
network = timm.models.densenet.DenseNet(**kinds)
network.load_state_dict(load_safetensors(gzip.decompress((WEIGHTS / 'timm.safetensors.gz').read_bytes())))
published = timm.create_model('densenet121.ra_in1k').pretrained_cfg
network.pretrained_cfg = {**published, 'num_classes': 5, 'crop_pct': 0.9}
save_config_for_hf(network, HERE / 'config.json', model_args=kinds)
transform = create_transform(**resolve_data_config(network.pretrained_cfg, model=network))
print(transform)
answers['timm'] = logits(network, transform, image)
(HERE / 'answers.json').write_text(json.dumps(dict(torchvision=torchvision.__version__, timm=timm.__version__, logits=answers), indent=1) + '\n')
