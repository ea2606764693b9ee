"""How a module is printed: MLIR's printing flags as one value."""

from __future__ import annotations

from dataclasses import dataclass

from jaxlib.mlir import ir


@dataclass(frozen=True)
class PrintOptions:
    """The fields carry the names and meanings of mlir-opt's `--mlir-*` printing flags."""

    generic: bool = False
    debuginfo: bool = False
    pretty_debuginfo: bool = False
    local_scope: bool = False
    nameloc_as_prefix: bool = False
    elide_elements_if_larger: int | None = None
    elide_resources_if_larger: int | None = None

    def text(self, module: ir.Module | ir.Operation) -> str:
        """The module, or one operation of it, as text that ends in a newline; generic when it does not verify."""
        asm = module.operation.get_asm(
            print_generic_op_form=self.generic,
            enable_debug_info=self.debuginfo or self.pretty_debuginfo,
            pretty_debug_info=self.pretty_debuginfo,
            use_local_scope=self.local_scope,
            use_name_loc_as_prefix=self.nameloc_as_prefix,
            large_elements_limit=self.elide_elements_if_larger,
            large_resource_limit=self.elide_resources_if_larger,
        )
        return str(asm).rstrip("\n") + "\n"
