#!/bin/bash
# Starts PostgreSQL as the official image's entrypoint does: as root it hands PGDATA to postgres and becomes
# postgres; an empty PGDATA is initialised first, behind a Unix socket only, so that no client meets a
# half-made database.
set -Eeuo pipefail

fail() { echo "docker-entrypoint.sh: $*" >&2; exit 1; }

read_password() {
    [[ -z ${POSTGRES_PASSWORD:-} || -z ${POSTGRES_PASSWORD_FILE:-} ]] ||
        fail "POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are exclusive"
    password=${POSTGRES_PASSWORD:-}
    if [[ -n ${POSTGRES_PASSWORD_FILE:-} ]]; then
        password=$(<"$POSTGRES_PASSWORD_FILE")
    fi
    [[ -n $password ]] ||
        fail "the database is not initialised and no superuser password is given: set POSTGRES_PASSWORD_FILE"
}

initialise() {
    local user=${POSTGRES_USER:-postgres} password file
    local database=${POSTGRES_DB:-$user}
    read_password
    # the arguments are words of a command line, as in the official image
    eval 'initdb --username="$user" --pwfile=<(printf "%s\n" "$password") '"${POSTGRES_INITDB_ARGS:-}"
    printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"

    pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -p 5432" -w start
    local psql=(psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$user" --no-password)
    if [[ $database != postgres ]]; then
        "${psql[@]}" --dbname postgres --set name="$database" <<<'CREATE DATABASE :"name";'
    fi
    for file in /docker-entrypoint-initdb.d/*.sql; do
        [[ ! -e $file ]] || "${psql[@]}" --dbname "$database" -f "$file"
    done
    pg_ctl -D "$PGDATA" -m fast -w stop
    echo "PostgreSQL init process complete; ready for start up."
}

if [[ ${1:0:1} == - ]]; then
    set -- postgres "$@"
fi
if [[ $1 == postgres ]]; then
    if ((EUID == 0)); then
        mkdir -p "$PGDATA"
        chmod 0700 "$PGDATA"
        find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres {} +
        exec setpriv --reuid=postgres --regid=postgres --init-groups "${BASH_SOURCE[0]}" "$@"
    fi
    [[ -s $PGDATA/PG_VERSION ]] || initialise
fi
exec "$@"
