//! Conditions: what is refused at load, and what the rest answers over a request.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use tollgate::expression::{Datum, Environment, Outcome, ProgramDraft, Record, Scope, Type};
use tollgate::model::action::{Parameter, Parameters, Risk};
use tollgate::model::target::Query;
use tollgate::model::value::Value;

#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) params: Parameters,
    pub(super) query: Query,
}

impl Scope for Request {
    fn read(&self, root: &str, field: &str) -> Option<Datum<'_>> {
        match (root, field) {
            ("agent", "name") => Some(Datum::Text("devops".into())),
            ("agent", "labels") => Some(Datum::Labels(&self.labels)),
            ("action", "risk") => Some(Datum::Risk(Risk::High)),
            // 2025-11-03T22:30:00Z, a Monday.
            ("request", "time") => {
                Some(Datum::Time(UNIX_EPOCH + Duration::from_secs(1_762_209_000)))
            }
            ("request", "body_bytes") => None,
            ("request", "query") => Some(Datum::Query(&self.query)),
            ("params", name) => self.params.get(name).map(Datum::Value),
            _ => None,
        }
    }
}

pub(super) fn environment() -> Environment {
    let named = |fields: Vec<(&str, Type)>| {
        fields
            .into_iter()
            .map(|(name, kind)| (name.to_owned(), kind))
            .collect::<Vec<_>>()
    };
    Environment::default()
        .with(
            "agent",
            Record::of(
                "a field of `agent`",
                named(vec![("name", Type::Text), ("labels", Type::Labels)]),
            ),
        )
        .with(
            "action",
            Record::of("a field of `action`", named(vec![("risk", Type::Risk)])),
        )
        .with(
            "request",
            Record::of(
                "a field of `request`",
                named(vec![
                    ("time", Type::Time),
                    ("body_bytes", Type::Int),
                    ("query", Type::Query),
                ]),
            ),
        )
        .with(
            "params",
            Record::of(
                "a parameter of `jira.issue.create`",
                named(vec![
                    ("project", Type::Text),
                    ("count", Type::Int),
                    ("amount", Type::Number),
                    ("flag", Type::Bool),
                    ("labels", Type::List(Box::new(Type::Text))),
                    ("more", Type::List(Box::new(Type::Text))),
                    ("big", Type::Text),
                    ("ip", Type::Text),
                    ("any", Type::Any),
                    ("anys", Type::List(Box::new(Type::Any))),
                ]),
            ),
        )
}

pub(super) fn request() -> Request {
    let mut params = Parameters::new();
    let mut set = |name: &str, value: Value| {
        params.set(Parameter {
            name: name.into(),
            value,
            secret: false,
        })
    };
    set("project", "OPS".into());
    set("count", 7.into());
    set("amount", Value::Number(2.5));
    set("labels", Value::list(vec!["prod".into(), "web".into()]));
    set("big", Value::Oversize(9_000));
    set("ip", "::ffff:10.1.2.3".into());
    set("any", 31.into());
    set("anys", Value::list(vec![7.into(), 8.into()]));
    Request {
        labels: BTreeMap::from([("team".to_owned(), "care".to_owned())]),
        params,
        query: Query::parse(Some("force=tru%65&f%6Frce=1&a+b")).unwrap(),
    }
}

fn refusal(source: &str) -> String {
    match ProgramDraft::parse(source).and_then(|draft| draft.check(&environment())) {
        Ok(()) => format!("{source}: accepted"),
        Err(error) => {
            let at = error
                .offset
                .map_or(String::new(), |offset| format!(" @{offset}"));
            let help = error
                .help
                .map_or(String::new(), |help| format!(" ({help})"));
            format!("{source}: {}{at}{help}", error.message)
        }
    }
}

pub(super) fn answer(source: &str) -> Outcome {
    let draft = ProgramDraft::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    draft
        .check(&environment())
        .unwrap_or_else(|error| panic!("{source}: {error}"));
    draft.finish().evaluate(&request())
}

#[test]
fn refuses_what_can_never_be_meant() {
    let sources = [
        "agnet.name == 'a'",
        "agent.nam == 'a'",
        "params.porject == 'OPS'",
        "params.count == '7'",
        "params.project == 7",
        "params.count == 1.5",
        "action.risk >= 'high'",
        "action.risk >= risk('hgih')",
        "31 in ['31']",
        "params.count in ['31', '32']",
        "[1, 'a'].exists(x, x == 1)",
        "params.project",
        "params.count + 1",
        "params.project == null",
        "params.project.matches(params.big)",
        "params.project.matches('(')",
        "params.project.matches('(a{1000}){1000}')",
        "glob(params.project, params.big)",
        "cidr(params.ip, '10.0.0.0/33')",
        "request.time.getHours('Europe/Rom') < 8",
        "timestamp('yesterday') < request.time",
        "params.labels.team == 'a'",
        "has(params.labels.team)",
        "{'a': 1}['a'] == 1",
        "dyn(1) == 1",
        "params.labels.all(agent, agent == 'a')",
        "agent.labels < agent.labels",
        "!params.count",
        "params.flag && params.project",
        "has(params.owner) || params.owner == 'a'",
        "'é' == 'é' && params.count == '7'",
        "unknown(1)",
        "request.query.contains('force=true')",
        "request.query == 'force=true'",
        "params.?count == 7",
        "params.?count.orValue('a') == 7",
        "params[?'count'].orValue(1) == 7",
    ];
    let all: Vec<_> = sources.map(refusal).into();
    insta::assert_snapshot!(all.join("\n"), @r#"
    agnet.name == 'a': unknown name `agnet` @0 (did you mean `agent`?)
    agent.nam == 'a': `agent.nam` is not a field of `agent` @5 (did you mean `name`?)
    params.porject == 'OPS': `params.porject` is not a parameter of `jira.issue.create` @6 (did you mean `project`?)
    params.count == '7': `==` compares an int with a string @13
    params.project == 7: `==` compares a string with an int @15
    params.count == 1.5: `==` compares an int with a double @13
    action.risk >= 'high': `>=` compares a risk with a string @12
    action.risk >= risk('hgih'): unknown risk `hgih`; one of low, medium, high, critical @19
    31 in ['31']: `in` looks for an int in a list of a string @3
    params.count in ['31', '32']: `in` looks for an int in a list of a string @13
    [1, 'a'].exists(x, x == 1): a list of an int and a string: items must be of one type @0
    params.project: the expression is a string, not a bool
    params.count + 1: the expression is an int, not a bool
    params.project == null: nothing is `null` here: a parameter that a request leaves out is absent, see `has` @15
    params.project.matches(params.big): `matches` takes a literal, so that it is checked at load @29
    params.project.matches('('): `(` is not a pattern: unclosed group @23
    params.project.matches('(a{1000}){1000}'): `(a{1000}){1000}` is not a pattern: it is too large @23
    glob(params.project, params.big): `glob` takes a literal, so that it is checked at load @27
    cidr(params.ip, '10.0.0.0/33'): `10.0.0.0/33` is not a network @4 (as in `10.0.0.0/8`)
    request.time.getHours('Europe/Rom') < 8: `timezone`: unknown time zone Europe/Rom @21
    timestamp('yesterday') < request.time: `timestamp`: premature end of input @9
    params.labels.team == 'a': a list has no field `team` @13
    has(params.labels.team): a list has no fields @3
    {'a': 1}['a'] == 1: maps are not supported @0
    dyn(1) == 1: there is no `dyn` for an int @3
    params.labels.all(agent, agent == 'a'): `agent` is already a name @17
    agent.labels < agent.labels: `<` compares labels with labels @13
    !params.count: there is no `!` for an int @0
    params.flag && params.project: a string is used where a bool is needed @21
    has(params.owner) || params.owner == 'a': `params.owner` is not a parameter of `jira.issue.create` @27
    'é' == 'é' && params.count == '7': `==` compares an int with a string @29
    unknown(1): there is no `unknown` for an int @7
    request.query.contains('force=true'): there is no `contains` for a query and a string @22 (a query is a map of lists of decoded texts, as in `"force" in request.query && "true" in request.query["force"]`)
    request.query == 'force=true': `==` compares a query with a string @14 (a query is a map of lists of decoded texts, as in `"force" in request.query && "true" in request.query["force"]`)
    params.?count == 7: `.?` is not read here @6 (`.?` goes before one field and is followed by `.orValue(…)` or `.hasValue()`, as in `params.?bulk.orValue(false)`)
    params.?count.orValue('a') == 7: `?:` gives an int or a string @21
    params[?'count'].orValue(1) == 7: `.?` is not read here @6 (`.?` goes before one field and is followed by `.orValue(…)` or `.hasValue()`, as in `params.?bulk.orValue(false)`)
    "#);
}

#[test]
fn answers_what_holds() {
    for source in [
        "params.project == 'OPS' && agent.name != 'x'",
        "params['project'].startsWith('O')",
        "action.risk >= risk('high') && action.risk < risk('critical') && action.risk == risk('high')",
        "agent.labels.team == 'care' && agent.labels['team'] == 'care'",
        "agent.labels.oncall == '' && agent.labels['oncall'] == ''",
        "'team' in agent.labels && !('oncall' in agent.labels)",
        "has(agent.labels.team) && !has(agent.labels.oncall)",
        "has(params.project) && !has(params.flag) && !has(params.owner)",
        "'project' in params",
        "!has(params.owner) || params.owner == 'me'",
        "has(params.owner) ? params.owner == 'me' : true",
        "!(has(params.owner) && params.owner == 3)",
        "params.owner == 'me' && has(params.owner) || true",
        "params.project.matches('^O[A-Z]+$') && matches(params.project, 'PS')",
        "glob(params.project, 'O*') && !glob(params.project, 'P*') && glob('a.b/c\\nd', 'a*d')",
        "cidr(params.ip, '10.0.0.0/8') && !cidr('[fe80::1]', '10.0.0.0/8')",
        "request.time.getHours() == 22 && request.time.getHours('Europe/Rome') == 23 && request.time.getDayOfWeek() == 1",
        "request.time > timestamp('2025-01-01T00:00:00Z') && request.time - timestamp('2025-01-01T00:00:00Z') > duration('1h')",
        "'prod' in params.labels && params.labels.exists(l, l.lowerAscii() == 'web') && params.labels.size() == 2",
        "params.labels.filter(l, l != 'web') == ['prod'] && params.labels.map(l, l.size()) == [4, 3]",
        "params.labels.join(',') == 'prod,web' && 'a,b'.split(',')[1] == 'b' && params.labels[0] == 'prod'",
        "params.amount > 2 && params.amount == 2.5 && params.count * 2 - 1 == 13",
        "params.any == 31 && params.any in [31, 32]",
        "params.project in ['OPS', 'CARE'] && !(params.project in ['X'])",
        "params.?count.orValue(1) == 7 && params.?flag.orValue(true) && params.?amount.orValue(1) == 2.5",
        "!params.?flag.hasValue() && params.?count.hasValue() && params.?more.orValue([]) == []",
        "agent.labels.?team.orValue('x') == 'care' && agent.labels.?none.orValue('x') == 'x'",
        "'force' in request.query && 'true' in request.query['force'] && request.query.force == ['true', '1']",
        "has(request.query.force) && !has(request.query.none) && request.query.?none.orValue([]) == []",
        "request.query.exists(k, k == 'a b') && request.query.size() == 2",
        "7 in params.anys && params.anys == [7, 8] && params.anys != [7] && params.anys.exists(x, x == 8)",
        "params.any == 31.0 && params.any in [31.0, 1.5]",
        "params.any == '31' || agent.name == 'devops'",
        "'OPS-1'.substring(0, 3) == params.project && 'a-b'.replace('-', '') == 'ab'",
    ] {
        assert_eq!(answer(source), Outcome::True, "{source}");
    }
}

#[test]
fn fails_where_nothing_can_be_said() {
    for source in [
        "params.flag",
        "!params.flag",
        "params.more.exists(x, x == 'a')",
        "request.body_bytes > 3",
        "params.big == 'a'",
        "params.big.startsWith('a') || agent.name == 'devops'",
        "cidr(params.project, '10.0.0.0/8')",
        "!cidr(params.project, '10.0.0.0/8')",
        "params.count / 0 == 1",
        "params.count + 9223372036854775807 == 1",
        "params.any",
        "params.labels[7] == 'a'",
        "params.any == '31'",
        "params.any != '31'",
        "!(params.any == '31')",
        "params.any == true",
        "params.any < '4'",
        "params.any in ['31']",
        "!(params.any in ['31', '32'])",
        "'31' in params.any",
        "'7' in params.anys",
        "!('7' in params.anys)",
        "params.anys == ['7', '8']",
        "params.anys != ['7']",
        "params.anys.exists(x, x == '7')",
        "!params.anys.exists(x, x == '7')",
        "params.anys.all(x, x != '7')",
        "params.any == '31' || agent.name == 'nobody'",
        "params.any == '31' ? true : false",
        "params.any in request.query",
        "request.query.none == ['a']",
        "'a' in request.query.none",
    ] {
        assert!(
            matches!(answer(source), Outcome::Failed(_)),
            "{source}: {:?}",
            answer(source)
        );
    }
    assert_eq!(
        answer("params.flag"),
        Outcome::Failed("`params.flag` is absent".to_owned())
    );
}

#[test]
fn fails_where_a_name_of_the_query_is_spelled_unlike_the_one_that_is_read() {
    let answer = |source: &str, query: &str| {
        let request = Request {
            query: Query::parse(Some(query)).unwrap(),
            ..request()
        };
        let draft = ProgramDraft::parse(source).unwrap();
        draft.check(&environment()).unwrap();
        draft.finish().evaluate(&request)
    };
    let says = |source: &str, truth: bool, queries: &[&str]| {
        let expected = if truth { Outcome::True } else { Outcome::False };
        for query in queries {
            assert_eq!(answer(source, query), expected, "{source} of {query}");
        }
    };
    let fails = |source: &str, queries: &[&str]| {
        for query in queries {
            let answer = answer(source, query);
            assert!(matches!(answer, Outcome::Failed(_)), "{source} of {query}");
        }
    };
    let spelled = [
        "Force=1",
        "FORCE",
        "force[]=1",
        "force%5B%5D=",
        "force[a]=1",
        "_force=1",
        "fo-rce=1",
        "force.x=1",
        "a=1&force=0&Force=1",
        "%46orce=1",
        "f_orce",
    ];
    for source in [
        "'force' in request.query",
        "!('force' in request.query)",
        "has(request.query.force)",
        "request.query.?force.orValue(['0']) == ['0']",
        "'force' in request.query && 'true' in request.query['force']",
        "request.query.exists(k, k == 'force')",
        "request.query.all(k, k in ['a', 'force'])",
        "[request.query].exists(q, 'force' in q)",
        "params.project == 'OPS' || 'force' in request.query",
    ] {
        fails(source, &spelled);
    }
    let other = [
        "",
        "a=1",
        "enforce=1",
        "forced=1",
        "forces[force]=1",
        "Page=2&per_page=3",
        "x=force",
    ];
    says("'force' in request.query", false, &other);
    says(
        "'force' in request.query",
        true,
        &["force=1", "a&force", "f%6Frce=1&page_Size=2"],
    );
    says(
        "request.query.exists(k, k.startsWith('debug['))",
        true,
        &["debug[x]=1"],
    );
    says(
        "request.query.size() == 1 && has(request.body_bytes)",
        false,
        &["Some_Name=true"],
    );

    let nested = "'filter[state]' in request.query";
    fails(
        nested,
        &[
            "filter[State]=a",
            "Filter[state]=a",
            "filter.state=a",
            "filter=a",
            "filter[]=a",
            "filter[state][]=a",
        ],
    );
    says(nested, false, &["filter[name]=a", "filters[state]=a"]);
    says(
        "'tag[]' in request.query",
        true,
        &["tag[]=a", "tag[]=a&tags=1"],
    );
    fails(
        "'tag[]' in request.query",
        &["tag=a", "tag[0]=a", "Tag[]=a"],
    );
    fails("'at[1]' in request.query", &["at[01]=a", "at[]=a"]);
    says("'at[1]' in request.query", false, &["at[2]=a"]);

    // A name that only the request tells may be any of those in the query.
    let computed = "params.project in request.query";
    says(computed, false, &["page=1"]);
    fails(computed, &["Ops=1", "OPS=1", "o_ps=1"]);
}

#[test]
fn names_the_parameters_that_are_read() {
    let draft = ProgramDraft::parse("has(params.a) && params['b'] == 1 && params.labels.exists(x, x == params.c) && 'd' in params").unwrap();
    assert_eq!(
        draft.fields_of("params").into_iter().collect::<Vec<_>>(),
        ["a", "b", "c", "d", "labels"]
    );
}
