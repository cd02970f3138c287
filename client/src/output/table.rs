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
    /// The columns that are left out if that is not enough, the first one first.
    optional: Vec<usize>,
    widths: Vec<usize>,
    has_begun: bool,
}

impl Table {
    pub(crate) fn new(headings: &[&'static str], elastic: &[usize], optional: &[usize]) -> Self {
        let widths = headings.iter().map(|heading| heading.width()).collect();
        Self {
            headings: headings.to_vec(),
            elastic: elastic.to_vec(),
            optional: optional.to_vec(),
            widths,
            has_begun: false,
        }
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

    /// The widths, with elastic columns cut and then optional ones left out where the terminal is too narrow. A column
    /// that is left out has no width.
    fn fitted(&self, terminal: Option<usize>) -> Vec<Option<usize>> {
        let mut widths: Vec<_> = self.widths.iter().copied().map(Some).collect();
        let Some(terminal) = terminal else { return widths };
        for column in &self.elastic {
            let over = total(&widths).saturating_sub(terminal);
            if let Some(Some(width)) = widths.get_mut(*column) {
                *width = width.saturating_sub(over).max(NARROWEST.min(*width));
            }
        }
        for column in &self.optional {
            let is_too_wide = total(&widths) > terminal;
            if let Some(width) = widths.get_mut(*column).filter(|_| is_too_wide) {
                *width = None;
            }
        }
        widths
    }
}

/// How wide a line is.
fn total(widths: &[Option<usize>]) -> usize {
    let shown = || widths.iter().flatten();
    shown().sum::<usize>() + GAP.len() * shown().count().saturating_sub(1)
}

fn push_line(lines: &mut String, row: Vec<Cell>, widths: &[Option<usize>], output: &Output) {
    let shown = row.into_iter().zip(widths).filter_map(|(cell, width)| Some((cell, (*width)?)));
    for (at, (cell, width)) in shown.enumerate() {
        if at > 0 {
            lines.push_str(GAP);
        }
        let text = cut(&cell.text, width);
        let padding = width.saturating_sub(text.width());
        lines.push_str(&output.paint(cell.paint, &text));
        lines.extend(std::iter::repeat_n(' ', padding));
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
