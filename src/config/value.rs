//! The text of one option → its value, or a sentence that begins with the key.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Required, is_tenant, load, reach};
use crate::json;
use crate::keys::fetch::{PlainHttp, Url};
use crate::keys::jwks::KeySet;
use crate::keys::proxy;
use crate::options::{Kind, Opt};
use crate::path::Path;
use crate::requirement::Requirement;
use crate::status::Status;
use crate::table::OptionRow;
use crate::verdict::{Refusal, quote};

#[derive(Clone)]
pub enum Value {
    List(Vec<String>),
    Number(u64),
    Text(String),
    KeySet(Arc<KeySet>),
    /// The entries of `issuers`.
    Issuers(Vec<BTreeMap<Opt, Value>>),
}

/// An empty value is a mistake: a variable that was not set must not switch a check off.
pub fn read(row: &OptionRow, value: Option<&[u8]>) -> Result<Value, Refusal> {
    let mistake = |why: String| Refusal::new(Status::OPTION_INVALID, format!("{} {why}", row.key));
    let Some(bytes) = value else {
        return Err(mistake("has no value (NULL)".into()));
    };
    let text = std::str::from_utf8(bytes).map_err(|_| mistake("is not UTF-8".into()))?;
    if text.trim().is_empty() {
        return Err(mistake("is empty: leave the option out, or give it a value".into()));
    }
    if matches!(row.kind, Kind::Issuers) {
        return load::issuers(text).map(Value::Issuers);
    }
    read_text(row, text).map_err(mistake)
}

/// The error is the rest of a sentence that begins with the key.
fn read_text(row: &OptionRow, text: &str) -> Result<Value, String> {
    match &row.kind {
        Kind::List { max_bytes } => {
            let items = read_list(text, *max_bytes)?;
            check_list(row.option, &items)?;
            Ok(Value::List(items))
        }
        Kind::Words(words) => {
            let items = read_list(text, 64)?;
            match items.iter().find(|item| !words.contains(&item.as_str())) {
                None => Ok(Value::List(items)),
                Some(item) => Err(format!("{} is none of {}", quote(item), words.join(", "))),
            }
        }
        Kind::Word(words) => match words.contains(&text) {
            true => Ok(Value::Text(text.to_owned())),
            false => Err(format!("{} is none of {}", quote(text), words.join(", "))),
        },
        Kind::File => match text.contains(char::is_control) {
            true => Err("has a control character".into()),
            false => Ok(Value::Text(text.to_owned())),
        },
        Kind::Proxy => match text {
            "env" | "off" => Ok(Value::Text(text.to_owned())),
            _ => match proxy::parse(text) {
                Ok(_) => Ok(Value::Text(text.to_owned())),
                Err(why) => Err(format!("{why}; it is env, off or a URL")),
            },
        },
        Kind::Origins => read_origins(text),
        Kind::Path => match Path::parse(text) {
            Some(_) => Ok(Value::Text(text.to_owned())),
            None => Err(format!("{} is neither a dotted path nor a JSON pointer", quote(text))),
        },
        // Which scheme is allowed is judged with `keys.http`.
        Kind::Url => match Url::parse(text, PlainHttp::Always) {
            Ok(_) => Ok(Value::Text(text.to_owned())),
            Err(why) => Err(format!("{} {why}", quote_url(text))),
        },
        Kind::Seconds { min, max } => {
            let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
            read_number(text, &units, *min, *max, "a duration such as 30s, 5m, 1h or 2d")
        }
        Kind::Bytes { min, max } => {
            let units = [("k", 1024), ("m", 1024 * 1024)];
            read_number(text, &units, *min, *max, "a size such as 4096, 64k or 1m")
        }
        Kind::KeySet => KeySet::parse_local(text).map(|set| Value::KeySet(Arc::new(set))),
        Kind::Issuers => Err("is read elsewhere".into()),
        Kind::Requirement => match Requirement::parse(text.as_bytes()) {
            Ok(_) => Ok(Value::Text(text.to_owned())),
            Err(refusal) => Err(format!("cannot be read: {}", refusal.log)),
        },
        Kind::HeaderText { max_bytes } => header_text(text, *max_bytes),
        Kind::HeaderUrl { max_bytes } => match Url::parse(text, PlainHttp::Always) {
            Ok(_) => header_text(text, *max_bytes),
            Err(why) => Err(format!("{} {why}", quote_url(text))),
        },
    }
}

/// Each of them is looked for in each token.
const PATHS_MAX: usize = 16;

/// Items of a list option.
const LIST_MAX: usize = 128;

/// Separated by blanks, or a JSON array of texts.
fn read_list(text: &str, max_bytes: usize) -> Result<Vec<String>, String> {
    let count = match text.trim_start().starts_with('[') {
        true => text.matches('"').count() / 2,
        false => text.split_ascii_whitespace().count(),
    };
    if count > LIST_MAX {
        return Err(format!("has more than {LIST_MAX} items"));
    }
    let mut items = Vec::with_capacity(count);
    if text.trim_start().starts_with('[') {
        let mut texts = true;
        let read = json::elements(text, &mut |element| {
            match json::text(element) {
                Some(item) => items.push(item.into_owned()),
                None => texts = false,
            }
            texts
        });
        if read.is_err() || !texts {
            return Err("is not a JSON array of texts".into());
        }
    } else {
        items.extend(text.split_ascii_whitespace().map(str::to_owned));
    }
    let bad = |item: &String| {
        item.is_empty() || item.len() > max_bytes || item.contains(char::is_control)
    };
    match items.iter().find(|item| bad(item)) {
        Some(item) => Err(format!(
            "has {}, which is empty, longer than {max_bytes} bytes or has a control character",
            quote(item)
        )),
        None if items.is_empty() => Err("is an empty list".into()),
        None => Ok(items),
    }
}

/// The text of a URL that may have a password in it is not told.
fn read_origins(text: &str) -> Result<Value, String> {
    let items = read_list(text, 1024)?;
    let mut public = Vec::new();
    for item in &items {
        let Some((from, _)) = reach::origins(item) else {
            let form = "origin=origin, each scheme://host or scheme://host:port and no more";
            return Err(format!("has {}, which is not {form}", quote_url(item)));
        };
        if public.contains(&from.origin()) {
            return Err(format!("has {} twice", quote(&from.origin())));
        }
        public.push(from.origin());
    }
    Ok(Value::List(items))
}

fn check_list(option: Opt, items: &[String]) -> Result<(), String> {
    let beside = items.len() > 1 && items.iter().any(|item| item == "*");
    let bad = |is_good: fn(&str) -> bool| items.iter().find(|item| !is_good(item));
    let what = match option {
        Opt::ISSUER if has_repeats(items) => return Err("names an issuer twice".into()),
        Opt::AUDIENCE | Opt::CLAIMS_TENANTS if beside => {
            return Err("has `*` beside a value".into());
        }
        Opt::CLAIMS_TENANTS => bad(|item| item == "*" || is_tenant(item)).zip(Some("no tenant id")),
        Opt::TOKEN_TYPES => {
            bad(|item| item.bytes().all(|byte| byte.is_ascii_graphic())).zip(Some("no type"))
        }
        Opt::CLAIMS_REQUIRED => {
            let form = "neither a claim nor claim=value";
            bad(|item| Required::parse(item).is_some()).zip(Some(form))
        }
        Opt::CLAIMS_SCOPES_FROM
        | Opt::CLAIMS_ROLES_FROM
        | Opt::CLAIMS_PERMISSIONS_FROM
        | Opt::CLAIMS_GROUPS_FROM
            if items.len() > PATHS_MAX =>
        {
            return Err(format!("has more than {PATHS_MAX} paths"));
        }
        Opt::CLAIMS_SCOPES_FROM
        | Opt::CLAIMS_ROLES_FROM
        | Opt::CLAIMS_PERMISSIONS_FROM
        | Opt::CLAIMS_GROUPS_FROM => {
            let form = "neither a dotted path nor a JSON pointer";
            bad(|item| Path::parse(item).is_some()).zip(Some(form))
        }
        _ => None,
    };
    what.map_or(Ok(()), |(item, form)| Err(format!("has {}, which is {form}", quote(item))))
}

fn has_repeats(items: &[String]) -> bool {
    let mut sorted: Vec<&String> = items.iter().collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair.first() == pair.last())
}

impl Required {
    /// `claim`, or `claim=value`.
    pub fn parse(item: &str) -> Option<Required> {
        let (path, value) = match item.split_once('=') {
            Some((_, "")) => return None,
            Some((path, value)) => (path, Some(value.to_owned())),
            None => (item, None),
        };
        Some(Required { path: Path::parse(path)?, value })
    }
}

fn read_number(
    text: &str,
    units: &[(&str, u64)],
    min: u64,
    max: u64,
    form: &str,
) -> Result<Value, String> {
    let with_unit =
        units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (digits, factor) = with_unit.unwrap_or((text, 1));
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !plain {
        return Err(format!("{} is not {form}", quote(text)));
    }
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    match number.filter(|number| (min..=max).contains(number)) {
        Some(number) => Ok(Value::Number(number)),
        None => Err(format!("{} is not from {min} to {max}", quote(text))),
    }
}

/// A URL that may have a password in it is not told.
pub fn quote_url(text: &str) -> String {
    if text.contains('@') { "(not told: it has an @)".into() } else { quote(text) }
}

fn header_text(text: &str, max_bytes: usize) -> Result<Value, String> {
    let fits = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    match text.len() <= max_bytes && text.bytes().all(fits) {
        true => Ok(Value::Text(text.to_owned())),
        false => Err(format!(
            "is longer than {max_bytes} bytes or has a character other than printable ASCII \
             without quote and backslash"
        )),
    }
}
