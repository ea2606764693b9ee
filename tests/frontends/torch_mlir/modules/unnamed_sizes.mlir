// Nothing says that the two sizes are equal but the sum.
func.func @main(%arg0: !torch.vtensor<[?,2],f32>, %arg1: !torch.vtensor<[?,2],f32>) -> !torch.vtensor<[?,2],f32> {
  %int2 = torch.constant.int 2
  %0 = torch.aten.add.Tensor %arg0, %arg1, %int2 : !torch.vtensor<[?,2],f32>, !torch.vtensor<[?,2],f32>, !torch.int -> !torch.vtensor<[?,2],f32>
  return %0 : !torch.vtensor<[?,2],f32>
}
