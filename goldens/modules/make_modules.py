"""Weights and outputs of the PyTorch modules that docs/models.md shows, as PyTorch itself makes them.

The classes are not written again here: they are taken from the page. Every net gets random weights (running statistics of
batch norms too), is put into evaluation mode and shown four images; its state_dict goes into a safetensors file, images and
outputs into a JSON file beside it. Run from the project's root: python3 goldens/modules/make_modules.py (torch 2; the files here were
made by torch 2.13.0 on a CPU).
"""

import json
import math
import re
import struct
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

HERE = Path(__file__).parent
PAGE = (HERE.parent.parent / "docs" / "models.md").read_text()


def classes_of(title):
    block = re.search(rf"### `{title}`\n\n```python\n(.*?)```", PAGE, re.S).group(1)
    scope = {"torch": torch, "nn": nn, "F": F}
    exec(block, scope)
    return scope


def save(name, net, dtype, images):
    # Weights that the file can hold exactly, so that whoever reads it computes with the same ones.
    state = {key: value.to(dtype) if value.is_floating_point() else value for key, value in net.state_dict().items()}
    net.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in state.items()})
    net.double().eval()
    with torch.no_grad():
        outputs = net(images.double())
    kinds = {torch.float32: "F32", torch.float16: "F16", torch.int64: "I64"}
    header, pieces, at = {}, [], 0
    for key, value in state.items():
        data = value.contiguous().numpy().tobytes()
        header[key] = {"dtype": kinds[value.dtype], "shape": list(value.shape), "data_offsets": [at, at + len(data)]}
        pieces.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (HERE / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(pieces))
    # Exact in float32.
    flat = images.flatten().tolist()
    sides = {"images": {"shape": list(images.shape), "data": flat}}
    sides["outputs"] = {"shape": list(outputs.shape), "data": outputs.flatten().tolist()}
    (HERE / f"{name}.json").write_text(json.dumps(sides) + "\n")


def randomise(net, seed):
    torch.manual_seed(seed)
    with torch.no_grad():
        for key, value in net.state_dict().items():
            if not value.is_floating_point():
                continue
            if key.endswith("running_var"):
                value.uniform_(0.5, 1.5)
            elif value.dim() > 1 and not key.startswith(("positions", "class")):
                value.normal_(0, 1 / math.sqrt(value[0].numel()))
            elif key.endswith("weight"):
                value.uniform_(0.5, 1.5)
            else:
                value.normal_(0, 0.3)


def main():
    torch.manual_seed(0)
    images = (torch.rand(4, 2, 8, 8) * 256).round() / 128 - 1
    vit = classes_of("vit")["ViT"]
    for name, class_token in [("vit-mean", False), ("vit-class", True)]:
        net = vit(2, 8, 4, 8, 2, 2, 16, 3, class_token)
        randomise(net, 1)
        save(name, net, torch.float32, images)
    resnet = classes_of("wide-resnet")["WideResNet"]
    for name, norm in [("wrn-batch", nn.BatchNorm2d), ("wrn-group", lambda c: nn.GroupNorm(c // 8, c))]:
        net = resnet(10, 1, 2, 3, norm)
        randomise(net, 2)
        save(name, net, torch.float16, images)


main()
