#!/usr/bin/env bash
# Make a private certificate authority and certificates of the nodes of one Dask cluster.
#
#     infra/tls.sh FOLDER [NAME ...]          NAME: scheduler worker client, unless given
#
# FOLDER/ca.pem                  goes to every node
# FOLDER/ca.key                  stays here; better, offline
# FOLDER/NAME/cert.pem key.pem   go to that node
#
# Run again, it keeps the authority and makes the certificates anew: that is how they are renewed.
set -euo pipefail

if [ $# -lt 1 ]; then
    echo "usage: tls.sh FOLDER [NAME ...]" >&2
    exit 2
fi
folder=$1
shift
[ $# -gt 0 ] || set -- scheduler worker client

ca_days=3650
node_days=398
umask 077
mkdir -p "$folder"

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

if [ ! -e "$folder/ca.key" ]; then
    new_key "$folder/ca.key"
    openssl req -x509 -new -sha256 -key "$folder/ca.key" -days "$ca_days" -out "$folder/ca.pem" \
        -subj "/CN=dicomflow Dask authority" \
        -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
        -addext "keyUsage=critical,keyCertSign,cRLSign"
fi

for name in "$@"; do
    case $name in
        *[!a-z0-9.-]* | "" | .* | -*)
            echo "tls.sh: $name is no host name (lower case letters, digits, hyphens, points)" >&2
            exit 2
            ;;
    esac
    mkdir -p "$folder/$name"
    new_key "$folder/$name/key.pem"
    extensions=$(mktemp)
    # Every node of Dask both listens and connects.
    printf '%s\n' \
        "basicConstraints=critical,CA:FALSE" \
        "keyUsage=critical,digitalSignature" \
        "extendedKeyUsage=serverAuth,clientAuth" \
        "subjectAltName=DNS:$name" >"$extensions"
    openssl req -new -sha256 -key "$folder/$name/key.pem" -subj "/CN=$name" |
        openssl x509 -req -sha256 -days "$node_days" -set_serial "0x$(openssl rand -hex 16)" \
            -CA "$folder/ca.pem" -CAkey "$folder/ca.key" \
            -extfile "$extensions" -out "$folder/$name/cert.pem" 2>/dev/null
    rm -f "$extensions"
    openssl verify -CAfile "$folder/ca.pem" "$folder/$name/cert.pem" >/dev/null
done
