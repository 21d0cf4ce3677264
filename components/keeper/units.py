"""The keeper's systemd units, rendered by pure functions."""

from dataclasses import dataclass

from components.keeper_network import DATABASE_ADDRESS, DATABASE_PORT
from keeper import receiver, signature
from keeper.places import DATA, RUN, USER

DATABASE = f"{DATABASE_ADDRESS}:{DATABASE_PORT}"
"""The kept database, on its server's network for the keeper."""

COMMAND = "/usr/local/bin/toybox-keeper"
LIBRARY = "/usr/local/lib/toybox-keeper"
MAJOR = 15
"""The kept server's version of PostgreSQL, that of Debian 12."""
PROGRAMS = f"/usr/lib/postgresql/{MAJOR}/bin"
CONFIGURATION = "/etc/toybox-keeper"
ANSWERS = f"{PROGRAMS}/pg_isready -q -h {RUN}"

TUNNEL = "toybox-keeper-tunnel.service"
WAL = "toybox-keeper-wal.service"
WANTED = "toybox-keeper-full.path"
SIGN = "toybox-keeper-sign.path"
SIGNER = "toybox-keeper-sign.service"

SERVICE = f"""\
User={USER}
Group={USER}
UMask=0077
Environment=TZ=UTC LC_ALL=C.UTF-8
NoNewPrivileges=yes
"""


@dataclass(frozen=True)
class Job:
    """A job that a timer starts.

    Attributes:
        kind: its name, to `toybox-keeper run`.
        what: its unit's description.
        calendar: when, as systemd.time(7) has it, in UTC.
        jitter: seconds at most by which it starts later, so that keepers do not start together.
        seconds: after which it is ended. Waiting for another job counts.
        wants: whether it needs the tunnel to the database.
        after: units that it lets end first, where they run.
        again: seconds after which it is tried again where it failed; 0: not before the timer's next time.
        first: seconds after the timer's own start, at a boot as well, at which it runs besides; 0: it does not.
    """

    kind: str
    what: str
    calendar: str
    jitter: int
    seconds: int
    wants: bool = True
    again: int = 0
    first: int = 0
    after: tuple[str, ...] = ()

    @property
    def service(self) -> str:
        """The unit's name."""
        return f"toybox-keeper-{self.kind}.service"

    @property
    def timer(self) -> str:
        """The timer's name."""
        return f"toybox-keeper-{self.kind}.timer"


HOURS = 3600
JOBS = (
    Job("mark", "mark in the kept database", "*-*-* *:*:00 UTC", 5, 45),
    Job("archive", "archiving of received WAL", "*-*-* *:*:30 UTC", 5, 300, wants=False),
    Job("full", "full backup of the database", "*-*-* 17:10:00 UTC", 1200, 8 * HOURS, again=1800),
    Job("files", "pull of the files", "*-*-* *:0/15:00 UTC", 60, 8 * HOURS, wants=False),
    Job("dump", "dump of the database", "*-*-* 18:40:00 UTC", 1200, 8 * HOURS, again=1800),
    Job("drill", "drill", "Sun *-*-* 19:30:00 UTC", 3600, 16 * HOURS, wants=False, again=6 * HOURS, first=6 * HOURS),
)

COPY = Job(
    "copy",
    "copy in object storage",
    "*-*-* 19:40:00 UTC",
    1200,
    12 * HOURS,
    wants=False,
    again=1800,
    after=tuple(job.service for job in JOBS if job.kind in ("full", "files", "dump")),
)
"""Where a copy is declared. It is made of what those jobs have made."""

DRILL_COPY = Job(
    "drill-copy",
    "drill of the copy in object storage",
    "Wed *-*-* 20:30:00 UTC",
    3600,
    16 * HOURS,
    wants=False,
    again=6 * HOURS,
    first=7 * HOURS,
    after=(COPY.service,),
)


def jobs(*, with_copy: bool) -> tuple[Job, ...]:
    """Return the jobs of a keeper."""
    return (*JOBS, COPY, DRILL_COPY) if with_copy else JOBS


def render_tunnel() -> str:
    """Return the unit of the way to the database: one socket here, forwarded to PostgreSQL's port there. It comes
    back within seconds: meanwhile WAL waits in the source's slot."""
    return f"""\
[Unit]
Description=TOYBOX keeper: way to the kept database
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
{SERVICE}ExecStart=/usr/bin/ssh -F {CONFIGURATION}/ssh_config -N -L {RUN}/.s.PGSQL.5432:{DATABASE} source
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
"""


def render_wal(source: str) -> str:
    """Return the unit of the receiver of WAL. It starts Barman once the database answers: Barman takes half a second of
    the processor to find out that it does not, and would be started each second. Barman's own `cron` would start a
    receiver, too, outside of any unit: it is not used (docs/decisions.md)."""
    return f"""\
[Unit]
Description=TOYBOX keeper: receiver of WAL
After={TUNNEL}
RequiresMountsFor={DATA}
StartLimitIntervalSec=0

[Service]
{SERVICE}ExecStartPre=/bin/sh -c 'while [ -e {RUN}/{receiver.HOLD} ] || ! {ANSWERS}; do sleep 1; done'
ExecStart=/usr/bin/barman --config {CONFIGURATION}/barman.conf receive-wal {source}
TimeoutStartSec=infinity
KillSignal=SIGINT
TimeoutStopSec=15
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
"""


def render_job(job: Job) -> str:
    """Return the unit of a job. It yields to everything else on the machine."""
    before = " ".join(((TUNNEL,) if job.wants else ()) + job.after)
    after = f"After={before}\n" if before else ""
    again = f"Restart=on-failure\nRestartSec={job.again}\n" if job.again else ""
    return f"""\
[Unit]
Description=TOYBOX keeper: {job.what}
{after}RequiresMountsFor={DATA}

[Service]
Type=oneshot
{SERVICE}ExecStart={COMMAND} run {job.kind}
TimeoutStartSec={job.seconds}
{again}Nice=10
IOSchedulingClass=best-effort
IOSchedulingPriority=7
"""


def render_timer(job: Job) -> str:
    """Return the timer of a job. One that was missed while the machine was off runs when it is on again."""
    first = f"OnActiveSec={job.first}\n" if job.first else ""
    return f"""\
[Unit]
Description=TOYBOX keeper: {job.what}

[Timer]
{first}OnCalendar={job.calendar}
RandomizedDelaySec={job.jitter}
AccuracySec=1s
Persistent=yes

[Install]
WantedBy=timers.target
"""


def render_wanted() -> str:
    """Return the unit that starts a full backup when one is wanted: after a hole in the WAL, before the night."""
    return f"""\
[Unit]
Description=TOYBOX keeper: full backup that is wanted

[Path]
PathExists={DATA}/records/{receiver.WANTED}
Unit=toybox-keeper-full.service

[Install]
WantedBy=multi-user.target
"""


def render_sign() -> str:
    """Return the unit that starts the signer when a drill asks for a signature."""
    return f"""\
[Unit]
Description=TOYBOX keeper: signature that is wanted

[Path]
PathExists={RUN}/{signature.REQUEST}
Unit={SIGNER}

[Install]
WantedBy=multi-user.target
"""


def render_signer() -> str:
    """Return the unit of the signer, the only one that runs as root: only root reads the machine's host key. It reads
    and writes the keeper's files as the keeper's user."""
    return f"""\
[Unit]
Description=TOYBOX keeper: signature of a drill's record

[Service]
Type=oneshot
ExecStart={LIBRARY}/sign
TimeoutStartSec=30
NoNewPrivileges=yes
PrivateNetwork=yes
PrivateTmp=yes
ProtectHome=yes
ProtectSystem=strict
ReadWritePaths={RUN}
"""


def render_all(source: str, *, with_copy: bool) -> dict[str, str]:
    """Return every unit's text by its name."""
    chosen = jobs(with_copy=with_copy)
    return {
        TUNNEL: render_tunnel(),
        WAL: render_wal(source),
        WANTED: render_wanted(),
        SIGN: render_sign(),
        SIGNER: render_signer(),
        **{job.service: render_job(job) for job in chosen},
        **{job.timer: render_timer(job) for job in chosen},
    }
