//! JSON strings: this module needs nothing else of JSON. For objects use the crate serde_json.

use std::fmt::Write;
use std::str::Chars;

const WHITESPACE: &[char] = &[' ', '\t', '\n', '\r'];

/// Decodes a JSON string, or returns what is wrong with it.
pub fn unquoted(json: &str) -> Result<String, &'static str> {
    let quoted = json
        .trim_matches(WHITESPACE)
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let mut chars = quoted.ok_or("the data is no JSON string")?.chars();
    let mut text = String::new();
    while let Some(c) = chars.next() {
        text.push(match c {
            '\\' => {
                escaped(&mut chars).ok_or("the data has an escape that stands for no character")?
            }
            '"' | '\0'..='\x1f' => return Err("the data is no JSON string"),
            other => other,
        });
    }
    Ok(text)
}

fn escaped(rest: &mut Chars) -> Option<char> {
    match rest.next()? {
        c @ ('"' | '\\' | '/') => Some(c),
        'b' => Some('\x08'),
        'f' => Some('\x0c'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'u' => unicode(rest),
        _ => None,
    }
}

/// Reads a \u escape; a character outside of the basic plane has two, a surrogate pair.
fn unicode(rest: &mut Chars) -> Option<char> {
    let first = utf16_unit(rest)?;
    if !matches!(first, 0xd800..=0xdbff) {
        return char::from_u32(first);
    }
    if (rest.next()?, rest.next()?) != ('\\', 'u') {
        return None;
    }
    match utf16_unit(rest)? {
        second @ 0xdc00..=0xdfff => {
            char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
        }
        _ => None,
    }
}

fn utf16_unit(rest: &mut Chars) -> Option<u32> {
    (0..4).try_fold(0, |unit, _| Some(unit * 16 + rest.next()?.to_digit(16)?))
}

/// Encodes a text as a JSON string.
pub fn quoted(text: &str) -> String {
    let mut json = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            '\0'..='\x1f' => write!(json, "\\u{:04x}", c as u32).unwrap(), // writing to a String never fails
            _ => json.push(c),
        }
    }
    json.push('"');
    json
}
