//! The kill switch in memory: what is halted is halted, whatever the store says meanwhile.

use tollgate::kill_switch::KillSwitch;
use tollgate::model::halt::{Halt, Scope};

fn halt(scope: Scope) -> Halt {
    Halt {
        scope,
        since: "2026-01-01T00:00:00.000Z".to_owned(),
        by: "ada".to_owned(),
        reason: None,
    }
}

fn agent(name: &str) -> Scope {
    Scope::Agent(name.to_owned())
}

fn connector(id: &str) -> Scope {
    Scope::Connector(id.to_owned())
}

#[test]
fn holds_what_is_named_and_nothing_else() {
    let switch = KillSwitch::default();
    assert!(switch.holds_agent("ci").is_none() && switch.holds_connector("jira").is_none());
    switch.halt(&halt(agent("ci")));
    switch.halt(&halt(connector("jira")));
    assert_eq!(switch.holds_agent("ci").unwrap().scope, agent("ci"));
    assert!(switch.holds_agent("jira").is_none() && switch.holds_agent("cy").is_none());
    assert_eq!(
        switch.holds_connector("jira").unwrap().scope,
        connector("jira")
    );
    assert!(switch.holds_connector("ci").is_none());
    switch.halt(&halt(Scope::All));
    assert_eq!(switch.holds_agent("anybody").unwrap().scope, Scope::All);
    switch.lift(&Scope::All);
    assert!(switch.holds_agent("anybody").is_none());
    assert!(switch.holds_agent("ci").is_some());
}

#[test]
fn a_halt_that_is_not_kept_yet_outlives_an_older_view_of_the_store() {
    let switch = KillSwitch::default();
    let replace = |stored: &[Halt]| assert!(switch.replace(stored, switch.generation()));
    replace(&[halt(agent("stored"))]);
    switch.halt(&halt(agent("fresh")));
    // Read before the fresh one was written.
    replace(&[halt(agent("stored"))]);
    assert!(switch.holds_agent("fresh").is_some() && switch.holds_agent("stored").is_some());
    switch.note_kept(&agent("fresh"));
    replace(&[halt(agent("fresh"))]);
    assert!(switch.holds_agent("fresh").is_some() && switch.holds_agent("stored").is_none());
    replace(&[]);
    assert!(switch.holds_agent("fresh").is_none());
}

#[test]
fn what_was_read_before_a_change_does_not_undo_it() {
    let switch = KillSwitch::default();
    let read_at = switch.generation();
    switch.halt(&halt(agent("ci")));
    switch.note_kept(&agent("ci"));
    // The store was read before it had the halt, and is heard of after.
    assert!(!switch.replace(&[], read_at));
    assert!(switch.holds_agent("ci").is_some());
    let read_at = switch.generation();
    switch.lift(&agent("ci"));
    assert!(!switch.replace(&[halt(agent("ci"))], read_at));
    assert!(switch.holds_agent("ci").is_none());
    assert!(switch.replace(&[halt(agent("ci"))], switch.generation()));
    assert!(switch.holds_agent("ci").is_some());
}

#[test]
fn lists_all_before_connectors_before_agents() {
    let switch = KillSwitch::default();
    for scope in [agent("b"), agent("a"), Scope::All, connector("z")] {
        switch.halt(&halt(scope));
    }
    let listed: Vec<Scope> = switch
        .list()
        .iter()
        .map(|halt| halt.scope.clone())
        .collect();
    assert_eq!(listed, [Scope::All, connector("z"), agent("a"), agent("b")]);
    let shown = serde_json::to_value(switch.list()).unwrap();
    assert_eq!(shown[0]["scope"], "all");
    assert_eq!(shown[0].get("name"), None);
    assert_eq!(
        (&shown[1]["scope"], &shown[1]["name"]),
        (&"connector".into(), &"z".into())
    );
}

#[test]
fn all_of_a_connector_is_held_by_its_own_halt_and_by_that_of_all() {
    let switch = KillSwitch::default();
    assert!(switch.holds_all_of("jira").is_none());
    switch.halt(&halt(agent("jira")));
    assert!(switch.holds_all_of("jira").is_none(), "others may ask");
    switch.halt(&halt(connector("jira")));
    assert!(switch.holds_all_of("jira").is_some() && switch.holds_all_of("slack").is_none());
    switch.halt(&halt(Scope::All));
    assert!(switch.holds_all_of("slack").is_some());
}
