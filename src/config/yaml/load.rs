//! Parses YAML text into a node tree, or into faults. Every tag, duplicate key and unknown alias is a fault; parsing goes on
//! after it.
//!
//! Built on the parser beneath `serde-saphyr`, because that crate's own reader drops a lone `!` and stops at the first error.

use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};

use super::fault::{Fault, QUOTING};
use super::frame::Frame;
use super::node::{Kind, Node, Spot, Style};

/// Bytes of one file.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Values of one file with aliases written out.
const MAX_NODES: usize = 1_000_000;
/// Most levels of nesting.
const MAX_DEPTH: usize = 64;

/// A tree and what is wrong with it. Without a tree the text could not be read to its end.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) root: Option<Node>,
    pub(super) faults: Vec<Fault>,
    /// Nodes that a fault is about already: what they would hold is not asked for.
    pub(super) refused: Vec<u32>,
}

/// Reads the one document of a text; an empty text is an empty mapping.
pub(super) fn load(text: &str) -> Loaded {
    let mut loader = Loader::default();
    if text.len() > MAX_BYTES {
        loader.faults.push(Fault::new(
            "yaml-limit",
            format!("a file is at most {MAX_BYTES} bytes"),
        ));
        return Loaded {
            root: None,
            faults: loader.faults,
            refused: Vec::new(),
        };
    }
    let options = granit_parser::options! {
        emit_unresolved_aliases: true,
        disallow_directives: true,
        emit_comments: false,
    };
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str_with_options(text, options);
    let root = match loader.run(&mut parser, text) {
        Ok(root) => Some(root),
        Err(fault) => {
            loader.faults.push(fault);
            None
        }
    };
    Loaded {
        root,
        faults: loader.faults,
        refused: loader.refused,
    }
}

#[derive(Debug, Default)]
struct Loader {
    faults: Vec<Fault>,
    refused: Vec<u32>,
    anchors: HashMap<usize, Rc<Node>>,
    open: Vec<Frame>,
    root: Option<Rc<Node>>,
    documents: usize,
    next_id: u32,
}

impl Loader {
    fn run<'t>(
        &mut self,
        parser: &mut Parser<'t, StrInput<'t>>,
        text: &str,
    ) -> Result<Node, Fault> {
        while let Some(event) = parser.next_event() {
            match event {
                Ok((event, span)) => self.event(event, &span)?,
                Err(error) => {
                    let spot = spot_of(error.marker());
                    let message = format!("this is not YAML: {}", lower_first(&error.info()));
                    let fault = Fault::new("yaml-syntax", message).spot(&spot);
                    return Err(if holds_special(text, spot.line) {
                        fault.help(QUOTING)
                    } else {
                        fault
                    });
                }
            }
        }
        let empty = || Rc::new(Node::new(0, Spot::new(1, 1), Kind::Map(Vec::new())));
        let root = self
            .root
            .take()
            .filter(|root| !root.is_blank())
            .unwrap_or_else(empty);
        Ok(Rc::unwrap_or_clone(root))
    }

    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Fault> {
        let spot = spot_of(&span.start);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Fault::new(
                        "yaml-syntax",
                        "a file holds one document, this begins a second",
                    )
                    .spot(&spot));
                }
            }
            Event::Scalar(value, style, anchor, tag) => {
                let tagged = self.refuse_tag(tag.as_deref(), span);
                let style = if style == ScalarStyle::Plain {
                    Style::Plain
                } else {
                    Style::Quoted
                };
                // The parser gives `~` where nothing is written; only the span tells the two apart.
                let blank = style == Style::Plain && span.start.index() == span.end.index();
                let text = if blank {
                    String::new()
                } else {
                    value.into_owned()
                };
                let node = self.node(spot, Kind::Scalar(text, style));
                self.refused.extend(tagged.then_some(node.id));
                self.finish(node, anchor)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.begin(Frame::list(spot, anchor), tag.as_deref(), span)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.begin(Frame::map(spot, anchor), tag.as_deref(), span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
            Event::Alias(id) => match self.anchors.get(&id) {
                Some(node) => self.place(Rc::clone(node), &spot)?,
                None => {
                    return Err(Fault::new(
                        "alias",
                        "this alias is inside the value that it repeats",
                    )
                    .spot(&spot));
                }
            },
            Event::UnresolvedAlias(name) => {
                let message = format!("there is no anchor `&{name}` that `*{name}` could repeat");
                self.faults
                    .push(Fault::new("alias", message).spot(&spot).help(QUOTING));
                let node = self.node(spot, Kind::Scalar(format!("*{name}"), Style::Given));
                self.refused.push(node.id);
                self.finish(node, 0)?;
            }
            // Comments, anchors' names and the stream's ends say nothing; `Event` is non-exhaustive.
            _ => {}
        }
        Ok(())
    }

    fn node(&mut self, spot: Spot, kind: Kind) -> Node {
        self.next_id = self.next_id.saturating_add(1);
        Node::new(self.next_id, spot, kind)
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: &Span) -> bool {
        if let Some(tag) = tag {
            let spot = spot_of(&span.tag_start().unwrap_or(span.start));
            let message = format!(
                "`{}` is read as a YAML tag, and tags are not used here",
                tag.original()
            );
            self.faults
                .push(Fault::new("tag", message).spot(&spot).help(QUOTING));
        }
        tag.is_some()
    }

    fn begin(&mut self, frame: Frame, tag: Option<&Tag>, span: &Span) -> Result<(), Fault> {
        self.refuse_tag(tag, span);
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep().spot(&frame.spot));
        }
        self.open.push(frame);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        let Some(frame) = self.open.pop() else {
            return Ok(());
        };
        let (spot, anchor) = (frame.spot.clone(), frame.anchor);
        let node = self.node(spot, frame.close());
        self.finish(node, anchor)
    }

    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        let node = Rc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        let spot = node.spot.clone();
        self.place(node, &spot)
    }

    /// Puts a node where the innermost open list or mapping waits for one. `spot` is where it is used.
    fn place(&mut self, node: Rc<Node>, spot: &Spot) -> Result<(), Fault> {
        if node.weight > MAX_NODES {
            return Err(Fault::new(
                "yaml-limit",
                format!("a file holds at most {MAX_NODES} values"),
            )
            .spot(spot));
        }
        if self.open.len() + node.height > MAX_DEPTH {
            return Err(too_deep().spot(spot));
        }
        match self.open.last_mut() {
            Some(frame) => self.faults.extend(frame.take(node, spot)),
            None => self.root = Some(node),
        }
        Ok(())
    }
}

fn too_deep() -> Fault {
    Fault::new(
        "yaml-limit",
        format!("a file is nested at most {MAX_DEPTH} deep"),
    )
}

/// Returns whether a line, or the one before, has a value that YAML reads as something else than text.
fn holds_special(text: &str, line: usize) -> bool {
    text.lines()
        .skip(line.saturating_sub(2))
        .take(2)
        .any(|line| {
            let line = line.trim().trim_start_matches("- ");
            let value = line
                .split_once(": ")
                .map_or(line, |(_, value)| value.trim());
            value.starts_with(['!', '*', '&', '"', '{', '[', '%', '@', '`']) || value.contains(": ")
        })
}

fn spot_of(marker: &Marker) -> Spot {
    Spot::new(marker.line(), marker.col() + 1)
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}
