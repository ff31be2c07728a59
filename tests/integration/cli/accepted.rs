//! Whatever sequence of accepted commands was run, and whichever connector files came and went, the gateway starts and serves.

use std::ffi::OsString;
use std::path::PathBuf;

use http::Method;
use serde_json::Value as Json;
use tollgate::cli::{ProcessEnv, SocketActivation};
use tollgate::model::clock::Clock;

use crate::support::gateway::{Builder, Gateway};

/// Steps of one sequence.
const STEPS: u64 = 12;

/// After so many steps it is started anew.
const EACH: u64 = 3;

/// Sequences of one test.
const SEQUENCES: u64 = 6;

const PERMANENT: &str =
    "connector: api\nname: Api\nversion: 1\ndomains: [api.test]\nauth: none\nroutes:
  - { action: item.get, match: 'GET /items/{item}', params: { item: { pattern: '[0-9]+' } } }\n";

/// `SplitMix64`: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let at = self.roll() % u64::try_from(of.len()).unwrap();
        of[usize::try_from(at).unwrap()]
    }

    fn chance(&mut self, of: u64) -> bool {
        self.roll().is_multiple_of(of)
    }
}

const AGENTS: [&str; 3] = ["a", "b", "c"];
const WHO: [&str; 7] = ["a", "b", "c", "ci", "default", "team=x", "*"];
const CREDENTIALS: [&str; 3] = ["k1", "k2", "k3"];
const EXTRAS: [&str; 2] = ["extra", "spare"];
const CONNECTORS: [&str; 5] = ["extra", "spare", "api", "github", "*"];
const ACTIONS: [&str; 7] = [
    "extra.item.get",
    "extra.item.*",
    "spare.thing.drop",
    "spare.item.get",
    "*.item.get",
    "extra.thing.drop",
    "api.item.get",
];
const ACCESS: [&str; 5] = ["full", "supervised", "read_only", "ask", "none"];
const CONDITIONS: [&str; 4] = [
    "params.item == \"7\"",
    "params.other != \"x\"",
    "has(params.item)",
    "action.risk >= risk(\"high\")",
];

/// One of the forms that a connector's file takes in its life.
fn connector(name: &str, dice: &mut Dice) -> String {
    let auth = dice.one(&[
        "none",
        "[{ id: token, fields: [token], bearer: '{token}' }]",
        "[{ id: other, fields: [token], header: { X-Token: '{token}' } }]",
    ]);
    let route = dice.one(&[
        "{ action: item.get, match: 'GET /items/{item}', params: { item: { pattern: '[0-9]+' } } }",
        "{ action: item.get, match: 'GET /items/{other}', params: { other: { pattern: '[a-z]+' } } }",
        "{ action: thing.drop, match: DELETE /thing, risk: high }",
        "{ action: item.list, match: GET /items, risk: low }",
    ]);
    let host = dice.one(&["one", "two"]);
    format!(
        "connector: {name}\nname: {name}\nversion: 1\ndomains: [{host}.{name}.test]\nauth: {auth}\nroutes:\n  - {route}\n"
    )
}

/// A permission in the words of `permission set`.
fn permission(dice: &mut Dice) -> Vec<&'static str> {
    let mut words = vec!["permission", "set", "--agent", dice.one(&WHO)];
    if dice.chance(3) {
        words.extend(["--agent", dice.one(&WHO)]);
    }
    if dice.chance(2) {
        words.extend([
            "--connector",
            dice.one(&CONNECTORS),
            "--access",
            dice.one(&ACCESS),
        ]);
    } else {
        words.extend([
            dice.one(&["--allow", "--ask", "--deny"]),
            dice.one(&ACTIONS),
        ]);
        if dice.chance(3) {
            words.extend([
                dice.one(&["--allow", "--ask", "--deny"]),
                dice.one(&ACTIONS),
            ]);
        }
    }
    if dice.chance(3) {
        words.extend(["--where", dice.one(&CONDITIONS)]);
    }
    if dice.chance(3) {
        words.extend(["--credential", dice.one(&CREDENTIALS)]);
    }
    words
}

/// A command line; most are accepted, some are refused, and neither may do harm.
fn command(dice: &mut Dice) -> Vec<&'static str> {
    let cascade = |mut words: Vec<&'static str>, dice: &mut Dice| {
        if dice.chance(2) {
            words.push("--cascade");
        }
        words
    };
    match dice.roll() % 10 {
        0 => vec!["agent", "add", dice.one(&AGENTS)],
        1 => vec!["agent", "add", dice.one(&AGENTS), "--label", "team=x"],
        2 => cascade(vec!["agent", "remove", dice.one(&AGENTS)], dice),
        3 | 4 => permission(dice),
        5 => vec!["permission", "remove", dice.one(&["1", "2", "3", "4"])],
        6 | 7 => {
            let mut words = vec![
                "credential",
                "add",
                dice.one(&CONNECTORS),
                "--id",
                dice.one(&CREDENTIALS),
            ];
            words.extend(["--from-file", "secret"]);
            if dice.chance(3) {
                words.extend(["--agent", dice.one(&AGENTS)]);
            }
            words
        }
        8 => cascade(vec!["credential", "remove", dice.one(&CREDENTIALS)], dice),
        _ => vec![
            "kill",
            dice.one(&["on", "off"]),
            "--agent",
            dice.one(&AGENTS),
        ],
    }
}

/// Runs a command in this process, as `main` does.
async fn run(directory: PathBuf, words: &[&str]) -> u8 {
    let config = directory.join("tollgate.yaml");
    let mut args: Vec<OsString> = vec!["tollgate".into(), "--config".into(), config.into()];
    let secret = directory.join("secret");
    args.extend(words.iter().map(|word| match *word {
        "secret" => secret.clone().into_os_string(),
        word => word.into(),
    }));
    let process = ProcessEnv {
        give_back: || {},
        environment: std::iter::once(("HOME".into(), directory.join("home").into())).collect(),
        stdin_is_terminal: false,
        stdout_is_terminal: false,
        has_terminal: false,
        clock: Clock::system(),
        directory,
        activated: SocketActivation::default(),
    };
    // A command starts a runtime of its own.
    tokio::task::spawn_blocking(move || {
        std::thread::spawn(move || tollgate::cli::main(args, process))
            .join()
            .unwrap()
    })
    .await
    .unwrap()
}

async fn step(gateway: &Gateway, dice: &mut Dice, log: &mut Vec<String>) {
    if dice.chance(4) {
        let name = dice.one(&EXTRAS);
        let file = gateway.path(&format!("connectors.d/{name}.yaml"));
        if dice.chance(3) {
            let _ = std::fs::remove_file(file);
            log.push(format!("rm {name}"));
        } else {
            let text = connector(name, dice);
            log.push(format!("write {text}"));
            std::fs::write(file, text).unwrap();
        }
        gateway.serving().reload().await;
        return;
    }
    let words = command(dice);
    let code = run(gateway.path(""), &words).await;
    log.push(format!("{code}: {}", words.join(" ")));
    assert!(code <= 1, "{log:#?}");
}

#[expect(
    clippy::print_stdout,
    reason = "where a restart fails it says why, and this is the way there"
)]
async fn sequences(first: u64) {
    let mut accepted = 0u64;
    for seed in first..first + SEQUENCES {
        let mut dice = Dice(seed);
        let mut log = vec![format!("seed {seed}")];
        let mut gateway = Builder::new()
            .connector("permanent", PERMANENT)
            .policy(
                "permanent",
                "permissions: [{ agents: [ci, a], connector: api, access: full }]\n",
            )
            .start()
            .await;
        std::fs::write(gateway.path("secret"), "the-secret-0123456789").unwrap();
        for at in 1..=STEPS {
            step(&gateway, &mut dice, &mut log).await;
            println!("{}", log.last().unwrap());
            if at % EACH != 0 {
                continue;
            }
            gateway = gateway.restart().await;
            let (status, document) = gateway.admin(Method::GET, "/readyz", &Json::Null).await;
            assert_eq!(status, 200, "{document}\n{log:#?}");
        }
        let done = log.iter().filter(|line| line.starts_with("0: ")).count();
        accepted += u64::try_from(done).unwrap();
    }
    assert!(
        accepted * 6 >= SEQUENCES * STEPS,
        "{accepted} commands of {} were accepted: hardly anything is tried",
        SEQUENCES * STEPS
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sequences_1() {
    sequences(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sequences_2() {
    sequences(100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sequences_3() {
    sequences(200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sequences_4() {
    sequences(300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sequences_5() {
    sequences(400).await;
}
