"""Neutron's mechanism driver of the lab: binds any port at once and plugs nothing, for the servers' bridge is
Docker's."""

from typing import Any

from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api


class LabMechanismDriver(api.MechanismDriver):  # type: ignore[misc]
    """Found by the entry point in toybox_lab.dist-info beside this file."""

    def initialize(self) -> None:
        pass

    @property
    def connectivity(self) -> str:
        return str(portbindings.CONNECTIVITY_L2)

    def bind_port(self, context: Any) -> None:
        context.set_binding(
            context.segments_to_bind[0][api.ID],
            portbindings.VIF_TYPE_BRIDGE,
            {portbindings.CAP_PORT_FILTER: True},
            constants.PORT_STATUS_ACTIVE,
        )
