//! Processes: a command in; a contender that ends with its handle, and what it used of the machine, out. Linux only.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// Of `sysconf(_SC_CLK_TCK)` on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Longest time that a contender may take to end by itself.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// A process that ends with this value.
#[derive(Debug)]
pub(crate) struct Process(Child);

/// What a process and its children have used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Seconds, in the kernel and outside.
    pub(crate) cpu: f64,
    /// KiB now.
    pub(crate) resident: u64,
    /// KiB at most.
    pub(crate) peak: u64,
    pub(crate) threads: u64,
    pub(crate) files: u64,
}

impl Process {
    /// Starts a command; what it says goes to a file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let log = fs::File::create(log)?;
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .spawn()
            .with_context(|| format!("cannot start {:?}", command.get_program()))?;
        Ok(Self(child))
    }

    /// Starts this program in another role, which tells its port; see [`tell_port`].
    pub(crate) fn start_role(
        wrapper: &[String],
        role: &str,
        arguments: &[&str],
    ) -> Result<(Self, u16)> {
        let mut child = wrapped(wrapper, &std::env::current_exe()?)
            .arg(role)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().context("standard output is a pipe")?;
        let process = Self(child);
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let port = line
            .trim()
            .parse()
            .with_context(|| format!("`{role}` did not start"))?;
        Ok((process, port))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Returns whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.0.id().to_string()])
            .status()?;
        anyhow::ensure!(status.success(), "the signal was not sent");
        Ok(())
    }

    /// Returns what the process and its children have used.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let mut usage = used(self.id())?;
        for child in children(self.id())? {
            // A child may have ended since.
            if let Ok(more) = used(child) {
                usage.cpu += more.cpu;
                usage.resident += more.resident;
                usage.peak += more.peak;
                usage.threads += more.threads;
                usage.files += more.files;
            }
        }
        Ok(usage)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        if self.signal("TERM").is_ok() {
            let rounds = TIME_LIMIT.as_millis() / 10;
            for _ in 0..rounds {
                if !self.is_alive() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the command for a program, which another one runs where there is one.
pub(crate) fn wrapped(wrapper: &[String], program: &Path) -> Command {
    let Some((runner, options)) = wrapper.split_first() else {
        return Command::new(program);
    };
    let mut command = Command::new(runner);
    command.args(options).arg(program);
    command
}

/// Tells the process that started this role where it listens.
pub(crate) fn tell_port(port: u16) -> Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "{port}")?;
    Ok(output.flush()?)
}

/// Returns once the process that started this role is gone.
pub(crate) async fn orphaned() {
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = ended.await;
}

fn used(process: u32) -> Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the name, which may hold anything; it ends with the last parenthesis.
    let (_, fields) = stat.rsplit_once(')').context("proc_pid_stat(5)")?;
    let ticks = |at: usize| -> Result<f64> {
        let field = fields.split_whitespace().nth(at - 3);
        Ok(field.context("proc_pid_stat(5)")?.parse()?)
    };
    // utime, stime, cutime, cstime.
    let cpu = (ticks(14)? + ticks(15)? + ticks(16)? + ticks(17)?) / TICKS_PER_SECOND;
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let number = |name: &str| -> Result<u64> {
        let line = status.lines().find(|line| line.starts_with(name));
        let Some(line) = line else {
            bail!("`{name}` is not in /proc/{process}/status");
        };
        let text = line.split_whitespace().nth(1).context("a number")?;
        Ok(text.parse()?)
    };
    Ok(Usage {
        cpu,
        resident: number("VmRSS:")?,
        peak: number("VmHWM:")?,
        threads: number("Threads:")?,
        files: fs::read_dir(format!("/proc/{process}/fd"))?.count() as u64,
    })
}

fn children(process: u32) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let children = task?.path().join("children");
        // A task may have ended, or the kernel may not tell.
        let text = fs::read_to_string(children).unwrap_or_default();
        found.extend(
            text.split_whitespace()
                .filter_map(|id| id.parse::<u32>().ok()),
        );
    }
    Ok(found)
}
