// Literals of many element types; one element of each is enough to tell them apart.
func.func @main(%arg0: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],bf16>, !torch.vtensor<[2],f16>, !torch.vtensor<[2],f64>, !torch.vtensor<[2],i1>, !torch.vtensor<[2],si8>, !torch.vtensor<[2],ui8>, !torch.vtensor<[2],si64>, !torch.vtensor<[2],complex<f32>>, !torch.vtensor<[2],f8E4M3FN>) {
  %0 = torch.vtensor.literal(dense<[1.5, -2.0]> : tensor<2xbf16>) : !torch.vtensor<[2],bf16>
  %1 = torch.vtensor.literal(dense<[0.25, -4.0]> : tensor<2xf16>) : !torch.vtensor<[2],f16>
  %2 = torch.vtensor.literal(dense<[1.0e-300, 3.0]> : tensor<2xf64>) : !torch.vtensor<[2],f64>
  %3 = torch.vtensor.literal(dense<[true, false]> : tensor<2xi1>) : !torch.vtensor<[2],i1>
  %4 = torch.vtensor.literal(dense<[-128, 127]> : tensor<2xsi8>) : !torch.vtensor<[2],si8>
  %5 = torch.vtensor.literal(dense<[0, 255]> : tensor<2xui8>) : !torch.vtensor<[2],ui8>
  %6 = torch.vtensor.literal(dense<-9223372036854775808> : tensor<2xsi64>) : !torch.vtensor<[2],si64>
  %7 = torch.vtensor.literal(dense<[(1.0,-2.0), (0.0,3.0)]> : tensor<2xcomplex<f32>>) : !torch.vtensor<[2],complex<f32>>
  %8 = torch.vtensor.literal(dense<[0.5, 448.0]> : tensor<2xf8E4M3FN>) : !torch.vtensor<[2],f8E4M3FN>
  return %0, %1, %2, %3, %4, %5, %6, %7, %8 : !torch.vtensor<[2],bf16>, !torch.vtensor<[2],f16>, !torch.vtensor<[2],f64>, !torch.vtensor<[2],i1>, !torch.vtensor<[2],si8>, !torch.vtensor<[2],ui8>, !torch.vtensor<[2],si64>, !torch.vtensor<[2],complex<f32>>, !torch.vtensor<[2],f8E4M3FN>
}
