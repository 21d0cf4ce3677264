#!/bin/bash
# Starts Redis as the official image's entrypoint does: options and configuration files are redis-server's
# arguments; as root it hands /data to redis and becomes redis.
set -euo pipefail

if [[ ${1:0:1} == - || $1 == *.conf ]]; then
    set -- redis-server "$@"
fi
if [[ $1 == redis-server ]] && ((EUID == 0)); then
    find . \! -user redis -exec chown redis {} +
    exec setpriv --reuid=redis --regid=redis --init-groups "${BASH_SOURCE[0]}" "$@"
fi
# what Redis writes is for Redis only
if [[ $1 == redis-server ]]; then
    umask 0077
fi
exec "$@"
