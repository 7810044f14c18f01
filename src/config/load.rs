//! Options from a JSON object, nested or dotted; from the environment; and the entries of
//! `issuers`.

use std::collections::BTreeMap;

use super::value::{self, Value};
use super::{Draft, invalid, together, unknown};
use crate::json;
use crate::options::{self, Kind, Opt};
use crate::os;
use crate::table::OptionRow;
use crate::verdict::{Refusal, quote};

/// A configuration, not a data set.
const JSON_MAX_BYTES: usize = 1024 * 1024;
/// Of `issuers`.
const ENTRIES_MAX: usize = 128;
const PREFIX: &str = "LIBAUTH_";
/// Variables of the loader and of the program, which are no options.
const NOT_OPTIONS: [&str; 2] = ["LIBAUTH_LIBRARY", "LIBAUTH_TOKEN"];

/// Sets every member; mistakes are left in the draft. An error is the document's as a whole.
pub fn json(draft: &mut Draft, document: &[u8]) -> Result<(), Refusal> {
    let not = |why: &str| invalid(format!("the options are not a JSON object: {why}"));
    if document.len() > JSON_MAX_BYTES {
        return Err(not("more than 1 MiB"));
    }
    let text = json::utf8(document).and_then(|text| {
        let room = &mut json::Room::default();
        json::read_object(text, room, |_| false, &mut |_, _| {}).map(|()| text)
    });
    let text =
        text.map_err(|fault| invalid(format!("the options are no use: the document {fault}")))?;
    let mut given = Vec::new();
    let read = members(text, "", &mut |row, json| {
        let key = row.key;
        if given.contains(&row.option) {
            draft.remember(key, invalid(format!("{key} stands twice, nested and dotted")));
            return;
        }
        given.push(row.option);
        match value_text(row, json) {
            // The draft remembers a mistake of the value.
            Ok(text) => drop(draft.set(key, Some(text.as_bytes()))),
            Err(mistake) => draft.remember(key, mistake),
        }
    });
    for key in read {
        draft.remember(&key, unknown(&key));
    }
    Ok(())
}

/// Hands out the members that are options, and gives back the keys that are none.
fn members(object: &str, prefix: &str, each: &mut dyn FnMut(&OptionRow, &str)) -> Vec<String> {
    let mut unknown = Vec::new();
    // The document was read strictly before: what is left to go wrong is nothing.
    let _ = json::members(object, &mut |name, json| {
        let key = format!("{prefix}{name}");
        let group = format!("{key}.");
        if let Some(row) = options::find(&key) {
            each(row, json);
        } else if json.starts_with('{')
            && options::OPTIONS.iter().any(|o| o.key.starts_with(&group))
        {
            unknown.extend(members(json, &group, each));
        } else if unknown.len() < super::MISTAKES_MAX {
            unknown.push(key);
        }
    });
    unknown
}

/// A JSON value as the text that `set` takes. A number is for durations and sizes alone; null is a
/// mistake (an `undefined` must not switch a check off).
fn value_text(row: &OptionRow, json: &str) -> Result<String, Refusal> {
    let mistake = |why: &str| Err(invalid(format!("{} {why}", row.key)));
    match (json.as_bytes().first(), &row.kind) {
        (Some(b'"'), _) => match json::text(json) {
            Some(text) if text.contains('\0') => mistake("has U+0000"),
            Some(text) => Ok(text.into_owned()),
            None => mistake("is not a text"),
        },
        (Some(b'{'), Kind::KeySet) => Ok(json.to_owned()),
        (
            Some(b'['),
            Kind::Issuers | Kind::List { .. } | Kind::Origins | Kind::Words(_) | Kind::Requirement,
        ) => Ok(json.to_owned()),
        (Some(b'0'..=b'9'), Kind::Seconds { .. } | Kind::Bytes { .. }) => Ok(json.to_owned()),
        (Some(b'n'), _) => mistake("is null: leave the option out, or give it a value"),
        _ => mistake(&format!("has a JSON value that is no {}", row.type_text())),
    }
}

/// Sets every `LIBAUTH_*` variable; gives back warnings about those that are no options.
pub fn environment(draft: &mut Draft) -> Vec<String> {
    let mut warnings = Vec::new();
    // Of a set-user-id program the environment is a stranger's.
    if os::is_privileged() {
        return warnings;
    }
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        if NOT_OPTIONS.contains(&name) {
            continue;
        }
        match options::OPTIONS.iter().find(|row| variable(row.key) == name) {
            Some(row) => drop(draft.set(row.key, Some(value.as_encoded_bytes()))),
            None if warnings.len() == super::MISTAKES_MAX => {}
            None => {
                let key = name.trim_start_matches(PREFIX).to_ascii_lowercase();
                let hint =
                    options::nearest(&key).or_else(|| options::nearest(&key.replacen('_', ".", 1)));
                let hint =
                    hint.map_or(String::new(), |key| format!("; did you mean {}?", variable(key)));
                warnings.push(format!("{} is no option{hint}", quote(name)));
            }
        }
    }
    warnings
}

/// `keys.ttl` → `LIBAUTH_KEYS_TTL`.
fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}

/// An array of objects of `issuer audience claims.* keys.*`.
pub fn issuers(text: &str) -> Result<Vec<BTreeMap<Opt, Value>>, Refusal> {
    json::check(text)
        .map_err(|fault| invalid(format!("issuers is no use: the document {fault}")))?;
    let mut entries = Vec::new();
    let mut mistakes = Vec::new();
    let read = json::elements(text, &mut |element| {
        if element.starts_with('{') {
            entries.push(entry(element, entries.len(), &mut mistakes));
        } else {
            mistakes.push(invalid("issuers has an element that is not an object"));
        }
        mistakes.len() < super::MISTAKES_MAX && entries.len() <= ENTRIES_MAX
    });
    if entries.len() > ENTRIES_MAX {
        return Err(invalid(format!("issuers has more than {ENTRIES_MAX} entries")));
    }
    if read.is_err() || (entries.is_empty() && mistakes.is_empty()) {
        return Err(invalid("issuers is not a JSON array of objects"));
    }
    if mistakes.is_empty() { Ok(entries) } else { Err(together(mistakes.iter())) }
}

fn entry(object: &str, place: usize, mistakes: &mut Vec<Refusal>) -> BTreeMap<Opt, Value> {
    let mut values = BTreeMap::new();
    let at = |mistake: Refusal| {
        Refusal::new(mistake.status, format!("issuers[{place}]: {}", mistake.log))
    };
    let keys = members(object, "", &mut |row, json| {
        let read = match options::is_per_issuer(row.option) {
            false => Err(invalid(format!("{} holds for all issuers: set it outside", row.key))),
            true if values.contains_key(&row.option) => {
                Err(invalid(format!("{} stands twice, nested and dotted", row.key)))
            }
            true => value_text(row, json).and_then(|text| value::read(row, Some(text.as_bytes()))),
        };
        match read {
            Ok(value) => drop(values.insert(row.option, value)),
            Err(mistake) => mistakes.push(at(mistake)),
        }
    });
    mistakes.extend(keys.iter().map(|key| at(unknown(key))));
    values
}
