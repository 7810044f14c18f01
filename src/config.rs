//! The handle: options are set one by one, judged together, and frozen by the first use.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use once_cell::sync::OnceCell;

use crate::keys::discovery::{self, Discovery};
use crate::keys::driver::Driver;
use crate::keys::fetch::{PlainHttp, Url};
use crate::keys::jwks::KeySet;
use crate::keys::{KeySettings, Keys};
use crate::options::{self, Kind, Opt};
use crate::signature::{ALGORITHMS, Algorithm, AlgorithmSet};
use crate::status::Status;
use crate::table::OptionRow;
use crate::token::bare_type;
use crate::verdict::{ChallengeTexts, Refusal, Requirement, quote};

/// So many mistakes are remembered by their keys; more are known to be more.
const MISTAKES_MAX: usize = 16;

/// What `auth_config *` points to. Threads: sets take a lock; once frozen, reads take none.
#[derive(Default)]
pub struct Config {
    draft: Mutex<Draft>,
    runtime: OnceCell<Runtime>,
}

/// Options as they were set, and the mistakes that were made in setting them.
#[derive(Default)]
struct Draft {
    values: BTreeMap<Opt, Value>,
    /// By key. A later, right set of the key takes a mistake back; an unknown key has none.
    mistakes: BTreeMap<String, Refusal>,
}

enum Value {
    List(Vec<String>),
    Number(u64),
    Text(String),
    KeySet(Arc<KeySet>),
}

/// Options in force.
pub struct Settings {
    pub issuers: Vec<String>,
    pub audience: Audience,
    pub algorithms: AlgorithmSet,
    /// Lower case, without `application/`.
    pub types: Vec<String>,
    /// A token without `typ` is accepted.
    pub type_absent: bool,
    pub max_bytes: usize,
    pub leeway_s: i64,
    require: String,
    challenge: ChallengeTexts,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Audience {
    AnyOf(Vec<String>),
    /// `audience=*`
    Any,
}

/// A frozen configuration with the keys of its issuers, in the order of `settings.issuers`.
pub struct Runtime {
    pub settings: Settings,
    keys: Vec<Keys>,
}

impl Settings {
    pub fn require(&self) -> Result<Requirement<'_>, Refusal> {
        Requirement::parse(self.require.as_bytes())
    }
}

impl Runtime {
    pub fn issuer(&self, place: usize) -> Result<(&str, &Keys), Refusal> {
        let issuer = self.settings.issuers.get(place).zip(self.keys.get(place));
        let found = issuer.map(|(issuer, keys)| (issuer.as_str(), keys));
        found.ok_or_else(|| Refusal::new(Status::INTERNAL, "an issuer without keys"))
    }
}

impl Config {
    /// Sets one option; None is a value that was not there (a NULL).
    pub fn set(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), Refusal> {
        let mut draft = self.lock();
        if self.runtime.get().is_some() {
            let log = "the handle has verified a token: make a new one with the new options";
            return Err(Refusal::new(Status::CONFIG_FROZEN, log));
        }
        draft.set(&String::from_utf8_lossy(key), value)
    }

    /// Judges all options together. Freezes nothing.
    pub fn check(&self) -> Result<(), Refusal> {
        let draft = self.lock();
        match self.runtime.get() {
            Some(_) => Ok(()),
            None => draft.judge().map(|_| ()),
        }
    }

    /// The frozen configuration: the first call freezes it, or says why it cannot.
    pub fn runtime(&self) -> Result<&Runtime, Refusal> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        // Held until the cell is set, so that a set is either in force or told CONFIG_FROZEN.
        let draft = self.lock();
        self.runtime.get_or_try_init(|| draft.judge())
    }

    /// For refusals, also those of a handle that cannot be frozen.
    pub fn challenge_texts(&self) -> ChallengeTexts {
        match self.runtime.get() {
            Some(runtime) => runtime.settings.challenge.clone(),
            None => self.lock().challenge(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Draft> {
        self.draft.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Draft {
    fn set(&mut self, key: &str, value: Option<&[u8]>) -> Result<(), Refusal> {
        let read = match options::find(key) {
            None => Err(unknown(key)),
            Some(row) => read_value(row, value).map(|value| (row.option, value)),
        };
        match read {
            Ok((option, value)) => {
                self.values.insert(option, value);
                self.mistakes.remove(key);
                Ok(())
            }
            Err(mistake) => {
                if self.mistakes.len() < MISTAKES_MAX {
                    let name: String = key.chars().take(64).collect();
                    self.mistakes.insert(name, mistake.clone());
                }
                Err(mistake)
            }
        }
    }

    /// Everything together: the first mistake's status, and the sentences of all.
    fn judge(&self) -> Result<Runtime, Refusal> {
        let mut mistakes: Vec<Refusal> = self.mistakes.values().cloned().collect();
        let settings = self.settings(&mut mistakes);
        let keys = self.keys(&settings.issuers, &mut mistakes);
        let Some(first) = mistakes.first() else {
            return Ok(Runtime { settings, keys });
        };
        let told: Vec<&str> = mistakes.iter().map(|mistake| mistake.log.as_ref()).collect();
        Err(Refusal::new(first.status, told.join("; ")))
    }

    fn settings(&self, mistakes: &mut Vec<Refusal>) -> Settings {
        let issuers = self.list(Opt::ISSUER);
        if issuers.is_empty() && !self.mistaken("issuer") {
            mistakes.push(missing("issuer is not set: the exact iss of the tokens to accept"));
        }
        let audience = match self.list(Opt::AUDIENCE) {
            all if all == ["*"] => Audience::Any,
            some => Audience::AnyOf(some),
        };
        if audience == Audience::AnyOf(Vec::new()) && !self.mistaken("audience") {
            mistakes.push(missing("audience is not set: what aud must name to mean this API"));
        }
        let algorithms: Vec<Algorithm> = match self.list(Opt::TOKEN_ALGORITHMS) {
            none if none.is_empty() => ALGORITHMS.to_vec(),
            names => names.iter().filter_map(|name| Algorithm::from_name(name)).collect(),
        };
        let mut types: Vec<String> = match self.list(Opt::TOKEN_TYPES) {
            none if none.is_empty() => vec!["jwt".into(), "at+jwt".into(), "absent".into()],
            some => some.iter().map(|typ| bare_type(typ).to_ascii_lowercase()).collect(),
        };
        let type_absent = types.iter().any(|typ| typ == "absent");
        types.retain(|typ| typ != "absent");
        Settings {
            issuers,
            audience,
            algorithms: algorithms.into_iter().fold(AlgorithmSet::default(), AlgorithmSet::with),
            types,
            type_absent,
            max_bytes: usize::try_from(self.number(Opt::TOKEN_MAX_BYTES, 16 * 1024)).unwrap_or(0),
            leeway_s: i64::try_from(self.number(Opt::CLAIMS_LEEWAY, 30)).unwrap_or(0),
            require: self.text(Opt::VERDICT_REQUIRE).unwrap_or_default().to_owned(),
            challenge: self.challenge(),
        }
    }

    fn keys(&self, issuers: &[String], mistakes: &mut Vec<Refusal>) -> Vec<Keys> {
        let mut invalid = |log: &str| mistakes.push(invalid(log));
        let given = |option: Opt| self.values.contains_key(&option);
        if given(Opt::KEYS_JWKS) {
            for (option, key) in [
                (Opt::KEYS_JWKS_URI, "keys.jwks_uri"),
                (Opt::KEYS_DISCOVERY_URL, "keys.discovery_url"),
            ] {
                if given(option) {
                    invalid(&format!("keys.jwks and {key} are set: the keys can have one source"));
                }
            }
        } else if given(Opt::KEYS_JWKS_URI) && given(Opt::KEYS_DISCOVERY_URL) {
            invalid("keys.jwks_uri and keys.discovery_url are set: the first skips discovery");
        }
        if let Some(Value::KeySet(set)) = self.values.get(&Opt::KEYS_JWKS) {
            return issuers.iter().map(|_| Keys::Local(set.clone())).collect();
        }
        issuers.iter().filter_map(|issuer| self.remote(issuer, issuers, mistakes)).collect()
    }

    fn remote(
        &self,
        issuer: &str,
        issuers: &[String],
        mistakes: &mut Vec<Refusal>,
    ) -> Option<Keys> {
        let http = self.plain_http();
        let mut url = |name: &str, text: &str| match Url::parse(text, http) {
            Ok(url) => Some(url),
            Err(why) => {
                mistakes.push(invalid(&format!("{name} {} {why}", quote(text))));
                None
            }
        };
        let jwks_uri = match self.text(Opt::KEYS_JWKS_URI) {
            Some(text) => Some(url("keys.jwks_uri", text)?),
            None => None,
        };
        let mut metadata_urls = Vec::new();
        if jwks_uri.is_none() {
            let discovery = self.discovery();
            let texts = match self.text(Opt::KEYS_DISCOVERY_URL) {
                Some(text) => vec![("keys.discovery_url", text.to_owned())],
                None => {
                    if url("issuer", issuer)?.has_query() {
                        mistakes.push(invalid(&format!("issuer {} has a query", quote(issuer))));
                        return None;
                    }
                    let urls = discovery::urls(issuer, discovery);
                    urls.into_iter().map(|url| ("issuer", url)).collect()
                }
            };
            for (name, text) in texts {
                metadata_urls.push(url(name, &text)?);
            }
            if discovery == Discovery::Off {
                let log = "keys.discovery is off, and neither keys.jwks nor keys.jwks_uri is set";
                mistakes.push(missing(log));
                return None;
            }
            if self.text(Opt::KEYS_DISCOVERY_URL).is_some() && issuers.len() > 1 {
                let log = "keys.discovery_url is set for several issuers: a document has only one";
                mistakes.push(invalid(log));
                return None;
            }
        }
        let milliseconds = |option, default_s| self.number(option, default_s).saturating_mul(1_000);
        let settings = KeySettings {
            metadata_urls,
            jwks_uri,
            http,
            ttl_ms: milliseconds(Opt::KEYS_TTL, 600),
            stale_ms: milliseconds(Opt::KEYS_STALE, 86_400),
            cooldown_ms: milliseconds(Opt::KEYS_COOLDOWN, 2),
            timeout_ms: milliseconds(Opt::KEYS_TIMEOUT, 5),
            max_bytes: self.number(Opt::KEYS_MAX_BYTES, 512 * 1024),
        };
        Some(Keys::Remote(Driver::new(issuer.to_owned(), Arc::new(settings))))
    }

    fn challenge(&self) -> ChallengeTexts {
        let text = |option| self.text(option).unwrap_or_default().to_owned();
        ChallengeTexts {
            realm: text(Opt::VERDICT_REALM),
            resource_metadata: text(Opt::VERDICT_RESOURCE_METADATA),
        }
    }

    fn discovery(&self) -> Discovery {
        match self.text(Opt::KEYS_DISCOVERY) {
            Some("oidc") => Discovery::Oidc,
            Some("oauth") => Discovery::OAuth,
            Some("off") => Discovery::Off,
            _ => Discovery::Auto,
        }
    }

    fn plain_http(&self) -> PlainHttp {
        match self.text(Opt::KEYS_HTTP) {
            Some("always") => PlainHttp::Always,
            Some("never") => PlainHttp::Never,
            _ => PlainHttp::Loopback,
        }
    }

    /// The mistake of this key is told already.
    fn mistaken(&self, key: &str) -> bool {
        self.mistakes.contains_key(key)
    }

    fn list(&self, option: Opt) -> Vec<String> {
        match self.values.get(&option) {
            Some(Value::List(list)) => list.clone(),
            _ => Vec::new(),
        }
    }

    fn number(&self, option: Opt, default: u64) -> u64 {
        match self.values.get(&option) {
            Some(Value::Number(number)) => *number,
            _ => default,
        }
    }

    fn text(&self, option: Opt) -> Option<&str> {
        match self.values.get(&option) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }
}

fn missing(log: &str) -> Refusal {
    Refusal::new(Status::OPTION_MISSING, log.to_owned())
}

fn invalid(log: &str) -> Refusal {
    Refusal::new(Status::OPTION_INVALID, log.to_owned())
}

fn unknown(key: &str) -> Refusal {
    let hint = match options::nearest(key) {
        Some(nearest) => format!("; did you mean {nearest}?"),
        None => "; docs/options.md lists all".to_owned(),
    };
    Refusal::new(Status::OPTION_UNKNOWN, format!("there is no option {}{hint}", quote(key)))
}

/// An empty value is a mistake: a variable that was not set must not switch a check off.
fn read_value(row: &OptionRow, value: Option<&[u8]>) -> Result<Value, Refusal> {
    let mistake = |why: String| Refusal::new(Status::OPTION_INVALID, format!("{} {why}", row.key));
    let Some(bytes) = value else {
        return Err(mistake("has no value (NULL)".into()));
    };
    let text = std::str::from_utf8(bytes).map_err(|_| mistake("is not UTF-8".into()))?;
    if text.trim().is_empty() {
        return Err(mistake("is empty: leave the option out, or give it a value".into()));
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
        // Which scheme is allowed is judged with `keys.http`.
        Kind::Url => match Url::parse(text, PlainHttp::Always) {
            Ok(_) => Ok(Value::Text(text.to_owned())),
            Err(why) => Err(format!("{} {why}", quote(text))),
        },
        Kind::Seconds { min, max } => {
            let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
            read_number(text, &units, *min, *max, "a duration such as 30s, 5m, 1h or 2d")
        }
        Kind::Bytes { min, max } => {
            let units = [("k", 1024), ("m", 1024 * 1024)];
            read_number(text, &units, *min, *max, "a size such as 4096, 64k or 1m")
        }
        Kind::Json => KeySet::parse(text.as_bytes()).map(|set| Value::KeySet(Arc::new(set))),
        Kind::Requirement => match Requirement::parse(text.as_bytes()) {
            Ok(_) => Ok(Value::Text(text.to_owned())),
            Err(refusal) => Err(format!("is not a requirement: {}", refusal.log)),
        },
        Kind::HeaderText { max_bytes } => header_text(text, *max_bytes),
        Kind::HeaderUrl { max_bytes } => match Url::parse(text, PlainHttp::Always) {
            Ok(_) => header_text(text, *max_bytes),
            Err(why) => Err(format!("{} {why}", quote(text))),
        },
    }
}

/// Separated by blanks, or a JSON array of texts.
fn read_list(text: &str, max_bytes: usize) -> Result<Vec<String>, String> {
    let items: Vec<String> = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(text).map_err(|_| "is not a JSON array of texts")?,
        false => text.split_ascii_whitespace().map(str::to_owned).collect(),
    };
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

fn check_list(option: Opt, items: &[String]) -> Result<(), String> {
    let repeated = |items: &[String]| {
        items
            .iter()
            .enumerate()
            .any(|(place, item)| items.iter().take(place).any(|earlier| earlier == item))
    };
    match option {
        Opt::ISSUER if repeated(items) => Err("names an issuer twice".into()),
        Opt::AUDIENCE if items.len() > 1 && items.iter().any(|item| item == "*") => {
            Err("has `*` (not checked) beside a value".into())
        }
        Opt::TOKEN_TYPES => {
            let odd = |item: &&String| !item.bytes().all(|byte| byte.is_ascii_graphic());
            items.iter().find(odd).map_or(Ok(()), |item| Err(format!("{} is no type", quote(item))))
        }
        _ => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn config(options: &[(&str, &str)]) -> Config {
        let config = Config::default();
        for (key, value) in options {
            let _ = config.set(key.as_bytes(), Some(value.as_bytes()));
        }
        config
    }

    fn status(options: &[(&str, &str)]) -> Status {
        config(options).check().err().map_or(Status::OK, |refusal| refusal.status)
    }

    const GOOD: [(&str, &str); 2] = [("issuer", "https://id.example"), ("audience", "api")];

    fn with(key: &str, value: &str) -> Status {
        let [issuer, audience] = GOOD;
        status(&[issuer, audience, (key, value)])
    }

    #[test]
    fn issuer_and_audience_are_required() {
        assert_eq!(status(&GOOD), Status::OK);
        assert_eq!(status(&GOOD[..1]), Status::OPTION_MISSING);
        assert_eq!(status(&GOOD[1..]), Status::OPTION_MISSING);
        let told = config(&[]).check().unwrap_err().log;
        assert!(told.contains("issuer") && told.contains("audience"), "together: {told}");
    }

    #[test]
    fn a_mistake_is_remembered_until_it_is_taken_back() {
        let config = config(&GOOD);
        assert!(config.set(b"claims.leeway", Some(b"301s")).is_err());
        assert_eq!(config.runtime().err().unwrap().status, Status::OPTION_INVALID);
        config.set(b"claims.leeway", Some(b"5m")).unwrap();
        assert_eq!(config.runtime().unwrap().settings.leeway_s, 300);
    }

    #[test]
    fn an_unknown_key_refuses_the_handle_for_good_and_names_the_nearest() {
        for (key, nearest) in [
            ("audence", "audience"),
            ("token.algorithm", "token.algorithms"),
            ("clockTolerance", "claims.leeway"),
            ("jwksUri", "keys.jwks_uri"),
            ("issuerBaseURL", "issuer"),
            ("ttl", "keys.ttl"),
            ("leeway", "claims.leeway"),
        ] {
            let config = config(&GOOD);
            let refusal = config.set(key.as_bytes(), Some(b"x")).unwrap_err();
            assert_eq!(refusal.status, Status::OPTION_UNKNOWN);
            assert!(refusal.log.contains(&format!("did you mean {nearest}?")), "{}", refusal.log);
            assert_eq!(config.check().unwrap_err().status, Status::OPTION_UNKNOWN);
        }
    }

    #[test]
    fn a_frozen_handle_refuses_every_set() {
        let config = config(&GOOD);
        config.runtime().unwrap();
        let refusal = config.set(b"audience", Some(b"other")).unwrap_err();
        assert_eq!(refusal.status, Status::CONFIG_FROZEN);
        assert!(config.check().is_ok());
    }

    #[test]
    fn values_outside_their_type_or_range() {
        for (key, value) in [
            ("issuer", ""),
            ("issuer", " "),
            ("issuer", "[]"),
            ("issuer", "[\"\"]"),
            ("issuer", "http://id.example"),
            ("issuer", "https://a@id.example"),
            ("issuer", "https://id.example?x"),
            ("issuer", "https://id.example#x"),
            ("issuer", "ftp://id.example"),
            ("issuer", "https://a https://a"),
            ("audience", ""),
            ("audience", "[\"\"]"),
            ("audience", "[1]"),
            ("audience", "* a"),
            ("audience", "[\"a\\u0000b\"]"),
            ("token.algorithms", "none"),
            ("token.algorithms", "HS256"),
            ("token.algorithms", "*"),
            ("token.algorithms", "rs256"),
            ("token.max_bytes", "1g"),
            ("token.max_bytes", "2m"),
            ("token.max_bytes", "0"),
            ("claims.leeway", "-1"),
            ("claims.leeway", "99999999999d"),
            ("claims.leeway", "1.5"),
            ("claims.leeway", "s"),
            ("keys.timeout", "0"),
            ("keys.stale", "31d"),
            ("keys.ttl", "0"),
            ("keys.discovery", "no"),
            ("keys.jwks_uri", "file:///etc/passwd"),
            ("keys.jwks_uri", "http://id.example/jwks"),
            ("keys.jwks", "{}"),
            ("keys.jwks", "{\"keys\":[]}"),
            ("keys.jwks", "[]"),
            ("verdict.realm", "a\"b"),
            ("verdict.realm", "a\r\nb"),
            ("verdict.realm", "é"),
            ("verdict.require", "a  b"),
            ("verdict.resource_metadata", "x"),
        ] {
            assert_eq!(with(key, value), Status::OPTION_INVALID, "{key}={value:?}");
        }
        let config = config(&GOOD);
        assert!(config.set(b"audience", None).is_err());
        assert_eq!(config.check().unwrap_err().status, Status::OPTION_INVALID);
    }

    #[test]
    fn options_are_judged_together() {
        assert_eq!(with("keys.discovery", "off"), Status::OPTION_MISSING);
        let [issuer, audience] = GOOD;
        let uri = ("keys.jwks_uri", "https://id.example/jwks");
        let url = ("keys.discovery_url", "https://id.example/x");
        assert_eq!(status(&[issuer, audience, uri, url]), Status::OPTION_INVALID);
        let any_text = ("issuer", "any text at all is three issuers");
        assert_eq!(status(&[any_text, audience, uri]), Status::OK);
        assert_eq!(
            status(&[("issuer", "https://a https://b"), audience, url]),
            Status::OPTION_INVALID
        );
        assert_eq!(status(&[("issuer", "http://127.0.0.1:1/a"), audience]), Status::OK);
        let never = ("keys.http", "never");
        assert_eq!(
            status(&[("issuer", "http://127.0.0.1:1/a"), audience, never]),
            Status::OPTION_INVALID
        );
    }

    #[test]
    fn defaults_of_the_table_are_those_of_the_code() {
        for row in options::OPTIONS {
            let fixed = matches!(row.default, "required" | "-" | "from discovery")
                || row.default == "derived from issuer";
            if !fixed {
                assert_eq!(with(row.key, row.default), Status::OK, "{}", row.key);
            }
        }
        let default = config(&GOOD);
        let by_name = |key: &str| options::find(key).unwrap().default;
        let written = config(&[
            GOOD[0],
            GOOD[1],
            ("token.algorithms", by_name("token.algorithms")),
            ("token.types", by_name("token.types")),
            ("token.max_bytes", by_name("token.max_bytes")),
            ("claims.leeway", by_name("claims.leeway")),
        ]);
        let (a, b) = (&default.runtime().unwrap().settings, &written.runtime().unwrap().settings);
        assert_eq!(a.algorithms, b.algorithms);
        assert_eq!((&a.types, a.type_absent), (&b.types, b.type_absent));
        assert_eq!((a.max_bytes, a.leeway_s), (b.max_bytes, b.leeway_s));
    }
}
