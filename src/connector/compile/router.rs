//! Groups to one router a method: distinct path shapes, and for each the ones that overlap it.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::connector::model::group::Group;
use crate::connector::model::pattern::{Pattern, Segment};
use crate::connector::model::router::{Router, Shape};
use crate::model::table::Table;

/// The routers of a connector, by method key.
pub(crate) type Routers = Table<Box<str>, Router>;

/// What stands at one place of the patterns of a router: the suffix of its parameter, or that it takes everything.
type Places = HashMap<String, String>;

/// A pattern that `matchit` cannot hold by itself, and why.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` cannot be looked up: {1}")]
pub(crate) struct RouterError(String, matchit::InsertError);

/// Builds the routers; the numbers in them are those of the groups.
///
/// # Errors
/// The pattern that `matchit` cannot hold by itself, and why.
pub(crate) fn routers(groups: &[Group]) -> Result<Routers, RouterError> {
    let mut by_method: HashMap<&str, Vec<u32>> = HashMap::new();
    for (number, group) in (0_u32..).zip(groups) {
        by_method.entry(&group.method).or_default().push(number);
    }
    let methods = by_method.into_iter();
    methods
        .map(|(method, numbers)| {
            let shapes = shapes(groups, &numbers);
            Ok((method.into(), build(shapes)?))
        })
        .collect()
}

/// Joins groups of one shape, and finds what overlaps.
fn shapes(groups: &[Group], numbers: &[u32]) -> Vec<Shape> {
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut shapes: Vec<(&Pattern, Vec<u32>)> = Vec::new();
    for number in numbers {
        let Some(group) = groups.get(*number as usize) else {
            continue;
        };
        let pattern = &group.matches.path;
        let at = *known.entry(pattern.shape()).or_insert_with(|| {
            shapes.push((pattern, Vec::new()));
            shapes.len() - 1
        });
        if let Some((_, held)) = shapes.get_mut(at) {
            held.push(*number);
        }
    }
    let of = |held: &[u32]| -> Vec<&Group> {
        let held = held.iter();
        held.filter_map(|number| groups.get(*number as usize))
            .collect()
    };
    // Whatever host and query are, the first one's group accepts, and it is more literal than each of the second one's.
    let always_beats = |one: &[u32], two: &[u32]| {
        of(one).iter().any(|own| {
            own.matches.is_for_every_target()
                && of(two)
                    .iter()
                    .all(|other| own.matches.literalness(&other.matches) == Some(Ordering::Greater))
        })
    };
    let near = neighbours(&shapes);
    let overlapping: Vec<Vec<u32>> = shapes
        .iter()
        .map(|(pattern, held)| {
            let others = near.of(pattern).filter(|at| {
                let other = shapes.get(*at as usize);
                other.is_some_and(|(other, theirs)| {
                    !std::ptr::eq(*other, *pattern)
                        && pattern.overlaps(other)
                        && !always_beats(held, theirs)
                })
            });
            others.collect()
        })
        .collect();
    shapes
        .into_iter()
        .zip(overlapping)
        .map(|((pattern, held), overlapping)| Shape {
            pattern: pattern.clone(),
            groups: held.into(),
            overlapping: overlapping.into(),
        })
        .collect()
}

/// Numbers of shapes by their first segment, since comparing each with each would take seconds for a large API.
struct Neighbours<'a> {
    literal: HashMap<&'a str, Vec<u32>>,
    open: Vec<u32>,
    all: u32,
}

fn neighbours<'a>(shapes: &[(&'a Pattern, Vec<u32>)]) -> Neighbours<'a> {
    let mut near = Neighbours {
        literal: HashMap::new(),
        open: Vec::new(),
        all: u32::try_from(shapes.len()).unwrap_or(u32::MAX),
    };
    for (number, (pattern, _)) in (0_u32..).zip(shapes) {
        match pattern.segments().first() {
            Some(Segment::Literal(text)) => near.literal.entry(text).or_default().push(number),
            _ => near.open.push(number),
        }
    }
    near
}

impl Neighbours<'_> {
    /// Iterates over every shape that may overlap a pattern.
    fn of(&self, pattern: &Pattern) -> Box<dyn Iterator<Item = u32> + '_> {
        match pattern.segments().first() {
            Some(Segment::Literal(text)) => {
                let same = self.literal.get(&**text).into_iter().flatten();
                Box::new(same.chain(&self.open).copied())
            }
            _ => Box::new(0..self.all),
        }
    }
}

/// Puts shapes into as few routers as `matchit` allows.
fn build(shapes: Vec<Shape>) -> Result<Router, RouterError> {
    let mut routers: Vec<(matchit::Router<u32>, Places)> = Vec::new();
    let mut bare = None;
    for (number, shape) in (0_u32..).zip(&shapes) {
        if shape.pattern.segments().is_empty() {
            bare = Some(number);
            continue;
        }
        let places = places(&shape.pattern);
        let text = text(&shape.pattern);
        let fits = |known: &Places| {
            let mut own = places.iter();
            own.all(|(place, kind)| known.get(place).is_none_or(|known| known == kind))
        };
        let mut open = routers.iter_mut();
        let taken = open.any(|(router, known)| {
            let taken = fits(known) && router.insert(&*text, number).is_ok();
            if taken {
                known.extend(places.iter().cloned());
            }
            taken
        });
        if !taken {
            let mut router = matchit::Router::new();
            router
                .insert(&*text, number)
                .map_err(|error| RouterError(shape.pattern.shape(), error))?;
            routers.push((router, places.into_iter().collect()));
        }
    }
    Ok(Router {
        routers: routers.into_iter().map(|(router, _)| router).collect(),
        shapes: shapes.into(),
        bare,
    })
}

/// Returns where a pattern has parameters, and of which kind. `matchit` refuses `{x}` beside `{*rest}`, and of two suffixes at one
/// place it tries only one, so that a path which is the other pattern's would not be found.
fn places(pattern: &Pattern) -> Vec<(String, String)> {
    let mut places = Vec::new();
    let mut front = String::new();
    for segment in pattern.segments() {
        front.push('/');
        let (prefix, kind) = match segment {
            Segment::Literal(text) => {
                front.push_str(&escaped(text));
                continue;
            }
            Segment::Param(_) => ("", ""),
            Segment::Affixed(around) => (&*around.prefix, &*around.suffix),
            Segment::Rest(_) => ("", "/*"),
        };
        front.push_str(&escaped(prefix));
        places.push((front.clone(), kind.to_owned()));
        front.push_str("{}");
        front.push_str(&escaped(kind));
    }
    places
}

/// Writes a pattern as `matchit` reads it; it does not look at names.
fn text(pattern: &Pattern) -> String {
    pattern
        .segments()
        .iter()
        .fold(String::new(), |mut text, segment| {
            text.push('/');
            match segment {
                Segment::Literal(literal) => text.push_str(&escaped(literal)),
                Segment::Param(_) => text.push_str("{p}"),
                Segment::Affixed(around) => {
                    text.push_str(&escaped(&around.prefix));
                    text.push_str("{p}");
                    text.push_str(&escaped(&around.suffix));
                }
                Segment::Rest(_) => text.push_str("{*p}"),
            }
            text
        })
}

fn escaped(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}
