//! The command line from outside: what a terminal shows, whole, and with which code a command ends.

mod accepted;
mod agent;
mod approval;
mod audit;
mod ca;
mod check;
mod cloned;
mod connector;
mod coverage;
mod credential;
mod dangling;
mod dashboard;
mod env;
mod explain;
mod half_saved;
mod import;
mod init;
mod kill;
mod manners;
mod new;
mod oauth;
mod other_gateway;
mod passthrough;
mod permission;
mod policy;
mod reload;
mod remote;
mod replay;
mod run;
mod schema;
mod serve;
mod status;
mod suggest;
mod taken_over;
mod trouble;
mod usage;
mod vault;

/// Compares with `snapshots/cli_<name>.snap`.
pub(crate) fn assert_shown(name: &str, shown: &str) {
    insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(format!("cli_{name}"), shown);
    });
}
