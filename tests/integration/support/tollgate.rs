//! The binary as an operator runs it: command lines in, everything that it prints and its exit code out, ready for a snapshot.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use regex::Regex;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// Nothing in a test may take this long.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A working directory with a home of its own and no environment but what a test sets.
#[derive(Debug)]
pub(crate) struct Shell {
    directory: PathBuf,
    environment: BTreeMap<String, String>,
    /// `./tollgate.yaml` is the configuration, as if `TOLLGATE_CONFIG` said so.
    trusts: bool,
    /// Removed when the test ends, unless the directory is somebody else's.
    _own: Option<tempfile::TempDir>,
}

impl Shell {
    /// Starts in an empty directory.
    pub(crate) fn new() -> Self {
        let own = tempfile::tempdir().unwrap();
        let mut shell = Self::at(own.path());
        shell._own = Some(own);
        shell
    }

    /// Starts in a directory that exists.
    pub(crate) fn at(directory: &Path) -> Self {
        let home = directory.join("home").display().to_string();
        let path = "/usr/local/bin:/usr/bin:/bin".to_owned();
        Self {
            directory: directory.to_owned(),
            environment: BTreeMap::from([
                ("HOME".to_owned(), home),
                ("PATH".to_owned(), path),
                // Few of them, since each command compiles what it loads; see `with_all_connectors`.
                (
                    "TOLLGATE_BUILT_IN".to_owned(),
                    "github,http,jira".to_owned(),
                ),
            ]),
            trusts: true,
            _own: None,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes a file, and the directories that it lies in.
    pub(crate) fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// Says nothing of a configuration, as in a directory that somebody has just cloned.
    pub(crate) fn without_config(mut self) -> Self {
        self.trusts = false;
        self
    }

    /// Loads every built-in connector, as for an operator who says nothing.
    pub(crate) fn with_all_connectors(mut self) -> Self {
        self.environment.remove("TOLLGATE_BUILT_IN");
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Runs lines such as `tollgate agent list`, one after the other, and returns what a terminal would show. Arguments with
    /// spaces stand in single quotes; what follows `<<<` is standard input.
    pub(crate) async fn play(&self, script: &str) -> String {
        let mut shown = String::new();
        for line in script
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            let (command, input) = match line.split_once(" <<< ") {
                Some((command, input)) => (command, format!("{}\n", input.replace("\\n", "\n"))),
                None => (line, String::new()),
            };
            let words = words(command);
            let (program, args) = words.split_first().unwrap();
            assert_eq!(
                program, "tollgate",
                "only the gateway's own commands are played"
            );
            let done = self.run(args, &input).await;
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            shown.push_str(&format!("$ {line}\n{}", text(&done.stdout)));
            for line in text(&done.stderr).lines() {
                shown.push_str(&format!("! {line}\n"));
            }
            if let Some(code) = done.status.code().filter(|code| *code != 0) {
                shown.push_str(&format!("[exit {code}]\n"));
            }
            shown.push('\n');
        }
        self.plain(&shown)
    }

    /// Runs one command to its end.
    pub(crate) async fn run<S: AsRef<OsStr>>(&self, args: &[S], input: &str) -> Output {
        let mut child = self.command(args).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that reads nothing closes it first.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        tokio::time::timeout(TIME_LIMIT, child.wait_with_output())
            .await
            .expect("the command does not end")
            .unwrap()
    }

    /// Runs the arguments that a line has, `kill on --reason 'token leaked'`, to the end.
    pub(crate) async fn run_line(&self, line: &str) -> Output {
        self.run(&words(line), "").await
    }

    /// Runs a line of shell in a terminal of its own, where `$TOLLGATE` is the binary, and returns what that shows.
    pub(crate) async fn in_terminal(&self, line: &str) -> String {
        let mut command = Command::new("script");
        command.args(["-qec", line, "/dev/null"]);
        self.prepare(&mut command);
        command
            .env("TOLLGATE", env!("CARGO_BIN_EXE_tollgate"))
            .stdin(Stdio::null());
        let done = tokio::time::timeout(TIME_LIMIT, command.output()).await;
        let done = done.expect("the line does not end").unwrap();
        String::from_utf8(done.stdout).unwrap()
    }

    /// Runs a command that must succeed, and returns its standard output as JSON.
    pub(crate) async fn json(&self, line: &str) -> serde_json::Value {
        let done = self.run(&words(line), "").await;
        assert!(done.status.success(), "{line}: {done:?}");
        serde_json::from_slice(&done.stdout).unwrap()
    }

    /// Starts `serve` as a process of its own and returns once it is ready.
    pub(crate) async fn serve(&self, args: &[&str]) -> Served {
        let args: Vec<&str> = ["serve"].into_iter().chain(args.iter().copied()).collect();
        let mut served = Served::of(self.command(&args).spawn().unwrap());
        served.wait_for("ready").await;
        served
    }

    /// Starts `serve` with a bound port, as systemd hands it over, and returns once it is ready.
    pub(crate) async fn serve_on(&self, listener: &TcpListener) -> Served {
        let mut served = self.start_on(listener);
        served.wait_for("ready").await;
        served
    }

    /// Starts `serve` with a bound port, and does not wait for anything.
    pub(crate) fn start_on(&self, listener: &TcpListener) -> Served {
        self.start_on_after("", listener)
    }

    /// The same after a line of shell.
    pub(crate) fn start_on_after(&self, before: &str, listener: &TcpListener) -> Served {
        let script = format!(
            "{before}\nexec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" serve"
        );
        let mut command = self.script(&script);
        command.stdin(OwnedFd::from(listener.try_clone().unwrap()));
        Served::of(command.spawn().unwrap())
    }

    /// Starts `serve` by a script of a shell, whose `$0` is the binary, and returns once it is ready.
    pub(crate) async fn serve_by(&self, script: &str) -> Served {
        let mut command = self.script(script);
        let mut served = Served::of(command.stdin(Stdio::null()).spawn().unwrap());
        served.wait_for("ready").await;
        served
    }

    fn script(&self, script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_tollgate")]);
        self.prepare(&mut command);
        command
    }

    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.args(args).stdin(Stdio::piped());
        self.prepare(&mut command);
        command
    }

    fn prepare(&self, command: &mut Command) {
        command.env_clear().envs(&self.environment);
        let config = self.path("tollgate.yaml");
        if self.trusts && config.exists() {
            command.env("TOLLGATE_CONFIG", config);
        }
        command
            .current_dir(&self.directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
    }

    /// Replaces what differs from run to run.
    pub(crate) fn plain(&self, text: &str) -> String {
        let directory = self.directory.to_string_lossy();
        let text = text
            .replace(directory.trim_end_matches('/'), "@")
            .replace(env!("CARGO_PKG_VERSION"), "<version>");
        [
            (r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "<id>"),
            (r"\b\d{4}-\d\d-\d\dT[0-9:.]+Z", "<time>"),
            (r"\b(tga|tgo)_[A-Za-z0-9_-]{43}", "${1}_<token>"),
            (r"127\.0\.0\.1:[1-9]\d{4}\b", "127.0.0.1:<port>"),
            (r"\b\d+ ms\b", "<n> ms"),
            (
                r"\b\d+ connectors, \d+ routes\b",
                "<n> connectors, <n> routes",
            ),
            (r#""(connectors|routes)": \d+"#, "\"$1\": <n>"),
            (r"\b\d\d+ tests run", "<n> tests run"),
            (r"this tollgate knows \d+", "this tollgate knows <n>"),
            (r"known here: .*`github`.*", "known here: …"),
            (r#""hmac": "[0-9a-f]+"|secret [0-9a-f]{12}"#, "<hash>"),
            (r#""stages_us": \{[^}]*\}"#, r#""stages_us": <n>"#),
            (
                r#""(snapshot|revision)": "[0-9a-f]{16}""#,
                r#""$1": "<hash>""#,
            ),
            (
                r#""(prev|public_key)": "[0-9a-f]{64}""#,
                "\"$1\": \"<hash>\"",
            ),
            (
                r#""(seq|judged_us|overhead_us|duration_ms|tunnel)": \d+"#,
                "\"$1\": <n>",
            ),
        ]
        .iter()
        .fold(text, |text, (pattern, shown)| {
            Regex::new(pattern)
                .unwrap()
                .replace_all(&text, *shown)
                .into_owned()
        })
    }
}

/// A gateway in a process of its own. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Served {
    child: Child,
    /// Everything that it has printed so far; read all the time, since a full pipe would hold it up.
    told: watch::Receiver<String>,
}

impl Served {
    pub(crate) fn of(mut child: Child) -> Self {
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, told) = watch::channel(String::new());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|told| {
                    told.push_str(&line);
                    told.push('\n');
                });
            }
        });
        Self { child, told }
    }

    /// Returns everything that it has printed so far.
    pub(crate) fn told(&self) -> String {
        self.told.borrow().clone()
    }

    /// Waits until it has printed this text.
    pub(crate) async fn wait_for(&mut self, text: &str) {
        let printed = self.told.wait_for(|told| told.contains(text));
        let printed = tokio::time::timeout(TIME_LIMIT, printed)
            .await
            .unwrap_or_else(|_| panic!("it does not print `{text}`"))
            .is_ok();
        assert!(printed, "it ended without `{text}`:\n{}", self.told());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = self
            .child
            .id()
            .and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        rustix::process::kill_process(pid.unwrap(), signal).unwrap();
    }

    /// Waits for its end and returns the exit code, `None` where a signal ended it, and everything that it has printed.
    pub(crate) async fn ended(mut self) -> (Option<i32>, String) {
        let status = tokio::time::timeout(TIME_LIMIT, self.child.wait()).await;
        let code = status.expect("it does not end").unwrap().code();
        // The reader lets go of the channel at the end of the stream.
        while self.told.changed().await.is_ok() {}
        (code, self.told())
    }
}

/// Splits a command line at spaces outside single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}
