"""Peak memory of imports, in a fresh process each.

    python tests/benchmarks/import_memory.py [--gibibytes 1]

Makes models with so many weights in sparse files, which take no room on the disk, and prints the peak resident
memory of importing them and of saving them as a portable artefact.  Resident memory counts the pages of a mapped
file that were touched, which the system may drop at any time; what a process has allocated itself is `anonymous`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from onnx import GraphProto, ModelProto, TensorProto, helper

from oxide.tools.oxide_text import table

LAYERS = 16
COLUMNS = 1 << 10
MEBIBYTE = 1 << 20

CHILD = """
import json, re, sys
import oxide

def status(field):
    with open("/proc/self/status") as file:
        return int(re.search(field + r":\\s+(\\d+) kB", file.read())[1]) << 10

start = status("VmHWM")
model = oxide.import_onnx(sys.argv[1])
if len(sys.argv) > 2:
    model.save(sys.argv[2])
print(json.dumps({"start": start, "peak": status("VmHWM"), "anonymous": status("RssAnon")}))
"""


def layered(rows: int) -> ModelProto:
    """LAYERS matrices of rows x COLUMNS float32, each added to the input; their data is not in the model."""
    names = [f"w{layer}" for layer in range(LAYERS)]
    nodes = [
        helper.make_node("Add", [f"h{layer}", name], [f"h{layer + 1}"], name=f"add{layer}")
        for layer, name in enumerate(names)
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [rows, COLUMNS]) for n in ("h0", f"h{LAYERS}")]
    weights = [TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[rows, COLUMNS]) for name in names]
    graph = helper.make_graph(nodes, "layered", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def external_model(folder: Path, weight_bytes: int) -> Path:
    """A model of about `weight_bytes` of weights (zeros) in a sparse file beside it."""
    proto = layered(weight_bytes // LAYERS // COLUMNS // 4)
    size = weight_bytes // LAYERS // COLUMNS * COLUMNS
    for number, tensor in enumerate(proto.graph.initializer):
        tensor.data_location = TensorProto.EXTERNAL
        for key, text in (("location", "weights.bin"), ("offset", number * size), ("length", size)):
            tensor.external_data.add(key=key, value=str(text))
    with open(folder / "weights.bin", "wb") as file:
        file.truncate(LAYERS * size)
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def one_file_model(folder: Path, weight_bytes: int) -> Path:
    """The same with the weights inside of the model file, which protobuf itself reads up to 2 GiB only."""
    proto = layered(weight_bytes // LAYERS // COLUMNS // 4)
    size = weight_bytes // LAYERS // COLUMNS * COLUMNS
    graph = proto.graph
    heads = [
        tensor.SerializeToString() + _field(TensorProto.RAW_DATA_FIELD_NUMBER, size) for tensor in graph.initializer
    ]
    fields = [_field(GraphProto.INITIALIZER_FIELD_NUMBER, len(head) + size) + head for head in heads]
    del graph.initializer[:]
    rest = graph.SerializeToString()
    proto.ClearField("graph")
    path = folder / "model.onnx"
    with open(path, "wb") as file:
        file.write(proto.SerializeToString())
        total = len(rest) + sum(len(field) + size for field in fields)
        file.write(_field(ModelProto.GRAPH_FIELD_NUMBER, total) + rest)
        for field in fields:
            file.write(field)
            file.seek(size, os.SEEK_CUR)
        file.truncate()
    return path


def _field(number: int, length: int) -> bytes:
    """The tag and length of a length-delimited protobuf field."""
    encoded = bytearray()
    for value in (number << 3 | 2, length):
        while value >= 0x80:
            encoded.append(value & 0x7F | 0x80)
            value >>= 7
        encoded.append(value)
    return bytes(encoded)


def measure(model: Path, saved_as: Path | None = None) -> dict[str, int]:
    """Bytes: `start` when Oxide is imported, `peak`, and `anonymous` at the end."""
    arguments = [str(path) for path in (model, saved_as) if path]
    child = subprocess.run([sys.executable, "-c", CHILD, *arguments], capture_output=True, text=True, check=True)
    return json.loads(child.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gibibytes", type=float, default=1.0)
    weights = int(parser.parse_args().gibibytes * (1 << 30))
    rows: list[tuple[str, ...]] = [("model", "job", "weights MiB", "peak MiB", "peak - weights", "anonymous MiB")]
    kinds = {"external data": external_model, "one file": one_file_model}
    for kind, size, save in itertools.product(kinds, (weights, 4 * weights), (False, True)):
        if save and size != weights:
            continue  # what is saved is no sparse file
        with tempfile.TemporaryDirectory() as folder:
            path = kinds[kind](Path(folder), size)
            found = measure(path, Path(folder) / "saved.mlirbc" if save else None)
        numbers = [size, found["peak"], found["peak"] - size, found["anonymous"]]
        job = "import and save" if save else "import"
        rows.append((kind, job, *(str(number // MEBIBYTE) for number in numbers)))
    print(table(rows, numbers=4))


if __name__ == "__main__":
    main()
