//! The guests of a file: CSV or JSON, all of it checked before anything is done with it.

use std::collections::BTreeSet;
use std::collections::hash_map::{Entry, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use guestissuer_client::proto::{DisplayName, Failure, FailureCode, IssuerName, Subject};

use super::{comma, json};

/// The largest file that is read, in bytes: what the most guests take whose names are as long as names can be.
const LARGEST_FILE: u64 = 64 * 1024 * 1024;

/// The most guests of one file. At the ten mints a second that the daemon allows, they keep it busy for three hours.
const MOST_GUESTS: usize = 100_000;

/// Spreadsheets write this before the first character.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A guest of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) line: u64,
    pub(super) subject: Subject,
    pub(super) name: DisplayName,
    pub(super) pin: bool,
    pub(super) issuer: Option<IssuerName>,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) line: u64,
    pub(super) message: String,
}

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) guests: Vec<Listed>,
    pub(super) wrong: Vec<Wrong>,
    /// Columns or keys that mean nothing here.
    pub(super) ignored: BTreeSet<String>,
}

impl Contents {
    pub(super) fn add(&mut self, line: u64, guest: Result<Listed, String>) {
        match guest {
            Ok(guest) => self.guests.push(guest),
            // A file that is no list at all has a complaint about each of its millions of lines.
            Err(_) if self.wrong.len() >= MOST_GUESTS => {}
            Err(message) => self.wrong.push(Wrong { line, message }),
        }
    }
}

/// Which part of a guest a column or a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Subject,
    Name,
    Pin,
    Issuer,
}

impl Part {
    /// By the words of this command, and of what `gi list -o json` prints.
    pub(super) fn named(word: &str) -> Option<Self> {
        match word.trim().to_lowercase().as_str() {
            "subject" => Some(Self::Subject),
            "name" | "display_name" => Some(Self::Name),
            "pin" | "pinned" => Some(Self::Pin),
            "issuer" => Some(Self::Issuer),
            _ => None,
        }
    }
}

/// The parts of a guest as they are written.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) subject: Option<String>,
    pub(super) name: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) pin: bool,
}

impl Written {
    pub(super) fn checked(self, line: u64) -> Result<Listed, String> {
        let subject = self.subject.ok_or("the subject is missing")?;
        let name = self.name.ok_or("the name is missing")?;
        let issuer = self.issuer.filter(|issuer| !issuer.is_empty());
        Ok(Listed {
            line,
            subject: Subject::try_from(subject).map_err(|error| format!("the subject {error}"))?,
            name: DisplayName::try_from(name).map_err(|error| format!("the name {error}"))?,
            pin: self.pin,
            issuer: issuer
                .map(IssuerName::try_from)
                .transpose()
                .map_err(|error| format!("the issuer {error}"))?,
        })
    }
}

/// Reads a file, or standard input for `-`.
pub(super) fn read(place: &Path) -> Result<Contents, Failure> {
    let name = place.display();
    let failed = |error: io::Error| {
        Failure::new(FailureCode::Usage, format!("cannot read the guests in {name}: {error}"))
    };
    let reader: Box<dyn Read> = match place.to_str() {
        Some("-") => Box::new(io::stdin()),
        Some(_) | None => Box::new(File::open(place).map_err(failed)?),
    };
    let mut bytes = Vec::new();
    reader.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    let too_much = |what: String| {
        Failure::new(FailureCode::Usage, format!("{name} holds more than {what}"))
            .with_hint("split it in two")
    };
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LARGEST_FILE {
        return Err(too_much(format!("{} MB", LARGEST_FILE / 1024 / 1024)));
    }
    let contents = parsed(&bytes);
    if contents.guests.len() > MOST_GUESTS {
        return Err(too_much(format!("{MOST_GUESTS} guests")));
    }
    Ok(contents)
}

/// The guests of a text, each once.
pub(super) fn parsed(bytes: &[u8]) -> Contents {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut contents = match bytes.trim_ascii_start().first() {
        Some(b'{' | b'[') => json::parsed(bytes),
        Some(_) | None => comma::parsed(bytes),
    };
    without_duplicates(&mut contents);
    contents.wrong.sort_by_key(|wrong| wrong.line);
    contents
}

/// A guest that is there twice is one, as long as it is the same; pinned, if it is pinned once.
fn without_duplicates(contents: &mut Contents) {
    let mut known: HashMap<(Option<IssuerName>, Subject), usize> = HashMap::new();
    let mut guests: Vec<Listed> = Vec::with_capacity(contents.guests.len());
    for guest in std::mem::take(&mut contents.guests) {
        let earlier = match known.entry((guest.issuer.clone(), guest.subject.clone())) {
            Entry::Vacant(place) => {
                place.insert(guests.len());
                guests.push(guest);
                continue;
            }
            Entry::Occupied(place) => guests.get_mut(*place.get()),
        };
        let Some(earlier) = earlier else { continue };
        if earlier.name == guest.name {
            earlier.pin |= guest.pin;
        } else {
            let (subject, line) = (guest.subject.as_str(), earlier.line);
            let message = format!("guest {subject} has another name in line {line}");
            contents.wrong.push(Wrong { line: guest.line, message });
        }
    }
    contents.guests = guests;
}

/// Counts lines on the way through a text.
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    seen: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, seen: 0, line: 1 }
    }

    /// The line of the first byte at or after `offset` that is no white space. Offsets must not go back.
    pub(super) fn at(&mut self, offset: usize) -> u64 {
        let rest = self.bytes.get(offset..).unwrap_or_default();
        let offset = offset + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let passed = self.bytes.get(self.seen..offset).unwrap_or_default();
        let ends = passed.split(|byte| *byte == b'\n').count() - 1;
        self.line += u64::try_from(ends).unwrap_or(u64::MAX);
        self.seen = self.seen.max(offset);
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guests(text: &str) -> Vec<(u64, String, String, bool)> {
        let contents = parsed(text.as_bytes());
        assert_eq!(contents.wrong, [], "{text:?}");
        let guests = contents.guests.into_iter();
        guests.map(|guest| (guest.line, guest.subject.into(), guest.name.into(), guest.pin)).collect()
    }

    fn wrong(text: &str) -> Vec<(u64, String)> {
        parsed(text.as_bytes()).wrong.into_iter().map(|wrong| (wrong.line, wrong.message)).collect()
    }

    fn ann_and_bob(lines: [u64; 2], pins: [bool; 2]) -> Vec<(u64, String, String, bool)> {
        let [ann, bob] = ["Ann, the \"first\"", "Bob"].map(str::to_owned);
        vec![(lines[0], "1".to_owned(), ann, pins[0]), (lines[1], "2".to_owned(), bob, pins[1])]
    }

    #[test]
    fn guests_are_found_in_every_way_to_write_them() {
        let tables = [
            ("1,\"Ann, the \"\"first\"\"\"\n2,Bob", [1, 2]),
            ("subject,name\n1,\"Ann, the \"\"first\"\"\"\n2,Bob\n", [2, 3]),
            ("\u{feff}Name,SUBJECT\r\n\"Ann, the \"\"first\"\"\",1\r\n\r\nBob,2\r\n", [2, 4]),
            ("subject;name\n1;\"Ann, the \"\"first\"\"\"\n2;Bob\n", [2, 3]),
            ("subject\tname\n1\t\"Ann, the \"\"first\"\"\"\n\t\n2\tBob\n", [2, 4]),
            (" subject , name \n 1 ,\"Ann, the \"\"first\"\"\"\n2 , Bob \n", [2, 3]),
        ];
        for (text, lines) in tables {
            assert_eq!(guests(text), ann_and_bob(lines, [false, false]), "{text:?}");
        }
        let lines = "{\"subject\":\"1\",\"name\":\"Ann, the \\\"first\\\"\"}\r\n\n{\"display_name\":\"Bob\",\"subject\":\"2\"}";
        assert_eq!(guests(lines), ann_and_bob([1, 3], [false, false]));
        let array = "\n[\n {\"subject\":\"1\",\n  \"name\":\"Ann, the \\\"first\\\"\"}\n , {\"name\":\"Bob\",\"subject\":\"2\",\"pinned\":true}\n]\n";
        assert_eq!(guests(array), ann_and_bob([3, 5], [false, true]));
        assert_eq!(guests(""), []);
        assert_eq!(guests("[]"), []);
        assert_eq!(guests("subject,name\n"), []);
    }

    #[test]
    fn pins_are_understood() {
        let text = "subject,name,pin\n1,A,yes\n2,B,\n3,C,FALSE\n4,D,1\n";
        let pins: Vec<_> = guests(text).into_iter().map(|guest| guest.3).collect();
        assert_eq!(pins, [true, false, false, true]);
        assert!(guests("1,A,true")[0].3);
        assert_eq!(wrong("1,A,perhaps"), [(1, "the pin is \"perhaps\", and not yes or no".to_owned())]);
        assert_eq!(
            wrong(r#"{"subject":"1","name":"A","pin":"x"}"#),
            [(1, "the pin is neither true nor false".to_owned())]
        );
    }

    #[test]
    fn every_line_that_is_wrong_is_told_with_its_number() {
        let text = "subject,name\n1,A\n,B\n2\n3,C,x\n4,\n\"5\n6\",E\n1,Z\n";
        assert_eq!(
            wrong(text),
            [
                (3, "the subject must not be empty".to_owned()),
                (4, "the name is missing".to_owned()),
                (5, "there are 3 fields, and 2 columns".to_owned()),
                (6, "the name must not be empty".to_owned()),
                (7, "a field goes on in the next line; is a quote missing?".to_owned()),
                (9, "guest 1 has another name in line 2".to_owned()),
            ]
        );
        let text = "{\"subject\":1,\"name\":\"A\"}\n{\"subject\":\"2\"}\n[]\n{\"subject\":\"3\",\"name\":\n{\"subject\":\"4\",\"name\":\"D\"}";
        let lines = wrong(text);
        assert_eq!(lines.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2, 3, 4], "{lines:?}");
        assert_eq!(lines[0].1, "the subject is no text");
        assert_eq!(lines[3].1, "not JSON: it ends too early");
        let array =
            "[{\"subject\":\"1\",\"name\":\"A\"},\n{\"subject\":\"\",\"name\":\"B\"},\n{\"subject\" \"3\"}]";
        assert_eq!(
            wrong(array),
            [
                (2, "the subject must not be empty".to_owned()),
                (3, "not JSON: expected `:` in column 12".to_owned())
            ]
        );
        assert_eq!(wrong("[{\"subject\":\"1\",\"name\":\"A\"}"), [(1, "the array does not end".to_owned())]);
        assert_eq!(wrong("[] x"), [(1, "something follows the array".to_owned())]);
    }

    #[test]
    fn what_is_no_list_of_guests_is_not_taken_for_one() {
        assert_eq!(wrong("id,name\n1,A\n"), [(1, "there is no column subject".to_owned())]);
        assert_eq!(wrong("subject,name,name\n1,A,B"), [(1, "there are two columns for the name".to_owned())]);
        assert_eq!(wrong("justoneword\n"), [(1, "the name is missing".to_owned())]);
        let utf16: Vec<u8> = "1,A".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let utf16 = parsed(&[b"\xff\xfe".as_slice(), &utf16].concat());
        assert_eq!(utf16.wrong[0].message, "not UTF-8");
        assert_eq!(parsed(b"1,A\n2,\xff\n3,C").wrong, [Wrong { line: 2, message: "not UTF-8".to_owned() }]);
    }

    #[test]
    fn other_columns_are_named_and_ignored() {
        let contents = parsed(b"subject,room,name\n1,7,A\n");
        assert_eq!((contents.guests.len(), contents.ignored), (1, ["room".to_owned()].into()));
        let contents = parsed(br#"{"subject":"1","display_name":"A","token_state":"fresh","issuer":"acme"}"#);
        assert_eq!(contents.guests[0].issuer.as_ref().unwrap().as_str(), "acme");
        assert_eq!(contents.ignored, ["token_state".to_owned()].into());
    }

    #[test]
    fn a_guest_that_is_there_twice_is_one() {
        assert_eq!(guests("1,A\n1,A,yes\n"), [(1, "1".to_owned(), "A".to_owned(), true)]);
    }
}
