//! Tables that fit the terminal.

use super::columns::{cut, shown, width};
use super::{Output, Paint};

/// Between two columns.
const GAP: &str = "  ";

/// A column is left out before another one is cut to less than this, or to less than it needs.
const COMFORTABLE: usize = 20;

/// One cell.
pub(crate) struct Cell {
    text: String,
    /// What is shown instead where the column is too narrow for the text.
    short: Option<String>,
    paint: Paint,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self::painted(text, Paint::Plain)
    }

    pub(crate) fn painted(text: impl Into<String>, paint: Paint) -> Self {
        Self { text: text.into(), short: None, paint }
    }

    /// With something to show where there is little room.
    pub(crate) fn or_short(mut self, short: impl Into<String>) -> Self {
        self.short = Some(short.into());
        self
    }

    fn width(&self) -> usize {
        width(&self.text)
    }

    fn short_width(&self) -> usize {
        self.short.as_deref().map_or(self.width(), width)
    }
}

/// What a column is called, and how it behaves where there is little room.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    heading: &'static str,
    /// To how many columns it may be cut.
    least: Option<usize>,
    /// Whether and in which turn it is left out, the highest first.
    turn: u8,
    /// Whether it is for people only.
    is_for_terminals: bool,
}

impl Column {
    /// A column that is always there, and wide enough for its cells, or at least for their short forms.
    pub(crate) const fn new(heading: &'static str) -> Self {
        Self { heading, least: None, turn: 0, is_for_terminals: false }
    }

    /// The same, but it may be cut to `least` columns.
    pub(crate) const fn cut_to(mut self, least: usize) -> Self {
        self.least = Some(least);
        self
    }

    /// The same, but it is left out where there is no room, those of the highest turn first.
    pub(crate) const fn left_out(mut self, turn: u8) -> Self {
        self.turn = turn;
        self
    }

    /// The same, but only on a terminal, and only if there is something in it.
    pub(crate) const fn on_terminals(mut self) -> Self {
        self.is_for_terminals = true;
        self
    }
}

/// A table. Its first rows settle what a terminal shows, so that a long one stays in line; elsewhere columns grow.
pub(crate) struct Table {
    columns: Vec<Column>,
    /// What each column needs for all that is in it.
    needed: Vec<usize>,
    /// What each column needs for the short forms.
    needed_at_least: Vec<usize>,
    has_begun: bool,
    /// How wide each column is on the terminal; one that is left out has no width.
    settled: Option<Vec<Option<usize>>>,
}

impl Table {
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            needed: vec![0; columns.len()],
            needed_at_least: vec![0; columns.len()],
            has_begun: false,
            settled: None,
        }
    }

    /// Some more rows as lines, after the headings if they are the first.
    pub(crate) fn rows(&mut self, mut rows: Vec<Vec<Cell>>, output: &Output) -> String {
        if output.width.is_some() {
            rows.iter_mut().flatten().for_each(|cell| cell.text = shown(&cell.text).into_owned());
        }
        let widths = self.widths(&rows, output.width);
        let mut lines = String::new();
        if !std::mem::replace(&mut self.has_begun, true) {
            let headings =
                self.columns.iter().map(|column| Cell::painted(column.heading, Paint::Faint)).collect();
            push_line(&mut lines, headings, &widths, output);
        }
        for row in rows {
            push_line(&mut lines, row, &widths, output);
        }
        lines
    }

    fn widths(&mut self, rows: &[Vec<Cell>], terminal: Option<usize>) -> Vec<Option<usize>> {
        if let Some(settled) = &self.settled {
            return settled.clone();
        }
        let needs = self.needed.iter_mut().zip(&mut self.needed_at_least);
        for (at, (needed, at_least)) in needs.enumerate() {
            for cell in rows.iter().filter_map(|row| row.get(at)) {
                *needed = (*needed).max(cell.width());
                *at_least = (*at_least).max(cell.short_width());
            }
        }
        let Some(terminal) = terminal else { return self.unlimited() };
        let widths = self.fitted(terminal);
        self.settled = Some(widths.clone());
        widths
    }

    /// The widths where nothing is cut.
    fn unlimited(&self) -> Vec<Option<usize>> {
        let columns = self.columns.iter().zip(&self.needed);
        columns
            .map(|(column, needed)| (!column.is_for_terminals).then(|| (*needed).max(width(column.heading))))
            .collect()
    }

    /// The widths on a terminal: as many columns as fit without cutting others too much, and then the widest are cut.
    fn fitted(&self, terminal: usize) -> Vec<Option<usize>> {
        let needed = |at: usize, column: &Column| {
            self.needed.get(at).map_or(0, |needed| (*needed).max(width(column.heading)))
        };
        let tolerable = |at: usize, column: &Column| match column.least {
            Some(least) => needed(at, column).min(COMFORTABLE.max(least)),
            None => needed(at, column),
        };
        let mut in_turn: Vec<_> = self.columns.iter().enumerate().collect();
        in_turn.sort_by_key(|(_, column)| column.turn);
        let mut shown = vec![None; self.columns.len()];
        for (at, column) in in_turn {
            let is_empty = column.is_for_terminals && self.needed.get(at) == Some(&0);
            let Some(width) = shown.get_mut(at).filter(|_| !is_empty) else { continue };
            *width = Some(tolerable(at, column));
            if column.turn > 0
                && total(&shown) > terminal
                && let Some(width) = shown.get_mut(at)
            {
                *width = None;
            }
        }
        let columns = self.columns.iter().enumerate().zip(shown);
        let mut widths: Vec<_> =
            columns.map(|((at, column), width)| width.map(|_| needed(at, column))).collect();
        self.cut_the_widest(&mut widths, terminal);
        widths
    }

    fn cut_the_widest(&self, widths: &mut [Option<usize>], terminal: usize) {
        let least: Vec<usize> = self
            .columns
            .iter()
            .zip(&self.needed_at_least)
            .map(|(column, short)| column.least.unwrap_or((*short).max(width(column.heading))))
            .collect();
        while total(widths) > terminal {
            let shown =
                widths.iter_mut().zip(&least).filter_map(|(width, least)| Some((width.as_mut()?, *least)));
            let Some((width, _)) =
                shown.filter(|(width, least)| **width > *least).max_by_key(|(width, _)| **width)
            else {
                return;
            };
            *width -= 1;
        }
    }
}

/// How wide a line is.
fn total(widths: &[Option<usize>]) -> usize {
    let shown = || widths.iter().flatten();
    shown().sum::<usize>() + GAP.len() * shown().count().saturating_sub(1)
}

fn push_line(lines: &mut String, row: Vec<Cell>, widths: &[Option<usize>], output: &Output) {
    let mut line = String::new();
    let shown = row.into_iter().zip(widths).filter_map(|(cell, width)| Some((cell, (*width)?)));
    // Spaces are written when something follows them, so that none are at the end of a line.
    let mut spaces = 0;
    for (cell, columns) in shown {
        let text = match &cell.short {
            Some(short) if cell.width() > columns => short,
            Some(_) | None => &cell.text,
        };
        let text = cut(text, columns);
        let used = width(&text);
        if used > 0 {
            line.extend(std::iter::repeat_n(' ', spaces));
            line.push_str(&output.paint(cell.paint, &text));
            spaces = 0;
        }
        spaces += columns.saturating_sub(used) + GAP.len();
    }
    lines.push_str(&line);
    lines.push('\n');
}
