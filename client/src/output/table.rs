//! Tables that fit the terminal.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{Output, Paint};

/// Between two columns.
const GAP: &str = "  ";

/// No column is made narrower than this to fit.
const NARROWEST: usize = 8;

/// One cell.
pub(crate) struct Cell {
    text: String,
    paint: Paint,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), paint: Paint::Plain }
    }

    pub(crate) fn painted(text: impl Into<String>, paint: Paint) -> Self {
        Self { text: text.into(), paint }
    }
}

/// A table whose column widths are settled by its first rows and only grow afterwards.
pub(crate) struct Table {
    headings: Vec<&'static str>,
    /// The columns that may be cut to fit the terminal, the first one first.
    elastic: Vec<usize>,
    widths: Vec<usize>,
    has_begun: bool,
}

impl Table {
    pub(crate) fn new(headings: &[&'static str], elastic: &[usize]) -> Self {
        let widths = headings.iter().map(|heading| heading.width()).collect();
        Self { headings: headings.to_vec(), elastic: elastic.to_vec(), widths, has_begun: false }
    }

    /// Some more rows as lines, after the headings if they are the first.
    pub(crate) fn rows(&mut self, rows: Vec<Vec<Cell>>, output: &Output) -> String {
        for row in &rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.width());
            }
        }
        let widths = self.fitted(output.width);
        let mut lines = String::new();
        if !std::mem::replace(&mut self.has_begun, true) {
            let headings: Vec<_> =
                self.headings.iter().map(|heading| Cell::painted(*heading, Paint::Faint)).collect();
            push_line(&mut lines, headings, &widths, output);
        }
        for row in rows {
            push_line(&mut lines, row, &widths, output);
        }
        lines
    }

    /// The widths, with elastic columns cut where the terminal is too narrow.
    fn fitted(&self, terminal: Option<usize>) -> Vec<usize> {
        let mut widths = self.widths.clone();
        let Some(terminal) = terminal else { return widths };
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        for column in &self.elastic {
            let over = (widths.iter().sum::<usize>() + gaps).saturating_sub(terminal);
            if let Some(width) = widths.get_mut(*column) {
                *width = width.saturating_sub(over).max(NARROWEST.min(*width));
            }
        }
        widths
    }
}

fn push_line(lines: &mut String, row: Vec<Cell>, widths: &[usize], output: &Output) {
    let last = row.len().saturating_sub(1);
    for (column, (cell, width)) in row.into_iter().zip(widths).enumerate() {
        let text = cut(&cell.text, *width);
        let padding = if column == last { 0 } else { width.saturating_sub(text.width()) };
        lines.push_str(&output.paint(cell.paint, &text));
        if column != last {
            lines.extend(std::iter::repeat_n(' ', padding));
            lines.push_str(GAP);
        }
    }
    let end = lines.trim_end_matches(' ').len();
    lines.truncate(end);
    lines.push('\n');
}

/// A text cut to so many columns, with an ellipsis where something is missing.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(character);
    }
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_columns_not_by_bytes() {
        assert_eq!(cut("Stève", 5), "Stève");
        assert_eq!(cut("Stève", 4), "Stè…");
        assert_eq!(cut("日本語です", 6), "日本…");
    }
}
