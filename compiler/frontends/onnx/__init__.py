"""The ONNX front end: `import_onnx(model)` gives a Model."""
