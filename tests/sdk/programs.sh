# Sourced by tests/sdk/run and tests/day/run: the programs that they drive, in an environment that stays between runs.
need curl gh git node:nodejs npm openssl
environment=target/sdk
python_environment "$environment" 'PyGithub==2.10.0' 'anthropic==2.14.0' 'boto3==1.44.8' 'jira==3.10.5' 'mcp==2.3.0' 'openai==3.57.0' 'slack_sdk==3.48.0' 'stripe==16.1.0'
node_modules "$environment" '@anthropic-ai/claude-code@2.1.332' '@anthropic-ai/sdk@1.14.0' '@octokit/rest@22.0.1' 'openai@6.49.0' 'stripe@23.1.0'
cargo build --locked --quiet
tollgate="${CARGO_TARGET_DIR:-target}/debug/tollgate"
