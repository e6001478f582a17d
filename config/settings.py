"""Every setting, from the environment only; safe when nothing is set.

With nothing set: SQLite and a filesystem queue under var/, DEBUG off, answers only on this
machine's own names. docs/running.md lists each variable with an example.
"""

from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from registry.papers.limits import FILE_LIMIT

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

VAR = Path(env.str("TIZILIM_VAR", default=str(BASE_DIR / "var"))).resolve()
VAR.mkdir(parents=True, exist_ok=True)

DEBUG = env.bool("TIZILIM_DEBUG", default=False)

# A demo database holds measurements of an imitated internet, marked so everywhere. A real one refuses them.
DEMO = env.bool("TIZILIM_DEMO", default=False)


def _secret_key() -> str:
    """The key from the environment, else one made once and kept, readable by its owner only."""
    if given := env.str("TIZILIM_SECRET_KEY", default=""):
        return str(given)
    kept = VAR / "secret-key"
    if not kept.exists():
        fresh = kept.with_suffix(".partial")
        fresh.touch(mode=0o600)
        fresh.write_text(get_random_secret_key(), encoding="ascii")
        fresh.replace(kept)
    return kept.read_text(encoding="ascii")


SECRET_KEY = _secret_key()
ALLOWED_HOSTS = env.list("TIZILIM_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
SITE_URL = env.str("TIZILIM_SITE_URL", default="http://127.0.0.1:8000")
SECURE = SITE_URL.startswith("https://")
# Where this very program's source can be had: the AGPL promises it to every reader. Every page links to it.
SOURCE_URL = env.str("TIZILIM_SOURCE_URL", default="")

# The only hosts that lists are fetched from, such as the state register.
REGISTER_HOSTS = env.list("TIZILIM_REGISTER_HOSTS", default=["www.gov.kz", "gov.kz"])

# Public keys with which the originals of papers are sealed (registry.papers.sealing); all of their holders together
# can open one. Without a key no paper is taken in.
SEALED_FOR = env.list("TIZILIM_SEALED_FOR", default=[])

INSTALLED_APPS = [
    "config",
    "registry",
    "checks",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "registry.veil.Middleware",  # innermost: it reads what leaves before anything packs it
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "registry.web.context.site",
            ],
        },
    }
]

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{VAR / 'tizilim.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Web, worker and beat write at once: without these, "database is locked".
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
elif DATABASES["default"]["ENGINE"].endswith("postgresql"):
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("TIZILIM_DB_CONN_MAX_AGE", default=60)
else:
    raise ImproperlyConfigured("DATABASE_URL must name PostgreSQL or SQLite, for example postgres://user@/tizilim")
# A streaming copy of that PostgreSQL, from which the public reads (config/replica.py), unless it is further behind.
if env.str("DATABASE_REPLICA_URL", default=""):
    REPLICA = env.db("DATABASE_REPLICA_URL")
    both_are = all(one.get("ENGINE", "").endswith("postgresql") for one in (REPLICA, DATABASES["default"]))
    if not both_are or not REPLICA["NAME"]:
        raise ImproperlyConfigured("DATABASE_REPLICA_URL must name a copy of the PostgreSQL that DATABASE_URL names")
    # One that vanished without a word is noticed in seconds.
    REPLICA["OPTIONS"] = {"connect_timeout": 2, "tcp_user_timeout": 3000, **REPLICA.get("OPTIONS", {})}
    REPLICA |= {"CONN_MAX_AGE": DATABASES["default"]["CONN_MAX_AGE"], "CONN_HEALTH_CHECKS": True}
    DATABASES["replica"] = REPLICA
    DATABASE_ROUTERS = ["config.replica.Router"]
    MIDDLEWARE.insert(0, "config.replica.Middleware")
REPLICA_LAG = env.float("TIZILIM_REPLICA_LAG", default=10.0)  # seconds
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Celery: the queue is a doorbell, the database is the truth. No result backend.
CELERY_BROKER_URL = env.str("TIZILIM_BROKER_URL", default="filesystem://")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# The queues of the centre; `results` stands for those in which batches come home (config/workers.py).
QUEUES = ["central", "registry", "export", "results"]
CELERY_TASK_DEFAULT_QUEUE = "central"
CELERY_TASK_ROUTES = {
    "record": {"queue": "results"},
    "archive": {"queue": "export"},  # hours of a large month: nothing else waits behind it
    **{name: {"queue": "registry"} for name in ("count_standings", "find_alarms", "log_ends_of_hidings")},
}
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # whoever reaches the broker must not stop a worker
CELERY_TIMEZONE = "UTC"
if CELERY_BROKER_URL.startswith("filesystem:"):
    BROKER_FOLDER = VAR / "broker"
    (BROKER_FOLDER / "control").mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_FOLDER),
        "data_folder_out": str(BROKER_FOLDER),
        "control_folder": str(BROKER_FOLDER / "control"),
        "polling_interval": 0.1,
    }
# Whole months of measurements that stay in the database besides the running one; older ones go to files in this folder.
KEEP_MONTHS = env.int("TIZILIM_KEEP_MONTHS", default=3)
if not 1 <= KEEP_MONTHS <= 1200:
    raise ImproperlyConfigured("TIZILIM_KEEP_MONTHS must be 1 to 1200: what was measured lately is judged again")
ARCHIVE = Path(env.str("TIZILIM_ARCHIVE", default=str(VAR / "archive"))).resolve()
# Whoever sends it as a bearer token may read /metrics; without one, only this machine may.
METRICS_TOKEN = env.str("TIZILIM_METRICS_TOKEN", default="")
# A run: at most so many targets, and how long it may take before it goes out again, in seconds.
BATCH = env.int("TIZILIM_BATCH", default=200)
LEASE = env.float("TIZILIM_LEASE", default=300.0)
LEASE_PER_TARGET = env.float("TIZILIM_LEASE_PER_TARGET", default=2.0)
# Over how much of a plan's period its runs are spread: 1 is all of it, 0 makes all of them due at once.
SPREAD = env.float("TIZILIM_SPREAD", default=1.0)
# Minutes after which something that looked different is measured again; empty: at the next sweep only.
RETESTS = env.list("TIZILIM_RETESTS", cast=float, default=[5.0, 20.0, 60.0])
# Whoever knows it can tell when a site will be visited.
PLANNING_SEED = (
    env.str("TIZILIM_PLANNING_SEED", default="") or salted_hmac("planning", "seed", secret=SECRET_KEY).hexdigest()
)
# How often beat looks for due plans and for leases that ran out, in seconds.
TICK = env.float("TIZILIM_TICK", default=10.0)
WAVES_TICK = 600.0  # a wave is an hour wide, and an editor decides on it: ten minutes later is soon enough
TROUBLES_TICK = 3600.0  # public pages tell what is found, and must not tell it to the minute
ALARMS_TICK = 3600.0  # they rest on states, which change after two rounds at the earliest
ARCHIVE_TICK = 86_400.0  # a month is due for a month
ENDS_TICK = 3600.0  # what is hidden ends without it; it tells the log, which tells hours
CELERY_BEAT_SCHEDULE = {
    "dispatch": {"task": "dispatch", "schedule": TICK, "options": {"expires": TICK}},
    "archive": {"task": "archive", "schedule": ARCHIVE_TICK, "options": {"expires": ARCHIVE_TICK}},
    "count_standings": {"task": "count_standings", "schedule": TICK, "options": {"expires": TICK}},
    "find_alarms": {"task": "find_alarms", "schedule": ALARMS_TICK, "options": {"expires": ALARMS_TICK}},
    "log_ends_of_hidings": {"task": "log_ends_of_hidings", "schedule": ENDS_TICK, "options": {"expires": ENDS_TICK}},
    "find_troubles": {
        "task": "find_troubles",
        "schedule": TROUBLES_TICK,
        "options": {"expires": TROUBLES_TICK},
    },
    "find_waves": {"task": "find_waves", "schedule": WAVES_TICK, "options": {"expires": WAVES_TICK}},
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGES = [("kk", _("Kazakh")), ("ru", _("Russian")), ("en", _("English"))]
LANGUAGE_CODE = "kk"
LOCALE_PATHS = [BASE_DIR / "registry" / "locale"]
FORMAT_MODULE_PATH = ["registry.formats"]
COUNTRY = "KZ"  # whose days off count in a period of the law, where its pack says nothing of a day
TIME_ZONE = "Asia/Almaty"
USE_TZ = True

STATIC_URL = "static/"
# Where `collectstatic` puts files under hashed names. Unset (demo, tests), they are served from where they lie.
STATIC_ROOT = env.str("TIZILIM_STATIC_ROOT", default="") or None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if WHITENOISE_USE_FINDERS
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# What is uploaded is never on a disk: a paper names people. One that is too large is not taken at all.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = FILE_LIMIT + 2**16  # and the rest of the form

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
SECURE_REFERRER_POLICY = "no-referrer"
SECURE_SSL_REDIRECT = False  # nginx redirects; behind it the application sees plain HTTP
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
if SECURE:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_AGE = 30 * 60  # seconds that an editor may be idle
SESSION_COOKIE_PATH = "/desk/"  # no page of the public learns that its reader is an editor
CSRF_COOKIE_PATH = "/"
CSRF_COOKIE_SAMESITE = SESSION_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
OTP_TOTP_ISSUER = "Tizilim"  # how an authenticator names the account
# The desk has no language in its address: a cookie remembers an editor's. No page of the public sees it.
LANGUAGE_COOKIE_PATH = "/desk/"
LANGUAGE_COOKIE_SECURE = SECURE
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["registry.api.parsers.StrictJSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PAGINATION_CLASS": "registry.api.paging.IdCursor",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_RATES": {"reports": "30/hour", "reads": "600/minute"},
    "EXCEPTION_HANDLER": "registry.api.problems.handle",
    "UNAUTHENTICATED_USER": None,
    "NUM_PROXIES": env.int("TIZILIM_PROXIES", default=0),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tizilim",
    "DESCRIPTION": "A public, verifiable register of blocked websites. Anonymous reading; data under CC BY 4.0.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,  # a list of choices is no description
    "POSTPROCESSING_HOOKS": [],  # choices stand where they are used: many tables have a `state` and a `type`
}

# No visitor log: not one line names an address, or what somebody asked for. Our own errors go to stderr with their
# traceback. The level stands at the handler too, for loggers of libraries have levels of their own.
LOG_LEVEL = env.str("TIZILIM_LOG_LEVEL", default="WARNING")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "plain", "level": LOG_LEVEL},
        "nowhere": {"class": "logging.NullHandler"},  # without any handler Python would print to stderr
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"level": LOG_LEVEL},
        "django.request": {"level": "ERROR"},  # below it: each address that was not found, each bad request
        "django.security": {"handlers": ["nowhere"], "propagate": False},  # bad requests, with their traceback
        "django.server": {"handlers": ["nowhere"], "propagate": False},  # every request
        "kombu.connection": {"level": "ERROR"},  # a filesystem queue has no host name to miss
    },
}
