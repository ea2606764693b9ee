"""Front end for modules in torch-mlir's `torch` dialect: `importer.import_torch_dialect(data, label)`.

The torch-mlir package reads them (`reader`), in a child process; nothing of its lowering is used.  `graph` makes of
a function the graph of ATen operators that torch.export would give, and the PyTorch front end lowers that.
"""
