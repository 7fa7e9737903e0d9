# The image of every process of pkgintel: worker, beat, Flower, migration. `--target sample` adds the sample catalog.
FROM python:3.12-slim AS pkgintel

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app

# What pkgintel needs changes seldom, so it has a layer of its own. The build tool goes with the layer that wanted it.
COPY pyproject.toml constraints.txt ./
RUN python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' \
 | pip install -q --only-binary :all: -c constraints.txt -r /dev/stdin

# It runs from its checkout: sql/ and celeryconfig.py lie beside the package. Only what is named here gets in.
COPY README.md celeryconfig.py Procfile ./
COPY sql ./sql
COPY pkgintel ./pkgintel
RUN pip install -q --only-binary :all: --no-deps -e . \
 && find pkgintel -name __pycache__ -prune -exec rm -r {} + && python -m compileall -q pkgintel celeryconfig.py \
 && useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin pkgintel \
 && install -d -o pkgintel -g pkgintel /secrets \
 && for whose in all postgres redis roles owner app flower; do install -d -o pkgintel -g pkgintel /made/$whose; done

USER pkgintel
CMD ["pkgintel", "--help"]


# The sample takes its SPDX lists out of the package reuse, of which nothing else is used.
FROM pkgintel AS sample
USER root
RUN pip install -q --no-deps --no-binary reuse -c constraints.txt reuse
USER pkgintel
CMD ["pkgintel", "sample", "--host", "0.0.0.0", "--port", "8080", "--base-url", "http://sample:8080"]


# The last one is what a plain `docker build .` makes.
FROM pkgintel
