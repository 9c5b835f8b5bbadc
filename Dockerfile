# The CPU image: everything but CUDA.   docker build -t ocrmill .
#   docker run --rm --shm-size=2g -v "$PWD":/data ocrmill run /data/pdfs --out /data/out
# With vLLM for GPUs:   docker build -t ocrmill-gpu --build-arg EXTRAS='[vllm]' .
#   docker run --rm --gpus all --shm-size=10g -v "$PWD":/data ocrmill-gpu run /data/pdfs --out /data/out --model /data/model
FROM python:3.11-slim
ARG EXTRAS=""

# Ray reads the machine's state with procps; RapidOCR's OpenCV needs GLib; Triton, which vLLM needs on GPUs, compiles C
# at its first kernel (Python's headers are in the base image).
RUN apt-get update \
    && compiler="$(case "$EXTRAS" in *vllm*) echo gcc libc6-dev ;; esac)" \
    && apt-get install --yes --no-install-recommends procps libglib2.0-0 libgl1 $compiler \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/ocrmill
COPY pyproject.toml hatch_build.py README.md LICENSE cli.py ./
COPY ocrmill ocrmill
COPY configs configs
COPY pipeline pipeline
COPY model_adapter model_adapter
COPY workers workers
COPY commands commands
RUN pip install --no-cache-dir ".${EXTRAS}"

RUN useradd --create-home ocrmill
USER ocrmill
WORKDIR /data
ENTRYPOINT ["ocrmill"]
CMD ["--help"]
