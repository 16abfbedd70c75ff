# wsapp in an image of its own: the wheel is built in a stage that has a compiler, and runs in one that has none.
# Listing the applications once writes down which plugins there are, which the user below could not.
#
#   docker build -t wsapp .
#   docker run --rm -p 8080:8080 wsapp
#   docker run --rm -p 8080:8080 -v "$PWD:/srv:ro" wsapp --port tcp:8080 --app hello.py:Hello
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY setup.py pyproject.toml MANIFEST.in README.rst CHANGELOG.rst LICENSE ./
COPY wsapp wsapp
COPY twisted twisted
RUN pip wheel --no-cache-dir --wheel-dir /wheels '.[redis,admin]'

FROM python:${PYTHON}-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index /wheels/*.whl \
    && python -c 'import wsapp; assert wsapp.accelerated' \
    && twistd wsapp --list-apps \
    && useradd --system --no-create-home --uid 10001 wsapp
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /srv
USER 10001
EXPOSE 8080
# Clients are closed with 1001; give it the time by `docker stop -t`.
STOPSIGNAL SIGTERM
# Any answer of the server's own will do: for a page there may be none.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8080, timeout=4); c.request('GET', '/'); raise SystemExit(c.getresponse().status >= 500)"]
ENTRYPOINT ["twistd", "-n", "--pidfile=", "wsapp"]
CMD ["--port", "tcp:8080", "--app", "chat"]
