"""Named pipelines: a name wherever a pass may be named, replaced by the passes it stands for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NamedPipeline:
    """What a pipeline is for, and its text in the pipeline grammar."""

    summary: str
    text: str


_DEVICES = {"cpu": "cpu", "cuda": "gpu", "gpu": "gpu", "rocm": "gpu", "tpu": "tpu"}


def optimize_for(platform: str) -> str:
    """The passes of `optimize` for a PJRT platform; where its kind is not known, what any device gains by."""
    device = _DEVICES.get(platform)
    choices = f"layout=auto convolutions=auto device={device}" if device else ""
    return f"default,simplify{{{choices}}},canonicalize,hoist-params,symbol-dce"


PIPELINES: dict[str, NamedPipeline] = {
    "default": NamedPipeline(
        "Simplify a module without changing its vocabulary; composites stay",
        "inline,canonicalize,stablehlo-canonicalize-dynamism,cse,dce,symbol-dce",
    ),
    "optimize": NamedPipeline(
        "Fewer and cheaper operations by exact rules, work done once on weights; convolutions for the CPU",
        optimize_for("cpu"),
    ),
    "lower": NamedPipeline(
        "Reduce composites and CHLO to plain StableHLO in as few functions as possible",
        "decompose-composites,inline,chlo-legalize-to-stablehlo,canonicalize,stablehlo-canonicalize-dynamism,"
        "cse,dce,symbol-dce",
    ),
    "refine-shapes": NamedPipeline(
        "Static shapes wherever they follow from the arguments' and from constants",
        # First ours: the native pass drops calls without results, whatever they do, and takes a sum of bools for
        # their exclusive or when it folds one.
        "inline,canonicalize,stablehlo-refine-shapes,canonicalize",
    ),
}
