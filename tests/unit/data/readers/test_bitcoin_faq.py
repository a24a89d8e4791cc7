"""The FAQ of bitcoin.org: an excerpt in the published form, and the published files where they are available."""

from pathlib import Path

import pytest

from hybridbatch.common.errors import UserError
from hybridbatch.config.benchmarks import LANGUAGES, Benchmark
from hybridbatch.data.benchmark import BenchmarkData
from hybridbatch.data.benchmark_writer import write_benchmark
from hybridbatch.data.readers import bitcoin_faq

DATA = Path(__file__).parents[5] / "shared" / "data" / "faq" / "bitcoin.org"
EXCERPT = """\
pt_BR:
  about-us:
    own: "Quem?"
    owntxt1: "Satoshi."
  faq:
    title: "FAQ - Bitcoin"
    pagetitle: "Perguntas frequentes"
    general: "Geral"
    acquire: "Como se consegue bitcoins?"
    acquireli1: "Compre em uma <a href=\\"#exchanges#\\">casa de&nbsp;câmbio</a>."
    acquireli2: >
      <em><b>Minere</b></em> - com
      paciência.

    acquiretxt1: "Ou receba R&amp;D."
    whatprice: "O que determina o preço?"
    whatpricetxt1: "A oferta e a demanda."
    whatpriceimg1: "Preço ao longo do tempo:"
"""


def benchmark(path: Path, language: str) -> BenchmarkData:
    section = Benchmark.model_validate({"reader": "bitcoin_faq", "path": "faq/bitcoin.org", "languages": [language]})
    files = {name: [path / file] for name, file in bitcoin_faq.file_names(section, language).items()}
    return bitcoin_faq.benchmark(files, section, language)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pt_BR.yml").write_text(EXCERPT, encoding="utf-8")
    return tmp_path


def test_questions_are_queries_and_their_answers_passages_without_markup(folder: Path) -> None:
    data = benchmark(folder, "pt-BR")
    assert [(query.query_id, query.text) for query in data.queries] == [
        ("acquire", "Como se consegue bitcoins?"),
        ("whatprice", "O que determina o preço?"),
    ]
    assert [(passage.passage_id, passage.text) for passage in data.passages] == [
        ("acquireli1", "Compre em uma casa de câmbio."),
        ("acquireli2", "Minere - com paciência."),
        ("acquiretxt1", "Ou receba R&D."),
        ("whatpricetxt1", "A oferta e a demanda."),
    ]
    assert [(judgement.query_id, judgement.passage_id) for judgement in data.judgements] == [
        ("acquire", "acquireli1"),
        ("acquire", "acquireli2"),
        ("acquire", "acquiretxt1"),
        ("whatprice", "whatpricetxt1"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  faq:", "  answers:", "has no section 'faq' in 'pt_BR'"),
        ("pt_BR:", "pt:", "has no section 'faq' in 'pt_BR'"),
        ('    acquire: "Como se consegue bitcoins?"\n', "", r"faq\.acquire: must be a text"),
        ('"A oferta e a demanda."', "[1]", r"faq\.whatpricetxt1: must be a text"),
        ('"Geral"', '"Geral', "cannot be read as YAML"),
    ],
)
def test_another_form_is_refused(folder: Path, old: str, new: str, message: str) -> None:
    (folder / "pt_BR.yml").write_text(EXCERPT.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError, match=rf"pt_BR\.yml: {message}") as refused:
        benchmark(folder, "pt-BR")
    assert "\n" not in str(refused.value)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason=f"the published files are not in {DATA}")
def test_every_language_has_the_same_questions_and_passages(tmp_path: Path) -> None:
    found = {language: benchmark(DATA, language) for language in LANGUAGES["bitcoin_faq"]}
    assert len(found) == 20
    english = found["en"]
    assert all(query.text.endswith("?") for query in english.queries)
    for language, data in found.items():
        counts = write_benchmark(tmp_path / language, language, data)
        assert (counts["queries"], counts["passages"], counts["qrels"]) == (46, 78, 78)
        assert {query.query_id for query in data.queries} == {query.query_id for query in english.queries}
        assert {passage.passage_id for passage in data.passages} == {p.passage_id for p in english.passages}
        # Every text is translated, and no markup is left.
        texts = {text.text for text in [*data.queries, *data.passages]}
        assert language == "en" or not texts & {text.text for text in [*english.queries, *english.passages]}
        assert not any(mark in text for text in texts for mark in ("<", ">", "&", "\n", "  "))
