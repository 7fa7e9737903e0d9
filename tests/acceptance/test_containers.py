"""The image and the compose file, on a real Docker engine; skipped where none answers.

Two ways in: `docker compose up` as a newcomer types it, and pytest-celery with the image's worker between a Redis and a
Postgres of its own. Names are unique and ports are free ones, so that nothing else on the engine is touched. All of it
is here, for one image and one stack serve it.
"""

import base64
import json
import os
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from celery import Celery
from pytest_celery import (
    CeleryBackendCluster,
    CeleryBrokerCluster,
    CeleryTestBackend,
    CeleryTestContainer,
    CeleryTestSetup,
    CeleryTestWorker,
    CeleryWorkerCluster,
    CeleryWorkerContainer,
    RedisTestBroker,
)
from pytest_docker_tools import container, fxtr

from tests.support import secured
from tests.support.checkout import CHECKOUT
from tests.support.engine import missing
from tests.support.waiting import until

Docker = Callable[..., str]


@pytest.fixture(autouse=True, scope="module")
def engine() -> None:
    """Skip where there is no engine; asked when a test is about to run, not when they are collected."""
    if reason := missing():
        # The reason says which of the engine, its command and its images is missing.
        pytest.skip(reason)


pytestmark = pytest.mark.containers


@pytest.fixture(scope="module")
def image(engine: None) -> Iterator[str]:
    """The image of this checkout, under a name of this run."""
    name = f"pkgintel-test-{uuid.uuid4().hex[:8]}"
    environ = {**os.environ, "IMAGE_NAME": name, "COMPOSE_PROFILES": "sample"}
    made = subprocess.run(
        ["docker", "compose", "build", "--quiet"],
        cwd=CHECKOUT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-4000:]
    yield name
    subprocess.run(["docker", "image", "rm", "--force", name, f"{name}-sample"], capture_output=True, check=False)


# docker compose up


@pytest.fixture(scope="module")
def compose(image: str) -> Iterator[Docker]:
    """`docker compose …` for the stack with the sample catalog and two workers, which is up and healthy."""
    environ = {**os.environ, "IMAGE_NAME": image, "COMPOSE_PROFILES": "sample", "FLOWER_PORT": "0"}
    environ["COMPOSE_PROJECT_NAME"] = image

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["docker", "compose", *arguments], cwd=CHECKOUT, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (
            f"docker compose {' '.join(arguments)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
        return done.stdout

    try:
        run("up", "--scale", "worker=2", "--detach", "--wait", "--wait-timeout", "300")
        yield run
    finally:
        run("down", "--volumes", "--timeout", "5")


def containers(compose: Docker) -> list[dict[str, Any]]:
    return [json.loads(line) for line in compose("ps", "--all", "--format", "json").splitlines()]


def rows(compose: Docker, query: str) -> list[list[str]]:
    answer = compose("exec", "-T", "postgres", "psql", "-U", "pkgintel", "-d", "pkgintel", "-AtF\t", "-c", query)
    return [line.split("\t") for line in answer.splitlines()]


def test_everything_is_healthy_and_the_one_shots_are_through(compose: Docker) -> None:
    found = sorted((it["Service"], it["Health"] or f"exit {it['ExitCode']}") for it in containers(compose))
    healthy = ("beat", "flower", "postgres", "redis", "sample", "worker", "worker")
    assert found == sorted(
        [*((name, "healthy") for name in healthy), *((name, "exit 0") for name in ("migrate", "roles", "secrets"))]
    )


def test_only_flower_is_published_and_only_on_loopback(compose: Docker) -> None:
    published = {
        (it["Service"], port["URL"])
        for it in containers(compose)
        for port in it["Publishers"] or ()
        if port["PublishedPort"]
    }
    assert published == {("flower", "127.0.0.1")}


def test_flower_asks_for_the_password_made_at_the_first_start(compose: Docker) -> None:
    url = f"http://{compose('port', 'flower', '5555').strip()}/workers"
    password = compose("exec", "-T", "flower", "cat", "/secrets/flower_password").strip()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, timeout=10)
    assert refused.value.code == 401
    token = base64.b64encode(f"pkgintel:{password}".encode()).decode()
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        assert answer.status == 200


def test_no_process_of_ours_is_root_or_can_write_its_code(compose: Docker) -> None:
    for service in ("worker", "beat", "flower", "sample"):
        assert compose("exec", "-T", service, "id", "-u").strip() == "10001"
        assert compose("exec", "-T", service, "sh", "-c", "touch /app/x 2>/dev/null || echo no").strip() == "no"


def inspected(compose: Docker) -> dict[str, dict[str, Any]]:
    """What the engine says of a container of each service."""
    names = {it["Service"]: it["ID"] for it in containers(compose)}
    done = subprocess.run(["docker", "inspect", *names.values()], capture_output=True, text=True, check=True)
    return dict(zip(names, json.loads(done.stdout), strict=True))


def test_every_container_is_hardened(compose: Docker) -> None:
    for service, found in inspected(compose).items():
        host = found["HostConfig"]
        assert host["CapDrop"] == ["ALL"], service
        assert "no-new-privileges:true" in host["SecurityOpt"], service
        assert host["ReadonlyRootfs"], service
        root = {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETGID", "CAP_SETUID"}
        added = {f"CAP_{name.removeprefix('CAP_')}" for name in host["CapAdd"] or ()}
        assert added <= (root if service in ("postgres", "redis") else set()), service


def test_each_container_has_only_its_own_secrets(compose: Docker) -> None:
    wanted = {
        "postgres": "postgres_password",
        "redis": "redis.conf redis_password",
        "worker": "database_url redis_url",
        "beat": "database_url redis_url",
        "flower": "database_url flower_password redis_url",
    }
    for service, files in wanted.items():
        assert compose("exec", "-T", service, "ls", "/secrets").split() == files.split(), service
    mounted = {
        service: [it.get("Name", "").rpartition("_secrets")[1:] for it in found["Mounts"]]
        for service, found in inspected(compose).items()
    }
    secrets = {service: [end for has, end in names if has] for service, names in mounted.items()}
    assert secrets["migrate"] == ["_owner"]
    assert secrets["roles"] == ["_roles"]
    assert secrets["sample"] == []
    assert [service for service, names in secrets.items() if "" in names] == ["secrets"]


def test_the_stores_are_reached_from_inside_only(compose: Docker) -> None:
    networks = {
        service: {name.rpartition("_")[2] for name in found["NetworkSettings"]["Networks"]}
        for service, found in inspected(compose).items()
    }
    assert networks["postgres"] == networks["redis"] == networks["roles"] == {"stores"}
    assert networks["worker"] == {"default", "stores"}
    assert networks["secrets"] == {"none"}


def test_workers_may_write_rows_and_nothing_else(compose: Docker) -> None:
    users = "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name = 'pkgintel'"
    compose("exec", "-T", "worker", "pkgintel", "schedule", "list")
    assert rows(compose, users) in ([], [["pkgintel_app"]])
    rights = """SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles
                WHERE rolname IN ('pkgintel_owner', 'pkgintel_app')"""
    assert rows(compose, rights) == [["f"], ["f"]]
    owners = """SELECT DISTINCT tableowner FROM pg_tables
                WHERE schemaname IN ('raw', 'enriched', 'ops') OR tablename = 'pkgintel_migrations'"""
    assert rows(compose, owners) == [["pkgintel_owner"]]
    script = """
import os, psycopg
from pathlib import Path
with psycopg.connect(Path("/secrets/database_url").read_text().strip(), autocommit=True) as conn:
    for wish in ("CREATE TABLE ops.x (x int)", "DROP TABLE ops.runs", "ALTER TABLE ops.runs ADD COLUMN x int",
                 "CREATE ROLE x", "CREATE TABLE public.x (x int)", "TRUNCATE ops.runs"):
        try:
            conn.execute(wish)
        except psycopg.errors.InsufficientPrivilege:
            continue
        print(wish)
"""
    assert compose("exec", "-T", "worker", "python", "-c", script) == ""


def test_redis_keeps_what_it_holds_and_drops_nothing(compose: Docker) -> None:
    script = 'REDISCLI_AUTH=$(cat /secrets/redis_password) redis-cli config get "$1"'
    for name, value in (("appendonly", "yes"), ("maxmemory-policy", "noeviction")):
        assert compose("exec", "-T", "redis", "sh", "-c", script, "sh", name).split() == [name, value]
    assert "NOAUTH" in compose("exec", "-T", "redis", "redis-cli", "ping")


def test_a_scan_of_the_sample_is_shared_by_both_workers_and_reaches_verdicts(compose: Docker) -> None:
    known = [[path.name] for path in sorted((CHECKOUT / "sql" / "migrations").glob("[0-9]*.sql"))]
    assert rows(compose, "SELECT name FROM public.pkgintel_migrations ORDER BY number") == known
    assert compose("logs", "--no-log-prefix", "migrate").count(known[0][0]) == 1
    code = "from pkgintel.tasks import scan, sync; sync.delay(); scan.delay()"
    compose("exec", "-T", "worker", "python", "-c", code)
    count = "SELECT verdict, count(*) FROM enriched.nuget_package_oss_status GROUP BY 1"
    running = "SELECT count(*) FROM ops.runs WHERE state = 'running' OR source = 'nuget' AND state <> 'done'"
    until(lambda: len(rows(compose, count)) == 3 and rows(compose, running) == [["0"]], "verdicts", timeout=120)
    assert {verdict for verdict, _ in rows(compose, count)} == {"open_source", "proprietary", "unknown"}
    for number in ("1", "2"):
        log = compose("logs", "--no-log-prefix", "--index", number, "worker")
        assert "Task catalog.upsert_page" in log
    before = rows(compose, count)
    compose("restart", "worker", "beat")
    compose("up", "--scale", "worker=2", "--detach", "--wait", "--wait-timeout", "120")
    assert rows(compose, count) == before
    assert "up to date" in compose("logs", "--no-log-prefix", "migrate")


# docker compose up, with a Postgres and a Redis of one's own


@pytest.fixture(scope="module")
def managed(image: str) -> Iterator[tuple[str, secured.Secured]]:
    """A network with a Postgres and a Redis that speak TLS only, called managed-postgres and managed-redis."""
    network = f"{image}-managed"
    subprocess.run(["docker", "network", "create", network], check=True, capture_output=True)
    try:
        with secured.containers(network=network, hosts=("managed-postgres", "managed-redis")) as made:
            yield network, made
    finally:
        subprocess.run(["docker", "network", "rm", network], check=False, capture_output=True)


def test_addresses_of_ones_own_are_used_with_tls_and_the_stacks_own_stand_idle(
    image: str, managed: tuple[str, secured.Secured], tmp_path: Path
) -> None:
    network, made = managed
    (tmp_path / "network.yml").write_text(f"networks: {{ default: {{ name: {network}, external: true }} }}\n")
    environ = {**os.environ, "IMAGE_NAME": image, "COMPOSE_PROFILES": "sample", "FLOWER_PORT": "0"}
    environ |= {"COMPOSE_PROJECT_NAME": f"{image}-own", "CA_FILE": str(made.ca)}
    environ["PKGINTEL_DATABASE_URL"] = (
        f"postgresql://pkgintel:{secured.QUOTED}@managed-postgres/pkgintel?sslmode=verify-full&sslrootcert=/ca.pem"
    )
    environ["PKGINTEL_REDIS_URL"] = f"rediss://:{secured.QUOTED}@managed-redis:6379/0?ssl_ca_certs=/ca.pem"
    files = ["-f", str(CHECKOUT / "docker-compose.yml"), "-f", str(tmp_path / "network.yml")]

    def run(*arguments: str) -> str:
        words = ["docker", "compose", *files, *arguments]
        done = subprocess.run(words, cwd=CHECKOUT, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    try:
        run("up", "--scale", "worker=2", "--detach", "--wait", "--wait-timeout", "300")
        run("exec", "-T", "worker", "python", "-c", "from pkgintel.tasks import scan, sync; sync.delay(); scan.delay()")
        with psycopg.connect(made.postgres(), autocommit=True) as conn:
            count = "SELECT count(DISTINCT verdict) FROM enriched.nuget_package_oss_status"
            until(lambda: conn.execute(count).fetchone() == (3,), "verdicts in the managed Postgres", timeout=120)
            encrypted = (
                "SELECT bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity USING (pid) WHERE client_port > 0"
            )
            assert conn.execute(encrypted).fetchone() == (True,)
        assert rows(run, "SELECT to_regnamespace('ops') IS NULL") == [["t"]]
        script = "REDISCLI_AUTH=$(cat /secrets/redis_password) redis-cli dbsize"
        assert run("exec", "-T", "redis", "sh", "-c", script).strip() == "0"
        logs = run("logs", "worker", "beat", "flower", "migrate")
        assert secured.QUOTED not in logs
        assert secured.PASSWORD not in logs
    finally:
        run("down", "--volumes", "--timeout", "5")


# pytest-celery: the image's worker alone, between a Redis and a Postgres


class Postgres(CeleryTestContainer):
    """A container of Postgres; its log says twice that it is ready, and the first time it is not."""

    ready_prompt = "PostgreSQL init process complete"


class Worker(CeleryWorkerContainer):
    """A container of our own image, in which nothing is injected."""

    @classmethod
    def command(cls, *args: str, **_: Any) -> list[str]:
        return ["celery", "-A", "pkgintel", "worker", "-l", "INFO", "-c", "2", "-n", f"{cls.worker_name()}@%h", *args]


postgres = container(
    image="postgres:17",
    environment={"POSTGRES_USER": "pkgintel", "POSTGRES_PASSWORD": "pkgintel"},
    network="{default_pytest_celery_network.name}",
    wrapper_class=Postgres,
    timeout=120,
)
worker_container = container(
    image="{image}",
    command=Worker.command(),
    environment=fxtr("worker_environment"),
    network="{default_pytest_celery_network.name}",
    wrapper_class=Worker,
    timeout=120,
)


@pytest.fixture
def default_redis_broker_image() -> str:
    return "redis:8"


@pytest.fixture
def worker_environment(celery_redis_broker: RedisTestBroker, postgres: Postgres) -> dict[str, str]:
    host = postgres.attrs["Config"]["Hostname"]
    return {
        "PKGINTEL_DATABASE_URL": f"postgresql://pkgintel:pkgintel@{host}:5432/pkgintel",
        "PKGINTEL_REDIS_URL": celery_redis_broker.container.url,
        "REMAP_SIGTERM": "SIGQUIT",
    }


@pytest.fixture
def celery_broker_cluster(engine: None, celery_redis_broker: RedisTestBroker) -> CeleryBrokerCluster:
    return CeleryBrokerCluster(celery_redis_broker)


@pytest.fixture
def celery_backend_cluster(celery_redis_broker: RedisTestBroker) -> CeleryBackendCluster:
    return CeleryBackendCluster(CeleryTestBackend(celery_redis_broker.container))


@pytest.fixture
def celery_worker_cluster(worker_container: Worker, celery_setup_app: Celery) -> CeleryWorkerCluster:
    return CeleryWorkerCluster(CeleryTestWorker(worker_container, app=celery_setup_app))


# pytest-celery connects to 127.0.0.1, where the ports of a container beside this one are not published.
@pytest.mark.skipif(Path("/.dockerenv").is_file(), reason="inside a container pytest-celery cannot reach the ports")
def test_the_worker_waits_for_its_schema_then_works_and_ends_in_order(celery_setup: CeleryTestSetup) -> None:
    assert celery_setup.ready(ping=False, control=True)
    app, worker = celery_setup.app, celery_setup.worker.container
    early = app.send_task("catalog.scan", queue="catalog")
    with pytest.raises(Exception, match="has no pkgintel schema yet: run `pkgintel migrate`"):
        early.get(timeout=120)  # It is tried a few times first.
    code, output = worker.exec_run(["pkgintel", "migrate"])
    assert code == 0, output
    assert isinstance(app.send_task("ops.upkeep", queue="ops").get(timeout=60), str)
    worker.kill(signal="SIGTERM")
    assert worker._container.wait(timeout=60)["StatusCode"] == 0
