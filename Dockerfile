# Autograd Server. `docker build .` makes the image for CPUs; `--build-arg EXTRA=cuda13` (or cuda12, by the major version
# of the driver's CUDA) adds what a GPU needs. See docs/deployment.md.

FROM python:3.13-slim AS build
ARG EXTRA=""
ENV PIP_NO_CACHE_DIR=1 \
    PIP_NO_INPUT=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PIP_ONLY_BINARY=:all:
WORKDIR /opt/autograd
# Without pip: the image that is shipped installs nothing.
RUN python -m venv --without-pip /opt/venv
COPY requirements.txt ./
RUN pip --python /opt/venv/bin/python install --require-hashes --requirement requirements.txt
COPY pyproject.toml LICENSE ./
# CuPy is not locked (2 GB, for few machines). pip only warns of an extra that does not exist, so the name is checked here.
# hadolint ignore=DL3013
RUN case "$EXTRA" in \
        "") ;; \
        cuda12 | cuda13) pip --python /opt/venv/bin/python install ".[$EXTRA]" ;; \
        *) echo "EXTRA is '$EXTRA', which is none of cuda12, cuda13" >&2; exit 1 ;; \
    esac
COPY engine ./engine
COPY app ./app
# Here, since the server can write nothing where it runs.
RUN /opt/venv/bin/python -m compileall -q app engine

FROM python:3.13-slim
LABEL org.opencontainers.image.title="Autograd Server" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 autograd \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin autograd \
    && install -d -o 10001 -g 10001 /var/cache/autograd
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/autograd /opt/autograd
# The root may be read-only: CuPy's kernels go into a volume, where they outlive the container, and the rest to /tmp.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    CUPY_CACHE_DIR=/var/cache/autograd/cupy
WORKDIR /opt/autograd
USER 10001:10001
EXPOSE 8000
# By http.client, which no proxy variable misleads. `/readyz` needs no key.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('AUTOGRAD_PORT', '8000')), timeout=4); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]
# Refuses to start without keys (AUTOGRAD_KEYS_FILE, AUTOGRAD_KEYS) or `--insecure`. Flags may follow the image's name.
ENTRYPOINT ["python", "-m", "app", "--host", "0.0.0.0"]
