"""What oxide-opt does with its input once the command line is read."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from time import perf_counter

from jaxlib.mlir import ir

from oxide.dialects.context import BYTECODE_MAGIC, make_context, parse_module, reject_unregistered
from oxide.dialects.diagnostics import Diagnostic, OxideError
from oxide.dialects.files import write_file
from oxide.dialects.rewrite import ALL_REWRITES, counting_rewrites
from oxide.passes.catalog import REGISTRY
from oxide.passes.instrumentation import Instrumentation, IRPrinting, Selection
from oxide.passes.ir_diff import DiffPrinting
from oxide.passes.manager import PassManager, check_native_options, verify_module
from oxide.passes.pipeline import Pipeline, make_items, parse_pipeline, unknown_pass
from oxide.passes.printing import PrintOptions
from oxide.passes.reference import pass_names
from oxide.passes.report import statistics_table, timing_table
from oxide.passes.reproducer import read_reproducer
from oxide.sandbox import check_module_bytes
from oxide.tools.diagnostic_text import render
from oxide.tools.opt_arguments import TOOL, CommandLine
from oxide.tools.split_input import split_input
from oxide.tools.verify_diagnostics import verify_diagnostics


class UsageError(Exception):
    """The command line asks for something that makes no sense."""


@dataclass(frozen=True)
class Input:
    """Bytes and what diagnostics call them."""

    name: str
    data: bytes

    @property
    def is_bytecode(self) -> bool:
        return self.data.startswith(BYTECODE_MAGIC)


def read_input(path: str) -> Input:
    """A file or, for `-`, standard input.  Raises OxideError when it cannot be read."""
    if path == "-":
        return Input("<stdin>", sys.stdin.buffer.read())
    try:
        return Input(path, Path(path).read_bytes())
    except OSError as error:
        raise OxideError(f"cannot read {path}: {error.strerror}") from error


def write_output(path: str, data: bytes) -> None:
    """A file that appears whole or not at all, or standard output; devices and pipes are written directly."""
    if path == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    elif os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        Path(path).write_bytes(data)
    else:
        write_file(path, data)


class Driver:
    """One run of the tool: the chunks of one input, each through the pipeline."""

    def __init__(self, command: CommandLine, source: Input) -> None:
        self.options = command.options
        self.source = source
        self.printing = _print_options(command)
        self.verify_each = command.options.verify_each
        self.pipeline = self._choose_pipeline(command)
        self.limits = _known_rules(command.options.debug_counter)
        self.observers = [*self._ir_printing(), *self._diff_printing()]
        self._outputs: list[bytes] = []
        self._timings: list[tuple[str, float]] = []
        self._failed = False

    def run(self) -> bool:
        """Process every chunk; True when nothing is to be complained about."""
        if self.options.dump_pass_pipeline:
            _say(str(self.pipeline))
        outcomes = [self._process_chunk(chunk) for chunk in self._chunks()]
        return all(outcomes)

    def output(self) -> bytes:
        """The modules that went through, with the marker between them."""
        separator = f"{self.options.split_input_file}\n".encode() if self.options.split_input_file else b""
        return separator.join(self._outputs)

    def print_timing(self, total: float) -> None:
        if self.options.mlir_timing:
            merge = self.options.mlir_timing_display == "list"
            _say(timing_table(self._timings, total, merge=merge), end="")

    # ------------------------------------------------------------------------------------------- set-up

    def _choose_pipeline(self, command: CommandLine) -> Pipeline:
        text = command.options.pass_pipeline
        if sum([text is not None, bool(command.passes), command.options.run_reproducer]) > 1:
            raise UsageError("--pass-pipeline, pass flags and --run-reproducer exclude each other")
        if command.options.run_reproducer:
            reproduction = read_reproducer(self._text(), self.source.name)
            self.verify_each = self.verify_each and reproduction.verify_each
            return reproduction.pipeline
        try:
            if text is not None:
                pipeline = parse_pipeline(text)
            else:
                flags = [make_items(flag.name, _without_braces(flag.options)) for flag in command.passes]
                pipeline = Pipeline(tuple(item for items in flags for item in items))
            check_native_options(pipeline, make_context())
        except OxideError as error:
            raise UsageError(str(error)) from error
        return pipeline

    def _chunks(self) -> list[Input]:
        if not self.options.split_input_file:
            return [self.source]
        if self.source.is_bytecode:
            raise UsageError("--split-input-file needs text input, this is bytecode")
        chunks = split_input(self._text(), self.options.split_input_file)
        if self.options.emit_bytecode and len(chunks) > 1:
            raise UsageError("--emit-bytecode writes one module, the input holds several")
        return [Input(self.source.name, chunk.encode()) for chunk in chunks]

    def _text(self) -> str:
        try:
            return self.source.data.decode()
        except UnicodeDecodeError as error:
            raise OxideError(f"{self.source.name}: neither MLIR text nor MLIR bytecode: {error}") from error

    # ------------------------------------------------------------------------------------------- one chunk

    def _process_chunk(self, chunk: Input) -> bool:
        produced: list[Diagnostic] = []
        failure: OxideError | None = None
        try:
            self._outputs.append(self._transform(chunk, produced))
        except OxideError as error:
            failure = error
            produced += error.diagnostics
            self._failed = True
        text = "" if chunk.is_bytecode else chunk.data.decode(errors="replace")
        if self.options.verify_diagnostics:
            if failure and not failure.diagnostics:
                produced.append(Diagnostic("error", failure.message))
            only_expected = self.options.verify_diagnostics == "only-expected"
            produced = verify_diagnostics(text, chunk.name, produced, only_expected)
        elif failure:
            _say(f"{TOOL}: error: {failure.message}")
        for diagnostic in produced:
            _say(render(diagnostic, text, chunk.name))
        return not produced if self.options.verify_diagnostics else failure is None

    def _transform(self, chunk: Input, produced: list[Diagnostic]) -> bytes:
        """The chunk after all passes, as it is to be written; diagnostics other than the fatal one are appended."""
        with self._timed("Parser"):
            module = self._parse(chunk)
        manager = self._manager()
        try:
            with counting_rewrites(self.limits) if self.limits else nullcontext():
                manager.run(module)
        finally:
            produced += manager.report.diagnostics()
            if self.options.remarks:
                produced += manager.report.remarks()
            self._timings += manager.report.timings()
            if self.options.mlir_pass_statistics:
                _say(statistics_table(manager.report), end="")
        with self._timed("Output"):
            return self._printed(module)

    def _parse(self, chunk: Input) -> ir.Module:
        # What is left between two markers may be blank, and is then an empty module.
        if chunk.data.strip() or not self.options.split_input_file:
            check_module_bytes(chunk.data, chunk.name)
        context = make_context()
        context.enable_multithreading(not self.options.mlir_disable_threading)
        module = parse_module(chunk.data, context, chunk.name)
        if self.options.no_implicit_module and not chunk.is_bytecode:
            _require_module(chunk)
        if not self.options.allow_unregistered_dialect:
            reject_unregistered(module)
        wrong = verify_module(module)
        if wrong:
            raise OxideError(f"{chunk.name}: not a valid module", wrong)
        return module

    def _manager(self) -> PassManager:
        # The first failure is the one to keep: a later chunk would overwrite or remove its reproducer.
        reproducer = None if self._failed else self.options.mlir_pass_pipeline_crash_reproducer
        return PassManager(
            self.pipeline,
            verify_each=self.verify_each,
            instrumentations=self.observers,
            reproducer=Path(reproducer) if reproducer else None,
            local_reproducer=self.options.mlir_pass_pipeline_local_reproducer,
        )

    def _diff_printing(self) -> list[Instrumentation]:
        chosen = self.options.print_diff
        if chosen is None:
            return []
        selection = _selection(None if chosen == "all" else [chosen], chosen == "all")
        return [DiffPrinting(lambda text: _say(text, end=""), selection, self.printing)]

    def _ir_printing(self) -> list[Instrumentation]:
        options = self.options
        before = _selection(options.mlir_print_ir_before, options.mlir_print_ir_before_all)
        after = _selection(options.mlir_print_ir_after, options.mlir_print_ir_after_all)
        folder = options.mlir_print_ir_tree_dir
        on_failure = options.mlir_print_ir_after_failure
        # A folder or a restriction to changes without a selection means all passes.
        if not (before or after or on_failure) and (folder or options.mlir_print_ir_after_change):
            after = Selection(all=True)
        if not (before or after or on_failure):
            return []
        printing = IRPrinting(
            emit=lambda text: _say(text, end=""),
            print_before=before,
            print_after=after,
            only_changes=options.mlir_print_ir_after_change,
            on_failure=on_failure,
            options=self.printing,
            folder=Path(folder) if folder else None,
        )
        return [printing]

    def _printed(self, module: ir.Module) -> bytes:
        if not self.options.emit_bytecode:
            return self.printing.text(module).encode()
        buffer = io.BytesIO()
        try:
            module.operation.write_bytecode(buffer, desired_version=self.options.emit_bytecode_version)
        except ValueError as error:
            raise OxideError(f"cannot write bytecode: {error}") from error
        return buffer.getvalue()

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self._timings.append((name, perf_counter() - start))


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)


def _require_module(chunk: Input) -> None:
    top = ir.Operation.parse(chunk.data.decode(), source_name=chunk.name, context=make_context())
    if top.operation.name != "builtin.module":
        raise OxideError(f"{chunk.name}: the input is a {top.operation.name}, not a builtin.module")


def _print_options(command: CommandLine) -> PrintOptions:
    options = command.options
    return PrintOptions(
        generic=options.mlir_print_op_generic,
        debuginfo=options.mlir_print_debuginfo,
        pretty_debuginfo=options.mlir_pretty_debuginfo,
        local_scope=options.mlir_print_local_scope,
        nameloc_as_prefix=options.mlir_use_nameloc_as_prefix,
        elide_elements_if_larger=options.mlir_elide_elementsattrs_if_larger,
        elide_resources_if_larger=options.mlir_elide_resource_strings_if_larger,
    )


def _selection(lists: list[str] | None, every: bool) -> Selection:
    names = frozenset(name for text in lists or [] for name in text.split(","))
    known = pass_names()
    for name in sorted(names):
        if name not in known:
            raise UsageError(unknown_pass(name))
    return Selection(names, every)


def _known_rules(limits: dict[str, int]) -> dict[str, int]:
    if not limits:
        return limits
    known = {ALL_REWRITES, *(name for kind in REGISTRY.values() for name, _ in kind.rules())}
    for name in limits:
        if name not in known:
            close = get_close_matches(name, known, n=3)
            hint = f"; did you mean {' or '.join(close)}?" if close else "; docs/passes.md lists the rules"
            raise UsageError(f"--debug-counter: no rule is called {name}{hint}")
    return limits


def _without_braces(options: str) -> str:
    return options[1:-1] if options.startswith("{") and options.endswith("}") else options
