"""ONNX's backend interface (`onnx.backend.base`): prepare a ModelProto, run it on numpy arrays.

    from oxide import onnx_backend

    prepared = onnx_backend.prepare(onnx.load("model.onnx"))
    outputs = prepared.run([x])          # or {"x": x}; a tuple in the model's order, also by name: outputs["y"]

The interface says nothing of shapes before a model runs, and XLA compiles for fixed ones.  So a model is
compiled at once where it fixes all shapes, and else when it is run, for the shapes it is given.  An input whose
value decides a shape (the target of a Reshape) is compiled in as well.  Programs are kept for the shapes and
values last used.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TypeProto, helper
from onnx.backend.base import Backend, BackendRep, namedtupledict

from oxide.backends.pjrt import Executable
from oxide.backends.pjrt.client import find_device
from oxide.dialects.diagnostics import OxideError
from oxide.frontends.onnx.custom import Given
from oxide.frontends.onnx.diagnostics import UnknownValueError
from oxide.frontends.onnx.importer import check_operators, import_onnx
from oxide.frontends.onnx.operators import known_domains
from oxide.frontends.onnx.registry import normal_domain
from oxide.model import Model
from oxide.nesting import Nesting, read_nesting

__all__ = ["OxideBackend", "Prepared", "is_compatible", "prepare", "run_model", "run_node", "supports_device"]

# Programs kept for one model, one for each set of shapes and of values that decide shapes.
MAX_PROGRAMS = 32
# ONNX's names of devices, and the PJRT platforms they are.  Others (`TPU`) are platforms under their own name.
PLATFORMS = {"CPU": "cpu", "CUDA": "cuda", "GPU": "gpu", "ROCM": "rocm"}


class OxideBackend(Backend):
    """Oxide behind ONNX's backend interface; the functions of this module are its methods."""

    @classmethod
    def is_compatible(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        """Whether the device exists and every operator in the model has a lowering; `lowerings` as in `prepare`.

        A model can still turn out not to be supported, by `prepare` or when it is first run.
        """
        lowerings = kwargs.pop("lowerings", None)
        _refuse_options(kwargs)
        try:
            check_operators(model, lowerings)
        except OxideError:
            return False
        return cls.supports_device(device)

    @classmethod
    def prepare(
        cls,
        model: ModelProto,
        device: str = "CPU",
        *,
        dims: Mapping[str, int] | None = None,
        lowerings: Given | None = None,
        base_dir: str | None = None,
        options: Mapping[str, str | bool | int | float] | None = None,
        cache: bool = True,
        **kwargs: Any,
    ) -> Prepared:
        """A model ready to be run on `device` (`CPU`, `CUDA`, `CUDA:1`, ..., or a PJRT platform's name).

        `dims`, `lowerings` and `base_dir` are `import_onnx`'s, `options` and `cache` are `Model.compile`'s.  Raises
        OxideError when the model cannot be imported, as far as that shows before its inputs are known.
        """
        _refuse_options(kwargs)
        loading = {"dims": dims or {}, "lowerings": lowerings, "base_dir": base_dir}
        platform, index = _device(device)
        compiler = _Compiler(model, loading, platform, index, options or {}, cache)
        prepared = Prepared(compiler)
        prepared.compile_ahead()
        return prepared

    @classmethod
    def run_model(cls, model: ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> tuple[Any, ...]:
        """Prepare a model and run it once.  The results are those of `Prepared.run`."""
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(
        cls,
        node: NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Sequence[tuple[np.dtype, tuple[int, ...]]] | None = None,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """Run one node on inputs for its named inputs; absent ones (empty names) are left out.

        `opset_version` is the version of the node's domain, the newest when it is not given.  `outputs_info` (dtype
        and shape of each output) is compared with what comes out.
        """
        model = _one_node(node, inputs, kwargs.pop("opset_version", None))
        outputs = cls.run_model(model, inputs, device, **kwargs)
        for number, (output, info) in enumerate(zip(outputs, outputs_info or (), strict=False)):
            found, wanted = (output.dtype, output.shape), (np.dtype(info[0]), tuple(info[1]))
            if found != wanted:
                raise OxideError(f"output {number} of {node.op_type} has {found}, outputs_info says {wanted}")
        return outputs

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether PJRT has such a device here."""
        try:
            find_device(*_device(device))
        except OxideError:
            return False
        return True


is_compatible = OxideBackend.is_compatible
prepare = OxideBackend.prepare
run_model = OxideBackend.run_model
run_node = OxideBackend.run_node
supports_device = OxideBackend.supports_device


@dataclass(frozen=True)
class _Program:
    """An executable for one set of shapes, and how its arguments and results are nested."""

    executable: Executable
    nesting: Nesting

    def run(self, values: Sequence[Any]) -> list[Any]:
        results = self.executable(*self.nesting.pack(values))
        return self.nesting.unpack(results if isinstance(results, tuple) else (results,))


@dataclass(frozen=True)
class _Compiler:
    """A model and how it is imported and compiled, but for what its inputs decide."""

    proto: ModelProto
    loading: Mapping[str, Any]
    platform: str
    device: int
    options: Mapping[str, str | bool | int | float]
    cache: bool

    def load(self, shapes: Mapping[str, Any], values: Mapping[str, np.ndarray]) -> Model:
        return import_onnx(self.proto, shapes=shapes, values=values, **self.loading)

    def compile(self, model: Model) -> _Program:
        executable = model.compile(self.platform, device=self.device, options=self.options, cache=self.cache)
        return _Program(executable, read_nesting(model.module))

    @cached_property
    def inputs(self) -> dict[str, TypeProto]:
        """The inputs a caller must give: those that no initializer gives a value."""
        graph = self.proto.graph
        given = {t.name for t in graph.initializer} | {s.values.name for s in graph.sparse_initializer}
        return {value.name: value.type for value in graph.input if value.name not in given}

    @cached_property
    def open_inputs(self) -> set[str]:
        """The inputs whose type leaves open a dimension, a sequence's length or an optional's presence."""
        return {name for name, proto in self.inputs.items() if _is_open(proto, self.loading["dims"])}

    @cached_property
    def outputs(self) -> list[str]:
        return [value.name for value in self.proto.graph.output]


class Prepared(BackendRep):
    """A model that `prepare` made ready.  `run` may compile it, for shapes it has not been run with before."""

    def __init__(self, compiler: _Compiler) -> None:
        self._compiler = compiler
        self._result_type = namedtupledict("Outputs", compiler.outputs)
        # Inputs found to decide shapes; their values are part of a program's key.
        self._known: tuple[str, ...] = ()
        self._programs: OrderedDict[Any, _Program] = OrderedDict()

    def compile_ahead(self) -> None:
        """Compile now if the model fixes every shape.

        Raises OxideError for what is wrong with the model whatever its inputs are.
        """
        compiler = self._compiler
        if compiler.open_inputs:
            return
        try:
            model = compiler.load({}, {})
        except OxideError as error:
            if _unknown_inputs(error):
                return
            raise
        self._programs[_key({}, {})] = compiler.compile(model)

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Run the model on numpy arrays (or what `Executable` takes) and return numpy arrays.

        `inputs` is a list or tuple in the order of the model's inputs, a dict by name, or an array where there is
        one input.  Sequences are lists; an absent optional is None.  The result is a tuple with an item for each of
        the model's outputs, which can be asked for by name.  Raises OxideError for inputs that do not fit.
        """
        _refuse_options(kwargs)
        given = _bind(inputs, self._compiler.inputs)
        shapes = {name: _shape(value) for name, value in given.items() if name in self._compiler.open_inputs}
        program = self._program(shapes, given)
        results = program.run([value for name, value in given.items() if name not in self._known])
        return self._result_type(*map(_as_numpy, results))

    def _program(self, shapes: Mapping[str, Any], given: Mapping[str, Any]) -> _Program:
        values = {name: np.asarray(given[name]) for name in self._known}
        key = _key(shapes, values)
        if key not in self._programs:
            model = self._load(shapes, given)
            values = {name: np.asarray(given[name]) for name in self._known}
            key = _key(shapes, values)
            self._programs[key] = self._compiler.compile(model)
            if len(self._programs) > MAX_PROGRAMS:
                self._programs.popitem(last=False)
        self._programs.move_to_end(key)
        return self._programs[key]

    def _load(self, shapes: Mapping[str, Any], given: Mapping[str, Any]) -> Model:
        """Import the model, with the values of inputs that turn out to decide shapes."""
        while True:
            values = {name: np.asarray(given[name]) for name in self._known}
            open_shapes = {name: shape for name, shape in shapes.items() if name not in values}
            try:
                return self._compiler.load(open_shapes, values)
            except OxideError as error:
                new = [name for name in _unknown_inputs(error) if name in given and name not in self._known]
                if not new:
                    raise
                self._known = (*self._known, *new)


def _refuse_options(options: Mapping[str, Any]) -> None:
    if options:
        raise OxideError(f"Oxide's backend knows no option {next(iter(options))!r}")


def _unknown_inputs(error: OxideError) -> tuple[str, ...]:
    """The inputs whose values an import needs, when that is why it failed."""
    cause = error.__cause__
    return cause.inputs if isinstance(cause, UnknownValueError) else ()


def _key(shapes: Mapping[str, Any], values: Mapping[str, np.ndarray]) -> Any:
    known = [(name, array.shape, array.dtype.str, array.tobytes()) for name, array in values.items()]
    return repr(sorted(shapes.items())), tuple(known)


def _bind(inputs: Any, declared: Mapping[str, TypeProto]) -> dict[str, Any]:
    """Inputs by name in the model's order."""
    names = ", ".join(map(repr, declared)) or "none"
    if not isinstance(inputs, Mapping):
        items = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        if len(items) != len(declared):
            raise OxideError(f"{len(items)} inputs are given, the model has {len(declared)}: {names}")
        inputs = dict(zip(declared, items, strict=True))
    missing = [name for name in declared if name not in inputs]
    unknown = [name for name in inputs if name not in declared]
    if missing or unknown:
        problem = f"no input is called {unknown[0]!r}" if unknown else f"input {missing[0]!r} is missing"
        raise OxideError(f"{problem}; the model's inputs are: {names}")
    return {name: _array(inputs[name]) for name in declared}


def _array(value: Any) -> Any:
    """Python's and numpy's scalars are arrays of rank 0; sequences stay lists."""
    if isinstance(value, list | tuple):
        return [_array(element) for element in value]
    if value is None or (hasattr(value, "shape") and not isinstance(value, np.generic)):
        return value
    return np.asarray(value)


def _shape(value: Any) -> Any:
    if isinstance(value, list):
        return [_shape(element) for element in value]
    return None if value is None else tuple(value.shape)


def _as_numpy(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_numpy(element) for element in value]
    return None if value is None else np.asarray(value)


def _is_open(proto: TypeProto, dims: Mapping[str, int]) -> bool:
    tensor = proto.tensor_type
    if proto.WhichOneof("value") != "tensor_type" or not tensor.HasField("shape"):
        return True
    return any(
        dim.dim_value < 0 if dim.HasField("dim_value") else dim.dim_param not in dims for dim in tensor.shape.dim
    )


def _device(device: str) -> tuple[str, int]:
    """Platform and index of `CUDA:1`."""
    name, _, index = device.partition(":")
    if index and not index.isdecimal():
        raise OxideError(f"{device!r} is no device; write it as CPU, CUDA or CUDA:1")
    return PLATFORMS.get(name, name.lower()), int(index or 0)


def _one_node(node: NodeProto, inputs: Any, opset: int | None) -> ModelProto:
    """A model of one node, for inputs of these types."""
    names = list(dict.fromkeys(name for name in node.input if name))
    values = _bind(inputs, dict.fromkeys(names, TypeProto()))
    domain = normal_domain(node.domain)
    opsets = {"": known_domains()[""], domain: opset or known_domains().get(domain, 1)}
    graph = helper.make_graph(
        [node],
        node.name or node.op_type,
        [helper.make_value_info(name, _type(name, value)) for name, value in values.items()],
        [helper.make_empty_tensor_value_info(name) for name in node.output if name],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(*entry) for entry in opsets.items()])


def _type(name: str, value: Any) -> TypeProto:
    if value is None:
        raise OxideError(f"input {name!r} is None; give an absent input of a node an empty name")
    if isinstance(value, list):
        if not value:
            raise OxideError(f"input {name!r} is an empty sequence, which has no element type")
        return helper.make_sequence_type_proto(_type(name, value[0]))
    return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
