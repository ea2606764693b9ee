// A branch on a value, which uses a tensor from outside, and one on a number that is known.
func.func @main(%arg0: !torch.vtensor<[3],f32>, %arg1: !torch.vtensor<[],i1>) -> (!torch.vtensor<[3],f32>, !torch.vtensor<[3],f32>) {
  %int1 = torch.constant.int 1
  %int2 = torch.constant.int 2
  %outside = torch.aten.mul.Scalar %arg0, %int2 : !torch.vtensor<[3],f32>, !torch.int -> !torch.vtensor<[3],f32>
  %flag = torch.aten.Bool.Tensor %arg1 : !torch.vtensor<[],i1> -> !torch.bool
  %0 = torch.prim.If %flag -> (!torch.vtensor<[3],f32>) {
    %a = torch.aten.add.Tensor %outside, %arg0, %int1 : !torch.vtensor<[3],f32>, !torch.vtensor<[3],f32>, !torch.int -> !torch.vtensor<[3],f32>
    torch.prim.If.yield %a : !torch.vtensor<[3],f32>
  } else {
    %b = torch.aten.neg %outside : !torch.vtensor<[3],f32> -> !torch.vtensor<[3],f32>
    torch.prim.If.yield %b : !torch.vtensor<[3],f32>
  }
  %more = torch.aten.gt.int %int2, %int1 : !torch.int, !torch.int -> !torch.bool
  %1 = torch.prim.If %more -> (!torch.vtensor<[3],f32>) {
    %c = torch.aten.exp %0 : !torch.vtensor<[3],f32> -> !torch.vtensor<[3],f32>
    torch.prim.If.yield %c : !torch.vtensor<[3],f32>
  } else {
    torch.prim.If.yield %0 : !torch.vtensor<[3],f32>
  }
  return %0, %1 : !torch.vtensor<[3],f32>, !torch.vtensor<[3],f32>
}
