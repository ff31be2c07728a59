//! Lists native overrides: what they tell of a request of their API, which no data can say, and what headers are to it.
//!
//! An override only tells what is there. Which action it is and how risky stays with the connector file.

pub(crate) mod aws;

/// Every override that `native:` can name. THE list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Native {
    /// AWS, written `native: aws`.
    Aws,
}

/// What a header is to an API that an override knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderUse {
    /// Nothing that the override knows.
    Unknown,
    /// It changes nothing about what is done.
    Transport,
    /// It says what is done: a parameter of this name.
    Parameter(&'static str),
    /// One of several under the parameter of this name, a list of `name=value`.
    Member(&'static str),
    /// The API may obey it, and the override does not know how.
    Refused,
}

/// Something that an override tells.
#[derive(Debug)]
pub(crate) struct Label {
    pub(crate) name: &'static str,
    pub(crate) reach: Reach,
}

/// Where else a label stands, beside what the override reads itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nowhere: it is a parameter of every route.
    Head,
    /// In forms, in the body or the query, under this name; read by routes whose name has a hole for it.
    Form(&'static str),
}

/// One label of one override.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NativeSource {
    pub(crate) native: Native,
    pub(crate) label: &'static str,
}

impl Native {
    const ALL: [Self; 1] = [Self::Aws];

    /// Returns what `native:` says.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
        }
    }

    /// Returns the override of a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|native| native.name() == name)
    }

    /// Iterates over the known names.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(Self::name)
    }

    /// Returns its labels: each is a parameter of routes, and fills holes in names.
    pub(crate) fn labels(self) -> &'static [Label] {
        match self {
            Self::Aws => &aws::LABELS,
        }
    }

    /// Says what a header is to the API; lower-case.
    pub(crate) fn header(self, name: &str) -> HeaderUse {
        match self {
            Self::Aws => aws::of(name),
        }
    }

    /// Iterates over the parameters that headers can be, for policies.
    pub(crate) fn header_parameters(self) -> impl Iterator<Item = HeaderUse> {
        match self {
            Self::Aws => aws::header_parameters(),
        }
    }
}
