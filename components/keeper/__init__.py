"""The keeper: a Debian machine at another provider that pulls what a stack must not lose.

What it does not do: it makes no machine and no disk, and it changes nothing on the kept server. It sets up the one
that `toybox:machine` names, and `ready` is when the kept database's write-ahead log arrives there.
"""

from collections.abc import Sequence

import pulumi
import pulumi_command as command

from components.host.bundle import pack
from components.host.commands import unpack_and_run
from components.host.host_secrets import version
from components.host.ssh_retries import KNOWN_SERVER, is_unreachable
from components.keeper.bundle import LIBRARY, keeper_bundle, secrets_bundle
from components.keeper.condition import Condition
from components.keeper.source import Source, kept_source
from components.secret_output import secret_output
from host.ssh_files import USER
from inventory import tokens
from settings.keeper import Copy, Machine, Secrets

__all__ = ["Keeper", "Source", "kept_source"]

APPLY = unpack_and_run('"$bundle/apply" "$bundle"', seconds=1500)
INSTALL_SECRETS = unpack_and_run(f'{LIBRARY}/install-secrets "$bundle"', seconds=60)
READY = f"timeout 300 {LIBRARY}/ready"


class Keeper(pulumi.ComponentResource):
    """Sets the keeper up in three steps: program and configuration, secrets, services.

    Args:
        machine: where it is, and the host key that it must show.
        secrets: the keys and passwords that it works with.
        source: the kept stack's server.
        copy: where the encrypted copy goes, if there is one.
        ssh_config: the ssh_config(5) of the machine, for the look at it.
    """

    ready: command.remote.Command

    def __init__(
        self,
        name: str,
        *,
        machine: Machine,
        secrets: Secrets,
        source: Source,
        copy: Copy | None,
        ssh_config: str,
        provider: command.Provider,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        # in the state, so that the guard knows what it costs before and after
        props = {"copy": copy.endpoint if copy else ""}
        super().__init__(
            tokens.KEEPER, name, props, pulumi.ResourceOptions.merge(pulumi.ResourceOptions(providers=[provider]), opts)
        )
        connection = command.remote.ConnectionArgs(
            host=machine.address,
            user=USER,
            private_key=secret_output(secrets.ssh_private_key),
            host_key=machine.host_key,
            dial_error_limit=KNOWN_SERVER.errors,
            per_dial_timeout=KNOWN_SERVER.seconds,
        )
        condition = Condition(f"{name}-condition", ssh_config=ssh_config, address=machine.address)
        explain = _unreachable_hook(f"{name}-unreachable", machine.address)

        def step(
            suffix: str,
            create: str,
            *,
            stdin: pulumi.Input[str] | None = None,
            triggers: Sequence[pulumi.Input[str]] = (),
            after: list[pulumi.Resource] | None = None,
            secret: bool = False,
            timeout: str = "10m",
            then: Sequence[pulumi.ResourceHook] = (),
        ) -> command.remote.Command:
            return command.remote.Command(
                f"{name}-{suffix}",
                connection=connection,
                create=create,
                stdin=stdin,
                triggers=[condition.token, *triggers],
                add_previous_output_in_env=False,
                logging=command.remote.Logging.NONE if secret else None,
                opts=pulumi.ResourceOptions(
                    parent=self,
                    provider=provider,
                    depends_on=after,
                    additional_secret_outputs=["stdout", "stderr"] if secret else None,
                    custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout),
                    hooks=pulumi.ResourceHookBinding(
                        after_create=list(then), after_update=list(then), on_error=[explain]
                    ),
                ),
            )

        packed = pulumi.Output.all(source.address, source.host_key, source.web).apply(
            lambda known: pack(keeper_bundle(source.stack, str(known[0]), str(known[1]), known[2], copy))
        )
        packed_secrets = pack(secrets_bundle(secrets))
        bundle = step("bundle", APPLY, stdin=packed, timeout="30m")
        installed = step(
            "secrets", INSTALL_SECRETS, stdin=pulumi.Output.secret(packed_secrets), after=[bundle], secret=True
        )
        self.ready = step(
            "ready",
            READY,
            triggers=[packed.apply(version), version(packed_secrets)],
            after=[bundle, installed],
            then=[condition.noted],
        )
        self.register_outputs({})


def _unreachable_hook(name: str, address: str) -> pulumi.ErrorHook:
    """Return the hook for `on_error` of every step: it says once what to do if the machine refuses the login."""
    said: list[str] = []

    async def explain(args: pulumi.ErrorHookArgs) -> bool:
        error = args.errors[0] if args.errors else ""
        if is_unreachable(error) and not said:
            said.append(error)
            pulumi.log.error(render_unreachable(address, error))
        return False

    return pulumi.ErrorHook(name, explain)


def render_unreachable(address: str, error: str) -> str:
    """Return the message for a keeper that does not let us in, with the commands as they are to be typed."""
    return f"""\
The keeper does not let us in: {USER}@{address}, port 22. The last answer:
    {error.strip().splitlines()[-1].strip()}
Nothing on it was changed; when it answers, run `pulumi up` again. Where to look:
  1. Does the machine run, and is {address} its address (toybox:machine.address)?
  2. Does it accept the key? `toybox init --stack keeper` prints the line for its root's authorized_keys.
  3. Is toybox:machine.hostKey the second half of its /etc/ssh/ssh_host_ed25519_key.pub? If it was set up again,
     it has another one, and nothing that was kept on it."""
