#!/usr/bin/env bash
# Checks terraform/ and its example as far as that goes without an AWS account: format, validity, and tests with a mock
# provider. TF_PLUGIN_DIR names a folder with the provider (terraform init -plugin-dir); without it Terraform's own settings
# decide where the provider comes from (registry, mirror, TF_PLUGIN_CACHE_DIR).
set -euo pipefail
cd "$(dirname "$0")/../terraform"

if ! command -v terraform >/dev/null; then
  echo "terraform is not installed (1.11 or newer: https://developer.hashicorp.com/terraform/install)" >&2
  exit 1
fi

init=(init -backend=false -input=false -upgrade)
if [[ -n "${TF_PLUGIN_DIR:-}" ]]; then init+=("-plugin-dir=$TF_PLUGIN_DIR"); fi

echo "== format"
terraform fmt -check -recursive -diff

echo "== README"
for name in $(sed -nE 's/^(variable|output) "(.*)" \{$/\2/p' ./*.tf examples/*/*.tf | sort -u); do
  grep -q "\`$name\`" README.md || { echo "terraform/README.md says nothing of \`$name\`" >&2; exit 1; }
done

status=0
for dir in . examples/*/; do
  echo "== $dir"
  # One that fails does not keep the others from being looked at.
  (cd "$dir" && terraform "${init[@]}" >/dev/null && terraform validate && terraform test) || status=$?
done
exit "$status"
