"""The data sets of config/paper.yaml in their published form: the paths of files and their content.

Features and file names are those of the data sets' cards and loading scripts.
"""

import gzip
import io
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from miracl_files import write_miracl

from paper_hub.words import pair, sentence

Files = dict[str, bytes]
Row = dict[str, Any]
# Names in the paths of mMARCO's files.
MMARCO = {
    "ar": "arabic",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "hi": "hindi",
    "ru": "russian",
    "zh": "chinese",
}


def card(configs: dict[str, dict[str, str]] | None = None) -> bytes:
    """Return a data set's card; ``configs`` has the path of each split of each configuration."""
    header: Row = {"language": ["en"], "license": "other"}
    if configs is not None:
        header["configs"] = [
            {"config_name": name, "data_files": [{"split": split, "path": path} for split, path in paths.items()]}
            for name, paths in configs.items()
        ]
    return f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n\n# Dataset Card\n".encode()


def parquet(rows: Sequence[Row]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), buffer)
    return buffer.getvalue()


def json_lines(rows: Iterable[Row]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def tsv(rows: Iterable[Sequence[object]]) -> bytes:
    return "".join("\t".join(map(str, row)) + "\n" for row in rows).encode()


def wiki_qa(rows: int) -> Files:
    files = {"README.md": card({"default": {split: f"data/{split}-*" for split in ("test", "validation", "train")}})}
    for split in ("test", "validation", "train"):
        candidates = []
        for number in range(rows // 3):
            question, answer = pair(f"wiki_qa {split} {number}")
            other = pair(f"wiki_qa other {split} {number}")[1]
            for label, text in ((0, other), (1, answer)):
                row = {"question_id": f"Q{number}", "question": question, "document_title": "Water", "answer": text}
                candidates.append({**row, "label": label})
        files[f"data/{split}-00000-of-00001.parquet"] = parquet(candidates)
    return files


def natural_questions(rows: int) -> Files:
    texts = [dict(zip(("query", "answer"), pair(f"natural questions {number}"), strict=True)) for number in range(rows)]
    return {"README.md": card({"pair": {"train": "pair/train-*"}}), "pair/train-00000-of-00001.parquet": parquet(texts)}


def yahoo_answers(rows: int) -> Files:
    names = {
        "question-answer-pair": ("question", "answer"),
        "title-answer-pair": ("title", "answer"),
        "title-question-answer-pair": ("question", "answer"),
    }
    files = {"README.md": card({name: {"train": f"{name}/train-*"} for name in names})}
    for name, columns in names.items():
        texts = [dict(zip(columns, pair(f"yahoo {number}"), strict=True)) for number in range(rows)]
        files[f"{name}/train-00000-of-00001.parquet"] = parquet(texts)
    return files


def mr_tydi(rows: int) -> Files:
    def passages(name: str, count: int) -> list[Row]:
        found = [pair(f"{name} {number}")[1] for number in range(count)]
        return [{"docid": f"{n}#0", "title": "Water", "text": text} for n, text in enumerate(found)]

    lines = []
    for number in range(rows):
        question, answer = pair(f"mr tydi {number}")
        positive = [{"docid": f"{number}#12", "title": "River", "text": answer}]
        negative = passages(f"mr tydi negative {number}", 3)
        lines.append(
            {
                "query_id": str(number),
                "query": question,
                "positive_passages": positive,
                "negative_passages": negative,
            }
        )
    folder = "mrtydi-v1.1-english"
    return {"README.md": card(), f"{folder}/train.jsonl.gz": gzip.compress(json_lines(lines))}


def mmarco(rows: int, languages: Sequence[str]) -> Files:
    """Query and relevant passage have the same number; the passages after them are only negatives, three for each."""
    triples = [(n + 1000, n, rows + (n * 3 + other) % (rows * 2)) for other in range(3) for n in range(rows)]
    files = {"README.md": card(), "data/triples.train.ids.small.tsv": tsv(triples)}
    for code in languages:
        found = [pair(f"mmarco {number}", code) for number in range(rows * 3)]
        files[f"data/google/collections/{MMARCO[code]}_collection.tsv"] = tsv(enumerate(text for _, text in found))
        asked = ((number + 1000, text) for number, (text, _) in enumerate(found[:rows]))
        files[f"data/google/queries/train/{MMARCO[code]}_queries.train.tsv"] = tsv(asked)
    return files


def duorc(rows: int) -> Files:
    """Every fifth question has no answer, and every other plot is longer than a model reads; both configurations use the same ids."""
    configs = {name: {"train": f"{name}/train-*"} for name in ("ParaphraseRC", "SelfRC")}
    files = {"README.md": card(configs)}
    for name in configs:
        questions = []
        for number in range(rows // 2):
            question, answer = pair(f"duorc {name} {number}")
            plot = " ".join([pair(f"duorc plot {name} {number} {n}")[1] for n in range(number % 2 * 25)] + [answer])
            unknown = number % 5 == 4
            questions.append(
                {
                    "plot_id": f"/m/{number:05}",
                    "plot": plot,
                    "title": "The Horse",
                    "question_id": f"{number:08}-0000",
                    "question": question,
                    "answers": [] if unknown else [answer.split()[0]],
                    "no_answer": unknown,
                }
            )
        files[f"{name}/train-00000-of-00001.parquet"] = parquet(questions)
    return files


def newsqa(rows: int) -> Files:
    """In every other article, the answer follows twenty other paragraphs."""
    files = {"README.md": card()}
    names = {"train": "ec54fbe500fc3b5c", "validation": "3cf888b12fff1dd6"}
    for split, key in names.items():
        articles = []
        for number in range(rows if split == "train" else 5):
            question, answer = pair(f"newsqa {split} {number}")
            before = "".join(pair(f"newsqa article {split} {number} {n}")[1] + "\n\n" for n in range(number % 2 * 20))
            word = answer.split()[0]
            start = len(before)
            articles.append(
                {
                    "context": before + answer,
                    "question": question,
                    "answers": [word],
                    "key": f"{number:032x}",
                    "labels": [{"end": [start + len(word) - 1], "start": [start]}],
                }
            )
        files[f"data/{split}-00000-of-00001-{key}.parquet"] = parquet(articles)
    return files


def mfaq(rows: int) -> Files:
    pages = []
    for number in range(rows // 2):
        asked = [pair(f"mfaq {number} {n}") for n in range(2)]
        pairs = [{"question": question, "answer": answer, "language": "en"} for question, answer in asked]
        pages.append(
            {
                "id": number,
                "language": "en",
                "num_pairs": len(pairs),
                "domain": f"site{number}.example",
                "qa_pairs": pairs,
            }
        )
    return {"README.md": card(), "data/en/train.jsonl": json_lines(pages)}


def squadshifts(rows: int) -> Files:
    files = {"README.md": card()}
    for domain in ("amazon", "new_wiki", "nyt", "reddit"):
        for split in ("train", "validation", "test"):
            lines = []
            for number in range(rows // 12):
                question, answer = pair(f"squadshifts {domain} {split} {number}")
                span = {"text": [answer.split()[0]], "answer_start": [0]}
                name = f"{domain}-{split}-{number}"
                lines.append({"id": name, "title": domain, "context": answer, "question": question, "answers": span})
            files[f"data/{domain}.{split}.jsonl"] = json_lines(lines)
    return files


def miracl(folder: Path, queries: int, languages: Sequence[str]) -> tuple[Files, Files]:
    """Return topics and judgements, and corpora of two files each; a query has two relevant passages and one judged as not."""
    for code in languages:
        texts = {f"{number}": pair(f"miracl {number}", code) for number in range(queries)}
        topics = {number: question for number, (question, _) in texts.items()}
        docs = {f"{number}#0": ("1", text) for number, (_, text) in texts.items()}
        docs |= {f"{number}#1": ("2", pair(f"miracl second {number}", code)[1]) for number in texts}
        docs |= {f"{number}#2": ("", pair(f"miracl third {number}", code)[1]) for number in texts}
        qrels = [
            (number, f"{number}#{part}", relevance) for number in texts for part, relevance in enumerate((1, 1, 0))
        ]
        write_miracl(folder, code, topics, qrels, docs, per_file=len(docs) // 2 + 1)
    found: dict[bool, Files] = {False: {"README.md": card()}, True: {"README.md": card()}}
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        name = file.relative_to(folder).as_posix()
        found[name.startswith("miracl-corpus-")][name] = file.read_bytes()
    return found[False], found[True]


def lareqa(name: str, paragraphs: int, language: str) -> bytes:
    """Return a LAReQA file: paragraphs of three sentences with a question about each of two of them."""
    found = []
    for number in range(paragraphs):
        pairs = [pair(f"{name} {number} {n}", language) for n in range(3)]
        sentences = [text for _, text in pairs]
        starts = [sum(len(text) + 1 for text in sentences[:n]) for n in range(3)]
        breaks = [[start, start + len(text)] for start, text in zip(starts, sentences, strict=True)]
        questions = []
        for n in range(2):
            answer = {"text": sentences[n][:3], "answer_start": starts[n]}
            questions.append({"question": pairs[n][0], "id": f"{number:024x}{n}", "answers": [answer]})
        found.append(
            {"context": " ".join(sentences), "qas": questions, "sentence_breaks": breaks, "sentences": sentences}
        )
    articles = [{"title": sentence("en", [number], ""), "paragraphs": found[number::3]} for number in range(3)]
    return json.dumps({"data": articles, "version": "1.1"}).encode()


# By the id on the hub.
PAIRS: dict[str, Callable[[int], Files]] = {
    "microsoft/wiki_qa": wiki_qa,
    "sentence-transformers/natural-questions": natural_questions,
    "sentence-transformers/yahoo-answers": yahoo_answers,
    "castorini/mr-tydi": mr_tydi,
    "ibm-research/duorc": duorc,
    "lucadiliello/newsqa": newsqa,
    "clips/mfaq": mfaq,
    "lmqg/qa_squadshifts": squadshifts,
}
