"""The FAQ of Python: pages in the published form, and the published files where they are available."""

from pathlib import Path

import polib
import pytest

from hybridbatch.common.errors import UserError
from hybridbatch.config.benchmarks import LANGUAGES, Benchmark
from hybridbatch.data.benchmark import BenchmarkData
from hybridbatch.data.benchmark_writer import write_benchmark
from hybridbatch.data.readers.python_faq import FOLDERS, PAGES, benchmark, file_names, plain_text

DATA = Path(__file__).parents[5] / "shared" / "data" / "faq" / "python-docs"
FILLER = "which is long enough to be a paragraph of an answer, not a fragment."
# A page as Sphinx extracts it: headings, questions, paragraphs, list items and code, in the order of the page.
PAGE = [
    "Programming FAQ",
    "Contents",
    "General Questions",
    "What is self?",
    f"A name, {FILLER}",
    "For example::",
    "class Meta:\n    def example(self): ...  # a comment that makes this code longer than a fragment\n",
    f"And ``self`` is explicit, {FILLER}",
    f"Is that clear now? Some ask whether there is another way of saying so, {FILLER[:-1]}?",
    "How do I delete a file? (And other file questions...)",
    f"Use remove, {FILLER}",
    "Is it fast?",
    "No.",
    "Common tasks",
    "How do I copy a file?",
    f"Use shutil, {FILLER}",
]


def translated(english: str, folder: str) -> str:
    return f"[{folder}] {english}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven translations, each with one page of the same texts."""
    for folder in FOLDERS.values():
        (tmp_path / folder).mkdir()
        for page in PAGES:
            polib.POFile().save(str(tmp_path / folder / f"{page}.po"))
        write(tmp_path, folder, PAGE)
    return tmp_path


def write(root: Path, folder: str, texts: list[str], **changed: dict[str, object]) -> None:
    """Write a page, in which entries are changed by their number (``_4=...``)."""
    page = polib.POFile()
    page.metadata = {"Content-Type": "text/plain; charset=utf-8"}
    for number, text in enumerate(texts):
        given = {"msgid": text, "msgstr": translated(text, folder), **changed.get(f"_{number}", {})}
        page.append(polib.POEntry(**given, occurrences=[("faq/programming.rst", str(number))]))
    page.save(str(root / folder / "programming.po"))


def read(root: Path, language: str) -> BenchmarkData:
    section = Benchmark.model_validate({"reader": "python_faq", "path": "faq/python-docs", "languages": [language]})
    files = {name: [root / file] for name, file in file_names(section, language).items()}
    return benchmark(files, section, language)


def texts(data: BenchmarkData) -> dict[str, list[str]]:
    """The paragraphs of each question."""
    passages = {passage.passage_id: passage.text for passage in data.passages}
    queries = {query.query_id: query.text for query in data.queries}
    found: dict[str, list[str]] = {}
    for judgement in data.judgements:
        found.setdefault(queries[judgement.query_id], []).append(passages[judgement.passage_id])
    return found


def test_paragraphs_answer_the_question_above_them(folder: Path) -> None:
    assert texts(read(folder, "en")) == {
        "What is self?": [PAGE[4], f"And self is explicit, {FILLER}", PAGE[8]],
        "How do I copy a file?": [PAGE[15]],
    }


def test_ids_are_the_same_in_every_language(folder: Path) -> None:
    for language in LANGUAGES["python_faq"]:
        data = read(folder, language)
        assert [query.query_id for query in data.queries] == ["programming/000", "programming/001"]
        passages = [passage.passage_id for passage in data.passages]
        assert passages == [f"programming/{name}" for name in ("000/00", "000/01", "000/02", "001/00")]
    assert list(texts(read(folder, "zh"))) == ["[zh-cn] What is self?", "[zh-cn] How do I copy a file?"]


@pytest.mark.parametrize(
    "changed",
    [
        {"msgstr": ""},
        {"flags": ["fuzzy"]},
        {"msgstr": PAGE[4]},
        {"msgid": f"An older name, {FILLER}"},
        {"obsolete": True},
    ],
    ids=["untranslated", "fuzzy", "a copy of the English text", "another release", "obsolete"],
)
def test_a_paragraph_that_one_language_lacks_is_dropped_in_all(folder: Path, changed: dict[str, object]) -> None:
    write(folder, "uk", PAGE, _4=changed)
    for language, prefix in (("en", ""), ("uk", "[uk] "), ("ja", "[ja] ")):
        first = next(iter(texts(read(folder, language)).values()))
        assert first == [f"{prefix}And self is explicit, {FILLER}", f"{prefix}{PAGE[8]}"]


def test_a_question_that_one_language_lacks_is_dropped_in_all(folder: Path) -> None:
    write(folder, "fr", PAGE, _3={"flags": ["fuzzy"]})
    assert list(texts(read(folder, "es"))) == ["[es] How do I copy a file?"]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("Use :mod:`shutil` and :meth:`~object.__del__`.", "Use shutil and __del__."),
        ("See :ref:`the tutorial <tutorial-index>` and :c:func:`!onexit`.", "See the tutorial and onexit."),
        ("The `wiki\n<https://wiki.python.org>`_ and :pep:`8`", "The wiki and PEP 8"),
        ("``*args`` and **not** *that* f(\\*args), 2*x and x*3", "*args and not that f(*args), 2*x and x*3"),
        ("请使用\\ :func:`os.remove`\\ 。", "请使用os.remove。"),
        ("As simple as ::", "As simple as"),
        ("Like this::", "Like this:"),
        ("In ``std::string``, it is::", "In std::string, it is:"),
    ],
)
def test_markup_becomes_its_text(markup: str, text: str) -> None:
    assert plain_text(markup) == text


def test_a_damaged_file_is_refused(folder: Path) -> None:
    (folder / "ko" / "gui.po").write_text("<html>Not found</html>\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"ko/gui\.po: cannot be read as gettext .* delete it and download it again"):
        read(folder, "en")


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason=f"the published files are not in {DATA}")
def test_every_language_has_the_same_questions_and_passages(tmp_path: Path) -> None:
    found = {language: read(DATA, language) for language in LANGUAGES["python_faq"]}
    english = found["en"]
    assert "Can't we get rid of the Global Interpreter Lock?" in {query.text for query in english.queries}
    for language, data in found.items():
        counts = write_benchmark(tmp_path / language, language, data)
        assert (counts["queries"], counts["passages"], counts["qrels"]) == (132, 386, 386)
        assert [query.query_id for query in data.queries] == [query.query_id for query in english.queries]
        assert [passage.passage_id for passage in data.passages] == [p.passage_id for p in english.passages]
        # No two texts of a language are the same, and none is in English.
        texts = [text.text for text in [*data.queries, *data.passages]]
        assert len(set(texts)) == len(texts)
        assert language == "en" or not set(texts) & {text.text for text in [*english.queries, *english.passages]}
