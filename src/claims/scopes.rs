//! What the scopes of a token are, in one normal form.

use std::borrow::Cow;

use super::malformed;
use crate::config::Rules;
use crate::json::Field;
use crate::path::{self, Path};
use crate::token::Payload;
use crate::verdict::{Refusal, quote};

/// RFC 6749 3.3 and RFC 9068 2.2.3: a text, or as Spring, Entra and Okta write it a list.
pub fn scopes<'p>(
    payload: &'p Payload,
    json: &'p str,
    rules: &Rules,
) -> Result<Cow<'p, str>, Refusal> {
    // Their types are judged also where others are read.
    let scope = scope_text(&payload.scope, "scope")?;
    let scp = scope_text(&payload.scp, "scp")?;
    match &rules.scopes_from {
        None => Ok(in_normal_form(joined(scope, scp))),
        Some(paths) => {
            let mut all = Cow::Borrowed("");
            for path in paths {
                if let Some(value) = path.find(json) {
                    // One by one: paths that lead to the same claim must not add up.
                    all = in_normal_form(joined(all, Cow::Owned(scopes_at(value, path)?)));
                }
            }
            Ok(all)
        }
    }
}

fn in_normal_form(all: Cow<str>) -> Cow<str> {
    match is_normal(&all) {
        true => all,
        false => Cow::Owned(normal(&all)),
    }
}

fn joined<'s>(one: Cow<'s, str>, other: Cow<'s, str>) -> Cow<'s, str> {
    if one.is_empty() {
        return other;
    }
    if other.is_empty() {
        return one;
    }
    // Of its exact size: growth would take the payload's memory once more.
    let bytes = one.len().saturating_add(other.len()).saturating_add(1);
    let mut all = String::with_capacity(bytes);
    all.push_str(&one);
    all.push(' ');
    all.push_str(&other);
    Cow::Owned(all)
}

fn scopes_at(value: &str, path: &Path) -> Result<String, Refusal> {
    let text = value.starts_with('"');
    let mut all = String::with_capacity(value.len());
    let mut fit = true;
    let read = path::names(value, &mut |scope| {
        fit = fit && if text { !has_control(scope) } else { is_one_scope(scope) };
        all.push_str(scope);
        all.push(' ');
    });
    if read.is_err() || !fit {
        let claim = quote(path.as_str());
        return Err(malformed(format!("{claim} (claims.scopes_from) holds no scopes")));
    }
    Ok(all)
}

/// Most scopes are ASCII, where bytes can be looked at instead of characters.
fn has_control(text: &str) -> bool {
    match text.is_ascii() {
        true => text.bytes().fold(false, |any, byte| any | byte.is_ascii_control()),
        false => text.contains(char::is_control),
    }
}

/// A member of a list is one scope: splitting it would grant two from one.
fn is_one_scope(scope: &str) -> bool {
    !scope.contains(|c: char| c.is_control() || c.is_whitespace())
}

fn scope_text<'p>(field: &'p Field, claim: &str) -> Result<Cow<'p, str>, Refusal> {
    match field {
        Field::Absent => Ok(Cow::Borrowed("")),
        Field::Text(text) if !has_control(text) => Ok(Cow::Borrowed(text.as_ref())),
        Field::Texts(list) => {
            let mut joined = String::with_capacity(list.joined_bytes());
            for scope in list.iter() {
                if !is_one_scope(scope) {
                    return Err(malformed(format!("a member of {claim} has a blank in it")));
                }
                joined.push_str(scope);
                joined.push(' ');
            }
            Ok(Cow::Owned(joined))
        }
        _ => Err(malformed(format!("{claim} is neither a text nor a list of texts"))),
    }
}

/// Few scopes, one space between, none twice: nearly every token.
fn is_normal(text: &str) -> bool {
    const FEW: usize = 16;
    let mut seen: [&[u8]; FEW] = [&[]; FEW];
    let mut count = 0usize;
    for scope in text.as_bytes().split(|byte| *byte == b' ') {
        let known = seen.get(..count).is_some_and(|seen| seen.contains(&scope));
        let Some(free) = seen.get_mut(count) else {
            return false;
        };
        if known || (scope.is_empty() && !text.is_empty()) {
            return false;
        }
        *free = scope;
        count = count.saturating_add(1);
    }
    true
}

/// By sorting places, not by a set of texts: the memory stays within the payload's.
fn normal(text: &str) -> String {
    let at =
        |place: &u32| text.get(*place as usize..).unwrap_or("").split(' ').next().unwrap_or("");
    let mut places = Vec::with_capacity(text.split(' ').count());
    let mut place = 0u32;
    for scope in text.split(' ') {
        if !scope.is_empty() {
            places.push(place);
        }
        let bytes = u32::try_from(scope.len()).unwrap_or(u32::MAX);
        place = place.saturating_add(bytes).saturating_add(1);
    }
    places.sort_unstable_by(|a, b| at(a).cmp(at(b)).then(a.cmp(b)));
    places.dedup_by(|later, first| at(later) == at(first));
    places.sort_unstable();
    let mut joined = String::with_capacity(text.len());
    for place in &places {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(at(place));
    }
    joined
}
