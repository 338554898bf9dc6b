# One target per component: `docker build --target webhook .`; `python -m hack.images` builds all.
#
# What runs is copied into an empty image: the interpreter with the libraries that it loads, one
# component's locked dependencies, its code. No shell, no pip, no compiler, not in a lower layer
# either. No architecture is named: `docker buildx build --platform linux/amd64,linux/arm64` works.
#
#   BASE     Debian with Python 3.11 or later and pip, e.g. a mirror's name of the default
#   wheels   --build-context wheels=DIR: pip takes the wheels in DIR, and needs no network
#   pip.conf --secret id=pip.conf,src=FILE: an index of your own; it is in no layer
#
# To add a component, add its two stages.
ARG BASE=docker.io/library/python:3.13-slim-bookworm

FROM scratch AS wheels

FROM ${BASE} AS build
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
COPY hack/images/inside hack/images/inside
RUN ["python3", "-m", "hack.images.inside.runtime", "/runtime"]

FROM scratch AS runtime
COPY --from=build /runtime /
COPY LICENSE /app/LICENSE
USER 65532:65532
WORKDIR /

# ------------------------------------------------------------------------------------- webhook
FROM build AS webhook-files
COPY requirements/webhook.txt requirements.txt
RUN --mount=type=bind,from=wheels,target=/wheels --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python3 -m hack.images.inside.dependencies requirements.txt /runtime /dependencies
COPY identity /code/app/identity
COPY webhook /code/app/webhook
RUN ["python3", "-m", "hack.images.inside.program", "/code", "manager", "webhook"]

FROM runtime AS webhook
COPY --from=webhook-files /dependencies /
COPY --from=webhook-files /code /
ENTRYPOINT ["/manager"]
ARG VERSION=unreleased REVISION= CREATED= SOURCE=
LABEL org.opencontainers.image.title="azwi webhook" \
      org.opencontainers.image.description="Gives pods their workload identity for Azure" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"
