# syntax=docker/dockerfile:1
# The server and nothing else: no compiler, no root, the versions that were tested.
#
#   docker build --tag mockserver .
#   docker run --rm --publish 127.0.0.1:4020:4020 --env MOCKSERVER_ADMIN_TOKEN=local-only mockserver
FROM debian:bookworm-slim AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-pip python3-venv \
 && python3 -m venv /opt/mockserver
WORKDIR /src
COPY pyproject.toml pins.txt README.md LICENSE ./
COPY mockserver ./mockserver
COPY schemas ./schemas
COPY fixtures ./fixtures
RUN PIP_BUILD_CONSTRAINT=pins.txt PIP_CONSTRAINT=pins.txt /opt/mockserver/bin/pip install \
      --no-cache-dir --disable-pip-version-check '.[fast,redis,tls]' \
 && /opt/mockserver/bin/pip uninstall --yes --quiet pip setuptools

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3-minimal libpython3-stdlib \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home mockserver
COPY --from=build /opt/mockserver /opt/mockserver
ENV PATH=/opt/mockserver/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    MOCKSERVER_HOST=0.0.0.0
USER 10001
WORKDIR /home/mockserver
EXPOSE 4020
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
  CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:4020/__admin/health', timeout=2)"]
ENTRYPOINT ["mockserver"]
CMD ["serve"]
