//! Guests as a spreadsheet writes them.

use csv::{ByteRecord, ReaderBuilder};

use super::source::{Contents, Lines, Listed, Part, Written};

/// The order of columns that are not named.
const USUAL: [Option<Part>; 3] = [Some(Part::Subject), Some(Part::Name), Some(Part::Pin)];

/// How far the first line is looked at to find out what separates its fields.
const LOOK_AHEAD: usize = 64 * 1024;

pub(super) fn parsed(bytes: &[u8]) -> Contents {
    let mut contents = Contents::default();
    let mut lines = Lines::of(bytes);
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter(bytes)).from_reader(bytes);
    let mut record = ByteRecord::new();
    let mut columns: Option<Vec<Option<Part>>> = None;
    // Reading from memory cannot fail, and a record of any length is one.
    while reader.read_byte_record(&mut record).unwrap_or(false) {
        let offset = record.position().map_or(0, csv::Position::byte);
        let line = lines.at(usize::try_from(offset).unwrap_or(usize::MAX));
        let fields = match fields(&record) {
            Ok(fields) => fields,
            Err(message) => {
                contents.add(line, Err(message));
                continue;
            }
        };
        // A spreadsheet leaves such lines at its end.
        if fields.iter().all(|field| field.is_empty()) {
            continue;
        }
        let Some(columns) = &columns else {
            let named = named_columns(&fields, &mut contents);
            match named {
                Some(Ok(named)) => columns = Some(named),
                Some(Err(message)) => {
                    contents.add(line, Err(message));
                    return contents;
                }
                None => {
                    contents.add(line, guest(line, &fields, &USUAL));
                    columns = Some(USUAL.to_vec());
                }
            }
            continue;
        };
        contents.add(line, guest(line, &fields, columns));
    }
    contents
}

/// What separates the fields: a comma, or what the first line has in its place.
fn delimiter(bytes: &[u8]) -> u8 {
    let first = bytes.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = first.get(..LOOK_AHEAD).unwrap_or(first);
    let is_there = |byte: &u8| first.contains(byte);
    [b',', b';', b'\t'].into_iter().find(is_there).unwrap_or(b',')
}

fn fields(record: &ByteRecord) -> Result<Vec<&str>, String> {
    let text = |field| str::from_utf8(field).map(str::trim).map_err(|_| "not UTF-8".to_owned());
    let fields: Vec<_> = record.iter().map(text).collect::<Result<_, _>>()?;
    if fields.iter().any(|field| field.contains(['\n', '\r'])) {
        return Err("a field goes on in the next line; is a quote missing?".to_owned());
    }
    Ok(fields)
}

/// What the columns are, if these are their names.
fn named_columns(fields: &[&str], contents: &mut Contents) -> Option<Result<Vec<Option<Part>>, String>> {
    let columns: Vec<_> = fields.iter().map(|field| Part::named(field)).collect();
    let has = |part| columns.iter().filter(|column| **column == Some(part)).count();
    if has(Part::Subject) + has(Part::Name) == 0 {
        return None;
    }
    for (part, word) in [(Part::Subject, "subject"), (Part::Name, "name")] {
        if has(part) == 0 {
            return Some(Err(format!("there is no column {word}")));
        }
    }
    let parts =
        [(Part::Subject, "subject"), (Part::Name, "name"), (Part::Pin, "pin"), (Part::Issuer, "issuer")];
    if let Some((_, word)) = parts.into_iter().find(|(part, _)| has(*part) > 1) {
        return Some(Err(format!("there are two columns for the {word}")));
    }
    let unknown = fields.iter().zip(&columns).filter(|(field, column)| column.is_none() && !field.is_empty());
    contents.ignored.extend(unknown.map(|(field, _)| (*field).to_owned()));
    Some(Ok(columns))
}

fn guest(line: u64, fields: &[&str], columns: &[Option<Part>]) -> Result<Listed, String> {
    // What is too much may be empty: spreadsheets like to add commas.
    if fields.iter().skip(columns.len()).any(|field| !field.is_empty()) {
        return Err(format!("there are {} fields, and {} columns", fields.len(), columns.len()));
    }
    let mut written = Written::default();
    for (field, column) in fields.iter().zip(columns) {
        match column {
            Some(Part::Subject) => written.subject = Some((*field).to_owned()),
            Some(Part::Name) => written.name = Some((*field).to_owned()),
            Some(Part::Issuer) => written.issuer = Some((*field).to_owned()),
            Some(Part::Pin) => written.pin = pin(field)?,
            None => {}
        }
    }
    written.checked(line)
}

fn pin(field: &str) -> Result<bool, String> {
    match field.to_lowercase().as_str() {
        "true" | "yes" | "1" | "x" => Ok(true),
        "" | "false" | "no" | "0" => Ok(false),
        _ => Err(format!("the pin is {field:?}, and not yes or no")),
    }
}
