#!/bin/sh
# Buckets with versions, and a user for the pipeline who may do what iam/pipeline.json says and nothing else.
set -eu
mc alias set s3 http://s3:9000 root "$S3_ROOT_PASSWORD"
for bucket in source target; do
    mc mb --ignore-existing "s3/$bucket"
    mc version enable "s3/$bucket"
done
# `sed` fills in the names that terraform fills in on AWS.
sed -e 's/${source_bucket}/source/g' -e 's/${source_prefix}//g' \
    -e 's/${target_bucket}/target/g' -e 's#${target_prefix}#research/#g' /iam/pipeline.json >/tmp/pipeline.json
mc admin policy create s3 dicomflow-pipeline /tmp/pipeline.json
mc admin user add s3 dicomflow-pipeline "$(cat /secrets/pipeline_s3_secret)"
mc admin policy attach s3 dicomflow-pipeline --user dicomflow-pipeline || true
