//! Prints rows as aligned lines, for people. Every cell is escaped, so no stored text can move the cursor.

use super::failure::Failure;
use super::output::Output;
use crate::model::show::escape;

/// A table under construction.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Starts with the heads of the columns.
    pub(super) fn new<const N: usize>(heads: [&str; N]) -> Self {
        Self {
            rows: vec![heads.map(str::to_owned).to_vec()],
        }
    }

    /// Adds a row; an empty cell is shown as `-`.
    pub(super) fn row<const N: usize>(&mut self, cells: [&str; N]) {
        let cell = |text: &str| {
            if text.is_empty() {
                "-".to_owned()
            } else {
                escape(text).into_owned()
            }
        };
        self.rows.push(cells.map(cell).to_vec());
    }

    /// Prints all rows; the last column is not padded.
    pub(super) fn print(&self, output: &Output) -> Result<(), Failure> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        output.raw(&text)
    }
}
