"""Every other operation of StableHLO: written as JAX and equal to what XLA computes, or refused with a reason."""
# ruff: noqa: E501  (MLIR is easier to read unbroken)

from __future__ import annotations

import numpy as np
import pytest
from jax_source_oracle import check

CASES = {
    "broadcast": """func.func @main(%x: tensor<3xf32>) -> tensor<2x3xf32> {
        %0 = "stablehlo.broadcast"(%x) {broadcast_sizes = array<i64: 2>} : (tensor<3xf32>) -> tensor<2x3xf32>
        return %0 : tensor<2x3xf32> }""",
    "broadcast_in_dim moves and stretches": """func.func @main(%x: tensor<3x1xf32>) -> tensor<4x2x3xf32> {
        %0 = stablehlo.broadcast_in_dim %x, dims = [2, 0] : (tensor<3x1xf32>) -> tensor<4x2x3xf32>
        return %0 : tensor<4x2x3xf32> }""",
    "broadcast of a broadcast": """func.func @main(%x: tensor<3xf32>, %y: tensor<5x4x3x2xf32>) -> tensor<5x4x3x2xf32> {
        %0 = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<4x3xf32>
        %1 = stablehlo.broadcast_in_dim %0, dims = [1, 2] : (tensor<4x3xf32>) -> tensor<5x4x3x2xf32>
        %2 = stablehlo.add %1, %y : tensor<5x4x3x2xf32>
        return %2 : tensor<5x4x3x2xf32> }""",
    "two broadcasts whose shapes do not give the result's": """func.func @main(%x: tensor<3xf32>) -> tensor<4x3xf32> {
        %0 = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<4x3xf32>
        %1 = stablehlo.add %0, %0 : tensor<4x3xf32>
        return %1 : tensor<4x3xf32> }""",
    "operations on constants only": """func.func @main() -> (tensor<2xf32>, tensor<2xi1>) {
        %0 = stablehlo.constant dense<2.0> : tensor<2xf32>
        %1 = stablehlo.constant dense<3.0> : tensor<2xf32>
        %2 = stablehlo.divide %0, %1 : tensor<2xf32>
        %3 = stablehlo.compare LT, %0, %1 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
        return %2, %3 : tensor<2xf32>, tensor<2xi1> }""",
    "clamp by scalars": """func.func @main(%a: tensor<i32>, %x: tensor<4xi32>, %b: tensor<i32>) -> tensor<4xi32> {
        %0 = stablehlo.clamp %a, %x, %b : (tensor<i32>, tensor<4xi32>, tensor<i32>) -> tensor<4xi32>
        return %0 : tensor<4xi32> }""",
    "complex parts": """func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
        %0 = stablehlo.complex %x, %y : tensor<4xcomplex<f32>>
        %1 = stablehlo.multiply %0, %0 : tensor<4xcomplex<f32>>
        %2 = stablehlo.real %1 : (tensor<4xcomplex<f32>>) -> tensor<4xf32>
        %3 = stablehlo.imag %1 : (tensor<4xcomplex<f32>>) -> tensor<4xf32>
        %4 = stablehlo.abs %1 : (tensor<4xcomplex<f32>>) -> tensor<4xf32>
        return %2, %3, %4 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32> }""",
    "bitcast_convert": """func.func @main(%x: tensor<4xf32>) -> tensor<4x4xui8> {
        %0 = stablehlo.bitcast_convert %x : (tensor<4xf32>) -> tensor<4x4xui8>
        return %0 : tensor<4x4xui8> }""",
    "reduce_precision": """func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
        %0 = stablehlo.reduce_precision %x, format = e5m2 : tensor<4xf32>
        return %0 : tensor<4xf32> }""",
    "select with a scalar predicate": """func.func @main(%p: tensor<i1>, %x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
        %0 = stablehlo.select %p, %x, %y : tensor<i1>, tensor<4xf32>
        return %0 : tensor<4xf32> }""",
    "pad": """func.func @main(%x: tensor<2x3xf32>, %v: tensor<f32>) -> (tensor<4x4xf32>, tensor<3x6xf32>) {
        %0 = stablehlo.pad %x, %v, low = [1, 0], high = [1, 1], interior = [0, 0] : (tensor<2x3xf32>, tensor<f32>) -> tensor<4x4xf32>
        %1 = stablehlo.pad %x, %v, low = [0, -1], high = [0, 2], interior = [1, 1] : (tensor<2x3xf32>, tensor<f32>) -> tensor<3x6xf32>
        return %0, %1 : tensor<4x4xf32>, tensor<3x6xf32> }""",
    "concatenate and slice": """func.func @main(%x: tensor<2x3xi8>, %y: tensor<2x4xi8>) -> tensor<1x3xi8> {
        %0 = stablehlo.concatenate %x, %y, dim = 1 : (tensor<2x3xi8>, tensor<2x4xi8>) -> tensor<2x7xi8>
        %1 = stablehlo.slice %0 [1:2, 0:6:2] : (tensor<2x7xi8>) -> tensor<1x3xi8>
        return %1 : tensor<1x3xi8> }""",
    "reverse": """func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
        %0 = stablehlo.reverse %x, dims = [0, 1] : tensor<2x3xf32>
        return %0 : tensor<2x3xf32> }""",
    "iota of each kind": """func.func @main() -> (tensor<3x4xi32>, tensor<4xf32>, tensor<3xi8>, tensor<2x3xbf16>, tensor<3xcomplex<f32>>) {
        %0 = stablehlo.iota dim = 0 : tensor<3x4xi32>
        %1 = stablehlo.iota dim = 0 : tensor<4xf32>
        %2 = stablehlo.iota dim = 0 : tensor<3xi8>
        %3 = stablehlo.iota dim = 1 : tensor<2x3xbf16>
        %4 = stablehlo.iota dim = 0 : tensor<3xcomplex<f32>>
        return %0, %1, %2, %3, %4 : tensor<3x4xi32>, tensor<4xf32>, tensor<3xi8>, tensor<2x3xbf16>, tensor<3xcomplex<f32>> }""",
    "transpose": """func.func @main(%x: tensor<2x3x4xf32>) -> (tensor<4x2x3xf32>, tensor<2x4x3xf32>) {
        %0 = stablehlo.transpose %x, dims = [2, 0, 1] : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32>
        %1 = stablehlo.transpose %x, dims = [0, 2, 1] : (tensor<2x3x4xf32>) -> tensor<2x4x3xf32>
        return %0, %1 : tensor<4x2x3xf32>, tensor<2x4x3xf32> }""",
    "dot": """func.func @main(%x: tensor<2x3xf32>, %y: tensor<3xf32>) -> tensor<2xf32> {
        %0 = "stablehlo.dot"(%x, %y) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2xf32>
        return %0 : tensor<2xf32> }""",
    "dot_general of small integers": """func.func @main(%x: tensor<2x3xi8>, %y: tensor<4x3xi8>) -> tensor<2x4xi32> {
        %0 = stablehlo.dot_general %x, %y, contracting_dims = [1] x [1] : (tensor<2x3xi8>, tensor<4x3xi8>) -> tensor<2x4xi32>
        return %0 : tensor<2x4xi32> }""",
    "dot_general over two dimensions": """func.func @main(%x: tensor<5x2x3xf32>, %y: tensor<3x4x2xf32>) -> tensor<5x4xf32> {
        %0 = stablehlo.dot_general %x, %y, contracting_dims = [1, 2] x [2, 0], precision = [HIGHEST, HIGHEST] : (tensor<5x2x3xf32>, tensor<3x4x2xf32>) -> tensor<5x4xf32>
        return %0 : tensor<5x4xf32> }""",
    "dot_general with batch dimensions that are not first": """func.func @main(%x: tensor<3x5x2xf32>, %y: tensor<2x3x4xf32>) -> tensor<2x5x4xf32> {
        %0 = stablehlo.dot_general %x, %y, batching_dims = [2] x [0], contracting_dims = [0] x [1] : (tensor<3x5x2xf32>, tensor<2x3x4xf32>) -> tensor<2x5x4xf32>
        return %0 : tensor<2x5x4xf32> }""",
    "dot_general by an algorithm": """func.func @main(%x: tensor<2x3xf32>, %y: tensor<3x4xf32>) -> tensor<2x4xf32> {
        %0 = "stablehlo.dot_general"(%x, %y) {dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>, algorithm = #stablehlo.dot_algorithm<lhs_precision_type = f32, rhs_precision_type = f32, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = false>} : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
        return %0 : tensor<2x4xf32> }""",
    "einsum": """func.func @main(%x: tensor<2x3xf32>, %y: tensor<3x4xf32>) -> tensor<2x4xf32> {
        %0 = "stablehlo.einsum"(%x, %y) {einsum_config = "ab,bc->ac"} : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
        return %0 : tensor<2x4xf32> }""",
    "convolution": """func.func @main(%x: tensor<1x6x9x4xf32>, %w: tensor<3x2x2x8xf32>) -> tensor<1x3x10x8xf32> {
        %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f],
          window = {stride = [2, 1], pad = [[1, 1], [1, 2]], rhs_dilate = [1, 2], reverse = [true, false]}
          {feature_group_count = 2 : i64, batch_group_count = 1 : i64} : (tensor<1x6x9x4xf32>, tensor<3x2x2x8xf32>) -> tensor<1x3x10x8xf32>
        return %0 : tensor<1x3x10x8xf32> }""",
    "convolution, transposed": """func.func @main(%x: tensor<2x3x5xf32>, %w: tensor<4x3x3xf32>) -> tensor<2x4x9xf32> {
        %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0]x[o, i, 0]->[b, f, 0],
          window = {pad = [[1, 1]], lhs_dilate = [2]} {feature_group_count = 1 : i64, batch_group_count = 1 : i64} : (tensor<2x3x5xf32>, tensor<4x3x3xf32>) -> tensor<2x4x9xf32>
        return %0 : tensor<2x4x9xf32> }""",
    "reduce by a region": """func.func @main(%x: tensor<2x3xi32>, %s: tensor<i32>) -> tensor<2xi32> {
        %0 = "stablehlo.reduce"(%x, %s) ({ ^bb0(%a: tensor<i32>, %b: tensor<i32>):
          %1 = stablehlo.xor %a, %b : tensor<i32>
          stablehlo.return %1 : tensor<i32> }) {dimensions = array<i64: 1>} : (tensor<2x3xi32>, tensor<i32>) -> tensor<2xi32>
        return %0 : tensor<2xi32> }""",
    "reduce of two arrays": """func.func @main(%x: tensor<2x3xf32>, %y: tensor<2x3xi32>, %s: tensor<f32>, %t: tensor<i32>) -> (tensor<2xf32>, tensor<2xi32>) {
        %0:2 = "stablehlo.reduce"(%x, %y, %s, %t) ({ ^bb0(%a: tensor<f32>, %b: tensor<i32>, %c: tensor<f32>, %d: tensor<i32>):
          %1 = stablehlo.add %a, %c : tensor<f32>
          %2 = stablehlo.maximum %b, %d : tensor<i32>
          stablehlo.return %1, %2 : tensor<f32>, tensor<i32> }) {dimensions = array<i64: 1>} : (tensor<2x3xf32>, tensor<2x3xi32>, tensor<f32>, tensor<i32>) -> (tensor<2xf32>, tensor<2xi32>)
        return %0#0, %0#1 : tensor<2xf32>, tensor<2xi32> }""",
    "reduce from another start": """func.func @main(%x: tensor<2x3xf32>, %s: tensor<f32>) -> (tensor<2xf32>, tensor<3xf32>, tensor<f32>) {
        %0 = stablehlo.reduce(%x init: %s) applies stablehlo.add across dimensions = [1] : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>
        %1 = stablehlo.reduce(%x init: %s) applies stablehlo.maximum across dimensions = [0] : (tensor<2x3xf32>, tensor<f32>) -> tensor<3xf32>
        %2 = stablehlo.reduce(%x init: %s) applies stablehlo.multiply across dimensions = [0, 1] : (tensor<2x3xf32>, tensor<f32>) -> tensor<f32>
        return %0, %1, %2 : tensor<2xf32>, tensor<3xf32>, tensor<f32> }""",
    "reduce of small integers wraps": """func.func @main(%x: tensor<64x3xi8>) -> (tensor<3xi8>, tensor<3xi8>) {
        %c = stablehlo.constant dense<0> : tensor<i8>
        %d = stablehlo.constant dense<-128> : tensor<i8>
        %y = stablehlo.multiply %x, %x : tensor<64x3xi8>
        %0 = stablehlo.reduce(%y init: %c) applies stablehlo.add across dimensions = [0] : (tensor<64x3xi8>, tensor<i8>) -> tensor<3xi8>
        %1 = stablehlo.reduce(%x init: %d) applies stablehlo.maximum across dimensions = [0] : (tensor<64x3xi8>, tensor<i8>) -> tensor<3xi8>
        return %0, %1 : tensor<3xi8>, tensor<3xi8> }""",
    "reduce of bools": """func.func @main(%x: tensor<4x3xi1>) -> (tensor<3xi1>, tensor<4xi1>) {
        %f = stablehlo.constant dense<false> : tensor<i1>
        %t = stablehlo.constant dense<true> : tensor<i1>
        %0 = stablehlo.reduce(%x init: %f) applies stablehlo.or across dimensions = [0] : (tensor<4x3xi1>, tensor<i1>) -> tensor<3xi1>
        %1 = stablehlo.reduce(%x init: %t) applies stablehlo.and across dimensions = [1] : (tensor<4x3xi1>, tensor<i1>) -> tensor<4xi1>
        return %0, %1 : tensor<3xi1>, tensor<4xi1> }""",
    "reduce of nothing": """func.func @main(%x: tensor<0x3xf32>) -> tensor<3xf32> {
        %c = stablehlo.constant dense<0xFF800000> : tensor<f32>
        %0 = stablehlo.reduce(%x init: %c) applies stablehlo.maximum across dimensions = [0] : (tensor<0x3xf32>, tensor<f32>) -> tensor<3xf32>
        return %0 : tensor<3xf32> }""",
    "reduce_window by a region": """func.func @main(%x: tensor<4x6xi32>, %s: tensor<i32>) -> tensor<2x6xi32> {
        %0 = "stablehlo.reduce_window"(%x, %s) ({ ^bb0(%a: tensor<i32>, %b: tensor<i32>):
          %1 = stablehlo.maximum %a, %b : tensor<i32>
          stablehlo.return %1 : tensor<i32> }) {window_dimensions = array<i64: 2, 3>, window_strides = array<i64: 2, 1>, padding = dense<[[0, 0], [1, 1]]> : tensor<2x2xi64>} : (tensor<4x6xi32>, tensor<i32>) -> tensor<2x6xi32>
        return %0 : tensor<2x6xi32> }""",
    "reduce_window by a product, among integers of 64 bits": """func.func @main(%x: tensor<4x6xf32>, %n: tensor<2xi64>) -> (tensor<3x6xf32>, tensor<2xi64>) {
        %one = stablehlo.constant dense<1.0> : tensor<f32>
        %0 = "stablehlo.reduce_window"(%x, %one) ({ ^bb0(%a: tensor<f32>, %b: tensor<f32>):
          %r = stablehlo.multiply %a, %b : tensor<f32>  stablehlo.return %r : tensor<f32> }) {
          window_dimensions = array<i64: 2, 1>} : (tensor<4x6xf32>, tensor<f32>) -> tensor<3x6xf32>
        return %0, %n : tensor<3x6xf32>, tensor<2xi64> }""",
    "reduce_window of two arrays": """func.func @main(%x: tensor<6xf32>, %y: tensor<6xf32>, %s: tensor<f32>) -> (tensor<5xf32>, tensor<5xf32>) {
        %0:2 = "stablehlo.reduce_window"(%x, %y, %s, %s) ({ ^bb0(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<f32>, %d: tensor<f32>):
          %1 = stablehlo.add %a, %c : tensor<f32>
          %2 = stablehlo.multiply %b, %d : tensor<f32>
          stablehlo.return %1, %2 : tensor<f32>, tensor<f32> }) {window_dimensions = array<i64: 2>} : (tensor<6xf32>, tensor<6xf32>, tensor<f32>, tensor<f32>) -> (tensor<5xf32>, tensor<5xf32>)
        return %0#0, %0#1 : tensor<5xf32>, tensor<5xf32> }""",
    "select_and_scatter": """func.func @main(%x: tensor<4x6xf32>, %y: tensor<2x3xf32>) -> tensor<4x6xf32> {
        %s = stablehlo.constant dense<2.0> : tensor<f32>
        %0 = "stablehlo.select_and_scatter"(%x, %y, %s) ({ ^bb0(%a: tensor<f32>, %b: tensor<f32>):
          %1 = stablehlo.compare GE, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
          stablehlo.return %1 : tensor<i1> }, { ^bb0(%a: tensor<f32>, %b: tensor<f32>):
          %1 = stablehlo.add %a, %b : tensor<f32>
          stablehlo.return %1 : tensor<f32> }) {window_dimensions = array<i64: 2, 2>, window_strides = array<i64: 2, 2>} : (tensor<4x6xf32>, tensor<2x3xf32>, tensor<f32>) -> tensor<4x6xf32>
        return %0 : tensor<4x6xf32> }""",
    "gather with clamped starts": """func.func @main(%x: tensor<4x6xf32>, %i: tensor<2x3xi32>) -> tensor<3x2x2xf32> {
        %0 = "stablehlo.gather"(%x, %i) {dimension_numbers = #stablehlo.gather<offset_dims = [1, 2], start_index_map = [1, 0], index_vector_dim = 0>, slice_sizes = array<i64: 2, 2>} : (tensor<4x6xf32>, tensor<2x3xi32>) -> tensor<3x2x2xf32>
        return %0 : tensor<3x2x2xf32> }""",
    "gather of rows": """func.func @main(%x: tensor<4x6xf32>, %i: tensor<2x3xi32>) -> tensor<2x3x6xf32> {
        %0 = "stablehlo.gather"(%x, %i) {dimension_numbers = #stablehlo.gather<offset_dims = [2], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 2>, slice_sizes = array<i64: 1, 6>} : (tensor<4x6xf32>, tensor<2x3xi32>) -> tensor<2x3x6xf32>
        return %0 : tensor<2x3x6xf32> }""",
    "gather of columns": """func.func @main(%x: tensor<4x6xf32>, %i: tensor<3x1xi64>) -> tensor<4x3xf32> {
        %0 = "stablehlo.gather"(%x, %i) {dimension_numbers = #stablehlo.gather<offset_dims = [0], collapsed_slice_dims = [1], start_index_map = [1], index_vector_dim = 1>, slice_sizes = array<i64: 4, 1>} : (tensor<4x6xf32>, tensor<3x1xi64>) -> tensor<4x3xf32>
        return %0 : tensor<4x3xf32> }""",
    "gather with batching dimensions": """func.func @main(%x: tensor<2x4xf32>, %i: tensor<2x3x1xi32>) -> tensor<2x3xf32> {
        %0 = "stablehlo.gather"(%x, %i) {dimension_numbers = #stablehlo.gather<collapsed_slice_dims = [1], operand_batching_dims = [0], start_indices_batching_dims = [0], start_index_map = [1], index_vector_dim = 2>, slice_sizes = array<i64: 1, 1>} : (tensor<2x4xf32>, tensor<2x3x1xi32>) -> tensor<2x3xf32>
        return %0 : tensor<2x3xf32> }""",
    "scatter of rows drops what is out of range": """func.func @main(%x: tensor<4x6xf32>, %i: tensor<3xi32>, %u: tensor<3x6xf32>) -> tensor<4x6xf32> {
        %three = stablehlo.constant dense<3> : tensor<3xi32>
        %j = stablehlo.subtract %i, %three : tensor<3xi32>
        %0 = "stablehlo.scatter"(%x, %j, %u) ({ ^bb0(%a: tensor<f32>, %b: tensor<f32>):
          %1 = stablehlo.multiply %a, %b : tensor<f32>
          stablehlo.return %1 : tensor<f32> }) {scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>} : (tensor<4x6xf32>, tensor<3xi32>, tensor<3x6xf32>) -> tensor<4x6xf32>
        return %0 : tensor<4x6xf32> }""",
    "scatter of parts of rows": """func.func @main(%x: tensor<4x6xf32>, %i: tensor<3x2xi32>, %u: tensor<3x2xf32>) -> tensor<4x6xf32> {
        %0 = "stablehlo.scatter"(%x, %i, %u) ({ ^bb0(%a: tensor<f32>, %b: tensor<f32>):
          %1 = stablehlo.add %a, %b : tensor<f32>
          stablehlo.return %1 : tensor<f32> }) {scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0, 1], index_vector_dim = 1>} : (tensor<4x6xf32>, tensor<3x2xi32>, tensor<3x2xf32>) -> tensor<4x6xf32>
        return %0 : tensor<4x6xf32> }""",
    "rows by indices that count from the end": """func.func @main(%x: tensor<4x6xf32>, %i: tensor<3x1xi32>, %u: tensor<3x6xf32>) -> (tensor<3x6xf32>, tensor<4x6xf32>) {
        %zero = stablehlo.constant dense<0> : tensor<3x1xi32>
        %four = stablehlo.constant dense<4> : tensor<3x1xi32>
        %m = stablehlo.compare LT, %i, %zero : (tensor<3x1xi32>, tensor<3x1xi32>) -> tensor<3x1xi1>
        %s = stablehlo.add %i, %four : tensor<3x1xi32>
        %j = stablehlo.select %m, %s, %i : tensor<3x1xi1>, tensor<3x1xi32>
        %0 = "stablehlo.gather"(%x, %j) {dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, slice_sizes = array<i64: 1, 6>} : (tensor<4x6xf32>, tensor<3x1xi32>) -> tensor<3x6xf32>
        %1 = "stablehlo.scatter"(%x, %j, %u) ({ ^bb0(%a: tensor<f32>, %b: tensor<f32>):
          %2 = stablehlo.add %a, %b : tensor<f32>
          stablehlo.return %2 : tensor<f32> }) {scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>} : (tensor<4x6xf32>, tensor<3x1xi32>, tensor<3x6xf32>) -> tensor<4x6xf32>
        return %0, %1 : tensor<3x6xf32>, tensor<4x6xf32> }""",
    "dynamic_slice clamps negative starts": """func.func @main(%x: tensor<4x6xf32>, %i: tensor<i32>) -> tensor<2x3xf32> {
        %m = stablehlo.constant dense<-3> : tensor<i32>
        %j = stablehlo.add %i, %m : tensor<i32>
        %0 = stablehlo.dynamic_slice %x, %j, %m, sizes = [2, 3] : (tensor<4x6xf32>, tensor<i32>, tensor<i32>) -> tensor<2x3xf32>
        return %0 : tensor<2x3xf32> }""",
    "dynamic_update_slice": """func.func @main(%x: tensor<4x6xf32>, %u: tensor<2x2xf32>, %i: tensor<i32>, %j: tensor<i32>) -> tensor<4x6xf32> {
        %0 = stablehlo.dynamic_update_slice %x, %u, %i, %j : (tensor<4x6xf32>, tensor<2x2xf32>, tensor<i32>, tensor<i32>) -> tensor<4x6xf32>
        return %0 : tensor<4x6xf32> }""",
    "torch_index_select": """func.func @main(%x: tensor<4x6xf32>, %i: tensor<3xi32>) -> tensor<4x3xf32> {
        %0 = "stablehlo.torch_index_select"(%x, %i) {dim = 1 : i64, batch_dims = 0 : i64} : (tensor<4x6xf32>, tensor<3xi32>) -> tensor<4x3xf32>
        return %0 : tensor<4x3xf32> }""",
    "sort descending": """func.func @main(%x: tensor<7xi32>, %y: tensor<7xf32>) -> (tensor<7xi32>, tensor<7xf32>) {
        %0:2 = "stablehlo.sort"(%x, %y) ({ ^bb0(%a: tensor<i32>, %b: tensor<i32>, %c: tensor<f32>, %d: tensor<f32>):
          %1 = stablehlo.compare GT, %a, %b : (tensor<i32>, tensor<i32>) -> tensor<i1>
          stablehlo.return %1 : tensor<i1> }) {dimension = 0 : i64, is_stable = true} : (tensor<7xi32>, tensor<7xf32>) -> (tensor<7xi32>, tensor<7xf32>)
        return %0#0, %0#1 : tensor<7xi32>, tensor<7xf32> }""",
    "sort by the second key, total order": """func.func @main(%x: tensor<2x5xi32>, %y: tensor<2x5xf32>) -> (tensor<2x5xi32>, tensor<2x5xf32>) {
        %0:2 = "stablehlo.sort"(%x, %y) ({ ^bb0(%a: tensor<i32>, %b: tensor<i32>, %c: tensor<f32>, %d: tensor<f32>):
          %1 = stablehlo.compare LT, %d, %c, TOTALORDER : (tensor<f32>, tensor<f32>) -> tensor<i1>
          stablehlo.return %1 : tensor<i1> }) {dimension = 1 : i64, is_stable = true} : (tensor<2x5xi32>, tensor<2x5xf32>) -> (tensor<2x5xi32>, tensor<2x5xf32>)
        return %0#0, %0#1 : tensor<2x5xi32>, tensor<2x5xf32> }""",
    "sort by a comparator of its own": """func.func @main(%x: tensor<3x9xi32>) -> tensor<3x9xi32> {
        %0 = "stablehlo.sort"(%x) ({ ^bb0(%a: tensor<i32>, %b: tensor<i32>):
          %c = stablehlo.abs %a : tensor<i32>
          %d = stablehlo.abs %b : tensor<i32>
          %1 = stablehlo.compare LT, %c, %d : (tensor<i32>, tensor<i32>) -> tensor<i1>
          stablehlo.return %1 : tensor<i1> }) {dimension = 1 : i64, is_stable = true} : (tensor<3x9xi32>) -> tensor<3x9xi32>
        return %0 : tensor<3x9xi32> }""",
    "map": """func.func @main(%x: tensor<3x4xf32>, %y: tensor<3x4xf32>) -> tensor<3x4xf32> {
        %0 = "stablehlo.map"(%x, %y) ({ ^bb0(%a: tensor<f32>, %b: tensor<f32>):
          %1 = stablehlo.multiply %a, %b : tensor<f32>
          %2 = stablehlo.add %1, %a : tensor<f32>
          stablehlo.return %2 : tensor<f32> }) {dimensions = array<i64: 0, 1>} : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
        return %0 : tensor<3x4xf32> }""",
    "while": """func.func @main(%n: tensor<i32>, %x: tensor<3xf32>) -> (tensor<i32>, tensor<3xf32>) {
        %one = stablehlo.constant dense<1> : tensor<i32>
        %0:2 = stablehlo.while(%i = %n, %y = %x) : tensor<i32>, tensor<3xf32> cond {
          %lim = stablehlo.constant dense<9> : tensor<i32>
          %c = stablehlo.compare LT, %i, %lim : (tensor<i32>, tensor<i32>) -> tensor<i1>
          stablehlo.return %c : tensor<i1>
        } do {
          %j = stablehlo.add %i, %one : tensor<i32>
          %z = stablehlo.add %y, %x : tensor<3xf32>
          stablehlo.return %j, %z : tensor<i32>, tensor<3xf32>
        }
        return %0#0, %0#1 : tensor<i32>, tensor<3xf32> }""",
    "if": """func.func @main(%p: tensor<i1>, %x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
        %0:2 = "stablehlo.if"(%p) ({
          %1 = stablehlo.add %x, %x : tensor<3xf32>
          stablehlo.return %1, %x : tensor<3xf32>, tensor<3xf32>
        }, {
          %1 = stablehlo.negate %x : tensor<3xf32>
          stablehlo.return %x, %1 : tensor<3xf32>, tensor<3xf32>
        }) : (tensor<i1>) -> (tensor<3xf32>, tensor<3xf32>)
        return %0#0, %0#1 : tensor<3xf32>, tensor<3xf32> }""",
    "tuples": """func.func @main(%x: tensor<3xf32>, %y: tensor<i32>) -> tensor<3xf32> {
        %0 = stablehlo.tuple %x, %y : tuple<tensor<3xf32>, tensor<i32>>
        %1 = stablehlo.get_tuple_element %0[0] : (tuple<tensor<3xf32>, tensor<i32>>) -> tensor<3xf32>
        %2 = stablehlo.negate %1 : tensor<3xf32>
        return %2 : tensor<3xf32> }""",
    "optimization_barrier": """func.func @main(%x: tensor<3xf32>, %y: tensor<i32>) -> (tensor<3xf32>, tensor<i32>) {
        %0:2 = stablehlo.optimization_barrier %x, %y : tensor<3xf32>, tensor<i32>
        return %0#0, %0#1 : tensor<3xf32>, tensor<i32> }""",
    "fft": """func.func @main(%x: tensor<3x8xcomplex<f32>>) -> (tensor<3x8xcomplex<f32>>, tensor<3x14xf32>, tensor<3x8xcomplex<f32>>) {
        %0 = stablehlo.fft %x, type = FFT, length = [8] : (tensor<3x8xcomplex<f32>>) -> tensor<3x8xcomplex<f32>>
        %1 = stablehlo.fft %x, type = IRFFT, length = [14] : (tensor<3x8xcomplex<f32>>) -> tensor<3x14xf32>
        %2 = stablehlo.fft %x, type = IFFT, length = [3, 8] : (tensor<3x8xcomplex<f32>>) -> tensor<3x8xcomplex<f32>>
        return %0, %1, %2 : tensor<3x8xcomplex<f32>>, tensor<3x14xf32>, tensor<3x8xcomplex<f32>> }""",
    "rng_bit_generator": """func.func @main(%k: tensor<2xui64>) -> (tensor<2xui64>, tensor<5xui32>) {
        %0, %1 = stablehlo.rng_bit_generator %k, algorithm = THREE_FRY : (tensor<2xui64>) -> (tensor<2xui64>, tensor<5xui32>)
        return %0, %1 : tensor<2xui64>, tensor<5xui32> }""",
    "get_dimension_size": """func.func @main(%x: tensor<3x5xf32>) -> tensor<i32> {
        %0 = stablehlo.get_dimension_size %x, dim = 1 : (tensor<3x5xf32>) -> tensor<i32>
        return %0 : tensor<i32> }""",
    "custom call of an identity": """func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
        %0 = stablehlo.custom_call @Sharding(%x) {mhlo.sharding = "{replicated}"} : (tensor<3xf32>) -> tensor<3xf32>
        return %0 : tensor<3xf32> }""",
    "constants of every size": """func.func @main(%x: tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<3xi64>, tensor<2x2xbf16>, tensor<6xi32>, tensor<0xf32>, tensor<2xcomplex<f32>>) {
        %0 = stablehlo.constant dense<[[1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.5]]> : tensor<1x8xf32>
        %1 = stablehlo.broadcast_in_dim %0, dims = [0, 1] : (tensor<1x8xf32>) -> tensor<8x8xf32>
        %2 = stablehlo.multiply %x, %1 : tensor<8x8xf32>
        %3 = stablehlo.constant dense<[1, -5, 1099511627776]> : tensor<3xi64>
        %4 = stablehlo.constant dense<[[1.5, 0xFF80], [0.1, -0.0]]> : tensor<2x2xbf16>
        %5 = stablehlo.constant dense<[9, 7, 5, 3, 1, -1]> : tensor<6xi32>
        %6 = stablehlo.constant dense<> : tensor<0xf32>
        %7 = stablehlo.constant dense<[(1.0, 2.0), (-0.0, -1.5)]> : tensor<2xcomplex<f32>>
        return %2, %3, %4, %5, %6, %7 : tensor<8x8xf32>, tensor<3xi64>, tensor<2x2xbf16>, tensor<6xi32>, tensor<0xf32>, tensor<2xcomplex<f32>> }""",
}


@pytest.mark.parametrize("case", CASES)
def test_operation(case: str) -> None:
    check(CASES[case], tolerance=1e-5)


MIXED_STARTS = """
func.func @main(%x: tensor<4x5x6xf32>, %u: tensor<4x2x6xf32>, %w: tensor<2x5x3xf32>, %i: tensor<i32>, %n: tensor<3xi64>)
    -> (tensor<4x2x6xf32>, tensor<4x5x6xf32>, tensor<2x5x3xf32>, tensor<4x5x6xf32>, tensor<3xi64>) {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %one = stablehlo.dynamic_slice %x, %zero, %i, %zero, sizes = [4, 2, 6] :
    (tensor<4x5x6xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<4x2x6xf32>
  %two = stablehlo.dynamic_update_slice %x, %u, %zero, %i, %zero :
    (tensor<4x5x6xf32>, tensor<4x2x6xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<4x5x6xf32>
  %three = stablehlo.dynamic_slice %x, %i, %zero, %i, sizes = [2, 5, 3] :
    (tensor<4x5x6xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<2x5x3xf32>
  %four = stablehlo.dynamic_update_slice %x, %w, %i, %zero, %i :
    (tensor<4x5x6xf32>, tensor<2x5x3xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<4x5x6xf32>
  return %one, %two, %three, %four, %n : tensor<4x2x6xf32>, tensor<4x5x6xf32>, tensor<2x5x3xf32>, tensor<4x5x6xf32>,
    tensor<3xi64>
}
"""


@pytest.mark.parametrize("start", [-1, 1, 9])
def test_slices_at_computed_positions_beside_64_bit_types(start):
    rng = np.random.default_rng(0)
    x, u, w = (rng.standard_normal(shape, np.float32) for shape in ((4, 5, 6), (4, 2, 6), (2, 5, 3)))
    text = check(MIXED_STARTS, [x, u, w, np.array(start, np.int32), np.arange(3)])
    assert "lax.dynamic_slice_in_dim(arg0, arg3, 2, 1, allow_negative_indices=False)" in text
