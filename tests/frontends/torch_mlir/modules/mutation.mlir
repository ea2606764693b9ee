// A counter that the program changes, and returns as it was before.
func.func @main(%counter: !torch.tensor<[2],f32>, %arg1: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> {
  %int1 = torch.constant.int 1
  %before = torch.copy.to_vtensor %counter : !torch.vtensor<[2],f32>
  %after = torch.aten.add.Tensor %before, %arg1, %int1 : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.int -> !torch.vtensor<[2],f32>
  torch.overwrite.tensor.contents %after overwrites %counter : !torch.vtensor<[2],f32>, !torch.tensor<[2],f32>
  return %before : !torch.vtensor<[2],f32>
}
