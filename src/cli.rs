//! Runs one command: takes arguments and the process's surroundings, returns an exit code.
//!
//! Exit codes: 0 done, 1 a check found problems or a command failed, 2 usage, 3 gateway or store not reached. `run` exits as its
//! child did. INVARIANT: only `serve` and commands that write to the store create one.

mod agent;
mod api;
mod approval;
mod args;
mod audit;
mod ca;
mod change;
mod check;
mod completions;
mod config;
mod connector;
mod control;
mod credential;
mod dashboard;
mod env;
mod environment;
mod explain;
mod failure;
mod gateway;
mod init;
mod kill;
mod man;
mod named_config;
mod offline;
mod operator;
mod output;
mod permission;
mod policy;
mod process_env;
mod remote;
mod run;
mod running;
mod schema;
mod serve;
mod socket_activation;
mod state;
mod status;
mod table;
mod vault;
mod workspace;

use std::ffi::OsString;

use clap::FromArgMatches as _;
use clap::error::ErrorKind;

use args::{Cli, Command, Reach};
use failure::{Exit, Failure, Outcome};
use output::Output;

pub use process_env::ProcessEnv;
pub use schema::schemas;
pub use serve::{Serving, StartError};
pub use socket_activation::SocketActivation;

/// Context that every command gets.
#[derive(Debug)]
struct Context {
    process: ProcessEnv,
    output: Output,
    config: Option<std::path::PathBuf>,
    /// The gateway on another machine that is asked.
    server: Option<String>,
    /// Certificates by which that gateway is known.
    ca: Option<std::path::PathBuf>,
    /// No gateway is asked.
    offline: bool,
}

/// Runs one command and returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>, process: ProcessEnv) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    // A usage error is found before `--json` is parsed, and scripts want it as JSON too; after `--` it is the child's flag.
    let json = args
        .iter()
        .take_while(|arg| *arg != "--")
        .any(|arg| arg == "--json");
    let mut output = Output::new(json);
    let parsed = args::command()
        .try_get_matches_from(args)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let outcome = match parsed {
        Ok(cli) => {
            // Behind the child's name it is the child's, without `--` too.
            output = Output::new(cli.json);
            let mut context = Context {
                process,
                output: output.clone(),
                config: cli.config,
                server: cli.server,
                ca: cli.ca,
                offline: cli.offline,
            };
            if let Some(dir) = cli.data_dir {
                context.process.set_data_dir(&dir);
            }
            let reach = cli.command.reach();
            if reach == Reach::Description {
                context.server = None;
            }
            refuse_unheeded(&context, reach).and_then(|()| dispatch(&context, cli.command))
        }
        Err(error) => usage(&output, &error),
    };
    match outcome {
        Ok(exit) => exit.code(),
        Err(failure) => output.failure(&failure).code(),
    }
}

/// Prints help and version as asked; everything else is a usage error.
fn usage(output: &Output, error: &clap::Error) -> Outcome {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            output.raw(&error.render().to_string())?;
            Ok(Exit::Done)
        }
        _ if output.is_json() => {
            // Up to the blank line stands what is wrong, below it how it would be right.
            let text = error.render().to_string();
            let wrong: Vec<&str> = text
                .lines()
                .map(str::trim)
                .take_while(|line| !line.is_empty())
                .collect();
            let wrong = wrong.join(" ");
            Err(Failure::usage(wrong.trim_start_matches("error: ")))
        }
        _ => {
            output.warn_raw(&error.render().to_string())?;
            Ok(Exit::Usage)
        }
    }
}

/// Refuses a flag that the command would pass over: it would work on something else than was named.
fn refuse_unheeded(context: &Context, reach: Reach) -> Result<(), Failure> {
    if context.server.is_some() && !reach.takes_server() {
        let detail =
            "this command works on files of this machine, so it cannot be sent to `--server`";
        return Err(
            Failure::usage(detail).help("run it on the gateway's machine, without `--server`")
        );
    }
    if context.offline && !reach.takes_offline() {
        let detail = "this command needs a gateway that runs, so `--offline` has no meaning for it";
        return Err(Failure::usage(detail).help("leave out `--offline`"));
    }
    Ok(())
}

fn dispatch(context: &Context, command: Command) -> Outcome {
    match command {
        Command::Serve(args) => serve::run(context, &args),
        Command::Run(args) => run::run(context, &args),
        Command::Env(args) => block_on(env::run(context, &args)),
        Command::Check(args) => block_on(check::run(context, &args)),
        Command::Explain(args) => block_on(explain::run(context, &args)),
        Command::Ca => block_on(ca::run(context)),
        Command::Status(args) => block_on(status::run(context, &args)),
        Command::Dashboard(args) => block_on(dashboard::run(context, &args)),
        Command::Connector(command) => block_on(connector::run(context, command)),
        Command::Credential(command) => block_on(credential::run(context, command)),
        Command::Vault(command) => block_on(vault::run(context, command)),
        Command::Operator(command) => block_on(operator::run(context, command)),
        Command::Agent(command) => block_on(agent::run(context, command)),
        Command::Permission(command) => block_on(permission::run(context, command)),
        Command::Policy(command) => block_on(policy::run(context, command)),
        Command::Approval(command) => block_on(approval::run(context, command)),
        Command::Kill(command) => block_on(kill::run(context, command)),
        Command::Audit(command) => block_on(audit::run(context, command)),
        Command::Config(command) => block_on(config::run(context, &command)),
        Command::Completions(args) => completions::run(context, &args),
        Command::Man(args) => man::run(context, &args),
        Command::Init(args) => init::run(context, &args),
        Command::Schema(args) => schema::run(context, &args),
    }
}

/// Runs a command that needs the store or the gateway for a moment.
fn block_on(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::failed("runtime", format!("the runtime does not start: {error}"))
        })?;
    runtime.block_on(command)
}
