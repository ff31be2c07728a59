//! Compiles the parameters of a route: captured labels by themselves, and what `params:` says.

use std::sync::Arc;

use crate::connector::compile::defaults::{Defaults, check_merge};
use crate::connector::compile::parameter::Readable;
use crate::connector::compile::{Scope, computed};
use crate::connector::manifest::route::RouteEntry;
use crate::connector::model::endpoint::Endpoint;
use crate::connector::model::format::Format;
use crate::connector::model::matches::Matches;
use crate::connector::model::naming::{Making, parameter_of};
use crate::connector::model::native::{NativeSource, Reach};
use crate::connector::model::operation::{Fact, OperationKind};
use crate::connector::model::parameter::{Origin, Param};
use crate::model::value::ValueType;

/// Returns every name that domain, base path, host and path of a route capture, each once.
pub(crate) fn captured(matches: &Matches, endpoints: &[Endpoint]) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = Vec::new();
    let own = matches
        .host
        .iter()
        .flat_map(|host| host.names())
        .chain(matches.path.names());
    for name in endpoints.iter().flat_map(Endpoint::names).chain(own) {
        if !names.contains(name) {
            names.push(Arc::clone(name));
        }
    }
    names
}

pub(crate) fn check_captures(
    matches: &Matches,
    endpoints: &[Endpoint],
    entry: &RouteEntry,
    scope: &mut Scope<'_>,
) {
    let own: Vec<&Arc<str>> = matches
        .host
        .iter()
        .flat_map(|host| host.names())
        .chain(matches.path.names())
        .collect();
    let twice = own.iter().enumerate().find(|(at, name)| {
        own.iter().take(*at).any(|other| other == *name)
            || endpoints
                .iter()
                .flat_map(Endpoint::names)
                .any(|other| other == **name)
    });
    if let Some((_, name)) = twice {
        let message =
            format!("`{name}` is captured twice, by this route and by a domain, base path or host");
        scope.error("match", message, &entry.matches, "rename one of them");
    }
}

pub(crate) fn params(
    entry: &RouteEntry,
    defaults: &Defaults<'_>,
    (captured, kind): (&[Arc<str>], OperationKind),
    scope: &mut Scope<'_>,
) -> Vec<Param> {
    check_merge(&entry.merge, scope);
    let names: Vec<&str> = captured.iter().map(|name| &**name).collect();
    let merge = if entry.merge.is_empty() {
        defaults.merge
    } else {
        &entry.merge
    };
    let mut params: Vec<Param> = captured.iter().map(Param::captured).collect();
    let unsaid = names.iter().filter(|name| !entry.states(name));
    let labels = unsaid.filter_map(|name| Some((*name, *defaults.params.get(*name)?)));
    let stated = entry.params.0.iter();
    let stated = stated.map(|(name, written)| (name.as_str(), written));
    for (name, written) in labels.chain(stated) {
        let mut readable = Readable {
            captured: &names,
            kind,
            merge,
            paths: &mut scope.paths,
            patterns: scope.patterns,
        };
        let compiled = Param::compile(name, &written.value, &mut readable);
        match compiled {
            Ok(param) => match params.iter_mut().find(|known| known.name == param.name) {
                Some(known)
                    if param
                        .origins
                        .contains(&Origin::Captured(Arc::clone(&known.name))) =>
                {
                    *known = param
                }
                Some(_) => {
                    let message =
                        format!("parameter `{name}` is a captured label and read elsewhere too");
                    scope.error("params", message, written, "rename one of them");
                }
                None => params.push(param),
            },
            Err((message, help)) => scope.error("params", message, written, help),
        }
    }
    params
}

/// Adds what the connector's override reads; in forms only for routes whose name has a hole for it. Returns it for `when` too.
pub(crate) fn native(
    entry: &RouteEntry,
    formats: &[Format],
    params: &mut Vec<Param>,
    scope: &mut Scope<'_>,
) -> Vec<Arc<Param>> {
    let Some(native) = scope.native else {
        return Vec::new();
    };
    let has_form = formats.iter().any(|format| format.kind.has_names());
    let mut labels = Vec::new();
    for label in native.labels() {
        let source = NativeSource {
            native,
            label: label.name,
        };
        let hole = format!("{{{}}}", label.name);
        let also = match label.reach {
            Reach::Head => None,
            Reach::Form(_) if !entry.action.value.contains(&hole) => continue,
            Reach::Form(name) => Some(name).filter(|_| has_form),
        };
        if params.iter().any(|param| *param.name == *label.name) {
            let message = format!("`{}` is read by `native`, and elsewhere too", label.name);
            scope.error("params", message, &entry.action, "rename the other one");
        }
        params.push(Param::native(source, also));
        if entry.when.is_some() {
            labels.push(Arc::new(Param::native(source, also)));
        }
    }
    labels
}

/// Compiles the parameters that are computed of the others, and puts them behind those.
pub(crate) fn computed(entry: &RouteEntry, params: &mut [Param], scope: &mut Scope<'_>) {
    for (name, written) in &entry.params.0 {
        let Some(cel) = &written.value.0.cel else {
            continue;
        };
        let computed = |param: &Param| entry.computes(&param.name);
        params.sort_by_key(computed);
        let others = params.iter().take_while(|param| !computed(param)).count();
        let (others, own) = params.split_at_mut(others);
        match computed::compile(cel, others) {
            Ok((program, value_type)) => {
                let param = own.iter_mut().find(|param| *param.name == **name);
                let Some(param) = param else { continue };
                let stated = written.value.0.value_type;
                let spelled = param.pattern.is_some() || param.fold.is_some();
                let differs = value_type.is_some_and(|computed| {
                    stated.is_some_and(|stated| stated != computed)
                        || (spelled && computed != ValueType::String)
                });
                if differs {
                    let message = format!("`{name}` is computed as another type than it says");
                    scope.error("params", message, written, "leave `type` out");
                }
                param.value_type = param.value_type.or(value_type);
                param.computed = Some(program.into());
            }
            Err((message, help)) => scope.error("params", message, written, &help),
        }
    }
}

impl RouteEntry {
    fn states(&self, name: &str) -> bool {
        self.params.0.iter().any(|(stated, _)| stated == name)
    }

    fn computes(&self, name: &str) -> bool {
        let mut stated = self.params.0.iter();
        stated.any(|(stated, param)| stated == name && param.value.0.cel.is_some())
    }
}

/// Adds what every command of a push says, as parameters by themselves.
pub(crate) fn refs(entry: &RouteEntry, params: &mut Vec<Param>, scope: &mut Scope<'_>) {
    let own = [
        ("ref", Fact::GitRef),
        ("force", Fact::GitForce),
        ("delete", Fact::GitDelete),
    ];
    for (name, fact) in own {
        if params.iter().any(|param| *param.name == *name) {
            let message =
                format!("`{name}` is what a push says by itself, and is read elsewhere too");
            scope.error("params", message, &entry.action, "rename the other one");
        }
        params.push(Param::of_fact(name, fact));
    }
}

/// Makes sure that every hole of a made name is filled by a parameter: one of the route's own, or one that the hole reads.
pub(crate) fn holes(
    making: &Making,
    entry: &RouteEntry,
    (params, kind): (&mut Vec<Param>, OperationKind),
    scope: &mut Scope<'_>,
) {
    let help = "a hole is a captured label, a parameter of the route, `graphql.field`, `rpc.method` or `rpc.params.name`";
    for hole in making.holes() {
        let name = parameter_of(hole);
        let stated = entry.states(name);
        let known = params.iter_mut().find(|param| *param.name == *name);
        if let Some(known) = known {
            // A label of that name is something else than what the hole says.
            let other = hole.contains('.') && !stated;
            if other || known.list || known.value_type != Some(ValueType::String) {
                let message = format!("`{{{hole}}}` cannot be filled by the parameter `{name}`");
                scope.error(
                    "action",
                    message,
                    &entry.action,
                    "fill it by one string, and rename labels that are called so",
                );
            }
            known.required = true;
            continue;
        }
        let mut readable = Readable {
            captured: &[],
            kind,
            merge: &[],
            paths: &mut scope.paths,
            patterns: scope.patterns,
        };
        match readable.hole(hole) {
            Ok(Some(param)) => params.push(param),
            Ok(None) => {
                let message = format!("nothing fills the hole `{{{hole}}}`");
                scope.error("action", message, &entry.action, help);
            }
            Err((message, help)) => scope.error("action", message, &entry.action, help),
        }
    }
}
