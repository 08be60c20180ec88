# One image for every process: `zhijian serve | api | media | recorder`. Built from the repository root:
#   docker build -f docker/zhijian.Dockerfile -t zhijian .
# PyAV's wheel carries libx264 and libx265 (GPL): whoever redistributes this image does so under GPL terms (see NOTICE).

FROM node:20-bookworm-slim AS web
WORKDIR /src/web_client
COPY web_client/package.json web_client/package-lock.json web_client/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY web_client/ ./
RUN npm run build

FROM rust:1.95-slim-bookworm AS native
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
RUN python3 -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir uv==0.13.9
COPY pyproject.toml uv.lock README.md LICENSE Cargo.toml Cargo.lock ./
RUN python3 -m venv /opt/zhijian && VIRTUAL_ENV=/opt/zhijian /opt/build/bin/uv sync --active --frozen --no-default-groups --no-install-project
COPY streaming/ streaming/
COPY recordings/ recordings/
COPY lecture_api/ lecture_api/
RUN /opt/build/bin/pip install --no-cache-dir maturin==1.16.0 \
    && /opt/build/bin/maturin build --release --locked --out /dist \
    && VIRTUAL_ENV=/opt/zhijian /opt/build/bin/uv pip install --no-deps /dist/*.whl

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends python3 ca-certificates tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/zhijian --create-home zhijian
COPY --from=native /opt/zhijian /opt/zhijian
COPY --from=web /src/web_client/dist /opt/zhijian/web_client
ENV PATH=/opt/zhijian/bin:$PATH \
    ZHIJIAN_DATA_DIR=/var/lib/zhijian \
    ZHIJIAN_WEB_DIR=/opt/zhijian/web_client \
    ZHIJIAN_HTTP_HOST=0.0.0.0
USER 10001
VOLUME ["/var/lib/zhijian"]
EXPOSE 8000/tcp 8001/udp 8001/tcp
ENTRYPOINT ["tini", "--"]
CMD ["zhijian", "serve"]
HEALTHCHECK --interval=10s --timeout=3s CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
