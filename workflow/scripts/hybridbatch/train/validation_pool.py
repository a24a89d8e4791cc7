"""Retrieval on held-out pairs while training: mAP in the pool of the passages of all languages."""

import numpy as np
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
from sentence_transformers.util import cos_sim

from hybridbatch.train.hybrid_batches import HybridBatchSampler

NAME = "pool"
DEPTH = 100
METRIC = f"eval_{NAME}_cosine_map@{DEPTH}"


def pool_evaluator(batches: HybridBatchSampler) -> InformationRetrievalEvaluator:
    """Return an evaluator that ranks the passages of all languages in one pool for the queries of all languages.

    The pairs are as many as all validation batches have together, drawn with seed 0. Relevant are the passages of the query's pair
    in every language. Equal texts are one query or one passage, so that none is its own false negative. Ties are broken by text.
    """
    (pairs,) = batches.sources
    rows = np.random.default_rng(0).permutation(len(pairs))[: batches.steps * batches.batch_size]
    relevant: dict[str, set[str]] = {}
    for language in pairs.languages:
        present = pairs.present(rows.tolist(), language)
        for query, passages in zip(pairs.queries(present, language), pairs.translations(present), strict=True):
            relevant.setdefault(query, set()).update(passages)
    pool = sorted(set().union(*relevant.values()))
    return InformationRetrievalEvaluator(
        queries={query: query for query in relevant},
        corpus={passage: passage for passage in pool},
        relevant_docs=relevant,
        map_at_k=[DEPTH],
        batch_size=batches.batch_size,
        name=NAME,
        write_csv=False,
        score_functions={"cosine": cos_sim},
    )
