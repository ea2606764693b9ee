"""The twelve reference models the passes are measured on, by name."""

from __future__ import annotations

from collections.abc import Callable

import onnx
from models.zoo import ZOO, ZooModel, exported_program

LENGTH = 64
CACHE = (1, 12, LENGTH, 64)


def _built(architecture: str, inputs: Callable[[], tuple]) -> Callable[[], onnx.ModelProto]:
    def build() -> onnx.ModelProto:
        from models import architectures, sequence_architectures

        return exported_program(architectures.seeded(getattr(sequence_architectures, architecture)), inputs())

    return build


def _ids(length: int, copies: int) -> tuple:
    import torch

    return tuple(torch.ones((1, length), dtype=torch.int64) for _ in range(copies))


def _normal(*shape: int):
    import torch

    return torch.randn(shape)


MADE = [
    ZooModel("mobilenet_v2", _built("MobileNetV2", lambda: (_normal(1, 3, 224, 224),))),
    ZooModel("bert_base", _built("BertBase", lambda: _ids(LENGTH, 3))),
    ZooModel("gpt2_prefill", _built("Gpt2Small", lambda: _ids(LENGTH, 1))),
    ZooModel("gpt2_decode", _built("Gpt2Small", lambda: (*_ids(1, 1), *(_normal(*CACHE) for _ in range(24))))),
    ZooModel("t5_small_encoder", _built("T5SmallEncoder", lambda: _ids(LENGTH, 2))),
    ZooModel("lstm", _built("Lstm", lambda: (_normal(1, 32, 64),))),
    ZooModel("unet_block", _built("UnetBlock", lambda: (_normal(1, 64, 32, 32), _ids(1, 1)[0][0]))),
]
_FROM_ZOO = ("light_resnet50", "light_densenet121", "light_inception_v1", "deit_small", "mlp")

TWELVE = {model.name: model for model in [*(ZOO[name] for name in _FROM_ZOO), *MADE]}
