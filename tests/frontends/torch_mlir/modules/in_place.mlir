// In-place operators on tensors with memory: a view sees what is written into its base.
func.func @main(%arg0: !torch.vtensor<[4],f32>) -> (!torch.vtensor<[2],f32>, !torch.vtensor<[4],f32>) {
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int2 = torch.constant.int 2
  %base = torch.copy.to_tensor %arg0 : !torch.tensor<[4],f32>
  %view = torch.aten.slice.Tensor %base, %int0, %int0, %int2, %int1 : !torch.tensor<[4],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.tensor<[2],f32>
  %0 = torch.aten.mul_.Scalar %base, %int2 : !torch.tensor<[4],f32>, !torch.int -> !torch.tensor<[4],f32>
  %1 = torch.aten.add_.Scalar %view, %int1, %int1 : !torch.tensor<[2],f32>, !torch.int, !torch.int -> !torch.tensor<[2],f32>
  %2 = torch.copy.to_vtensor %view : !torch.vtensor<[2],f32>
  %3 = torch.copy.to_vtensor %base : !torch.vtensor<[4],f32>
  return %2, %3 : !torch.vtensor<[2],f32>, !torch.vtensor<[4],f32>
}
