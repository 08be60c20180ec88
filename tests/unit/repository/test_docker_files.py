"""docker/ is linted and checked against the Compose schema: no machine here has a container engine."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent


def test_dockerfile_passes_the_linter() -> None:
    for dockerfile in (ROOT / "docker").glob("*Dockerfile"):
        result = subprocess.run([BIN / "hadolint", dockerfile], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout


def test_compose_file_follows_the_compose_schema() -> None:
    command = [
        BIN / "check-jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        ROOT / "docker/compose.yaml",
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_every_setting_in_the_compose_file_is_documented() -> None:
    compose = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())
    documented = set(re.findall(r"ZHIJIAN_[A-Z_]+", (ROOT / "docs/settings.md").read_text()))
    used = {name for name in compose["services"]["zhijian"]["environment"] if name.startswith("ZHIJIAN_")}
    assert used <= documented


def test_docker_pins_the_versions_the_makefile_pins() -> None:
    makefile = (ROOT / "Makefile").read_text()
    dockerfile = (ROOT / "docker/zhijian.Dockerfile").read_text()
    uv_version = re.search(r"UV_VERSION := (\S+)", makefile)
    assert uv_version is not None
    assert f"uv=={uv_version[1]}" in dockerfile
    assert (
        re.findall(r"maturin==[\d.]+", dockerfile)
        == re.findall(r"maturin==[\d.]+", (ROOT / "pyproject.toml").read_text())[:1]
    )
