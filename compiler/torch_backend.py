"""`torch.compile(model, backend="oxide")`: graphs that XLA compiles, on the memory of PyTorch's tensors.

    compiled = torch.compile(model, backend="oxide")
    compiled = torch.compile(model, backend="oxide", options={"unsupported": "eager"})

TorchDynamo cuts the program into graphs and guards them; AOTAutograd makes each functional and derives its backward
graph; every graph then is imported, compiled and called here.  Tensors go in and come out through DLPack, so
parameters are never copied.  A graph with symbolic sizes is compiled again for each set of sizes it meets, since
XLA's programs have fixed ones.  Random operators draw from a state that each call takes from PyTorch's default
generator: torch.manual_seed makes them repeat, with other numbers than eager PyTorch's.

Options:

    platform      the PJRT platform; by default that of the inputs (cpu, or gpu for CUDA tensors)
    unsupported   "error" (the default): an OxideError lists what cannot be imported, with file and line;
                  "eager": PyTorch runs those operators, and the parts of the graph between them are compiled
    eager_ops     operators that PyTorch runs in any case: names such as "aten.sort.default"
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import torch
from functorch.compile import make_boxed_func  # pyright: ignore[reportPrivateImportUsage]
from torch._dynamo.backends.common import aot_autograd
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.passes.infra.partitioner import CapabilityBasedPartitioner
from torch.fx.passes.operator_support import OperatorSupportBase
from torch.utils.weak import WeakTensorKeyDictionary

from oxide.backends.pjrt import Executable
from oxide.dialects.diagnostics import OxideError
from oxide.frontends.torch.diagnostics import NodeErrors
from oxide.frontends.torch.locations import node_name
from oxide.frontends.torch.lower import Argument, lower_graph_module
from oxide.frontends.torch.ops import inductor as _registers_lowerings  # noqa: F401

# Programs kept for one graph with symbolic sizes.
MAX_PROGRAMS = 32
_RANDOM_STATE = "random state"
_PLATFORMS = {"cpu": "cpu", "cuda": "gpu"}


@dataclass(frozen=True)
class Options:
    platform: str | None = None
    unsupported: str = "error"
    eager_ops: Collection[str] = ()

    def __post_init__(self) -> None:
        if self.unsupported not in ("error", "eager"):
            raise OxideError(f'option unsupported is {self.unsupported!r}; "error" and "eager" are possible')


def oxide_backend(
    graph_module: torch.fx.GraphModule,
    example_inputs: Sequence[torch.Tensor],
    *,
    options: Mapping[str, Any] | None = None,
) -> Callable[..., Any]:
    """The backend, as TorchDynamo calls it: a graph and example inputs to a function of the same arguments.

    Raises OxideError for unknown options, and for operators without a lowering unless they may run in PyTorch.
    """
    known = Options.__dataclass_fields__
    unknown = sorted(set(options or {}) - set(known))
    if unknown:
        raise OxideError(f"there is no option {unknown[0]!r}; there are {', '.join(known)}")
    chosen = Options(**(options or {}))

    def compile_graph(graph: torch.fx.GraphModule, examples: Sequence[Any]) -> Callable[..., Any]:
        return make_boxed_func(_compiled(graph, chosen))

    return aot_autograd(fw_compiler=compile_graph)(graph_module, example_inputs)


def _compiled(graph: torch.fx.GraphModule, options: Options) -> Callable[..., Any]:
    """A function of the graph's arguments; parts of it run in PyTorch where the options let them."""
    eager = {n for n in graph.graph.nodes if n.op == "call_function" and str(n.target) in options.eager_ops}
    while True:
        try:
            return _partitioned(graph, eager, options) if eager else _Graph(graph, options)
        except NodeErrors as errors:
            if options.unsupported == "error":
                raise
            names = {failure.name for failure in errors.failures}
            found = {n for n in graph.graph.nodes if n.op == "call_function" and node_name(n) in names} - eager
            if not found:
                raise
            eager |= found


def _partitioned(
    graph: torch.fx.GraphModule, eager: Collection[torch.fx.Node], options: Options
) -> torch.fx.GraphModule:
    """The graph with everything but the eager nodes in compiled parts."""
    eager_names = {node.name for node in eager}

    class Compiled(OperatorSupportBase):
        def is_node_supported(self, submodules: Mapping[str, torch.nn.Module], node: torch.fx.Node) -> bool:
            return node.op == "call_function" and node.name not in eager_names

    # The nodes are those of a copy: partitioning changes the graph.
    copy = torch.fx.GraphModule(graph, _copy_of(graph.graph))
    fused = CapabilityBasedPartitioner(copy, Compiled(), allows_single_node_partition=True).partition_and_fuse()
    for name, part in list(fused.named_children()):
        if isinstance(part, torch.fx.GraphModule) and name.startswith("fused_"):
            compiled = _Graph(part, options)
            delattr(fused, name)
            setattr(fused, name, compiled)
    fused.recompile()
    return fused


def _copy_of(graph: torch.fx.Graph) -> torch.fx.Graph:
    copy = torch.fx.Graph()
    copy.output(copy.graph_copy(graph, {}))
    return copy


class _Graph:
    """A compiled graph, called with its placeholders' values in order; returns what its output node holds."""

    def __init__(self, graph: torch.fx.GraphModule, options: Options) -> None:
        self.graph = graph
        self.options = options
        placeholders = graph.graph.find_nodes(op="placeholder")
        self.is_static = all(_is_static(node.meta.get("val")) for node in placeholders)
        self._programs: OrderedDict[Any, _Program] = OrderedDict()
        self._shared = _Shared()
        if self.is_static:  # what cannot be imported is known before the first call
            self._programs[()] = _Program(graph, [node.meta["val"] for node in placeholders], options)

    def __call__(self, *arguments: Any) -> Any:
        program = self._programs[()] if self.is_static else self._specialized(arguments)
        return program(self._shared, arguments)

    def _specialized(self, arguments: Sequence[Any]) -> _Program:
        key = tuple(tuple(a.shape) if isinstance(a, torch.Tensor) else a for a in arguments)
        if key not in self._programs:
            fixed = make_fx(self.graph, tracing_mode="fake")(*arguments)
            self._programs[key] = _Program(fixed, arguments, self.options)
            if len(self._programs) > MAX_PROGRAMS:
                self._programs.popitem(last=False)
        self._programs.move_to_end(key)
        return self._programs[key]


class _Program:
    """A graph of fixed sizes and its executable."""

    def __init__(self, graph: torch.fx.GraphModule, values: Sequence[Any], options: Options) -> None:
        """`values` are tensors, fake or real, and numbers for the placeholders."""
        arguments = [
            Argument(f"arg{index}", "input" if isinstance(value, torch.Tensor) else "number", value)
            for index, value in enumerate(values)
        ]
        self.tensors = [index for index, argument in enumerate(arguments) if argument.kind == "input"]
        (returned,) = graph.graph.output_node().args
        self.is_flat = isinstance(returned, list | tuple)
        # Tensors of the output node are the executable's results, in order; anything else is fixed.
        self.outputs = list(returned) if isinstance(returned, list | tuple) else [returned]
        self.executable: Executable | None = None
        if any(isinstance(output, torch.fx.Node) for output in self.outputs):
            model = lower_graph_module(graph, arguments, name="graph", random_state=_RANDOM_STATE)
            self.draws = any(spec.name == _RANDOM_STATE for spec in model.inputs)
            self.executable = model.compile(options.platform or _platform(values))

    def __call__(self, shared: _Shared, arguments: Sequence[Any]) -> Any:
        results: Sequence[Any] = ()
        if self.executable is not None:
            given: list[Any] = [shared.array(arguments[index]) for index in self.tensors]
            if self.draws:
                given.append(_random_state())
            found = self.executable(*given)
            results = found if isinstance(found, tuple) else (found,)
        values = iter(results)
        flat = [_returned(o, next(values)) if isinstance(o, torch.fx.Node) else o for o in self.outputs]
        return flat if self.is_flat else flat[0]


class _Shared:
    """JAX arrays on the memory of PyTorch's tensors, kept for those that come again: parameters do."""

    def __init__(self) -> None:
        self._arrays: Any = WeakTensorKeyDictionary()

    def array(self, tensor: torch.Tensor) -> jax.Array:
        """The array on a tensor's memory.  A copy where XLA could not read that: other strides, odd addresses."""
        kept = self._arrays.get(tensor)
        if kept is not None and kept[0] == (tensor.data_ptr(), tensor.shape, tensor.stride()):
            return kept[1]
        layout = tensor.data_ptr(), tensor.shape, tensor.stride()
        with jax.enable_x64(True):
            array = jax.dlpack.from_dlpack(tensor.detach().resolve_conj().resolve_neg().contiguous())
        if tensor.numel() and array.unsafe_buffer_pointer() == tensor.data_ptr():
            self._arrays[tensor] = layout, array
        return array


def _random_state() -> np.ndarray:
    low, high = torch.iinfo(torch.int64).min, torch.iinfo(torch.int64).max
    return torch.randint(low, high, (2,), dtype=torch.int64).numpy().view(np.uint64)


def _tensor(array: jax.Array) -> torch.Tensor:
    # PyTorch may write to the inputs as soon as the call returns, so XLA must have read them.
    return torch.from_dlpack(array.block_until_ready())


def _returned(output: torch.fx.Node, result: jax.Array) -> Any:
    """A tensor, or the number that a graph with sizes that depend on data returns."""
    is_number = isinstance(output.meta.get("val"), torch.SymInt | torch.SymFloat | torch.SymBool)
    return np.asarray(result).item() if is_number else _tensor(result)


def _is_static(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return all(isinstance(size, int) for size in value.shape)
    return not isinstance(value, torch.SymInt | torch.SymFloat | torch.SymBool)


def _platform(values: Sequence[Any]) -> str:
    devices = {value.device.type for value in values if isinstance(value, torch.Tensor)} or {"cpu"}
    if len(devices) > 1 or not devices <= _PLATFORMS.keys():
        raise OxideError(f"tensors on {', '.join(sorted(devices))}; all must be on one of {', '.join(_PLATFORMS)}")
    return _PLATFORMS[devices.pop()]
