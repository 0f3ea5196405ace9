# mumap-node: receiver, worker, deliverer and web from one image.
#   docker build --target cpu -t mumap-node .
#   docker build --target gpu -t mumap-node:gpu .
# No feature of one builder alone is used. A builder that skips the stages it does not need
# makes the CPU image by default; the classic one makes the GPU image on the way: name a target.
# BASE may be any image of Debian 12 or Ubuntu 22.04 and later with Python 3.11 or newer.
ARG BASE=python:3.11-slim-bookworm

# The builder's tools stay here; only /opt/mumap-node leaves, without pip.
FROM ${BASE} AS builder
WORKDIR /build
COPY requirements/build.txt requirements/build.txt
RUN python3 -m venv /build/tools \
    && /build/tools/bin/pip install --quiet --no-cache-dir --disable-pip-version-check \
        --require-hashes --requirement requirements/build.txt \
    && python3 -m venv --without-pip /opt/mumap-node

FROM builder AS builder-cpu
COPY requirements/cpu.txt requirements/cpu.txt
RUN /build/tools/bin/pip --python /opt/mumap-node/bin/python install --quiet --no-cache-dir \
        --disable-pip-version-check --require-hashes --requirement requirements/cpu.txt
COPY . .
RUN /build/tools/bin/python -m hatchling build --target wheel \
    && /build/tools/bin/pip --python /opt/mumap-node/bin/python install --quiet --no-cache-dir \
        --disable-pip-version-check --no-deps dist/*.whl

# What both images are, without the Python packages. Nothing is written outside the volume and
# /tmp, so the root file system may be read-only.
FROM ${BASE} AS runtime
LABEL org.opencontainers.image.title="mumap-node" \
      org.opencontainers.image.description="Answers a SPECT reconstruction with a synthetic attenuation map; not a medical device" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --system --gid 10104 mumap \
    && useradd --system --uid 10104 --gid mumap --home-dir /var/lib/mumap-node --no-create-home \
        --shell /usr/sbin/nologin mumap \
    && install --directory --owner mumap --group mumap --mode 0700 /var/lib/mumap-node \
    && install --directory /etc/mumap-node
ENV PATH=/opt/mumap-node/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10104:10104
WORKDIR /var/lib/mumap-node
EXPOSE 11112 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=3 \
    CMD ["mumap-node", "health", "-c", "/etc/mumap-node/mumap-node.toml"]
ENTRYPOINT ["mumap-node"]
CMD ["serve", "-c", "/etc/mumap-node/mumap-node.toml"]

FROM runtime AS cpu
COPY --from=builder-cpu /opt/mumap-node /opt/mumap-node

FROM builder AS builder-gpu
COPY requirements/gpu.txt requirements/gpu.txt
RUN /build/tools/bin/pip --python /opt/mumap-node/bin/python install --quiet --no-cache-dir \
        --disable-pip-version-check --require-hashes --requirement requirements/gpu.txt
COPY . .
RUN /build/tools/bin/python -m hatchling build --target wheel \
    && /build/tools/bin/pip --python /opt/mumap-node/bin/python install --quiet --no-cache-dir \
        --disable-pip-version-check --no-deps dist/*.whl

# CUDA 13 and cuDNN 9 come as Python packages; of the host only the driver is needed.
FROM runtime AS gpu
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=builder-gpu /opt/mumap-node /opt/mumap-node

FROM cpu
