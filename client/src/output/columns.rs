//! Texts in the columns of a terminal: how wide they are, where they are cut and wrapped, what is left out of them.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar as _;

/// What begins and ends a color.
const ESCAPE: char = '\u{1b}';
const END_OF_ESCAPE: char = 'm';

/// How many columns a text takes, colors not counted.
///
/// Each character counts for itself, as most terminals have it. Where one that knows of ligatures and families of emoji
/// takes less room, a line is shorter than it could be, and never longer.
pub(crate) fn width(text: &str) -> usize {
    pieces(text).map(|(_, width)| width).sum()
}

/// A text as it is shown on a terminal.
///
/// Left out is what terminals disagree about, or what would reach beyond the text: marks that turn the direction of the
/// line, joiners and selectors that make emoji wider or narrower, and what cannot be seen at all. Lines that a text
/// wants to end go on.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().filter_map(|character| match character {
        '\u{2028}' | '\u{2029}' | '\u{85}' => Some(' '),
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200d}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => None,
        other => Some(other),
    });
    Cow::Owned(shown.collect())
}

/// A text cut to so many columns, with an ellipsis where something is missing. Colors must not be in it.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    let mut used = 1;
    for (character, width) in pieces(text) {
        used += width;
        if used > columns {
            break;
        }
        kept.push(character);
    }
    Cow::Owned(kept + "…")
}

/// A text as lines of at most so many columns, broken between words where that is possible.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        let wanted = width(word.trim_end_matches(' '));
        if used > 0 && used + wanted > columns {
            lines.push(String::new());
            used = 0;
        }
        for (character, width) in pieces(word) {
            // A space at the end of a line is not missed.
            if used + width > columns && character == ' ' {
                continue;
            }
            if used + width > columns && used > 0 {
                lines.push(String::new());
                used = 0;
            }
            used += width;
            if let Some(line) = lines.last_mut() {
                line.push(character);
            }
        }
    }
    for line in &mut lines {
        line.truncate(line.trim_end_matches(' ').len());
    }
    lines
}

/// The characters with the columns each takes; those of a color take none.
fn pieces(text: &str) -> impl Iterator<Item = (char, usize)> {
    let mut in_escape = false;
    text.chars().map(move |character| {
        if in_escape {
            in_escape = character != END_OF_ESCAPE;
            return (character, 0);
        }
        in_escape = character == ESCAPE;
        (character, character.width().unwrap_or(0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_columns_not_by_bytes() {
        assert_eq!(cut("Stève", 5), "Stève");
        assert_eq!(cut("Stève", 4), "Stè…");
        assert_eq!(cut("日本語です", 6), "日本…");
        // The accent is a character of its own, and takes no column.
        assert_eq!(cut("Ste\u{300}ve", 5), "Ste\u{300}ve");
    }

    #[test]
    fn what_would_reach_beyond_a_text_is_left_out() {
        assert_eq!(shown("plain"), "plain");
        assert_eq!(shown("a\u{202e}b\u{2066}c\u{200b}d\u{2028}e"), "abcd e");
        assert_eq!(shown("שלום"), "שלום");
        assert_eq!(width(&shown("👩\u{200d}👩\u{200d}👧")), 6);
        assert_eq!(width(&shown("❤\u{fe0f}")), 1);
    }

    #[test]
    fn texts_are_wrapped_between_words_or_within_them() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("/a/rather/long/path x", 8), ["/a/rathe", "r/long/p", "ath x"]);
        assert_eq!(wrapped("\u{1b}[31mred\u{1b}[0m one", 7), ["\u{1b}[31mred\u{1b}[0m one"]);
        assert_eq!(wrapped("日本語 日本語", 6), ["日本語", "日本語"]);
        assert_eq!(wrapped("", 8), [""]);
        assert_eq!(wrapped("narrow", 1), ["n", "a", "r", "r", "o", "w"]);
    }
}
