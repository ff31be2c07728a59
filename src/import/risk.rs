//! Estimates an operation's risk: its method, corrected by its words, and whether it hands out a credential.

mod text;
mod word;
mod wording;

use std::collections::{BTreeMap, BTreeSet};

use super::api::{Api, Operation};
use super::names::Name;
use super::names::verbs::Effect;
use super::names::words::{singular, words};
use super::secrets;
use crate::model::action::Risk;

/// Things whose making or changing moves money.
const MONEY: [&str; 14] = [
    "bank_transfer",
    "charge",
    "checkout",
    "disbursement",
    "order",
    "payment",
    "payment_intent",
    "payout",
    "purchase",
    "refund",
    "topup",
    "top_up",
    "transfer",
    "withdrawal",
];
/// Things whose reading is not harmless.
const PRIVATE: [&str; 12] = [
    "bank_account",
    "card",
    "charge",
    "credential",
    "direct_message",
    "dm",
    "mail",
    "password",
    "payment",
    "payout",
    "secret",
    "transaction",
];
/// Things that a model makes: asking for one changes nothing. Chats, predictions and translations are as often things that are kept.
const INFERENCE: [&str; 4] = ["completion", "embedding", "inference", "rerank"];
/// Answers with one name in them that make it a part of a common thing.
const COMMON: usize = 8;

/// What is said of an operation's risk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) risk: Risk,
    /// Where the answer holds a credential; then the action is critical by itself.
    pub(crate) response_secrets: Vec<String>,
    /// What a person must look at.
    pub(crate) judge: Option<String>,
}

/// Returns the risk that a method has by itself.
pub(crate) fn by_method(method: &str) -> Risk {
    match method {
        "GET" | "HEAD" | "OPTIONS" => Risk::Low,
        "DELETE" => Risk::High,
        _ => Risk::Medium,
    }
}

/// What all operations of an API are judged by.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    api: &'a Api,
    /// Properties named like a secret that are in so many answers that they belong to a common thing.
    common: BTreeMap<String, usize>,
    /// Literal segments that name collections.
    collections: BTreeSet<String>,
}

impl<'a> Judge<'a> {
    /// Looks over all operations.
    pub(crate) fn of(api: &'a Api, names: &[Name]) -> Self {
        let mut common: BTreeMap<String, usize> = BTreeMap::new();
        for (operation, name) in api.operations.iter().zip(names) {
            for secret in operation
                .answer
                .secrets
                .iter()
                .filter(|_| !is_about_secrets(operation, name))
            {
                *common.entry(last(secret).to_owned()).or_default() += 1;
            }
        }
        common.retain(|_, count| *count >= COMMON);
        let collections = wording::collections(api.operations.iter());
        Self {
            api,
            common,
            collections,
        }
    }

    /// Returns what a person must look at once for many operations.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let remark = |(name, count): (&String, &usize)| {
            format!(
                "{count} answers have `{}`; if that is a live credential, list it under `response_secrets` of their routes",
                name.escape_debug()
            )
        };
        self.common.iter().map(remark).collect()
    }

    /// Estimates the risk of one operation.
    pub(crate) fn judge(&self, operation: &Operation, name: &Name) -> Judged {
        let (risk, odd) = self.by_words(operation, name);
        let mut judged = Judged {
            risk,
            response_secrets: Vec::new(),
            judge: odd,
        };
        let secrets = &operation.answer.secrets;
        if secrets.is_empty() || matches!(operation.method.as_str(), "DELETE" | "HEAD" | "OPTIONS")
        {
            return judged;
        }
        // The public half of a pair is no secret, however it is written.
        if name
            .resource
            .iter()
            .any(|segment| segment.starts_with("public"))
        {
            return judged;
        }
        if is_about_secrets(operation, name) {
            judged.response_secrets.clone_from(secrets);
            return judged;
        }
        let own: Vec<&str> = secrets
            .iter()
            .map(String::as_str)
            .filter(|secret| !self.common.contains_key(last(secret)))
            .collect();
        if !own.is_empty() {
            judged.risk = judged.risk.max(Risk::Medium);
            judged.judge = Some(format!(
                "the answer has `{}`; if that is a live credential, list it under `response_secrets`",
                own.join("`, `").escape_debug()
            ));
        }
        judged
    }

    /// Judges by what the words say, then by what the thing is: money, a secret, what a model makes.
    fn by_words(&self, operation: &Operation, name: &Name) -> (Risk, Option<String>) {
        let method = operation.method.as_str();
        let wording::Said { risk, judge } = wording::judge(operation, &self.collections);
        let odd = |what: String| Some(format!("a {method} that {what}: make sure of the risk"));
        let effect = name.means.effect;
        match effect {
            Effect::Harms | Effect::Pays if risk < Risk::High => {
                let judge = judge.or_else(|| odd(format!("would {}", name.verb)));
                (Risk::High, judge.filter(|_| wording::is_safe(operation)))
            }
            _ if risk == Risk::Low && is_private(name, self.api) => (Risk::Medium, judge),
            Effect::Writes
                if risk == Risk::Medium && moves_money(name) && !wording::is_safe(operation) =>
            {
                (Risk::High, judge)
            }
            Effect::Writes
                if method == "POST"
                    && risk == Risk::Medium
                    && judge.is_none()
                    && is_inference(name) =>
            {
                (Risk::Low, odd("asks a model".to_owned()))
            }
            Effect::Reads if method == "DELETE" => (risk, odd(format!("would only {}", name.verb))),
            _ => (risk, judge),
        }
    }
}

fn is_about_secrets(operation: &Operation, name: &Name) -> bool {
    let id = operation.id.as_deref().map(words).unwrap_or_default();
    let said = name
        .resource
        .iter()
        .map(String::as_str)
        .chain(id.iter().map(String::as_str));
    secrets::is_about_secrets(said)
}

/// Returns the last name of a `JSONPath`.
fn last(path: &str) -> &str {
    path.rsplit(['.', '\''])
        .find(|part| !part.is_empty() && *part != "]")
        .unwrap_or(path)
}

fn moves_money(name: &Name) -> bool {
    MONEY.contains(&name.noun.as_str())
}

fn is_inference(name: &Name) -> bool {
    let last = name.noun.as_str();
    INFERENCE.contains(&last) && ["create", "run", "generate"].contains(&name.means.name)
}

/// A message is private in an API about mail; elsewhere it may be a log line.
fn is_private(name: &Name, api: &Api) -> bool {
    let last = name.noun.as_str();
    let mail = words(&api.title)
        .iter()
        .any(|word| ["mail", "gmail", "email"].contains(&word.as_str()));
    PRIVATE.contains(&last)
        || (mail && ["message", "thread", "draft", "attachment"].contains(&last))
        || holds_secret(name)
}

/// The values of secrets, not the keys of a map or the public half of a pair.
fn holds_secret(name: &Name) -> bool {
    let parts: Vec<String> = name.noun.split('_').map(singular).collect();
    let has = |words: &[&str]| parts.iter().any(|part| words.contains(&part.as_str()));
    has(&["secret", "credential", "password", "token"]) && !has(&["public"])
}
