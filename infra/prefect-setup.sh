#!/usr/bin/env bash
# Make the server that PREFECT_API_URL names ready: pool, queue, deployments, automations.
#
#     infra/prefect-setup.sh process|docker|kubernetes
#
# Safe to run again, after every change of the files beside it. The queue stands for a target, and its limit of
# one run for the rule that two runs never share one; on S3 nothing else keeps them apart before they meet.
set -euo pipefail

kind=${1:-}
here=$(cd "$(dirname "$0")" && pwd)
case $kind in
    process)
        pool=dicomflow
        file=$here/prefect.yaml
        template=()
        ;;
    docker)
        pool=dicomflow-docker
        file=$here/prefect-docker.yaml
        template=()
        : "${IMAGE:?name the image that the runs use}"
        : "${CONFIG_DIR:?name the folder with nightly.toml and landing.toml on the machine of the worker}"
        : "${SECRETS_DIR:?name the folder that secrets.sh made on the machine of the worker}"
        export HOST_UID=${HOST_UID:-$(id -u)}
        ;;
    kubernetes)
        pool=dicomflow-kubernetes
        file=$here/prefect-kubernetes.yaml
        template=(--base-job-template "$here/job-template.json")
        : "${IMAGE:?name the image that the runs use, with its digest}"
        ;;
    *)
        echo "usage: prefect-setup.sh process|docker|kubernetes" >&2
        exit 2
        ;;
esac

prefect --no-prompt work-pool create "$pool" --type "$kind" "${template[@]}" --overwrite
if ! prefect --no-prompt work-queue create research --pool "$pool" --limit 1 2>/dev/null; then
    prefect --no-prompt work-queue set-concurrency-limit research 1 --pool "$pool"
fi
prefect --no-prompt deploy --all --prefect-file "$file"

# An automation has no key but its id, so those of the same names are replaced.
sed -n 's/^  - name: //p' "$here/automations.yaml" | python3 -c '
import sys
from prefect.client.orchestration import get_client
with get_client(sync_client=True) as client:
    for name in sys.stdin.read().splitlines():
        for automation in client.read_automations_by_name(name):
            client.delete_automation(automation.id)
'
automations=$(mktemp --suffix .yaml)
trap 'rm -f "$automations"' EXIT
if [ -n "${NOTIFY_BLOCK_ID:-}" ]; then
    subject='dicomflow: {{ automation.name }}'
    body='{{ event.event }} of {{ flow_run.name }}: {{ flow_run|ui_url }}'
    action="type: send-notification\\n        block_document_id: $NOTIFY_BLOCK_ID"
    action="$action\\n        subject: \"$subject\"\\n        body: \"$body\""
    sed "s#type: do-nothing#$action#" "$here/automations.yaml" >"$automations"
else
    cp "$here/automations.yaml" "$automations"
fi
prefect --no-prompt automation create --from-file "$automations"
