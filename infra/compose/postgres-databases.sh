#!/bin/sh
# Runs once, on an empty data folder: a database and an owner for each service, who sees no other's.
set -eu
for name in prefect marquez; do
    case $name in
        prefect) password=$PREFECT_DATABASE_PASSWORD ;;
        marquez) password=$MARQUEZ_PASSWORD ;;
    esac
    psql --username "$POSTGRES_USER" --set=ON_ERROR_STOP=1 --set=name="$name" --set=password="$password" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
done
