"""What is installed is what is in the folders, and nothing imports against the direction of the layers."""

import ast
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]
# Longest name first, so that a file of oxide.dialects is not taken for one of oxide.
FOLDERS = {name: REPOSITORY / folder for name, folder in SETUPTOOLS["package-dir"].items()}

# A layer imports itself and those after it.  The dialects know MLIR and numpy only.
LAYERS = ("oxide.tools", "oxide", "oxide.passes", "oxide.dialects")
START_FAST = ("oxide.dialects", "oxide.passes")
HEAVY = ("torch", "onnx", "onnxruntime", "onnxscript", "transformers")

BLOCKED_IMPORTS = f"""
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
"""


def sources() -> dict[str, Path]:
    """Module name -> file, for every Python file that is part of the distribution."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join([package, *parts]).removesuffix(".__init__")] = path
    return found


def layer_of(module: str) -> str | None:
    """The layer a module belongs to, None for one that is not Oxide's."""
    owners = [layer for layer in LAYERS if module == layer or module.startswith(layer + ".")]
    return max(owners, key=len, default=None)


def imports_of(path: Path) -> set[str]:
    """The absolute names a file imports, those inside functions and under TYPE_CHECKING included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return names


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)


def test_every_folder_with_python_files_is_a_listed_package():
    packages = {name if path.name == "__init__.py" else name.rpartition(".")[0] for name, path in sources().items()}
    assert sorted(packages) == sorted(SETUPTOOLS["packages"])
    assert len(set(SETUPTOOLS["packages"])) == len(SETUPTOOLS["packages"])


def test_wheel_holds_every_module_and_the_licence(tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, tree)
    for folder in FOLDERS.values():
        shutil.copytree(folder, tree / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    build = "import setuptools.build_meta as b, sys; print(b.build_wheel(sys.argv[1]))"
    built = subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=tree, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    expected = {
        f"{module.replace('.', '/')}{'/__init__.py' if path.name == '__init__.py' else '.py'}"
        for module, path in sources().items()
    }
    assert {name for name in names if name.endswith(".py")} == expected
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_import_needs_neither_torch_nor_onnx_and_stays_cheap():
    code = BLOCKED_IMPORTS + "import oxide, oxide.dialects, oxide.passes; print('jax' in sys.modules)"
    done = python(code)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr


@pytest.mark.parametrize("tool", ["opt", "oxide"])
def test_tools_start_without_torch_and_onnx(tool):
    code = BLOCKED_IMPORTS + f"from oxide.tools.{tool} import main; raise SystemExit(main(['--version']))"
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert "0.1.0" in done.stdout


def test_oxide_opt_imports_no_jax():
    code = "import sys, oxide.tools.opt; print('jax' in sys.modules)"
    assert python(code).stdout == "False\n"


@pytest.mark.parametrize("module", sorted(sources()))
def test_imports_follow_the_layers(module):
    layer = layer_of(module)
    assert layer is not None
    allowed = LAYERS[LAYERS.index(layer) :]
    imported = imports_of(sources()[module])
    against = {name for name in imported if layer_of(name) is not None and layer_of(name) not in allowed}
    assert not against
    if layer in START_FAST:
        heavy = {name for name in imported if name.partition(".")[0] in (*HEAVY, "jax")}
        assert not heavy


def test_version_is_stated_once():
    import oxide

    assert oxide.__version__ == PROJECT["project"]["version"]
