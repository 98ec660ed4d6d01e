"""A cluster over several machines, as text: commands, systemd units, or a compose file."""

from __future__ import annotations

import dataclasses
import shlex

from zkhost.provers.cluster.local_cluster import Plan

_UNIT = """# /etc/systemd/system/{name}.service
[Unit]
Description={description}
After=network-online.target
Wants=network-online.target

[Service]
{environment}ExecStart={command}
DynamicUser=yes
StateDirectory={name}
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
"""


def spread(plan: Plan, manager_host: str) -> tuple[Plan, Plan]:
    """Return the plans of the manager's machine and of the workers' machines; the manager listens on all addresses."""
    api_port, port = (address.rpartition(":")[2] for address in (plan.api, plan.listen))
    on_manager = dataclasses.replace(plan, api=f"0.0.0.0:{api_port}", listen=f"0.0.0.0:{port}")
    return on_manager, dataclasses.replace(plan, listen=f"{manager_host}:{port}")


def commands(plan: Plan, manager_host: str) -> str:
    """Return shell commands: one for the manager's machine, one for each worker. r0vm accepts numeric addresses only."""
    on_manager, on_worker = spread(plan, manager_host)
    api_port = plan.api.rpartition(":")[2]
    lines = [f"# on {manager_host}", shlex.join(on_manager.manager()), ""]
    for number in range(plan.workers):
        variables = [f"{name}={value}" for name, value in on_worker.variables(number).items()]
        lines += [f"# worker {number}, on any machine that reaches {manager_host}", ""]
        lines[-1] = " ".join([*variables, shlex.join(on_worker.worker())])
        lines.append("")
    lines += ["# on the machine that requests proofs", f"export BONSAI_API_URL=http://{manager_host}:{api_port}"]
    return "\n".join([*lines, "export BONSAI_API_KEY=any", ""])


def systemd(plan: Plan, manager_host: str) -> str:
    """Return systemd units: the manager's, and one per worker. A worker ends with its manager and is restarted."""
    on_manager, on_worker = spread(dataclasses.replace(plan, storage="/var/lib/r0vm-manager"), manager_host)
    units = [_unit("r0vm-manager", "r0vm cluster: manager and REST API", on_manager.manager(), {})]
    for number in range(plan.workers):
        description = f"r0vm cluster: worker {number}"
        units.append(_unit(f"r0vm-worker-{number}", description, on_worker.worker(), on_worker.variables(number)))
    return "\n".join(units)


def _unit(name: str, description: str, command: list[str], variables: dict[str, str]) -> str:
    environment = "".join(f"Environment={key}={value}\n" for key, value in variables.items())
    return _UNIT.format(name=name, description=description, command=shlex.join(command), environment=environment)


def compose(plan: Plan) -> str:
    """Return a compose file: r0vm comes from this machine, the network is the compose project's own."""
    api_port = plan.api.rpartition(":")[2]
    network, manager = "172.30.81.0/24", "172.30.81.2"  # r0vm accepts addresses, not names
    on_manager, on_worker = spread(dataclasses.replace(plan, r0vm="/usr/local/bin/r0vm", storage="/storage"), manager)
    volume = f'      - "{plan.r0vm}:/usr/local/bin/r0vm:ro"'
    lines = [
        "services:",
        "  manager:",
        "    image: debian:bookworm-slim",
        f"    command: {_list(on_manager.manager())}",
    ]
    lines += ["    volumes:", volume, "      - storage:/storage", f'    ports: ["127.0.0.1:{api_port}:{api_port}"]']
    lines += ["    restart: always", f"    networks: {{cluster: {{ipv4_address: {manager}}}}}"]
    for number in range(plan.workers):
        # A container sees only the GPU assigned to it, and sees it as number 0.
        given = on_worker.variables(number) | ({"CUDA_VISIBLE_DEVICES": "0"} if plan.gpus else {})
        variables = ", ".join(f'{name}: "{value}"' for name, value in given.items())
        lines += [f"  worker-{number}:", "    image: debian:bookworm-slim", f"    command: {_list(on_worker.worker())}"]
        lines += [f"    environment: {{{variables}}}", "    volumes:", volume, "    depends_on: [manager]"]
        lines += ["    restart: always", "    networks: [cluster]"]
        if plan.gpus:
            gpu = plan.gpus[number % len(plan.gpus)]
            device = f'{{driver: nvidia, device_ids: ["{gpu}"], capabilities: [gpu]}}'
            lines += [f"    deploy: {{resources: {{reservations: {{devices: [{device}]}}}}}}"]
    lines += ["volumes: {storage: {}}", f"networks: {{cluster: {{ipam: {{config: [{{subnet: {network}}}]}}}}}}", ""]
    return "\n".join(lines)


def _list(command: list[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in command) + "]"
