//! Frames the text of a refusal as the packet lines that git prints.

use crate::connector::model::error_shape::ErrorFacts;

/// Bytes that one packet line can hold, `gitprotocol-common(5)`.
const MAX_PACKET: usize = 65_516;

/// Bytes of a reason: it is one line of a terminal, and many refs can have it.
const MAX_REASON: usize = 1_000;

/// The push that is refused, as far as an answer to it must know it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Push {
    /// In the order of the commands.
    pub refs: Vec<String>,
    /// The client reads a report of each ref (`report-status`, `report-status-v2`).
    pub reports: bool,
    /// The most bytes of data in a packet of the band that the report goes in; `None` where there are no bands.
    pub side_band: Option<usize>,
}

impl Framing {
    /// Returns the text as git reads it.
    pub(crate) fn apply(self, text: &str, facts: &ErrorFacts<'_>) -> Vec<u8> {
        match self {
            Self::PacketLine => packet(one_line(text).as_bytes()),
            Self::ReportStatus => facts
                .push
                .map(|push| push.report(&one_line(text)))
                .unwrap_or_default(),
        }
    }

    /// Returns whether there is what the framing needs to know of the request.
    pub(crate) fn fits(self, facts: &ErrorFacts<'_>) -> bool {
        match self {
            Self::PacketLine => true,
            Self::ReportStatus => facts.push.is_some_and(|push| push.reports),
        }
    }
}

impl Push {
    /// Tells that each ref was refused: `report-status` of `gitprotocol-pack(5)`. A push is judged as a whole, so of several refs
    /// the reason may be about another one.
    fn report(&self, reason: &str) -> Vec<u8> {
        let whole = match self.refs.as_slice() {
            [_, _, ..] => "the push is refused as a whole: ",
            _ => "",
        };
        let mut report = packet(b"unpack ok\n");
        for name in &self.refs {
            report.extend(packet(format!("ng {name} {whole}{reason}\n").as_bytes()));
        }
        report.extend_from_slice(b"0000");
        let Some(limit) = self.side_band else {
            return report;
        };
        let mut banded = Vec::with_capacity(report.len() + 64);
        for chunk in report.chunks(limit.max(1)) {
            banded.extend(packet(&[&[1], chunk].concat()));
        }
        banded.extend_from_slice(b"0000");
        banded
    }
}

/// Prefixes data with its length in four hexadecimal digits, which count themselves.
fn packet(data: &[u8]) -> Vec<u8> {
    let data = data.get(..MAX_PACKET).unwrap_or(data);
    let mut packet = format!("{:04x}", data.len() + 4).into_bytes();
    packet.extend_from_slice(data);
    packet
}

/// A line break would end the reason, and what follows would be a report of its own.
fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    let end = line.floor_char_boundary(MAX_REASON);
    line.truncate(end);
    line
}

/// How a text is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// One packet line of git's protocol.
    PacketLine,
    /// A report that refuses each ref of a push for the reason that the text gives.
    ReportStatus,
}
