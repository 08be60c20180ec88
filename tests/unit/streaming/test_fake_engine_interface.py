"""FakeEngine, the interface in Python types and the native engine have the same methods and parameters."""

import ast
import inspect
from pathlib import Path

import streaming
from streaming.relay.engine import RelayEngine
from streaming.relay.fake import FakeEngine

METHODS = {name for name in vars(RelayEngine) if not name.startswith("_")}


def parameters(owner: type, method: str) -> list[str]:
    return [name for name in inspect.signature(getattr(owner, method)).parameters if name != "self"]


def test_fake_has_the_parameters_of_the_interface() -> None:
    for method in METHODS:
        assert inspect.signature(getattr(FakeEngine, method)) == inspect.signature(
            getattr(RelayEngine, method)
        ), method


def test_native_engine_has_the_parameters_of_the_interface() -> None:
    from streaming._relay import Engine  # noqa: TID251

    for method in METHODS:
        assert parameters(Engine, method) == parameters(RelayEngine, method), method


def test_stub_has_the_annotations_of_the_interface() -> None:
    tree = ast.parse((Path(streaming.__file__).parent / "_relay.pyi").read_text())
    engine = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Engine")
    stub = {node.name: ast.unparse(node.args) for node in engine.body if isinstance(node, ast.FunctionDef)}
    source = ast.parse(inspect.getsource(RelayEngine)).body[0]
    assert isinstance(source, ast.ClassDef)
    for node in source.body:
        if isinstance(node, ast.FunctionDef):
            assert stub[node.name] == ast.unparse(node.args), node.name
