//! Logs and metrics, read as an operator's tools read them.

use std::io::{Read as _, Write};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tollgate::telemetry::metrics::{Health, Metrics, Reload, Stage, UpstreamError};
use tollgate::telemetry::{Colours, Format, Lines, subscriber};

#[test]
fn counts_under_the_names_of_the_contract() {
    let metrics = Metrics::new();
    metrics.decided("ci", "jira", "jira.issue.create", "allow");
    metrics.refused("ci", "", "no_connector");
    metrics.upstream_failed("jira", UpstreamError::Timeout);
    metrics.answered(Duration::from_millis(20), Duration::from_micros(30));
    metrics.staged(Stage::Decide, Duration::from_micros(2));
    let credentials = [("gh", Health::Healthy), ("jira", Health::Unhealthy)];
    metrics.credentials(credentials.into_iter());
    metrics.journal((3, 7), Duration::from_millis(250));
    metrics.reloaded(Reload::Swapped {
        connectors: 3,
        routes: 60,
        policies: 2,
    });
    metrics.reloaded(Reload::Kept);
    metrics.halts(["agent", "agent", "all"]);
    metrics.limit_reached("tunnels_per_agent");
    metrics.bodies(4096);
    metrics.unauthenticated(2);
    let (tunnel, exchange) = (metrics.tunnel(), metrics.exchange());
    drop(exchange);
    let text = metrics.render();
    for line in [
        r#"tollgate_requests_total{action="jira.issue.create",agent="ci",connector="jira",decision="allow"} 1"#,
        r#"tollgate_refusals_total{agent="ci",code="no_connector",connector=""} 1"#,
        r#"tollgate_upstream_errors_total{connector="jira",kind="timeout"} 1"#,
        "tollgate_request_duration_seconds_count 1",
        "tollgate_overhead_seconds_sum 0.00003",
        r#"tollgate_stage_seconds_count{stage="decide"} 1"#,
        r#"tollgate_stage_seconds_count{stage="record"} 0"#,
        "tollgate_tunnels_active 1",
        "tollgate_exchanges_active 0",
        r#"tollgate_limit_reached_total{limit="tunnels_per_agent"} 1"#,
        "tollgate_body_bytes 4096",
        "tollgate_unauthenticated_connections 2",
        r#"tollgate_reloads_total{result="ok"} 1"#,
        r#"tollgate_reloads_total{result="failed"} 1"#,
        "tollgate_reload_failed 1",
        "tollgate_snapshot_connectors 3",
        "tollgate_snapshot_routes 60",
        "tollgate_snapshot_policies 2",
        r#"tollgate_kill_switch_active{scope="agent"} 2"#,
        r#"tollgate_kill_switch_active{scope="all"} 1"#,
        r#"tollgate_kill_switch_active{scope="connector"} 0"#,
        r#"tollgate_credential_unhealthy{credential="gh"} 0"#,
        r#"tollgate_credential_unhealthy{credential="jira"} 1"#,
        "tollgate_journal_records_total 3",
        "tollgate_journal_sequence 7",
        "tollgate_journal_lag_seconds 0.25",
        &format!(
            "tollgate_build_info{{version=\"{}\"}} 1",
            env!("CARGO_PKG_VERSION")
        ),
    ] {
        assert!(
            text.lines().any(|shown| shown == line),
            "{line} is not in\n{text}"
        );
    }
    drop(tunnel);
    assert!(metrics.render().contains("tollgate_tunnels_active 0"));
}

#[test]
fn keeps_two_gateways_apart() {
    let (one, two) = (Metrics::new(), Metrics::new());
    one.refused("ci", "jira", "denied");
    assert!(!two.render().contains("denied"));
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn logged(filter: &str, format: Format, text: &str) -> String {
    let sink = Sink::default();
    let writer = sink.clone();
    let dispatch = subscriber(filter, format, Colours::Off, move || writer.clone()).unwrap();
    tracing::dispatcher::with_default(&dispatch, || {
        tracing::info!(agent.id = %text, "request refused");
        tracing::debug!("not told");
    });
    String::from_utf8(sink.0.lock().clone()).unwrap()
}

#[test]
fn logs_one_line_an_event_whatever_an_agent_sends() {
    let hostile = "a\u{1b}[2J\nINFO forged";
    let text = logged("info", Format::Text, hostile);
    assert_eq!(text.lines().count(), 1, "{text:?}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
    let json: serde_json::Value =
        serde_json::from_str(&logged("info", Format::Json, hostile)).unwrap();
    assert_eq!(
        (json["message"].as_str(), json["agent.id"].as_str()),
        (Some("request refused"), Some(hostile))
    );
}

#[test]
fn refuses_a_filter_that_is_none() {
    let error = subscriber("info,=,=", Format::Text, Colours::Off, std::io::sink).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("`info,=,=` is not a log filter: "),
        "{error}"
    );
}

#[test]
fn whoever_logs_does_not_wait_for_a_pipe_that_nobody_reads() {
    let (mut read, write) = std::io::pipe().unwrap();
    let lines = Lines::to(write).unwrap();
    let dispatch = subscriber("info", Format::Text, Colours::Off, lines.clone()).unwrap();
    // 4 MiB, which neither the pipe nor the queue holds.
    tracing::dispatcher::with_default(&dispatch, || {
        for at in 0..4_096 {
            tracing::info!(at, text = "x".repeat(1_000), "said");
        }
    });
    assert!(lines.dropped() > 0);
    let dropped = lines.dropped();
    drop((dispatch, lines));
    let mut text = String::new();
    read.read_to_string(&mut text).unwrap();
    let said = text.lines().filter(|line| line.contains("said")).count() as u64;
    assert_eq!(said + dropped, 4_096);
    assert!(
        text.contains(&format!("{dropped} log lines were dropped")),
        "{}",
        text.lines().last().unwrap()
    );
}

#[test]
fn a_full_disk_under_the_log_is_counted_and_fails_nobody() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::to(Full).unwrap();
    let dispatch = subscriber("info", Format::Json, Colours::Off, lines.clone()).unwrap();
    tracing::dispatcher::with_default(&dispatch, || {
        for _ in 0..10 {
            tracing::info!("said");
        }
    });
    lines.flush(Duration::from_secs(30));
    assert_eq!(lines.dropped(), 10);
}

#[test]
fn one_line_takes_so_much_memory_and_no_more() {
    let (mut read, write) = std::io::pipe().unwrap();
    let lines = Lines::to(write).unwrap();
    lines.say("é".repeat(50_000).as_bytes());
    lines.say(b"next\n");
    drop(lines);
    let mut text = Vec::new();
    read.read_to_end(&mut text).unwrap();
    assert!(text.len() < 40_000);
    assert!(text.ends_with("…\nnext\n".as_bytes()));
}
