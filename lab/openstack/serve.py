"""One OpenStack project in the foreground, all its parts (API, scheduler, conductor, agent) in this one process.

    serve.py schema|run PROJECT SETTINGS

`schema` makes or upgrades the tables of PROJECT (keystone, placement, glance, neutron, cinder, nova) and ends. `run`
serves. SETTINGS is the JSON file that lab/control_plane.py writes. Runs in OpenStack's virtual environment, which has
nothing of the project's: this file and the drivers beside it stand alone.
"""

import base64
import contextlib
import importlib
import json
import logging
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

ACTION, PROJECT, SETTINGS_FILE = sys.argv[1:]
sys.argv = [PROJECT]  # the projects read it, too
with open(SETTINGS_FILE) as settings_file:
    SETTINGS: dict[str, Any] = json.load(settings_file)
STATE: str = SETTINGS["state"]
CONFIG = [f"{SETTINGS['config']}/{name}.conf" for name in ("common", PROJECT)]
CONFIG_ARGUMENTS = [argument for path in CONFIG for argument in ("--config-file", path)]


def wait_for(*services: str) -> None:
    """Wait until other services answer, whatever they answer."""
    for service in services:
        url = f"http://127.0.0.1:{SETTINGS['ports'][service]}/"
        for _ in range(600):
            try:
                urllib.request.urlopen(url, timeout=5)
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.1)


def serve_wsgi(application: Any) -> None:
    """Serve on one thread: with more, keystone was seen to mix up its callers' roles. Requests wait meanwhile, which is
    no news."""
    import waitress

    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    waitress.serve(
        application,
        host="127.0.0.1",
        port=SETTINGS["ports"][PROJECT],
        threads=1,
        connection_limit=1000,
        max_request_body_size=1 << 40,
    )


def launcher(conf: Any) -> Any:
    from oslo_service import service

    return service.ServiceLauncher(conf, restart_method="mutate")


def keystone_schema() -> None:
    import keystone.server
    from keystone.common.sql import upgrades

    keystone.server.configure(config_files=CONFIG)
    upgrades.offline_sync_database_to_version()


def keystone_run() -> None:
    from keystone.server.flask import core

    for folder in ("fernet-keys", "credential-keys"):
        os.makedirs(f"{STATE}/keystone/{folder}", mode=0o700, exist_ok=True)
        for name in "01":
            path = f"{STATE}/keystone/{folder}/{name}"
            if not os.path.exists(path):
                with open(f"{path}.new", "wb") as key:
                    key.write(base64.urlsafe_b64encode(os.urandom(32)))
                os.rename(f"{path}.new", path)
    marker = f"{STATE}/keystone/filled"
    if not os.path.exists(marker):
        in_a_child(fill_keystone)
        with open(marker, "w"):
            pass
    serve_wsgi(core.initialize_application("public", config_files=CONFIG))


def in_a_child(work: Callable[[], None]) -> None:
    """Run what leaves traces in its process in a forked child; end if it fails."""
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        except BaseException:  # sys.exit() included
            logging.exception("setup failed")
            os._exit(1)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{PROJECT}: setup failed, see above")


def fill_keystone() -> None:
    """The administrator, the catalog, the account that the other services log in with, and the tenants with one member
    each.

    What is there already stays.
    """
    import keystone.server
    from keystone import exception
    from keystone.cmd import bootstrap
    from keystone.common import provider_api

    keystone.server.configure(config_files=CONFIG)
    boot = bootstrap.Bootstrapper()
    boot.admin_username = boot.project_name = boot.admin_role_name = "admin"
    boot.admin_password, boot.region_id = SETTINGS["admin_password"], SETTINGS["region"]
    boot.bootstrap()
    api = provider_api.ProviderAPIs

    def once(make: Callable[..., Any], *arguments: Any) -> None:
        with contextlib.suppress(exception.Conflict):
            make(*arguments)

    for kind, name, url in SETTINGS["catalog"]:
        service = {"id": name, "type": kind, "name": name, "enabled": True}
        once(api.catalog_api.create_service, name, service)
        for face in ("public", "internal", "admin"):
            endpoint = {
                "id": f"{name}-{face}",
                "interface": face,
                "url": url,
                "service_id": name,
                "region_id": SETTINGS["region"],
                "enabled": True,
            }
            once(api.catalog_api.create_endpoint, endpoint["id"], endpoint)
    domain = boot.default_domain_id
    project = {"id": "service", "name": "service", "enabled": True, "domain_id": domain}
    once(api.resource_api.create_project, "service", project)
    account = {"name": "service", "password": SETTINGS["service_password"], "enabled": True, "domain_id": domain}
    once(api.identity_api.create_user, account)
    user = api.identity_api.get_user_by_name("service", domain)
    for role in (boot.admin_role_id, boot.service_role_id):
        once(api.assignment_api.add_role_to_user_and_project, user["id"], "service", role)
    domain = SETTINGS["domain"]
    once(api.resource_api.create_domain, domain, {"id": domain, "name": domain, "enabled": True})
    for tenant in SETTINGS["tenants"]:
        project = {"id": tenant["tenant_id"], "name": tenant["tenant"], "enabled": True, "domain_id": domain}
        once(api.resource_api.create_project, project["id"], project)
        account = {"name": tenant["user"], "password": tenant["password"], "enabled": True, "domain_id": domain}
        account["default_project_id"] = tenant["tenant_id"]
        once(api.identity_api.create_user, account)
        user = api.identity_api.get_user_by_name(tenant["user"], domain)
        once(api.assignment_api.add_role_to_user_and_project, user["id"], tenant["tenant_id"], boot.member_role_id)


def placement_config() -> Any:
    import placement.wsgi
    from oslo_config import cfg
    from placement import conf, db_api

    config = cfg.ConfigOpts()
    conf.register_opts(config)
    placement.wsgi._parse_args(config, ["placement"], CONFIG)
    placement.wsgi.setup_logging(config)
    db_api.configure(config)
    return config


def placement_schema() -> None:
    from placement.db.sqlalchemy import migration

    placement_config()
    migration.upgrade("head")


def placement_run() -> None:
    from placement import deploy

    serve_wsgi(deploy.loadapp(placement_config()))


def glance_schema() -> None:
    from glance.cmd import manage
    from glance.common import config

    config.parse_args(args=[], default_config_files=CONFIG)
    manage.DbCommands().sync()


def glance_run() -> None:
    from glance.common import wsgi_app

    for folder in ("images", "staging", "tasks"):
        os.makedirs(f"{STATE}/glance/{folder}", exist_ok=True)
    wsgi_app._get_config_files = lambda env=None: CONFIG
    serve_wsgi(wsgi_app.init_app())


def neutron_schema() -> None:
    from neutron.db.migration import cli

    sys.argv = ["neutron-db-manage", *CONFIG_ARGUMENTS, "upgrade", "heads"]
    cli.main()


def neutron_run() -> None:
    sys.argv = ["neutron-api", *CONFIG_ARGUMENTS]
    serve_wsgi(importlib.import_module("neutron.wsgi.api").application)


def cinder_config() -> Any:
    # First of all: it patches eventlet in. A lock made before is one of threads, and two green threads that want it
    # stop the process for good (oslo.db's was seen to, when nova's services started at the same moment).
    importlib.import_module("cinder.cmd.volume")
    import os_brick
    import os_brick.privileged
    from cinder import objects, version
    from cinder.common import config
    from oslo_config import cfg
    from oslo_log import log

    importlib.import_module("keystonemiddleware.auth_token")  # defines auth_section
    objects.register_all()
    cfg.CONF(CONFIG_ARGUMENTS, project="cinder", version=version.version_string())
    config.set_middleware_defaults()
    log.setup(cfg.CONF, "cinder")
    os_brick.setup(cfg.CONF)
    os_brick.privileged.default.set_client_mode(False)  # no sudo: this is root
    return cfg.CONF


def cinder_schema() -> None:
    cinder_config()
    from cinder.db import migration

    migration.db_sync()


def cinder_run() -> None:
    conf = cinder_config()
    from cinder import coordination, rpc, service, utils
    from cinder.cmd import volume

    coordination.COORDINATOR.start()
    rpc.init(conf)
    run = launcher(conf)
    wait_for("keystone")
    run.launch_service(service.Service.create(binary="cinder-scheduler"))
    run.launch_service(
        service.Service.create(
            binary="cinder-backup",
            coordination=True,
            service_name="backup",
            process_number=1,
            semaphore=utils.semaphore_factory(15, 1),
        )
    )
    volume._launch_service(run, "lab")
    run.launch_service(service.WSGIService("osapi_volume"))
    run.wait()


def nova_config() -> Any:
    importlib.import_module("nova.monkey_patch")  # first of all, see cinder_config()
    import nova.conf
    from nova import config, objects
    from oslo_log import log

    importlib.import_module("keystonemiddleware.auth_token")  # defines auth_section
    config.parse_args(["nova", *CONFIG_ARGUMENTS])
    log.setup(nova.conf.CONF, "nova")
    objects.register_all()
    return nova.conf.CONF


def nova_schema() -> None:
    nova_config()
    from nova.cmd import manage
    from nova.db import migration

    migration.db_sync(database="api")
    cells = manage.CellV2Commands()
    cells.map_cell0()
    manage.DbCommands().sync()  # both cells
    cells.create_cell(name="cell1")


def nova_run() -> None:
    conf = nova_config()
    import os_vif
    from nova import context, service
    from nova.objects import host_mapping

    os_vif.initialize()
    # nova takes drivers from its own package only
    sys.modules["nova.virt.nova_driver"] = importlib.import_module("nova_driver")
    run = launcher(conf)
    for binary in ("nova-conductor", "nova-scheduler"):
        run.launch_service(service.Service.create(binary=binary))
    # it reports its inventory to placement when it starts, and may have servers to bring back
    wait_for("keystone", "placement", "neutron", "cinder")
    run.launch_service(service.Service.create(binary="nova-compute"))
    administrator = context.get_admin_context()
    while not host_mapping.HostMappingList.get_all(administrator):
        time.sleep(0.1)  # until nova-compute has said hello
        host_mapping.discover_hosts(administrator)
    run.launch_service(service.WSGIService("osapi_compute"))
    run.wait()


def main() -> None:
    work: Callable[[], None] = globals()[f"{PROJECT}_{ACTION}"]
    work()


if __name__ == "__main__":
    main()
