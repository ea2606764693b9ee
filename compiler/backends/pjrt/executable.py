"""Executable: a model compiled by XLA, its weights on the device, ready to be called."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxlib.mlir import ir

from oxide.backends.pjrt.arguments import bind, put_argument
from oxide.backends.pjrt.cache import ExecutableCache, cache_key, default_folder
from oxide.backends.pjrt.client import (
    DEFAULT_OPTIONS,
    Device,
    Options,
    execute,
    find_device,
    memory_stats,
    optimized_hlo,
)
from oxide.backends.pjrt.donation import donating
from oxide.backends.pjrt.program import bytecode, separate, specialize
from oxide.bounded import read_bounds, trim, trimmed_specs
from oxide.dialects.diagnostics import OxideError
from oxide.effects import read_checks, read_updates
from oxide.passes.manager import run_pipeline
from oxide.passes.pipelines import optimize_for
from oxide.signature import Signature, TensorSpec, read_signature
from oxide.sizes import bind_sizes, read_constraints

if TYPE_CHECKING:
    import jax

    from oxide.model import Model

# Programs kept for a model with dynamic shapes, one for each set of shapes it was called with.
_MAX_SPECIALIZATIONS = 32


@dataclass(frozen=True)
class _Program:
    """A loaded executable with what turns its output buffers into arrays."""

    handle: Any
    handlers: Sequence[Any]


@dataclass(frozen=True)
class _Specialization:
    """A program for one set of shapes, and the weights that it takes."""

    program: _Program
    # Each is the executable's parameter of that number, or what the specialization's own `@prepare` gave.
    parameters: Sequence[int | jax.Array]
    preparation: str
    prepared: Mapping[str, jax.Array]


class _Compiler:
    """Compiles modules for one device, by way of the cache on disk."""

    def __init__(self, device: Device, options: Options, cache: ExecutableCache | None, donate: bool) -> None:
        """With `donate`, programs consume the arguments that they update."""
        self.device = device
        self.options = options
        self.cache = cache
        self.donate = donate

    def program(self, module: ir.Module, signature: Signature) -> _Program:
        module = donating(module) if self.donate else module
        handlers = [self.device.result_handler(spec.dtype, spec.sizes) for spec in signature.outputs]
        return _Program(self._executable(bytecode(module)), handlers)

    def _executable(self, program: bytes) -> Any:
        if self.cache is None:
            return self.device.compile(program, self.options)
        key = cache_key(program, dict(self.options), self.device.fingerprint)
        entry = self.cache.read(key)
        if entry is not None:
            loaded = self.device.deserialize(entry, self.options)
            if loaded is not None:
                return loaded
        executable = self.device.compile(program, self.options)
        data = self.device.serialize(executable)
        if data is not None:
            self.cache.write(key, data)
        return executable


class Executable:
    """A compiled model.  `Model.compile` makes it.

        y = executable(x)                      # one output: a jax.Array; several: a tuple, in the model's order
        y = executable(**{"input.1": x})       # by name
        outputs = executable.run({"x": x})     # dict in, dict out

    Inputs are numpy arrays, JAX arrays or DLPack objects of exactly the model's dtypes and shapes; anything else is
    an OxideError that names the input.  Outputs are jax.Array on the device, of the model's dtypes whatever
    JAX's x64 setting; `numpy.asarray` reads them.  Calls return before the device is done, as JAX's do.

    A model with dynamic input shapes is compiled again, passes first, for each new set of shapes.  Sizes that do
    not fit its symbols and constraints (`oxide.sizes`) are an OxideError.  What `hoist-params` moved to `@prepare`
    runs once, when the executable is made; weights that only it reads do not stay on the device.  What it moves
    once the shapes are known runs then, and is shared by all shapes that need the same.
    """

    def __init__(self, model: Model, compiler: _Compiler, passes: str) -> None:
        if passes and model.check().is_static:
            model = replace(model, module=run_pipeline(model.module, passes))
        signature = model.check()
        self.name = model.name
        self.inputs: tuple[TensorSpec, ...] = signature.inputs
        self._bounds = read_bounds(model.module)
        self._constraints = read_constraints(model.module)
        self._checks = read_checks(model.module)
        self.results = trimmed_specs(signature.outputs, self._bounds)
        self.outputs = tuple(s for s in self.results if self._checks is None or s.name != self._checks.output)
        self.parameter_specs = signature.parameters
        self._compiler = compiler
        self._passes = passes
        self._module, prepare = separate(model.module, signature)
        self._specialized: OrderedDict[tuple[tuple[int, ...], ...], _Specialization] = OrderedDict()
        # Compile before the weights move, so that a refusal costs no transfer.
        self._fixed = compiler.program(self._module, signature) if signature.is_static else None
        # What the program writes to must not be the model's own memory.
        donated = set(read_updates(model.module).values()) if compiler.donate else set()
        weights = {
            spec.name: _put(model.parameters[spec.name], compiler.device, share=spec.name not in donated)
            for spec in signature.weights
        }
        if prepare is not None:
            weights |= _run_once(prepare, weights, compiler)
        self.parameters = [weights[spec.name] for spec in signature.parameters]

    @property
    def platform(self) -> str:
        return self._compiler.device.client.platform

    def __call__(self, /, *arguments: Any, **named: Any) -> jax.Array | tuple[jax.Array, ...]:
        """Run the model.  Arguments by position, by name or both; see the class for what is returned."""
        results = self.passed(self.execute(bind(self.inputs, arguments, named), self.parameters))
        return results[0] if len(results) == 1 else tuple(results)

    def run(self, inputs: Mapping[str, Any]) -> dict[str, jax.Array]:
        """Run the model on inputs by name; returns outputs by name, in the model's order."""
        results = self.passed(self.execute(bind(self.inputs, (), inputs), self.parameters))
        return dict(zip((spec.name for spec in self.outputs), results, strict=True))

    def hlo(self) -> str:
        """The HLO text after XLA's optimisations.  With dynamic shapes: of the shapes called with last."""
        return optimized_hlo(self._latest().handle)

    def cost_analysis(self) -> dict[str, Any]:
        """XLA's cost model: `flops`, `bytes accessed`, `transcendentals` and more, for one call."""
        return self._latest().handle.cost_analysis()

    def memory_analysis(self) -> dict[str, int]:
        """Bytes of arguments, outputs, temporaries and code, for one call."""
        return memory_stats(self._latest().handle)

    def execute(self, values: Sequence[Any], parameters: Sequence[jax.Array]) -> list[jax.Array]:
        """All results, of values for the inputs and arrays on the device for the parameters, in order.

        `passed` gives the outputs among them.
        """
        device = self._compiler.device
        arguments = [put_argument(value, spec, device) for value, spec in zip(values, self.inputs, strict=True)]
        program = self._fixed
        if program is None:
            specialized = self._specialize(arguments)
            program = specialized.program
            parameters = [parameters[p] if isinstance(p, int) else p for p in specialized.parameters]
        results = execute(program.handle, [*arguments, *parameters], program.handlers)
        return trim(results, self._bounds) if self._bounds else results

    def passed(self, results: Sequence[jax.Array]) -> list[jax.Array]:
        """The outputs, once the program's assertions are seen to hold (this waits for the device where it has any).

        Raises OxideError for the first that does not.
        """
        if self._checks is None:
            return list(results)
        named = dict(zip((spec.name for spec in self.results), results, strict=True))
        self._checks.require(int(np.asarray(named.pop(self._checks.output))))
        return list(named.values())

    def _specialize(self, arguments: Sequence[jax.Array]) -> _Specialization:
        shapes = tuple(argument.shape for argument in arguments)
        specialized = self._specialized.get(shapes)
        if specialized is None:
            specialized = self._specialization(shapes)
            self._specialized[shapes] = specialized
            if len(self._specialized) > _MAX_SPECIALIZATIONS:
                self._specialized.popitem(last=False)
        self._specialized.move_to_end(shapes)
        return specialized

    def _specialization(self, shapes: tuple[tuple[int, ...], ...]) -> _Specialization:
        bind_sizes(self.inputs, shapes, self._constraints)
        specs = [spec.of_shape(shape) for spec, shape in zip(self.inputs, shapes, strict=True)]
        module, signature = specialize(self._module, specs, self.parameter_specs)
        if self._passes:
            module = run_pipeline(module, self._passes)
            signature = read_signature(module)
        main, prepare = separate(module, signature)
        program = self._compiler.program(main, signature)
        # Weights are mostly prepared alike for all shapes, and then once.
        preparation = "" if prepare is None else str(prepare)
        known = (kept.prepared for kept in self._specialized.values() if kept.preparation == preparation)
        prepared = next(known, None)
        if prepared is None:
            weights = {s.name: array for s, array in zip(self.parameter_specs, self.parameters, strict=True)}
            prepared = {} if prepare is None else _run_once(prepare, weights, self._compiler)
        places = {spec.name: place for place, spec in enumerate(self.parameter_specs)}
        parameters = [prepared[s.name] if s.name in prepared else places[s.name] for s in signature.parameters]
        return _Specialization(program, parameters, preparation, prepared)

    def _latest(self) -> _Program:
        if self._fixed is not None:
            return self._fixed
        if not self._specialized:
            raise OxideError("the model has dynamic shapes and is compiled when it is called; call it first")
        return next(reversed(self._specialized.values())).program


def _put(array: np.ndarray, device: Device, *, share: bool) -> jax.Array:
    return device.put(array, array.dtype, array.shape, share=share and not array.flags.writeable)


def _run_once(prepare: ir.Module, weights: Mapping[str, jax.Array], compiler: _Compiler) -> dict[str, jax.Array]:
    """The outputs of a module that takes nothing but weights, by name."""
    signature = read_signature(prepare)
    program = compiler.program(prepare, signature)
    results = execute(program.handle, [weights[spec.name] for spec in signature.parameters], program.handlers)
    return dict(zip((spec.name for spec in signature.outputs), results, strict=True))


def compile_model(
    model: Model,
    platform: str,
    *,
    device: int,
    pipeline: str | None,
    options: Options,
    cache: bool,
    donate: bool = False,
) -> Executable:
    """Compile a model; `Model.compile` says what the arguments mean, `Model.stateful` why to donate."""
    place = find_device(platform, device)
    passes = optimize_for(place.client.platform) if pipeline is None else pipeline
    options = {**DEFAULT_OPTIONS.get(place.client.platform, {}), **options}
    folder = ExecutableCache(default_folder()) if cache else None
    return Executable(model, _Compiler(place, options, folder, donate), passes)
