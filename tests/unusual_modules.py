"""Modules with what most programs lack, and modules that no program should be: each is valid MLIR."""

from __future__ import annotations

_MAIN = "func.func @main(%x: tensor<2xi32>) -> tensor<2xi32>"
_IDENTITY = f"{_MAIN} {{ return %x : tensor<2xi32> }}"


def _nested(depth: int) -> str:
    """Branches within branches."""
    opening = '%{n} = "stablehlo.if"(%p) ({{ stablehlo.return %x : tensor<2xi32> }}, {{\n'
    closing = "stablehlo.return %{n} : tensor<2xi32> }}) : (tensor<i1>) -> tensor<2xi32>\n"
    body = "".join(opening.format(n=n) for n in range(depth))
    body += f"%{depth} = stablehlo.negate %x : tensor<2xi32>\n"
    body += "".join(closing.format(n=n + 1) for n in reversed(range(depth)))
    return f"""func.func @main(%x: tensor<2xi32>, %p: tensor<i1>) -> tensor<2xi32> {{
      {body} return %0 : tensor<2xi32>
    }}"""


MODULES: dict[str, str] = {
    "empty": "",
    "resource constant": f"""{_MAIN} {{
      %c = stablehlo.constant dense_resource<blob> : tensor<2xi32>
      %0 = stablehlo.add %c, %x : tensor<2xi32>
      %1 = stablehlo.reshape %c : (tensor<2xi32>) -> tensor<1x2xi32>
      %2 = stablehlo.reshape %1 : (tensor<1x2xi32>) -> tensor<2xi32>
      %3 = stablehlo.add %0, %2 : tensor<2xi32>
      return %3 : tensor<2xi32>
    }}
    {{-# dialect_resources: {{ builtin: {{ blob: "0x040000000100000002000000" }} }} #-}}""",
    "tokens": f"""{_MAIN} {{
      %t = stablehlo.create_token : !stablehlo.token
      %r:2 = "stablehlo.infeed"(%t) {{infeed_config = ""}} : (!stablehlo.token) -> (tensor<2xi32>, !stablehlo.token)
      %a = stablehlo.after_all %r#1, %t : !stablehlo.token
      %o = "stablehlo.outfeed"(%r#0, %a) {{outfeed_config = ""}} : (tensor<2xi32>, !stablehlo.token)
        -> !stablehlo.token
      return %r#0 : tensor<2xi32>
    }}""",
    "dynamic shapes": """func.func @main(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) -> tensor<?x4xf32> {
      %c = stablehlo.constant dense<0> : tensor<i32>
      %0 = stablehlo.concatenate %x, %y, dim = 0 : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      %1 = stablehlo.transpose %0, dims = [1, 0] : (tensor<?x4xf32>) -> tensor<4x?xf32>
      %2 = stablehlo.transpose %1, dims = [1, 0] : (tensor<4x?xf32>) -> tensor<?x4xf32>
      %3 = stablehlo.slice %2 [0:1, 0:2] : (tensor<?x4xf32>) -> tensor<1x2xf32>
      %4 = stablehlo.slice %2 [0:1, 2:4] : (tensor<?x4xf32>) -> tensor<1x2xf32>
      %5 = stablehlo.concatenate %3, %4, dim = 1 : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x4xf32>
      %6 = stablehlo.concatenate %5, %x, dim = 0 : (tensor<1x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      %7 = stablehlo.reverse %6, dims = [1] : tensor<?x4xf32>
      %8 = stablehlo.reverse %7, dims = [1] : tensor<?x4xf32>
      %9 = stablehlo.dynamic_slice %8, %c, %c, sizes = [1, 4]
        : (tensor<?x4xf32>, tensor<i32>, tensor<i32>) -> tensor<1x4xf32>
      %10 = stablehlo.concatenate %9, %8, dim = 0 : (tensor<1x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      return %10 : tensor<?x4xf32>
    }""",
    "dynamic results": """func.func @main(%x: tensor<?xf32>, %n: tensor<1xi32>, %k: tensor<i32>) -> tensor<?xf32> {
      %zero = stablehlo.constant dense<0.0> : tensor<f32>
      %one = stablehlo.constant dense<1> : tensor<1xi32>
      %0 = stablehlo.dynamic_reshape %x, %n : (tensor<?xf32>, tensor<1xi32>) -> tensor<?xf32>
      %1 = stablehlo.dynamic_iota %n, dim = 0 : (tensor<1xi32>) -> tensor<?xf32>
      %2 = stablehlo.dynamic_broadcast_in_dim %zero, %n, dims = [] : (tensor<f32>, tensor<1xi32>) -> tensor<?xf32>
      %3 = stablehlo.add %1, %2 : tensor<?xf32>
      %4 = stablehlo.dynamic_pad %3, %zero, %one, %one, %one
        : (tensor<?xf32>, tensor<f32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>) -> tensor<?xf32>
      %5 = stablehlo.real_dynamic_slice %4, %one, %n, %one
        : (tensor<?xf32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>) -> tensor<?xf32>
      %6 = "stablehlo.case"(%k) ({ stablehlo.return %0 : tensor<?xf32> }, { stablehlo.return %5 : tensor<?xf32> })
        : (tensor<i32>) -> tensor<?xf32>
      return %6 : tensor<?xf32>
    }""",
    "bounded sizes": """func.func @main(%x: tensor<3xf32>, %n: tensor<i32>) -> tensor<f32> {
      %0 = stablehlo.set_dimension_size %x, %n, dim = 0
        : (tensor<3xf32>, tensor<i32>) -> tensor<?xf32, #stablehlo.bounds<3>>
      %1 = stablehlo.negate %0 : tensor<?xf32, #stablehlo.bounds<3>>
      %2 = stablehlo.negate %1 : tensor<?xf32, #stablehlo.bounds<3>>
      %zero = stablehlo.constant dense<0.0> : tensor<f32>
      %3 = stablehlo.reduce(%2 init: %zero) applies stablehlo.add across dimensions = [0]
        : (tensor<?xf32, #stablehlo.bounds<3>>, tensor<f32>) -> tensor<f32>
      return %3 : tensor<f32>
    }""",
    "small and complex types": """func.func @main(
        %x: tensor<2xi4>, %f: tensor<2xf8E5M2>, %z: tensor<2xcomplex<f32>>
      ) -> (tensor<2xi4>, tensor<2xf8E5M2>, tensor<2xcomplex<f32>>, tensor<2xf32>) {
      %c = stablehlo.constant dense<0> : tensor<2xi4>
      %0 = stablehlo.add %c, %x : tensor<2xi4>
      %1 = stablehlo.multiply %0, %c : tensor<2xi4>
      %cf = stablehlo.constant dense<1.0> : tensor<2xf8E5M2>
      %2 = stablehlo.multiply %f, %cf : tensor<2xf8E5M2>
      %cz = stablehlo.constant dense<(1.0, 0.0)> : tensor<2xcomplex<f32>>
      %3 = stablehlo.multiply %z, %cz : tensor<2xcomplex<f32>>
      %4 = stablehlo.add %cz, %cz : tensor<2xcomplex<f32>>
      %5 = stablehlo.add %4, %3 : tensor<2xcomplex<f32>>
      %6 = stablehlo.convert %cf : (tensor<2xf8E5M2>) -> tensor<2xf32>
      return %1, %2, %5, %6 : tensor<2xi4>, tensor<2xf8E5M2>, tensor<2xcomplex<f32>>, tensor<2xf32>
    }""",
    "quantised products": """!q = !quant.uniform<i8:f32:1, {5.0e-1, 2.5e-1}>
    !s = !quant.uniform<i8:f32, 5.0e-1:3>
    !w = !quant.uniform<i32:f32:1, {2.5e-1, 1.25e-1}>
    func.func @main(%x: tensor<4x3x!s>, %w: tensor<3x2xf32>) -> (tensor<4x2x!s>, tensor<3x4xf32>) {
      %0 = stablehlo.uniform_quantize %w : (tensor<3x2xf32>) -> tensor<3x2x!q>
      %1 = stablehlo.dot_general %x, %0, contracting_dims = [1] x [0]
        : (tensor<4x3x!s>, tensor<3x2x!q>) -> tensor<4x2x!w>
      %2 = stablehlo.uniform_quantize %1 : (tensor<4x2x!w>) -> tensor<4x2x!s>
      %3 = stablehlo.maximum %2, %2 : tensor<4x2x!s>
      %4 = stablehlo.transpose %x, dims = [1, 0] : (tensor<4x3x!s>) -> tensor<3x4x!s>
      %5 = stablehlo.negate %4 : tensor<3x4x!s>
      %6 = stablehlo.negate %5 : tensor<3x4x!s>
      %7 = stablehlo.uniform_dequantize %6 : (tensor<3x4x!s>) -> tensor<3x4xf32>
      return %3, %7 : tensor<4x2x!s>, tensor<3x4xf32>
    }""",
    "zero elements": """func.func @main(%x: tensor<0x3xf32>, %y: tensor<2x3xf32>) -> tensor<2x3xf32> {
      %0 = stablehlo.negate %x : tensor<0x3xf32>
      %1 = stablehlo.abs %0 : tensor<0x3xf32>
      %2 = stablehlo.concatenate %1, %y, dim = 0 : (tensor<0x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
      %c = stablehlo.constant dense<> : tensor<0x3xf32>
      %3 = stablehlo.add %1, %c : tensor<0x3xf32>
      %4 = stablehlo.concatenate %2, %3, dim = 0 : (tensor<2x3xf32>, tensor<0x3xf32>) -> tensor<2x3xf32>
      return %4 : tensor<2x3xf32>
    }""",
    "huge values": """!h = tensor<1000000x1000000x1000xf32>
    func.func @main(%x: tensor<1000000xf32>) -> (tensor<f32>, !h, tensor<0x9223372036854775807xi8>) {
      %c = stablehlo.constant dense<1.0> : !h
      %two = stablehlo.constant dense<2.0> : !h
      %0 = stablehlo.add %c, %two : !h
      %1 = stablehlo.broadcast_in_dim %x, dims = [0] : (tensor<1000000xf32>) -> !h
      %2 = stablehlo.multiply %0, %1 : !h
      %3 = stablehlo.iota dim = 1 : !h
      %4 = stablehlo.add %2, %3 : !h
      %zero = stablehlo.constant dense<0.0> : tensor<f32>
      %5 = stablehlo.reduce(%0 init: %zero) applies stablehlo.maximum across dimensions = [0, 1, 2]
        : (!h, tensor<f32>) -> tensor<f32>
      %6 = stablehlo.transpose %4, dims = [1, 0, 2] : (!h) -> !h
      %7 = stablehlo.reshape %c : (!h) -> tensor<1000000x1000000000xf32>
      %8 = stablehlo.slice %7 [0:1, 0:1] : (tensor<1000000x1000000000xf32>) -> tensor<1x1xf32>
      %9 = stablehlo.reshape %8 : (tensor<1x1xf32>) -> tensor<f32>
      %10 = stablehlo.add %5, %9 : tensor<f32>
      %e = stablehlo.iota dim = 1 : tensor<0x9223372036854775807xi8>
      return %10, %6, %e : tensor<f32>, !h, tensor<0x9223372036854775807xi8>
    }""",
    "endless loop": """func.func @main(%x: tensor<i64>) -> tensor<i64> {
      %zero = stablehlo.constant dense<0> : tensor<i64>
      %one = stablehlo.constant dense<1> : tensor<i64>
      %end = stablehlo.constant dense<9223372036854775807> : tensor<i64>
      %0 = stablehlo.while(%i = %zero) : tensor<i64> cond {
        %p = stablehlo.compare LT, %i, %end : (tensor<i64>, tensor<i64>) -> tensor<i1>
        stablehlo.return %p : tensor<i1>
      } do {
        %j = stablehlo.add %i, %one : tensor<i64>
        stablehlo.return %j : tensor<i64>
      }
      return %0 : tensor<i64>
    }""",
    "deep regions": _nested(60),  # readers refuse 101
    "nested modules": f"module @outer {{ module @inner {{ {_IDENTITY} }} }}",
    "no main": "func.func @f(%x: tensor<2xi32>) -> tensor<2xi32> { return %x : tensor<2xi32> }",
    "private functions only": "func.func private @f(%x: tensor<i32>) -> tensor<i32> { return %x : tensor<i32> }",
    "private main": """func.func private @main(%x: tensor<2xi32>) -> tensor<2xi32> {
      %0 = stablehlo.add %x, %x : tensor<2xi32>
      return %0 : tensor<2xi32>
    }""",
    "several entries": f"""{_MAIN} {{
      %0 = call @other(%x) : (tensor<2xi32>) -> tensor<2xi32>
      return %0 : tensor<2xi32>
    }}
    func.func @other(%x: tensor<2xi32>) -> tensor<2xi32> {{
      %0 = call @main(%x) : (tensor<2xi32>) -> tensor<2xi32>
      return %0 : tensor<2xi32>
    }}""",
    "main without a body": "func.func private @main(tensor<2xi32>) -> tensor<2xi32>",
    "declared function": f"""func.func private @f(tensor<2xi32>) -> tensor<2xi32>
    {_MAIN} {{
      %0 = func.call @f(%x) : (tensor<2xi32>) -> tensor<2xi32>
      return %0 : tensor<2xi32>
    }}""",
    "recursion": f"""{_MAIN} {{
      %0 = call @f(%x) : (tensor<2xi32>) -> tensor<2xi32>
      %1 = stablehlo.composite "test.recursive" %0 {{decomposition = @h}} : (tensor<2xi32>) -> tensor<2xi32>
      return %1 : tensor<2xi32>
    }}
    func.func private @f(%x: tensor<2xi32>) -> tensor<2xi32> {{
      %0 = call @g(%x) : (tensor<2xi32>) -> tensor<2xi32>
      return %0 : tensor<2xi32>
    }}
    func.func private @g(%x: tensor<2xi32>) -> tensor<2xi32> {{
      %0 = call @f(%x) : (tensor<2xi32>) -> tensor<2xi32>
      return %0 : tensor<2xi32>
    }}
    func.func private @h(%x: tensor<2xi32>) -> tensor<2xi32> {{
      %0 = stablehlo.composite "test.recursive" %x {{decomposition = @h}} : (tensor<2xi32>) -> tensor<2xi32>
      return %0 : tensor<2xi32>
    }}""",
    "several blocks": f"""{_MAIN} {{
      %0 = stablehlo.add %x, %x : tensor<2xi32>
      cf.br ^next(%0 : tensor<2xi32>)
    ^next(%y: tensor<2xi32>):
      %1 = stablehlo.negate %y : tensor<2xi32>
      %2 = stablehlo.negate %1 : tensor<2xi32>
      return %2 : tensor<2xi32>
    }}""",
    "other dialects": f"""{_MAIN} {{
      %i = arith.constant 1 : index
      %e = tensor.extract %x[%i] : tensor<2xi32>
      %f = tensor.from_elements %e, %e : tensor<2xi32>
      %s = shape.shape_of %x : tensor<2xi32> -> tensor<1xindex>
      %c = arith.constant dense<7> : tensor<2xi32>
      %a = arith.addi %f, %c : tensor<2xi32>
      %0 = stablehlo.add %a, %c : tensor<2xi32>
      %r = scf.if %p -> tensor<2xi32> {{
        scf.yield %0 : tensor<2xi32>
      }} else {{
        %n = stablehlo.negate %0 : tensor<2xi32>
        scf.yield %n : tensor<2xi32>
      }}
      return %r : tensor<2xi32>
    }}""".replace("%s = shape", "%p = arith.constant true\n      %s = shape"),
    "unknown operations": f"""{_MAIN} {{
      %0 = "foo.bar"(%x) : (tensor<2xi32>) -> tensor<2xi32>
      %1 = "foo.baz"(%x) ({{
        %2 = stablehlo.negate %x : tensor<2xi32>
        "foo.yield"(%2) : (tensor<2xi32>) -> ()
      }}) : (tensor<2xi32>) -> tensor<2xi32>
      return %1 : tensor<2xi32>
    }}""",
    "unknown functions": """"foo.func"() ({ "foo.return"() : () -> () }) {sym_name = "main"} : () -> ()
    "foo.global"() {sym_name = "g"} : () -> ()""",
    "other types": """func.func @main(%m: memref<2xf32>, %i: index, %t: tuple<tensor<2xi32>>, %v: vector<2xf32>)
        -> (index, tuple<tensor<2xi32>>) {
      return %i, %t : index, tuple<tensor<2xi32>>
    }""",
    "names that are taken": """func.func @main(%x: tensor<2xi32>, %w: tensor<2xi32> {oxide.param = "w"})
        -> tensor<2xi32> {
      %c = stablehlo.constant dense<3> : tensor<2xi32>
      %0 = stablehlo.multiply %w, %w : tensor<2xi32>
      %1 = stablehlo.add %0, %c : tensor<2xi32>
      %2 = stablehlo.add %1, %x : tensor<2xi32>
      return %2 : tensor<2xi32>
    }
    func.func private @prepare(%x: tensor<2xi32>) -> tensor<2xi32> { return %x : tensor<2xi32> }
    func.func private @fusion(%x: tensor<2xi32>) -> tensor<2xi32> { return %x : tensor<2xi32> }""",
    "a prepare function that is missing": f"""{_MAIN} attributes {{oxide.prepare = "prepare"}} {{
      return %x : tensor<2xi32>
    }}""",
    "a weight twice": """func.func @main(
        %x: tensor<2xi32> {oxide.param = "w"}, %y: tensor<3xi32> {oxide.param = "w"}) -> tensor<2xi32> {
      %0 = stablehlo.add %x, %x : tensor<2xi32>
      return %0 : tensor<2xi32>
    }""",
    "attributes of wrong types": """func.func @main(
        %x: tensor<2xi32> {oxide.param = 3 : i64, oxide.name = [1], oxide.shape = 7})
        -> (tensor<2xi32> {oxide.updates = 1 : i64})
        attributes {oxide.prepare = 5 : i64, oxide.constraints = "?"} {
      %0 = stablehlo.add %x, %x {oxide.slice = "x"} : tensor<2xi32>
      return %0 : tensor<2xi32>
    }""",
}
