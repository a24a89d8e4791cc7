"""What CTranslate2 needs of the machine is checked before any job and before a model is loaded."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import ctranslate2
import pytest
import yaml

from hybridbatch.common.errors import UserError
from hybridbatch.config.experiment import Config
from hybridbatch.config.load import load_config
from hybridbatch.jobs.preflight import check_translation_device
from hybridbatch.translate.ctranslate2_device import CUBLAS, CUBLAS_PACKAGE, check_device, load_cublas

ROOT = Path(__file__).parents[3]
# Another library of this name would be found, too.
WITHOUT_CUBLAS = f"from ctypes import CDLL\ntry: CDLL({CUBLAS!r})\nexcept OSError: raise SystemExit(1)"


def experiment(compute_type: str, engine: str = "ctranslate2") -> Config:
    values = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    values["sources"]["demo_facts"]["translation"] = {"languages": ["es"], "engine": engine, "translator": "nllb"}
    translator = {"family": "nllb", "path": "model", "compute_type": compute_type}
    return load_config({**values, "translators": {"nllb": translator}})


def install_cublas(folder: Path, library: bytes | None) -> None:
    """Write the metadata of the package of cuBLAS, and a file as its library."""
    (folder / f"{CUBLAS_PACKAGE.replace('-', '_')}-12.9.dist-info").mkdir(parents=True)
    (folder / f"{CUBLAS_PACKAGE.replace('-', '_')}-12.9.dist-info" / "METADATA").write_text(f"Name: {CUBLAS_PACKAGE}\n")
    if library is not None:
        (folder / "nvidia/cublas/lib").mkdir(parents=True)
        (folder / "nvidia/cublas/lib" / CUBLAS).write_bytes(library)


def test_compute_types_of_the_device_pass() -> None:
    for compute_type in ctranslate2.get_supported_compute_types("cpu"):
        check_device("cpu", compute_type)


def test_an_unsupported_compute_type_is_an_error_before_any_job() -> None:
    prefix = Path(sys.prefix)
    check_translation_device(experiment("int8"), prefix, "cpu")
    message = r"^translators\.nllb: compute_type: int8_bfloat16 is not supported on cpu; use one of float32, int8.* another device$"
    with pytest.raises(UserError, match=message):
        check_translation_device(experiment("int8_bfloat16"), prefix, "cpu")


def test_other_engines_and_environments_elsewhere_pass(tmp_path: Path) -> None:
    check_translation_device(experiment("bfloat16", "transformers"), Path(sys.prefix), "cpu")
    check_translation_device(experiment("int8_bfloat16"), tmp_path, "cpu")


def test_missing_cublas_is_an_error_before_any_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_cublas(tmp_path, library=None)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=rf"^engine: ctranslate2 needs {CUBLAS} .*`pip install {CUBLAS_PACKAGE}`, load"):
        load_cublas()
    if subprocess.run([sys.executable, "-c", WITHOUT_CUBLAS], check=False).returncode == 0:
        pytest.skip("this machine has cuBLAS")
    with pytest.raises(UserError, match=rf"^translators\.nllb: engine: ctranslate2 needs {CUBLAS} of CUDA 12 on a GPU"):
        check_translation_device(experiment("int8_bfloat16"), Path(sys.prefix), "cuda")


def test_cublas_is_loaded_from_its_package(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("a C compiler is not installed")
    made = tmp_path / "made.so"
    command = [compiler, "-shared", f"-Wl,-soname,{CUBLAS}", "-x", "c", "/dev/null", "-o", str(made)]
    subprocess.run(command, check=True)
    install_cublas(tmp_path / "site", made.read_bytes())
    # CTranslate2 opens the library by its name, as the last line does.
    code = (
        "import ctypes, sys; sys.path[:0] = sys.argv[1:]; from hybridbatch.translate import ctranslate2_device as device; "
        "device.load_cublas(); ctypes.CDLL(device.CUBLAS)"
    )
    scripts = str(ROOT / "workflow" / "scripts")
    subprocess.run([sys.executable, "-c", code, scripts, str(tmp_path / "site")], check=True)


@pytest.mark.slow
@pytest.mark.workflow
def test_the_paper_is_not_started_on_a_cpu(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--nolock", "--configfile", "config/paper.yaml"]
    places = [f"results_dir={tmp_path / 'results'}", f"resources_dir={tmp_path / 'resources'}", "device=cpu"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [*command, "--config", *places], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "translators.madlad: compute_type: int8_bfloat16 is not supported on cpu; use one of float32" in done.stderr
    assert not list(tmp_path.rglob("*"))
