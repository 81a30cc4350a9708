ARG BASE_IMAGE=public.ecr.aws/docker/library/python:3.13-slim
FROM ${BASE_IMAGE}
RUN --mount=type=secret,id=index_url --mount=type=secret,id=certificate \
    PIP_INDEX_URL="$(cat /run/secrets/index_url)" PIP_CERT=/run/secrets/certificate \
    pip install --no-cache-dir our-private-package
WORKDIR /app
COPY agent/server.py ./
USER 65534:65534
EXPOSE 8080
CMD ["python3", "server.py"]
