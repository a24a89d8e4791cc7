FROM condaforge/miniforge3:25.3.0-3
LABEL io.github.snakemake.containerized="true"
LABEL io.github.snakemake.conda_env_hash="8c4a61c9910b0fa606f26413d500f76431e287422d3a84898059f73fca4106b2"
# Conda environment:
#   source: envs/clean-cuda.yaml
#   prefix: /conda-envs/73f1533ac2d8012522db0715a44f44b4
#   # Written by `make envs` from the file without -cuda, which has the CPU build of torch.
#   # Cleaning of training pairs, quality control of translations (by an encoder, too, if an experiment asks for it), and their tables.
#   # Versions of requirements.lock, written by `make envs`.
#   name: hybridbatch-clean-cuda
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11
#     - pip
#     - pip:
#         - jinja2==3.1.6
#         - langcodes==3.5.1
#         - language-data==1.4.0
#         - numpy==2.4.6
#         - pandas==3.1.1
#         - py3langid==0.4.0
#         - pyarrow==26.0.1
#         - pydantic==2.14.3
#         - regex==2026.11.15
#         - rensa==0.5.0
#         - sacrebleu==2.6.0
#         - sentence-transformers==6.2.0
#         - torch===2.13.0
#         - transformers==5.23.0
#         # Dependencies of the packages above.
#         - annotated-doc==0.0.7
#         - annotated-types==0.8.0
#         - anyio==4.16.0; sys_platform != "emscripten"
#         - click==8.5.1
#         - cloudpickle==3.1.2
#         - colorama==0.4.6
#         - filelock==4.2.11
#         - fsspec==2026.9.0
#         - h11==0.16.0; sys_platform != "emscripten"
#         - hf-xet==1.8.0; platform_machine == "AMD64" or platform_machine == "ARM64" or platform_machine == "aarch64" or platform_machine == "amd64" or platform_machine == "arm64" or platform_machine == "x86_64"
#         - httpcore2==2.16.2; sys_platform != "emscripten"
#         - httpx2==2.16.2
#         - huggingface-hub==2.4.0
#         - idna==3.20
#         - joblib==1.6.0
#         - lxml==6.1.3
#         - marisa-trie==1.4.1
#         - markdown-it-py==4.3.0
#         - markupsafe==3.0.4
#         - mdurl==0.1.2
#         - mpmath==1.3.0
#         - narwhals==2.29.0
#         - networkx==3.6.1
#         - packaging==25.0
#         - portalocker==4.4.2
#         - pydantic-core==2.50.4
#         - pygments==2.21.0
#         - python-dateutil==4.0.0
#         - pyyaml==6.0.3
#         - rich==15.0.0
#         - safetensors==0.8.0
#         - scikit-learn==1.9.1
#         - scipy==1.17.1
#         - setuptools==84.2.1
#         - shellingham==1.5.4
#         - sympy==1.14.0
#         - tabulate==0.10.0
#         - threadpoolctl==3.8.0
#         - tokenizers==0.23.3
#         - tqdm==4.70.1
#         - truststore==0.10.5; sys_platform != "emscripten"
#         - typer==0.29.2
#         - typing-extensions==4.16.0
#         - typing-inspection==0.4.5
#         - tzdata==2026.6
RUN mkdir -p /conda-envs/73f1533ac2d8012522db0715a44f44b4
COPY envs/clean-cuda.yaml /conda-envs/73f1533ac2d8012522db0715a44f44b4/environment.yaml
# Conda environment:
#   source: envs/data.yaml
#   prefix: /conda-envs/c78341d1a843b0ede0e1f44d118ae138
#   # Downloads, training pairs, translation memories and benchmarks.
#   # Versions of requirements.lock, written by `make envs`.
#   name: hybridbatch-data
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11
#     - pip
#     - pip:
#         - filelock==4.2.11
#         - httpx2==2.16.2
#         - huggingface-hub==2.4.0
#         - ir-datasets==0.6.3
#         - langcodes==3.5.1
#         - numpy==2.4.6
#         - polib==1.2.0
#         - pyarrow==26.0.1
#         - pydantic==2.14.3
#         - pyyaml==6.0.3
#         - requests==2.34.2
#         # Dependencies of the packages above.
#         - annotated-types==0.8.0
#         - anyio==4.16.0; sys_platform != "emscripten"
#         - certifi==2026.10.18
#         - charset-normalizer==3.5.2
#         - click==8.5.1
#         - fsspec==2026.9.0
#         - h11==0.16.0; sys_platform != "emscripten"
#         - hf-xet==1.8.0; platform_machine == "AMD64" or platform_machine == "ARM64" or platform_machine == "aarch64" or platform_machine == "amd64" or platform_machine == "arm64" or platform_machine == "x86_64"
#         - httpcore2==2.16.2; sys_platform != "emscripten"
#         - idna==3.20
#         - lxml==6.1.3
#         - lz4==4.4.5
#         - packaging==25.0
#         - pydantic-core==2.50.4
#         - tqdm==4.70.1
#         - truststore==0.10.5; sys_platform != "emscripten"
#         - typing-extensions==4.16.0
#         - typing-inspection==0.4.5
#         - urllib3==2.8.0
RUN mkdir -p /conda-envs/c78341d1a843b0ede0e1f44d118ae138
COPY envs/data.yaml /conda-envs/c78341d1a843b0ede0e1f44d118ae138/environment.yaml
# Conda environment:
#   source: envs/encoder-cuda.yaml
#   prefix: /conda-envs/2b20197dd92f8650736de32be16f8e5f
#   # Written by `make envs` from the file without -cuda, which has the CPU build of torch.
#   # Everything that loads an encoder: backbones, training, encoding.
#   # Versions of requirements.lock, written by `make envs`.
#   name: hybridbatch-encoder-cuda
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11
#     - pip
#     - pip:
#         - accelerate==1.15.0
#         - datasets==5.2.0
#         - faiss-cpu==1.15.1
#         - huggingface-hub==2.4.0
#         - numpy==2.4.6
#         - peft==0.21.2
#         - pyarrow==26.0.1
#         - pydantic==2.14.3
#         - safetensors==0.8.0
#         - sentence-transformers==6.2.0
#         - tokenizers==0.23.3
#         - torch===2.13.0
#         - transformers==5.23.0
#         # Dependencies of the packages above.
#         - annotated-doc==0.0.7
#         - annotated-types==0.8.0
#         - anyio==4.16.0; sys_platform != "emscripten"
#         - click==8.5.1
#         - cloudpickle==3.1.2
#         - dill==0.4.1
#         - filelock==4.2.11
#         - fsspec==2026.9.0
#         - h11==0.16.0; sys_platform != "emscripten"
#         - hf-xet==1.8.0; platform_machine == "AMD64" or platform_machine == "ARM64" or platform_machine == "aarch64" or platform_machine == "amd64" or platform_machine == "arm64" or platform_machine == "x86_64"
#         - httpcore2==2.16.2; sys_platform != "emscripten"
#         - httpx2==2.16.2
#         - idna==3.20
#         - jinja2==3.1.6
#         - joblib==1.6.0
#         - markdown-it-py==4.3.0
#         - markupsafe==3.0.4
#         - mdurl==0.1.2
#         - mpmath==1.3.0
#         - multiprocess==0.70.19
#         - narwhals==2.29.0
#         - networkx==3.6.1
#         - packaging==25.0
#         - pandas==3.1.1
#         - psutil==7.2.2
#         - pydantic-core==2.50.4
#         - pygments==2.21.0
#         - python-dateutil==4.0.0
#         - pyyaml==6.0.3
#         - regex==2026.11.15
#         - rich==15.0.0
#         - scikit-learn==1.9.1
#         - scipy==1.17.1
#         - setuptools==84.2.1
#         - shellingham==1.5.4
#         - sympy==1.14.0
#         - threadpoolctl==3.8.0
#         - tqdm==4.70.1
#         - truststore==0.10.5; sys_platform != "emscripten"
#         - typer==0.29.2
#         - typing-extensions==4.16.0
#         - typing-inspection==0.4.5
#         - tzdata==2026.6
#         - xxhash==4.1.0
RUN mkdir -p /conda-envs/2b20197dd92f8650736de32be16f8e5f
COPY envs/encoder-cuda.yaml /conda-envs/2b20197dd92f8650736de32be16f8e5f/environment.yaml
# Conda environment:
#   source: envs/evaluate.yaml
#   prefix: /conda-envs/49d379a6259e5af3155c46384cd8d8a1
#   # Measures.
#   # Versions of requirements.lock, written by `make envs`.
#   name: hybridbatch-evaluate
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11
#     - pip
#     - pip:
#         - numpy==2.4.6
#         - pandas==3.1.1
#         - pyarrow==26.0.1
#         - ranx==0.3.21
#         - scikit-learn==1.9.1
#         - pydantic==2.14.3
#         # Dependencies of the packages above.
#         - annotated-types==0.8.0
#         - cbor2==6.3.0
#         - certifi==2026.10.18
#         - charset-normalizer==3.5.2
#         - cloudpickle==3.1.2
#         - contourpy==1.3.3
#         - cramjam==2.14.0
#         - cycler==0.12.1
#         - fastparquet==2026.9.0
#         - fonttools==4.68.0
#         - fsspec==2026.9.0
#         - idna==3.20
#         - ir-datasets==0.6.3
#         - joblib==1.6.0
#         - kiwisolver==1.5.1
#         - llvmlite==0.50.0
#         - lxml==6.1.3
#         - lz4==4.4.5
#         - markdown-it-py==4.3.0
#         - matplotlib==3.11.2
#         - mdurl==0.1.2
#         - narwhals==2.29.0
#         - numba==0.68.1
#         - orjson==3.13.0
#         - packaging==25.0
#         - pillow==13.0.0
#         - pydantic-core==2.50.4
#         - pygments==2.21.0
#         - pyparsing==3.3.3
#         - python-dateutil==4.0.0
#         - pyyaml==6.0.3
#         - requests==2.34.2
#         - rich==15.0.0
#         - scipy==1.17.1
#         - seaborn==0.13.2
#         - tabulate==0.10.0
#         - threadpoolctl==3.8.0
#         - tqdm==4.70.1
#         - typing-extensions==4.16.0
#         - typing-inspection==0.4.5
#         - tzdata==2026.6
#         - urllib3==2.8.0
RUN mkdir -p /conda-envs/49d379a6259e5af3155c46384cd8d8a1
COPY envs/evaluate.yaml /conda-envs/49d379a6259e5af3155c46384cd8d8a1/environment.yaml
# Conda environment:
#   source: envs/mteb-cuda.yaml
#   prefix: /conda-envs/903fdd536b1320296b0d3e47dde708b4
#   # Written by `make envs` from the file without -cuda, which has the CPU build of torch.
#   # MTEB, for the target mteb. Its own packages are in requirements-mteb.txt, too.
#   # Versions of requirements.lock, written by `make envs`.
#   name: hybridbatch-mteb-cuda
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11
#     - pip
#     - pip:
#         - datasets==5.2.0
#         - mteb==2.26.24
#         - numpy==2.4.6
#         - polars==2.1.0
#         - polars-runtime-32==2.1.0
#         - pyarrow==26.0.1
#         - pydantic==2.14.3
#         - pytrec-eval-terrier==0.5.11
#         - requests==2.34.2
#         - rich==15.0.0
#         - safetensors==0.8.0
#         - scikit-learn==1.9.1
#         - scipy==1.17.1
#         - sentence-transformers==6.2.0
#         - torch===2.13.0
#         - tqdm==4.70.1
#         - transformers==5.23.0
#         - typing-extensions==4.16.0
#         # Dependencies of the packages above.
#         - annotated-doc==0.0.7
#         - annotated-types==0.8.0
#         - anyio==4.16.0; sys_platform != "emscripten"
#         - certifi==2026.10.18
#         - charset-normalizer==3.5.2
#         - click==8.5.1
#         - cloudpickle==3.1.2
#         - dill==0.4.1
#         - filelock==4.2.11
#         - fsspec==2026.9.0
#         - h11==0.16.0; sys_platform != "emscripten"
#         - hf-xet==1.8.0; platform_machine == "AMD64" or platform_machine == "ARM64" or platform_machine == "aarch64" or platform_machine == "amd64" or platform_machine == "arm64" or platform_machine == "x86_64"
#         - httpcore2==2.16.2; sys_platform != "emscripten"
#         - httpx2==2.16.2
#         - huggingface-hub==2.4.0
#         - idna==3.20
#         - jinja2==3.1.6
#         - joblib==1.6.0
#         - markdown-it-py==4.3.0
#         - markupsafe==3.0.4
#         - mdurl==0.1.2
#         - mpmath==1.3.0
#         - multiprocess==0.70.19
#         - narwhals==2.29.0
#         - networkx==3.6.1
#         - packaging==25.0
#         - pandas==3.1.1
#         - pydantic-core==2.50.4
#         - pygments==2.21.0
#         - python-dateutil==4.0.0
#         - pyyaml==6.0.3
#         - regex==2026.11.15
#         - setuptools==84.2.1
#         - shellingham==1.5.4
#         - sympy==1.14.0
#         - threadpoolctl==3.8.0
#         - tokenizers==0.23.3
#         - truststore==0.10.5; sys_platform != "emscripten"
#         - typer==0.29.2
#         - typing-inspection==0.4.5
#         - tzdata==2026.6
#         - urllib3==2.8.0
#         - xxhash==4.1.0
RUN mkdir -p /conda-envs/903fdd536b1320296b0d3e47dde708b4
COPY envs/mteb-cuda.yaml /conda-envs/903fdd536b1320296b0d3e47dde708b4/environment.yaml
# Conda environment:
#   source: envs/report.yaml
#   prefix: /conda-envs/04ddd5ed744c2579058ce056f01c3677
#   # Tables, figures and the report.
#   # Versions of requirements.lock, written by `make envs`.
#   name: hybridbatch-report
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11
#     - pip
#     - pip:
#         - huggingface-hub==2.4.0
#         - jinja2==3.1.6
#         - langcodes==3.5.1
#         - matplotlib==3.11.2
#         - numpy==2.4.6
#         - pandas==3.1.1
#         - pyarrow==26.0.1
#         - pydantic==2.14.3
#         - pyyaml==6.0.3
#         - scipy==1.17.1
#         # Dependencies of the packages above.
#         - annotated-types==0.8.0
#         - anyio==4.16.0; sys_platform != "emscripten"
#         - click==8.5.1
#         - contourpy==1.3.3
#         - cycler==0.12.1
#         - filelock==4.2.11
#         - fonttools==4.68.0
#         - fsspec==2026.9.0
#         - h11==0.16.0; sys_platform != "emscripten"
#         - hf-xet==1.8.0; platform_machine == "AMD64" or platform_machine == "ARM64" or platform_machine == "aarch64" or platform_machine == "amd64" or platform_machine == "arm64" or platform_machine == "x86_64"
#         - httpcore2==2.16.2; sys_platform != "emscripten"
#         - httpx2==2.16.2
#         - idna==3.20
#         - kiwisolver==1.5.1
#         - markupsafe==3.0.4
#         - packaging==25.0
#         - pillow==13.0.0
#         - pydantic-core==2.50.4
#         - pyparsing==3.3.3
#         - python-dateutil==4.0.0
#         - tqdm==4.70.1
#         - truststore==0.10.5; sys_platform != "emscripten"
#         - typing-extensions==4.16.0
#         - typing-inspection==0.4.5
#         - tzdata==2026.6
RUN mkdir -p /conda-envs/04ddd5ed744c2579058ce056f01c3677
COPY envs/report.yaml /conda-envs/04ddd5ed744c2579058ce056f01c3677/environment.yaml
# Conda environment:
#   source: envs/search.yaml
#   prefix: /conda-envs/5ed41759810bc6fe6bca53fb5bd6add8
#   # Indexes, search and BM25.
#   # Versions of requirements.lock, written by `make envs`.
#   name: hybridbatch-search
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11
#     - pip
#     - pip:
#         - bm25s==0.3.16
#         - faiss-cpu==1.15.1
#         - numpy==2.4.6
#         - pyarrow==26.0.1
#         - tokenizers==0.23.3
#         - pydantic==2.14.3
#         # Dependencies of the packages above.
#         - annotated-types==0.8.0
#         - anyio==4.16.0; sys_platform != "emscripten"
#         - click==8.5.1
#         - filelock==4.2.11
#         - fsspec==2026.9.0
#         - h11==0.16.0; sys_platform != "emscripten"
#         - hf-xet==1.8.0; platform_machine == "AMD64" or platform_machine == "ARM64" or platform_machine == "aarch64" or platform_machine == "amd64" or platform_machine == "arm64" or platform_machine == "x86_64"
#         - httpcore2==2.16.2; sys_platform != "emscripten"
#         - httpx2==2.16.2
#         - huggingface-hub==2.4.0
#         - idna==3.20
#         - packaging==25.0
#         - pydantic-core==2.50.4
#         - pyyaml==6.0.3
#         - tqdm==4.70.1
#         - truststore==0.10.5; sys_platform != "emscripten"
#         - typing-extensions==4.16.0
#         - typing-inspection==0.4.5
RUN mkdir -p /conda-envs/5ed41759810bc6fe6bca53fb5bd6add8
COPY envs/search.yaml /conda-envs/5ed41759810bc6fe6bca53fb5bd6add8/environment.yaml
# Conda environment:
#   source: envs/translate-cuda.yaml
#   prefix: /conda-envs/8a8092a1ad2ab2e07f4fa5f7abcd817a
#   # Written by `make envs` from the file without -cuda, which has the CPU build of torch.
#   # Translation: models and their conversion. Apertium, if an experiment uses it, is the system's.
#   # Versions of requirements.lock, written by `make envs`.
#   name: hybridbatch-translate-cuda
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11
#     - pip
#     - pip:
#         - ctranslate2==4.8.5
#         - nvidia-cublas-cu12==12.9.3.13
#         - huggingface-hub==2.4.0
#         - langcodes==3.5.1
#         - numpy==2.4.6
#         - pyarrow==26.0.1
#         - safetensors==0.8.0
#         - sentencepiece==0.2.3
#         - sentencex==1.0.32
#         - tokenizers==0.23.3
#         - torch===2.13.0
#         - transformers==5.23.0
#         # Dependencies of the packages above.
#         - annotated-doc==0.0.7
#         - annotated-types==0.8.0
#         - anyio==4.16.0; sys_platform != "emscripten"
#         - click==8.5.1
#         - filelock==4.2.11
#         - fsspec==2026.9.0
#         - h11==0.16.0; sys_platform != "emscripten"
#         - hf-xet==1.8.0; platform_machine == "AMD64" or platform_machine == "ARM64" or platform_machine == "aarch64" or platform_machine == "amd64" or platform_machine == "arm64" or platform_machine == "x86_64"
#         - httpcore2==2.16.2; sys_platform != "emscripten"
#         - httpx2==2.16.2
#         - idna==3.20
#         - jinja2==3.1.6
#         - markdown-it-py==4.3.0
#         - markupsafe==3.0.4
#         - mdurl==0.1.2
#         - mpmath==1.3.0
#         - networkx==3.6.1
#         - packaging==25.0
#         - pydantic==2.14.3
#         - pydantic-core==2.50.4
#         - pygments==2.21.0
#         - pyyaml==6.0.3
#         - regex==2026.11.15
#         - rich==15.0.0
#         - setuptools==84.2.1
#         - shellingham==1.5.4
#         - sympy==1.14.0
#         - tqdm==4.70.1
#         - truststore==0.10.5; sys_platform != "emscripten"
#         - typer==0.29.2
#         - typing-extensions==4.16.0
#         - typing-inspection==0.4.5
RUN mkdir -p /conda-envs/8a8092a1ad2ab2e07f4fa5f7abcd817a
COPY envs/translate-cuda.yaml /conda-envs/8a8092a1ad2ab2e07f4fa5f7abcd817a/environment.yaml

RUN conda env create --prefix /conda-envs/73f1533ac2d8012522db0715a44f44b4 --file /conda-envs/73f1533ac2d8012522db0715a44f44b4/environment.yaml && \
    conda env create --prefix /conda-envs/c78341d1a843b0ede0e1f44d118ae138 --file /conda-envs/c78341d1a843b0ede0e1f44d118ae138/environment.yaml && \
    conda env create --prefix /conda-envs/2b20197dd92f8650736de32be16f8e5f --file /conda-envs/2b20197dd92f8650736de32be16f8e5f/environment.yaml && \
    conda env create --prefix /conda-envs/49d379a6259e5af3155c46384cd8d8a1 --file /conda-envs/49d379a6259e5af3155c46384cd8d8a1/environment.yaml && \
    conda env create --prefix /conda-envs/903fdd536b1320296b0d3e47dde708b4 --file /conda-envs/903fdd536b1320296b0d3e47dde708b4/environment.yaml && \
    conda env create --prefix /conda-envs/04ddd5ed744c2579058ce056f01c3677 --file /conda-envs/04ddd5ed744c2579058ce056f01c3677/environment.yaml && \
    conda env create --prefix /conda-envs/5ed41759810bc6fe6bca53fb5bd6add8 --file /conda-envs/5ed41759810bc6fe6bca53fb5bd6add8/environment.yaml && \
    conda env create --prefix /conda-envs/8a8092a1ad2ab2e07f4fa5f7abcd817a --file /conda-envs/8a8092a1ad2ab2e07f4fa5f7abcd817a/environment.yaml && \
    conda clean --all -y
