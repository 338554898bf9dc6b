# One target per component: `docker build --target webhook .`; `python -m hack.images` builds all.
#
# What runs is copied into an empty image: the interpreter with the libraries that it loads, one
# component's locked dependencies, its code. No shell, no pip, no compiler, not in a lower layer
# either. No architecture is named: `docker buildx build --platform linux/amd64,linux/arm64` works.
#
#   BASE     Debian with Python 3.11 or later and pip, e.g. a mirror's name of the default
#   wheels   --build-context wheels=DIR: pip takes the wheels in DIR, and needs no network
#   pip.conf --secret id=pip.conf,src=FILE: an index of your own; it is in no layer
#   VERSION, REVISION, CREATED, SOURCE   for the labels
#
# To add a component, add its two stages, and its name in hack/images/targets.py.
ARG BASE=docker.io/library/python:3.13-slim-bookworm

FROM scratch AS wheels

FROM ${BASE} AS build
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
COPY hack/images/inside hack/images/inside
COPY LICENSE /runtime/app/LICENSE
RUN ["python3", "-m", "hack.images.inside.runtime", "/runtime"]

FROM scratch AS runtime
COPY --from=build /runtime /
USER 65532:65532
WORKDIR /
ARG VERSION=dev
ARG REVISION
ARG CREATED
ARG SOURCE
LABEL org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"

# ------------------------------------------------------------------------------------------ webhook
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
LABEL org.opencontainers.image.title="azwi-webhook" \
      org.opencontainers.image.description="Gives pods their workload identity for Azure"

# --------------------------------------------------------------------------------------- controller
FROM build AS controller-files
COPY requirements/controller.txt requirements.txt
RUN --mount=type=bind,from=wheels,target=/wheels --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python3 -m hack.images.inside.dependencies requirements.txt /runtime /dependencies
COPY identity /code/app/identity
COPY entra /code/app/entra
COPY controller /code/app/controller
RUN ["python3", "-m", "hack.images.inside.program", "/code", "controller", "controller"]

FROM runtime AS controller
COPY --from=controller-files /dependencies /
COPY --from=controller-files /code /
ENTRYPOINT ["/controller"]
LABEL org.opencontainers.image.title="azwi-controller" \
      org.opencontainers.image.description="Keeps federated credentials in Entra ID as grants say"

# ----------------------------------------------------------------------------------------- emulator
FROM build AS emulator-files
COPY requirements/emulator.txt requirements.txt
RUN --mount=type=bind,from=wheels,target=/wheels --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python3 -m hack.images.inside.dependencies requirements.txt /runtime /dependencies
COPY identity /code/app/identity
COPY emulator /code/app/emulator
RUN ["python3", "-m", "hack.images.inside.program", "/code", "emulator", "emulator"]

FROM runtime AS emulator
COPY --from=emulator-files /dependencies /
COPY --from=emulator-files /code /
ENTRYPOINT ["/emulator"]
LABEL org.opencontainers.image.title="azwi-emulator" \
      org.opencontainers.image.description="A double of Entra ID, Microsoft Graph and Resource Manager, for tests"

# ---------------------------------------------------------------------------------------------- e2e
FROM build AS e2e-files
COPY requirements/consumer.txt requirements.txt
RUN --mount=type=bind,from=wheels,target=/wheels --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python3 -m hack.images.inside.dependencies requirements.txt /runtime /dependencies
COPY examples/consumer /code/app/consumer
RUN ["python3", "-m", "hack.images.inside.program", "/code", "consumer", "consumer"]

FROM runtime AS e2e
COPY --from=e2e-files /dependencies /
COPY --from=e2e-files /code /
ENTRYPOINT ["/consumer"]
LABEL org.opencontainers.image.title="azwi-e2e" \
      org.opencontainers.image.description="A workload that signs in and tells the claims of its token, for tests"
