//! Prints rows as aligned lines, for people. Every cell is escaped, so no stored text can move the cursor or look like a column.

use super::failure::Failure;
use super::output::Output;
use crate::model::show::escape;

/// Between two columns; no cell has two spaces in a row.
const GAP: &str = "  ";

/// A table under construction.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    has_heads: bool,
    least: Vec<usize>,
    /// The column whose words are coloured.
    coloured: Option<usize>,
}

impl Table {
    /// Starts with the heads of the columns.
    pub(super) fn new<const N: usize>(heads: [&str; N]) -> Self {
        Self {
            rows: vec![heads.map(str::to_owned).to_vec()],
            has_heads: true,
            ..Self::without_heads()
        }
    }

    /// Goes on with a table whose heads are printed.
    pub(super) fn without_heads() -> Self {
        Self {
            rows: Vec::new(),
            has_heads: false,
            least: Vec::new(),
            coloured: None,
        }
    }

    /// Makes columns at least so wide.
    pub(super) fn at_least<const N: usize>(mut self, widths: [usize; N]) -> Self {
        self.least = widths.to_vec();
        self
    }

    /// Colours decisions in a column, for a terminal that shows colour.
    pub(super) fn coloured(mut self, is_terminal: bool, column: usize) -> Self {
        self.coloured = is_terminal.then_some(column);
        self
    }

    /// Adds a row; an empty cell is shown as `-`.
    pub(super) fn row<const N: usize>(&mut self, cells: [&str; N]) {
        let cell = |text: &str| {
            if text.is_empty() {
                "-".to_owned()
            } else {
                escape(text).replace(GAP, " \\u{20}")
            }
        };
        self.rows.push(cells.map(cell).to_vec());
    }

    /// Prints all rows; the last column is not padded.
    pub(super) fn print(&self, output: &Output) -> Result<(), Failure> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
            widest.max(self.least.get(column).copied().unwrap_or(0))
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (at, row) in self.rows.iter().enumerate() {
            let is_head = at == 0 && self.has_heads;
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let padded = format!("{cell:<width$}");
                if !is_head && self.coloured == Some(column) {
                    line.push_str(&in_colour(cell, &padded));
                } else {
                    line.push_str(&padded);
                }
                line.push_str(GAP);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        output.raw(&text)
    }
}

/// Returns a padded decision in its colour: refusals are red, questions yellow, what may go green.
fn in_colour(cell: &str, padded: &str) -> String {
    let code = match cell {
        "deny" => 31,
        "require_approval" => 33,
        "allow" => 32,
        _ => return padded.to_owned(),
    };
    format!("\u{1b}[{code}m{padded}\u{1b}[0m")
}
