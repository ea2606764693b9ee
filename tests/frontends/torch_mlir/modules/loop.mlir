// At most ten times, while the sum is below 100: x = 2 x + count.
func.func @main(%arg0: !torch.vtensor<[2],f32>, %arg1: !torch.vtensor<[],f32>) -> (!torch.vtensor<[2],f32>, !torch.vtensor<[],si64>) {
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int2 = torch.constant.int 2
  %int3 = torch.constant.int 3
  %int10 = torch.constant.int 10
  %true = torch.constant.bool true
  %none = torch.constant.none
  %result:2 = torch.prim.Loop %int10, %true, init(%arg0, %int3) {
  ^bb0(%count: !torch.int, %x: !torch.vtensor<[2],f32>, %steps: !torch.int):
    %0 = torch.aten.mul.Scalar %x, %int2 : !torch.vtensor<[2],f32>, !torch.int -> !torch.vtensor<[2],f32>
    %1 = torch.aten.add.Scalar %0, %count, %int1 : !torch.vtensor<[2],f32>, !torch.int, !torch.int -> !torch.vtensor<[2],f32>
    %2 = torch.aten.sum %1, %none : !torch.vtensor<[2],f32>, !torch.none -> !torch.vtensor<[],f32>
    %3 = torch.aten.lt.Tensor %2, %arg1 : !torch.vtensor<[],f32>, !torch.vtensor<[],f32> -> !torch.vtensor<[],i1>
    %4 = torch.aten.Bool.Tensor %3 : !torch.vtensor<[],i1> -> !torch.bool
    %5 = torch.aten.add.int %steps, %int2 : !torch.int, !torch.int -> !torch.int
    torch.prim.Loop.condition %4, iter(%1, %5 : !torch.vtensor<[2],f32>, !torch.int)
  } : (!torch.int, !torch.bool, !torch.vtensor<[2],f32>, !torch.int) -> (!torch.vtensor<[2],f32>, !torch.int)
  %steps = torch.prim.NumToTensor.Scalar %result#1 : !torch.int -> !torch.vtensor<[],si64>
  return %result#0, %steps : !torch.vtensor<[2],f32>, !torch.vtensor<[],si64>
}
