//! The line as bash has it, quotes and all, and candidates as bash wants them.
//!
//! Bash hands out a line's words with their quotes, takes them apart at `=` and `:`, and inserts candidates as they are.
//! So the line is taken apart here, and what is inserted is quoted the way the user began to.

/// A line up to the cursor.
#[derive(Debug)]
pub(super) struct Line {
    words: Vec<Word>,
    /// How much of the last word, in bytes of its value, bash leaves as it is.
    kept: usize,
}

#[derive(Debug, Default)]
struct Word {
    /// Where it starts in the line.
    start: usize,
    /// What it means.
    value: String,
    /// What is open at its end.
    quote: Quote,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Quote {
    #[default]
    None,
    Single,
    Double,
}

/// What is not special to bash inside double quotes keeps its backslash there.
const SPECIAL_IN_DOUBLE_QUOTES: [char; 4] = ['$', '`', '"', '\\'];

impl Line {
    /// Takes a line apart. `replaced` is the end of it that bash will replace by a candidate.
    pub(super) fn split(line: &str, replaced: &str) -> Self {
        let words = words(line);
        let kept = words.last().map_or(0, |last| {
            let typed = line.get(last.start..).unwrap_or_default();
            let kept = typed.strip_suffix(replaced).unwrap_or_default();
            self::words(kept).first().map_or(0, |kept| kept.value.len())
        });
        Self { words, kept }
    }

    /// What the words mean; the last one is being typed.
    pub(super) fn words(&self) -> Vec<std::ffi::OsString> {
        self.words.iter().map(|word| word.value.clone().into()).collect()
    }

    /// What bash must put in place of the end of the line for the last word to become `value`; none if that cannot be.
    pub(super) fn insert(&self, value: &str) -> Option<String> {
        let last = self.words.last()?;
        let (kept, rest) = value.split_at_checked(self.kept)?;
        if last.value.get(..self.kept) != Some(kept) {
            return None;
        }
        // A ~ that stands for the home directory would lose its meaning.
        let (home, rest) = match rest.strip_prefix('~') {
            Some(path) if last.quote == Quote::None && last.value.starts_with('~') => ("~", path),
            _ => ("", rest),
        };
        Some(home.to_owned() + &quoted(rest, last.quote))
    }
}

fn quoted(text: &str, quote: Quote) -> String {
    let mut result = String::with_capacity(text.len());
    for c in text.chars() {
        match quote {
            Quote::None if is_special(c) => result.extend(['\\', c]),
            Quote::Single if c == '\'' => result.push_str("'\\''"),
            Quote::Double if SPECIAL_IN_DOUBLE_QUOTES.contains(&c) => result.extend(['\\', c]),
            Quote::None | Quote::Single | Quote::Double => result.push(c),
        }
    }
    result
}

fn is_special(c: char) -> bool {
    c.is_ascii() && !c.is_ascii_alphanumeric() && !"-_./,:=@%+".contains(c)
}

/// The words of a line. There is always a last one; it is empty if the line ends with a blank.
fn words(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word = Word::default();
    let mut is_begun = false;
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !is_begun {
            word.start = at;
        }
        match (word.quote, c) {
            (Quote::None, ' ' | '\t' | '\n') => {
                if std::mem::take(&mut is_begun) {
                    words.push(std::mem::take(&mut word));
                }
                word.start = line.len();
                continue;
            }
            (Quote::None, '\'') => word.quote = Quote::Single,
            (Quote::None, '"') => word.quote = Quote::Double,
            (Quote::Single, '\'') | (Quote::Double, '"') => word.quote = Quote::None,
            (Quote::None, '\\') => word.value.extend(chars.next().map(|(_, next)| next)),
            (Quote::Double, '\\') => {
                let escaped = chars.next_if(|(_, next)| SPECIAL_IN_DOUBLE_QUOTES.contains(next));
                word.value.push(escaped.map_or('\\', |(_, next)| next));
            }
            (Quote::None | Quote::Single | Quote::Double, c) => word.value.push(c),
        }
        is_begun = true;
    }
    words.push(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart_as_bash_does() {
        for (line, words) in [
            ("gi get ki", &["gi", "get", "ki"][..]),
            ("gi get ", &["gi", "get", ""]),
            ("gi  get\t", &["gi", "get", ""]),
            (r"gi get it\'s\ a", &["gi", "get", "it's a"]),
            ("gi get 'it is", &["gi", "get", "it is"]),
            ("gi get 'it'\\''s", &["gi", "get", "it's"]),
            (r#"gi get "a\"b\c $x"#, &["gi", "get", r#"a"b\c $x"#]),
            ("gi get '' x", &["gi", "get", "", "x"]),
            (r"gi get é\", &["gi", "get", "é"]),
            ("", &[""]),
        ] {
            let found: Vec<_> = super::words(line).into_iter().map(|word| word.value).collect();
            assert_eq!(found, words, "{line}");
        }
    }

    #[test]
    fn candidates_go_on_in_the_quotes_that_were_begun() {
        let insert = |line, replaced, value| Line::split(line, replaced).insert(value);
        for (line, replaced, value, inserted) in [
            ("gi get ki", "ki", "kiosk 7", Some(r"kiosk\ 7")),
            ("gi get ", "", "it's", Some(r"it\'s")),
            (r"gi get it\'", r"it\'", "it's", Some(r"it\'s")),
            ("gi get 'it", "it", "it's", Some(r"it'\''s")),
            ("gi get \"it", "it", "it's $5", Some(r"it's \$5")),
            ("gi get a:", "", "a:b", Some("b")),
            ("gi get a:b", "b", "a:b c", Some(r"b\ c")),
            ("gi get 1 --issuer=ac", "ac", "--issuer=acme", Some("acme")),
            ("gi get 1 --issuer='ac", "ac", "--issuer=acme", Some("acme")),
            ("gi get é", "é", "éa", Some("éa")),
            ("gi man ~/d", "~/d", "~/d r/", Some(r"~/d\ r/")),
            ("gi get a:", "", "b", None),
            ("gi get a:", "", "é", None),
        ] {
            assert_eq!(insert(line, replaced, value).as_deref(), inserted, "{line} {value}");
        }
    }
}
