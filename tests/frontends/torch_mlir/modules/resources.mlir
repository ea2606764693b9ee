// A linear layer whose weights are resources of the file, as torch-mlir's importer writes them.
module {
  func.func @main(%arg0: !torch.vtensor<[2,3],f32>) -> !torch.vtensor<[2,2],f32> {
    %weight = torch.vtensor.literal(dense_resource<layer.weight> : tensor<2x3xf32>) : !torch.vtensor<[2,3],f32>
    %bias = torch.vtensor.literal(dense_resource<layer.bias> : tensor<2xf32>) : !torch.vtensor<[2],f32>
    %0 = torch.aten.linear %arg0, %weight, %bias : !torch.vtensor<[2,3],f32>, !torch.vtensor<[2,3],f32>, !torch.vtensor<[2],f32> -> !torch.vtensor<[2,2],f32>
    %int-1 = torch.constant.int -1
    %none = torch.constant.none
    %1 = torch.aten.softmax.int %0, %int-1, %none : !torch.vtensor<[2,2],f32>, !torch.int, !torch.none -> !torch.vtensor<[2,2],f32>
    return %1 : !torch.vtensor<[2,2],f32>
  }
}
{-#
  dialect_resources: {
    builtin: {
      layer.weight: "0x040000000000803F00000040000040400000804000000041000000C1",
      layer.bias: "0x040000000000003F000000BF"
    }
  }
#-}
