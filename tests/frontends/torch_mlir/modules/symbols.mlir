// Sizes with names and bounds: an even number of rows is folded into pairs.
func.func @main(%arg0: !torch.vtensor<[?,3],f32>, %arg1: !torch.vtensor<[?],f32>) -> !torch.vtensor<[?,?,3],f32> {
  %s0 = torch.symbolic_int "pairs" {min_val = 1, max_val = 64} : !torch.int
  torch.bind_symbolic_shape %arg0, [%s0], affine_map<()[s0] -> (s0 * 2, 3)> : !torch.vtensor<[?,3],f32>
  torch.bind_symbolic_shape %arg1, [%s0], affine_map<()[s0] -> (s0)> : !torch.vtensor<[?],f32>
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int2 = torch.constant.int 2
  %int3 = torch.constant.int 3
  %rows = torch.aten.size.int %arg0, %int0 : !torch.vtensor<[?,3],f32>, !torch.int -> !torch.int
  %half = torch.aten.floordiv.int %rows, %int2 : !torch.int, !torch.int -> !torch.int
  %shape = torch.prim.ListConstruct %half, %int2, %int3 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %0 = torch.aten.view %arg0, %shape : !torch.vtensor<[?,3],f32>, !torch.list<int> -> !torch.vtensor<[?,2,3],f32>
  %1 = torch.aten.unsqueeze %arg1, %int1 : !torch.vtensor<[?],f32>, !torch.int -> !torch.vtensor<[?,1],f32>
  %2 = torch.aten.unsqueeze %1, %int2 : !torch.vtensor<[?,1],f32>, !torch.int -> !torch.vtensor<[?,1,1],f32>
  %3 = torch.aten.mul.Tensor %0, %2 : !torch.vtensor<[?,2,3],f32>, !torch.vtensor<[?,1,1],f32> -> !torch.vtensor<[?,?,3],f32>
  return %3 : !torch.vtensor<[?,?,3],f32>
}
