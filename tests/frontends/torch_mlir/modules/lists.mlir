// Lists of tensors, several results, tuples, an optional argument, and an operator without an operation of its own.
func.func @main(%arg0: !torch.vtensor<[4,3],f32>) -> (!torch.vtensor<[4,3],f32>, !torch.vtensor<[4],si64>, !torch.vtensor<[2,3],f64>) {
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %int2 = torch.constant.int 2
  %int7 = torch.constant.int 7
  %false = torch.constant.bool false
  %none = torch.constant.none
  %parts = torch.aten.split.Tensor %arg0, %int2, %int0 : !torch.vtensor<[4,3],f32>, !torch.int, !torch.int -> !torch.list<vtensor<[2,3],f32>>
  %0:2 = torch.prim.ListUnpack %parts : !torch.list<vtensor<[2,3],f32>> -> !torch.vtensor<[2,3],f32>, !torch.vtensor<[2,3],f32>
  %swapped = torch.prim.ListConstruct %0#1, %0#0 : (!torch.vtensor<[2,3],f32>, !torch.vtensor<[2,3],f32>) -> !torch.list<vtensor<[2,3],f32>>
  %1 = torch.aten.cat %swapped, %int0 : !torch.list<vtensor<[2,3],f32>>, !torch.int -> !torch.vtensor<[4,3],f32>
  %values, %indices = torch.aten.max.dim %1, %int1, %false : !torch.vtensor<[4,3],f32>, !torch.int, !torch.bool -> !torch.vtensor<[4],f32>, !torch.vtensor<[4],si64>
  %first = torch.aten.__getitem__.t %parts, %int0 : !torch.list<vtensor<[2,3],f32>>, !torch.int -> !torch.vtensor<[2,3],f32>
  %2 = torch.operator "torch.aten.log1p"(%first) : (!torch.vtensor<[2,3],f32>) -> !torch.vtensor<[2,3],f32>
  %3 = torch.aten.to.dtype %2, %int7, %false, %false, %none : !torch.vtensor<[2,3],f32>, !torch.int, !torch.bool, !torch.bool, !torch.none -> !torch.vtensor<[2,3],f64>
  return %1, %indices, %3 : !torch.vtensor<[4,3],f32>, !torch.vtensor<[4],si64>, !torch.vtensor<[2,3],f64>
}
