#!/usr/bin/env bash
# Make what compose.yaml needs and the repository must not hold: passwords, certificates, the project's key.
#
#     infra/secrets.sh FOLDER        a new folder outside of the repository, on a disk that is backed up
#
# What exists is kept, so a second run adds what a newer version needs. Whoever has project.key can link
# pseudonyms to people; whoever loses it can add nothing to the target.
set -euo pipefail

if [ $# -ne 1 ]; then
    echo "usage: secrets.sh FOLDER" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
umask 077
mkdir -p "$1"
folder=$(cd "$1" && pwd)
case $folder/ in
    "$(cd "$here/.." && pwd)"/*)
        echo "secrets.sh: choose a folder outside of the repository" >&2
        exit 2
        ;;
esac

keep() { [ -s "$folder/$1" ] || printf '%s\n' "$2" >"$folder/$1"; }
secret() { [ -s "$folder/$1" ] || openssl rand -hex "$2" >"$folder/$1"; }

mkdir -p "$folder"/{scheduler,worker,flow,server}
[ -e "$folder/tls/ca.pem" ] || "$here/tls.sh" "$folder/tls" dask-scheduler dask-worker prefect-worker
for pair in scheduler:dask-scheduler worker:dask-worker flow:prefect-worker; do
    role=${pair%%:*} name=${pair##*:}
    cp "$folder/tls/ca.pem" "$folder/$role/dask_ca.pem"
    cp "$folder/tls/$name/cert.pem" "$folder/$role/dask_cert.pem"
    cp "$folder/tls/$name/key.pem" "$folder/$role/dask_key.pem"
done

secret project.key 32 # the form that `dicomflow keygen` prints
secret pipeline_s3_secret 20
keep aws_credentials "[default]
aws_access_key_id = dicomflow-pipeline
aws_secret_access_key = $(cat "$folder/pipeline_s3_secret")"
for role in worker flow; do
    cp "$folder/project.key" "$folder/aws_credentials" "$folder/$role/"
done

for name in postgres prefect prefect_database marquez redis s3 grafana orthanc; do
    secret "server/$name" 24
done
keep compose.env "# For docker compose --env-file; made by infra/secrets.sh.
SECRETS_DIR=$folder
HOST_UID=$(id -u)
HOST_GID=$(id -g)
POSTGRES_PASSWORD=$(cat "$folder/server/postgres")
PREFECT_PASSWORD=$(cat "$folder/server/prefect")
PREFECT_DATABASE_PASSWORD=$(cat "$folder/server/prefect_database")
MARQUEZ_PASSWORD=$(cat "$folder/server/marquez")
REDIS_PASSWORD=$(cat "$folder/server/redis")
S3_ROOT_PASSWORD=$(cat "$folder/server/s3")
ORTHANC_PASSWORD=$(cat "$folder/server/orthanc")"
echo "docker compose --env-file $folder/compose.env -f infra/compose.yaml up --build --detach"
