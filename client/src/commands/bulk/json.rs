//! Guests as programs write them: an object in each line, or an array of objects.

use serde_json::{Deserializer, Error, Value};

use super::source::{Contents, Lines, Listed, Part, Written};

pub(super) fn parsed(bytes: &[u8]) -> Contents {
    let mut contents = Contents::default();
    let start = bytes.len() - bytes.trim_ascii_start().len();
    match bytes.get(start) {
        Some(b'[') => array(bytes, start + 1, &mut contents),
        Some(_) | None => lines(bytes, &mut contents),
    }
    contents
}

fn lines(bytes: &[u8], contents: &mut Contents) {
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let value = serde_json::from_slice(line).map_err(|error| not_json(&error));
        let guest = value.and_then(|value| guest(number, value, contents));
        contents.add(number, guest);
    }
}

/// The elements are read one by one, so that each is known with its line.
fn array(bytes: &[u8], mut offset: usize, contents: &mut Contents) {
    let mut lines = Lines::of(bytes);
    let next = |offset: usize| {
        let rest = bytes.get(offset..).unwrap_or_default();
        (offset + rest.len() - rest.trim_ascii_start().len(), rest.trim_ascii_start().first().copied())
    };
    let mut is_first = true;
    loop {
        let (at, byte) = next(offset);
        let line = lines.at(at);
        offset = at;
        match byte {
            Some(b']') => {
                if next(at + 1).1.is_some() {
                    contents.add(line, Err("something follows the array".to_owned()));
                }
                return;
            }
            Some(b',') if !is_first => offset = at + 1,
            None => return contents.add(line, Err("the array does not end".to_owned())),
            Some(_) if is_first => {}
            Some(_) => return contents.add(line, Err("not JSON: a comma is missing".to_owned())),
        }
        is_first = false;
        let line = lines.at(offset);
        let rest = bytes.get(offset..).unwrap_or_default();
        let mut values = Deserializer::from_slice(rest).into_iter::<Value>();
        let guest = match values.next() {
            Some(Ok(value)) => guest(line, value, contents),
            // Where the next element starts is not known.
            Some(Err(error)) => return contents.add(line, Err(not_json(&error))),
            None => return contents.add(line, Err("the array does not end".to_owned())),
        };
        contents.add(line, guest);
        offset += values.byte_offset();
    }
}

fn guest(line: u64, value: Value, contents: &mut Contents) -> Result<Listed, String> {
    let Value::Object(object) = value else { return Err("not a JSON object".to_owned()) };
    let mut written = Written::default();
    for (key, value) in object {
        match (Part::named(&key), value) {
            (Some(Part::Subject), Value::String(text)) => written.subject = Some(text),
            (Some(Part::Name), Value::String(text)) => written.name = Some(text),
            (Some(Part::Issuer), Value::String(text)) => written.issuer = Some(text),
            (Some(Part::Pin), Value::Bool(pin)) => written.pin = pin,
            (Some(Part::Pin | Part::Issuer), Value::Null) => {}
            (Some(Part::Subject), _) => return Err("the subject is no text".to_owned()),
            (Some(Part::Name), _) => return Err("the name is no text".to_owned()),
            (Some(Part::Issuer), _) => return Err("the issuer is no text".to_owned()),
            (Some(Part::Pin), _) => return Err("the pin is neither true nor false".to_owned()),
            (None, _) => {
                contents.ignored.insert(key);
            }
        }
    }
    written.checked(line)
}

/// What the parser says, without where it says so: its lines are not those of the file.
fn not_json(error: &Error) -> String {
    if error.is_eof() {
        return "not JSON: it ends too early".to_owned();
    }
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    format!("not JSON: {what} in column {}", error.column())
}
