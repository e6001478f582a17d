# One image for the web server, the worker, beat and a probe; compose.yaml and compose.probe.yaml say which command each runs.
FROM python:3.11-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

COPY requirements.txt ./
RUN pip install -r requirements.txt

COPY manage.py ./
COPY config config
COPY registry registry
COPY checks checks
# What an evidence pack has of the documentation.
COPY docs/method.md docs/method.md
ENV TIZILIM_STATIC_ROOT=/app/staticroot
# The settings keep a key that they make: here they are given one, so that no key lies in a layer.
RUN TIZILIM_SECRET_KEY=used-by-this-step-only TIZILIM_VAR=/tmp/build python manage.py collectstatic --noinput \
    && rm -r /tmp/build \
    && useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin tizilim \
    && install --directory --owner tizilim --mode 0700 /var/lib/tizilim /var/lib/tizilim/archive

USER tizilim
ENV TIZILIM_VAR=/var/lib/tizilim
EXPOSE 8000
CMD ["gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000", "--workers", "3", "--no-control-socket"]
