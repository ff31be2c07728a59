#!/usr/bin/env bash
# Drives the built gateway with PyGithub and google-auth, which hold placeholders while the gateway signs in.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/need.sh
need openssl
environment=target/clients-signed-in
python_environment "$environment" 'PyGithub==2.10.0' 'google-auth==2.63.0' 'requests==2.34.2' 'PyJWT==2.15.1' 'cryptography==50.0.2'
cargo build --locked --quiet
exec "$environment/bin/python" tests/clients/signed_in.py "${CARGO_TARGET_DIR:-target}/debug/tollgate"
