//! What each fuzz target does with its bytes, and what must hold. `fuzz_targets/*.rs` runs one
//! body on what libFuzzer makes up; `tests/fuzz_bodies.rs` runs all of them over `corpus/`.
//!
//! A body judges by rules of its own (a JSON reader, base64url, the order of the checks), and calls
//! the exported functions. Called below them: `KeySet` and `PublicKey` (jwks), `jwks_uri`, `urls`
//! and `Url::parse` (discovery), which no exported function reaches without the network.
#![allow(dead_code)] // Each target uses its own body.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::sync::{Arc, OnceLock};

use auth::config::{Config, Name};
use auth::ffi::*;
use auth::keys::discovery::{self, Discovery};
use auth::keys::fetch::{PlainHttp, Url};
use auth::keys::jwks::{Key, KeySet, MAX_CANDIDATES, Wanted};
use auth::record::auth_verdict;
use auth::signature::{ALGORITHM_NAMES, ALGORITHMS, Algorithm, Family};
use auth::status::Status;
use aws_lc_rs::signature::Ed25519KeyPair;

pub type Body = fn(&[u8]);

/// Name of the target, its body.
pub const TARGETS: [(&str, Body); 8] = [
    ("header", header),
    ("token", token),
    ("jwks", jwks),
    ("discovery", discovery),
    ("options", options),
    ("requirement", requirement),
    ("claims", claims),
    ("verify", verify),
];

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "https://api.example";
const TOKEN_MAX_BYTES: usize = 16 * 1024;
const NAME_MAX_BYTES: usize = 1024;
/// So many unusable keys of a set are remembered.
const UNUSABLE_MAX: usize = 64;
const LEEWAY_S: f64 = 30.0;
const LAST_SECOND: f64 = 253_402_300_799.0;
/// Separates the parts of an input: never valid inside JSON or a header field.
const PART: u8 = 0x1e;

// ------------------------------------------------------------------------------------- header

/// Input: the value of an Authorization header.
pub fn header(data: &[u8]) {
    let (status, token) = extract(data);
    assert_eq!(status, expected_of_header(data), "RFC 6750 2.1");
    if let Some(token) = token {
        let start = token.as_ptr().addr() - data.as_ptr().addr();
        assert_eq!(start + token.len(), data.len(), "the token is the end of the header");
        let before = &data[..start];
        assert_eq!(before.last(), Some(&b' '));
        assert!(before.trim_ascii_end().eq_ignore_ascii_case(b"bearer"));
        assert!(is_b64token(token));
    }
    let handle = standard();
    let told = answer(data.len(), &|out, size| authorize_at(handle, data, b"", out, size));
    match status {
        0 => assert!(told.status == 0 || told.status >= 2000, "{told:?}"),
        _ => assert_eq!(told.status, status),
    }
    // From 2005 on a sentence quotes values of the JOSE header: target `verify` looks at those.
    if told.status != 0 && told.status < 2005 {
        told.tells_nothing_of(data, |_| false);
    }
}

/// The table of RFC 6750 2.1 and RFC 9110 11.4, read from the end of the value.
fn expected_of_header(value: &[u8]) -> i32 {
    if value.iter().all(|byte| *byte == b' ' || *byte == b'\t') {
        return Status::HEADER_MISSING as i32;
    }
    let mut words = value.splitn(2, |byte| *byte == b' ');
    let (scheme, rest) = (words.next().unwrap(), words.next());
    let scheme_byte = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    let Some(rest) = rest else {
        return Status::HEADER_MALFORMED as i32;
    };
    if scheme.is_empty() || !scheme.iter().all(scheme_byte) {
        return Status::HEADER_MALFORMED as i32;
    }
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Status::SCHEME_UNSUPPORTED as i32;
    }
    let blanks = rest.iter().position(|byte| *byte != b' ').unwrap_or(rest.len());
    match is_b64token(&rest[blanks..]) {
        true => 0,
        false => Status::HEADER_MALFORMED as i32,
    }
}

/// RFC 6750 2.1, as a machine of two states.
fn is_b64token(text: &[u8]) -> bool {
    let (mut body, mut padding) = (0, 0);
    for byte in text {
        match byte {
            b'=' if body > 0 => padding += 1,
            _ if padding > 0 => return false,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => body += 1,
            b'-' | b'.' | b'_' | b'~' | b'+' | b'/' => body += 1,
            _ => return false,
        }
    }
    body > 0
}

fn extract(header: &[u8]) -> (i32, Option<&[u8]>) {
    let (mut start, mut length) = (header.as_ptr().cast::<c_char>(), usize::MAX);
    let (text, text_len) = (chars(header), header.len());
    let status = unsafe { auth_extract_bearer(text, text_len, &mut start, &mut length) } as i32;
    if status != 0 {
        assert_eq!((start, length), (ptr::null(), 0), "nothing is pointed to on a refusal");
        return (status, None);
    }
    let at = start.addr().checked_sub(header.as_ptr().addr()).expect("the token is in the header");
    (status, Some(&header[at..at + length]))
}

// -------------------------------------------------------------------------------------- token

/// Input: an even first byte, then the token; or an odd one, then JOSE header, payload and the
/// bytes of the signature, which are encoded here.
pub fn token(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else {
        return;
    };
    let built;
    let token = match mode & 1 {
        0 => rest,
        _ => {
            let [header, payload, signature] = parts(rest);
            built = [base64url(header), base64url(payload), base64url(signature)].join(".");
            built.as_bytes()
        }
    };
    let handle = standard();
    let told = answer(token.len(), &|out, size| verify_at(handle, token, out, size));
    let judged_here = (2000..3000).contains(&told.status);
    match expected_of_token(token) {
        Some(0) => assert!(!judged_here, "refused without a reason: {told:?}"),
        Some(expected) => assert_eq!(told.status, expected, "{told:?}"),
        None => {}
    }
    if told.status != 0 && told.status < 2005 {
        told.tells_nothing_of(token, |_| false);
    }
}

/// The 2xxx status by the rules in their order, or 0; None where a number is at the edge of what
/// a double can hold.
fn expected_of_token(token: &[u8]) -> Option<i32> {
    let malformed = Some(Status::TOKEN_MALFORMED as i32);
    if token.len() > TOKEN_MAX_BYTES {
        return Some(Status::TOKEN_TOO_LARGE as i32);
    }
    let sent: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
    let [header, payload, signature] = sent[..] else {
        return match (sent.len(), is_b64token(token)) {
            (1, true) => Some(Status::TOKEN_OPAQUE as i32),
            (5, true) => Some(Status::TOKEN_ENCRYPTED as i32),
            _ => malformed,
        };
    };
    let (Some(header), Some(payload), Some(_)) =
        (from_base64url(header), from_base64url(payload), from_base64url(signature))
    else {
        return malformed;
    };
    let (header, payload) = (Document::read(&header), Document::read(&payload));
    if header.at_the_edge || payload.at_the_edge {
        return None;
    }
    let (Some(header), Some(payload)) = (header.strict_object(), payload.strict_object()) else {
        return malformed;
    };
    let text = |name: &str| match member(header, name) {
        None => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(()),
    };
    let (Ok(kid), Ok(alg), Ok(typ), Ok(cty)) = (text("kid"), text("alg"), text("typ"), text("cty"))
    else {
        return malformed;
    };
    if kid.is_some_and(|kid| kid.len() > NAME_MAX_BYTES) {
        return malformed;
    }
    if !alg.is_some_and(|alg| ALGORITHM_NAMES.contains(&alg)) {
        return Some(Status::ALGORITHM_NOT_ALLOWED as i32);
    }
    if member(header, "crit").is_some() || member(header, "b64").is_some() {
        return Some(Status::CRITICAL_UNSUPPORTED as i32);
    }
    let bare = |typ: &str| {
        let lower = typ.to_ascii_lowercase();
        lower.strip_prefix("application/").unwrap_or(&lower).to_owned()
    };
    if cty.is_some_and(|cty| bare(cty) == "jwt")
        || typ.is_some_and(|typ| !["jwt", "at+jwt"].contains(&bare(typ).as_str()))
    {
        return Some(Status::TYPE_NOT_ALLOWED as i32);
    }
    match member(payload, "iss") {
        Some(Json::Text(iss)) if iss == ISSUER => Some(0),
        _ => Some(Status::ISSUER_INVALID as i32),
    }
}

// --------------------------------------------------------------------------------------- jwks

/// Input: a key set.
pub fn jwks(data: &[u8]) {
    let (set, peak) = peak_of(|| KeySet::parse(data));
    assert!(peak <= memory_for(data.len()), "{peak} bytes for a key set of {}", data.len());
    assert_eq!(described(&set), described(&KeySet::parse(data)), "read twice");
    if let (Ok(value), config) = (CString::new(data), Handle::new()) {
        let told = answer(data.len(), &|out, size| unsafe {
            auth_config_set(config.0, c"keys.jwks".as_ptr(), value.as_ptr(), out, size)
        });
        assert!(told.status == 0 || told.status == Status::OPTION_INVALID as i32, "{told:?}");
        // Other text than JSON may be PEM.
        if data.trim_ascii_start().starts_with(b"{") {
            assert_eq!(told.status == 0, set.is_ok(), "as an option: {told:?}");
        }
    }
    let Ok(set) = set else {
        return;
    };
    let document = Document::read(data);
    let elements = match document.object().and_then(|outer| member(outer, "keys")) {
        Some(Json::Array(elements)) => elements,
        _ if document.too_deep => return,
        other => panic!("a key set without keys: {other:?}"),
    };
    assert!(set.keys.iter().any(|key| key.usable.is_ok()), "a set without one is refused");
    if elements.len() > set.keys.len() {
        let unusable = set.keys.iter().filter(|key| key.usable.is_err()).count();
        assert_eq!(unusable, UNUSABLE_MAX, "none is lost but what cannot be used anyway");
    } else {
        assert_eq!(elements.len(), set.keys.len());
        elements.iter().zip(&set.keys).for_each(|(element, key)| usable_key(element, key));
    }
    let kids = set.keys.iter().take(4).map(|key| key.kid.as_deref()).chain([None, Some("no")]);
    for kid in kids {
        for alg in ALGORITHMS.iter().copied() {
            let fitting = |key: &&Arc<Key>| {
                (kid.is_none() || key.kid.as_deref() == kid)
                    && key.usable.as_ref().is_ok_and(|public| public.fits(alg))
            };
            let expected = set.keys.iter().filter(fitting).count().min(MAX_CANDIDATES);
            let chosen = set.choose(Wanted { kid, alg, tenant: None });
            let chosen = chosen.map_or(0, |some| some.iter().flatten().count());
            assert_eq!(chosen, expected, "candidates for {kid:?} {alg:?}");
        }
    }
}

type Described<'s> = Result<Vec<(Option<&'s str>, Option<&'static str>)>, &'s str>;

/// Key ids, and why a key cannot be used.
fn described(set: &Result<KeySet, String>) -> Described<'_> {
    let key = |key: &'_ Arc<Key>| key.usable.as_ref().err().copied();
    match set {
        Ok(set) => Ok(set.keys.iter().map(|own| (own.kid.as_deref(), key(own))).collect()),
        Err(why) => Err(why),
    }
}

fn usable_key(element: &Json, key: &Key) {
    let Ok(public) = &key.usable else {
        return;
    };
    let family = expected_family(element).unwrap_or_else(|why| panic!("{why}: {element:?}"));
    let kid = member_text(element, "kid");
    assert_eq!(key.kid.as_deref(), kid, "the kid is the element's");
    assert!(kid.is_none_or(|kid| kid.len() <= NAME_MAX_BYTES));
    assert!(!key.any_kid, "a key of a set never serves for other key ids");
    let declared = member_text(element, "alg").map(|name| Algorithm::from_name(name).unwrap());
    for alg in ALGORITHMS.iter().copied() {
        let fits = alg.family() == family
            && declared.is_none_or(|own| own == alg || family == Family::Ed25519);
        assert_eq!(public.fits(alg), fits, "{alg:?} of {element:?}");
    }
    verifies_nothing_by_itself(public, family);
}

/// What a usable key must be, by RFC 7517, 7518, 8037 and the limits of this library.
fn expected_family(element: &Json) -> Result<Family, &'static str> {
    let Json::Object(members) = element else {
        return Err("not an object");
    };
    let names: BTreeSet<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    if names.len() != members.len() {
        return Err("a name twice");
    }
    for name in ["kid", "kty", "use", "alg", "crv", "n", "e", "x", "y"] {
        let odd = member(members, name).is_some() && member_text(element, name).is_none();
        if odd && matches!(name, "kid" | "kty" | "use" | "alg") {
            return Err("a member that is not a text");
        }
    }
    if member_text(element, "use").is_some_and(|usage| usage != "sig") {
        return Err("not for signatures");
    }
    match member(members, "key_ops") {
        None => {}
        Some(Json::Array(ops)) if ops.contains(&Json::Text("verify".into())) => {}
        Some(_) => return Err("not for verifying"),
    }
    let bytes = |name: &str| {
        let text = member_text(element, name).ok_or("no number")?;
        from_base64url(text.as_bytes()).ok_or("not base64url")
    };
    let number = |name: &str| {
        let mut bytes = bytes(name)?;
        bytes.drain(..bytes.iter().take_while(|byte| **byte == 0).count());
        Ok::<_, &'static str>(bytes)
    };
    let family = match (member_text(element, "kty"), member_text(element, "crv")) {
        (Some("RSA"), _) => {
            let (n, e) = (number("n")?, number("e")?);
            let bits = 8 * n.len() - n.first().map_or(0, |first| first.leading_zeros() as usize);
            if !(2048..=8192).contains(&bits) || n.last().unwrap() & 1 == 0 {
                return Err("RSA modulus");
            }
            if e.len() > 4 || e == [1] || e.last().is_none_or(|last| last & 1 == 0) {
                return Err("RSA exponent");
            }
            Family::Rsa
        }
        (Some("EC"), Some(curve)) => {
            let (family, length) = match curve {
                "P-256" => (Family::P256, 32),
                "P-384" => (Family::P384, 48),
                "P-521" => (Family::P521, 66),
                _ => return Err("curve"),
            };
            if bytes("x")?.len() != length || bytes("y")?.len() != length {
                return Err("coordinates");
            }
            family
        }
        (Some("OKP"), Some("Ed25519")) if bytes("x")?.len() == 32 => Family::Ed25519,
        _ => return Err("type"),
    };
    let declared = member_text(element, "alg").map(Algorithm::from_name);
    match declared.is_none_or(|alg| alg.is_some_and(|alg| alg.family() == family)) {
        true => Ok(family),
        false => Err("algorithm of another family"),
    }
}

/// Signatures that anybody can write down. Under an Ed25519 key of small order the last ones
/// verify for one message in eight.
fn verifies_nothing_by_itself(public: &auth::signature::PublicKey, family: Family) {
    for alg in ALGORITHMS.iter().copied().filter(|alg| public.fits(*alg)) {
        for length in [0, 1, 63, 64, 65, 96, 132, 256] {
            assert!(!public.verify(alg, b"message", &vec![0; length]), "zeros, {length}");
            assert!(!public.verify(alg, b"message", &vec![1; length]), "ones, {length}");
        }
    }
    if family == Family::Ed25519 {
        let mut identity = [0; 64];
        identity[0] = 1;
        for message in 0..24u8 {
            assert!(!public.verify(Algorithm::EdDSA, &[message], &identity), "without a key");
        }
    }
}

// ---------------------------------------------------------------------------------- discovery

/// Input: an even first byte, then a metadata document; or an odd one, then a URL.
pub fn discovery(data: &[u8]) {
    match data.split_first() {
        Some((mode, document)) if mode & 1 == 0 => metadata(document),
        Some((_, url)) => url_text(&String::from_utf8_lossy(url)),
        None => {}
    }
}

fn metadata(bytes: &[u8]) {
    let issuer = Name::Exact(ISSUER.into());
    let (read, peak) = peak_of(|| discovery::jwks_uri(bytes, &issuer));
    assert!(peak <= memory_for(bytes.len()), "{peak} bytes for metadata of {}", bytes.len());
    let document = Document::read(bytes);
    if document.at_the_edge {
        return;
    }
    let text = |name: &str| match member(document.strict_object()?, name) {
        Some(Json::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let expected = match (document.strict_object(), text("issuer"), text("jwks_uri")) {
        (None, _, _) => Err(Status::DISCOVERY_FAILED),
        (_, Some(issuer), Some(uri)) if issuer == ISSUER => Ok(uri),
        (_, Some(issuer), None) if issuer == ISSUER => Err(Status::DISCOVERY_FAILED),
        _ => Err(Status::DISCOVERY_ISSUER_MISMATCH),
    };
    if let Err((_, why)) = &read {
        assert!(why.len() <= 512 && why.bytes().all(|b| matches!(b, b' '..=b'~')), "{why:?}");
    }
    assert_eq!(read.map_err(|(status, _)| status), expected);
    if let Ok(uri) = expected {
        url_text(&uri);
    }
}

fn url_text(text: &str) {
    let parsed = [PlainHttp::Never, PlainHttp::Loopback, PlainHttp::Always]
        .map(|http| Url::parse(text, http).ok());
    let [never, loopback, always] = &parsed;
    assert!(never.is_none() || loopback.is_some(), "loopback allows what never allows");
    assert!(loopback.is_none() || always.is_some(), "always allows what loopback allows");
    if let Some(url) = always {
        assert!(text.len() <= 2048 && text.bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(!text.contains(['\\', '#', '"', '{', '}']), "{text:?}");
        let lower = text.to_ascii_lowercase();
        let rest = lower.strip_prefix("https://").or(lower.strip_prefix("http://"));
        let authority = rest.expect("http or https").split(['/', '?']).next().unwrap();
        assert!(!authority.is_empty() && !authority.contains('@'), "{text:?}");
        assert!(!authority.ends_with(':'), "no port after a colon: {text:?}");
        assert_eq!(url.is_https(), lower.starts_with("https:"));
        assert_eq!(never.is_some(), url.is_https(), "{text:?}");
        // A slash may have been added.
        let again = Url::parse(&url.as_text(), PlainHttp::Always).map(|url| url.as_text());
        assert!(text.len() == 2048 || again == Ok(url.as_text()), "read again: {text:?}");
        assert_eq!(url.has_query(), text.contains('?'), "{text:?}");
    }
    let places = discovery::urls(text, Discovery::Auto);
    let bare = text.strip_suffix('/').unwrap_or(text);
    assert_eq!(places[0], format!("{bare}/.well-known/openid-configuration"));
    assert_eq!(places[1].replacen("/.well-known/oauth-authorization-server", "", 1).len(), {
        bare.len()
    });
    assert_eq!(discovery::urls(text, Discovery::Oidc), places[..1]);
    assert_eq!(discovery::urls(text, Discovery::OAuth), places[1..]);
}

// ------------------------------------------------------------------------------------ options

/// Input: one option a line, as key=value; without `=` the value is NULL. A line that begins with
/// a brace is an object of options, for auth_config_load.
pub fn options(data: &[u8]) {
    let config = Handle::new();
    let lines = lines_of(data);
    let owed = Owed::after(&config, &lines);
    let check =
        |config: &Handle| answer(0, &|out, size| unsafe { auth_config_check(config.0, out, size) });
    let told = check(&config);
    assert_eq!(told, check(&config), "judged twice");
    assert!([0, 7002, 7003, 7004].contains(&told.status), "{told:?}");
    assert!(owed.is_nothing() || told.status != 0, "a refused option is forgotten: {owed:?}");

    // Single sets in another order, each once and with its last value, are judged the same.
    let sets = |line: &Line| match line {
        Line::Set(key, value) => Some((key.clone(), value.clone())),
        Line::Load(_) => None,
    };
    if let Some(sets) = lines.iter().map(sets).collect::<Option<Vec<_>>>()
        && !owed.unknown
    {
        let last: BTreeMap<CString, Option<CString>> = sets.into_iter().collect();
        let other = Handle::new();
        last.iter().rev().for_each(|(key, value)| _ = other.set(key, value.as_deref()));
        let other = check(&other);
        assert_eq!(other.status, told.status, "{} / {}", other.text("log"), told.text("log"));
    }

    // A use freezes the handle, or says why it cannot.
    let used = answer(1, &|out, size| verify_at(&config, b"x", out, size));
    let after = config.set(c"issuer", Some(c"https://late.example"));
    let loaded = config.load(br#"{"audience":"late"}"#);
    match told.status {
        0 => {
            assert_eq!(used.status, Status::TOKEN_OPAQUE as i32);
            assert_eq!((after, loaded), (Status::CONFIG_FROZEN as i32, after));
            assert_eq!(check(&config).status, 0);
        }
        _ => {
            assert_eq!((used.status, used.text("log")), (told.status, told.text("log")));
            assert_eq!((after, loaded), (0, 0));
        }
    }
}

/// What a caller was told that it did not get.
#[derive(Debug, Default)]
struct Owed {
    /// An unknown key cannot be taken back.
    unknown: bool,
    keys: BTreeSet<String>,
    /// One at least of the keys of each load that failed.
    loads: Vec<BTreeSet<String>>,
    /// A load that could not be read at all, until one is.
    lost: bool,
}

impl Owed {
    fn after(config: &Handle, lines: &[Line]) -> Owed {
        let mut owed = Owed::default();
        for line in lines {
            match line {
                Line::Set(key, value) => owed.set(config, key, value.as_deref()),
                Line::Load(json) => owed.load(config, json),
            }
        }
        owed
    }

    fn is_nothing(&self) -> bool {
        !self.unknown && !self.lost && self.keys.is_empty() && self.loads.is_empty()
    }

    fn set(&mut self, config: &Handle, key: &CStr, value: Option<&CStr>) {
        let told = config.set(key, value);
        let name = key.to_string_lossy().into_owned();
        if !is_option(&name) {
            assert_eq!(told, Status::OPTION_UNKNOWN as i32, "{key:?}");
            self.unknown = true;
        } else if told == 0 {
            self.paid(&name);
        } else {
            // An entry of `issuers` may name a key that there is not.
            let known = [Status::OPTION_INVALID as i32, Status::OPTION_UNKNOWN as i32];
            assert!(known.contains(&told) && (told == known[0] || name == "issuers"), "{key:?}");
            self.keys.insert(name);
        }
    }

    fn paid(&mut self, key: &str) {
        self.keys.remove(key);
        self.loads.retain(|keys| !keys.contains(key));
    }

    fn load(&mut self, config: &Handle, json: &[u8]) {
        let told = config.load(json);
        let document = Document::read(json);
        let mut keys = BTreeSet::new();
        match document.strict_object() {
            Some(members) => flatten(members, "", &mut keys),
            None => assert!(told != 0 || document.at_the_edge, "a document that is none"),
        }
        let unknown = keys.iter().any(|key| !is_option(key));
        match told {
            0 => {
                assert!(!unknown, "{keys:?}");
                keys.iter().for_each(|key| self.paid(key));
                self.lost = false;
            }
            _ if document.strict_object().is_none() => self.lost = true,
            _ => {
                self.unknown |= unknown;
                self.loads.push(keys);
            }
        }
    }
}

/// The keys of an object of options; what is an object is one where an option takes objects.
fn flatten(members: &[(String, Json)], prefix: &str, keys: &mut BTreeSet<String>) {
    for (name, value) in members {
        let key = format!("{prefix}{name}");
        let group = format!("{key}.");
        match value {
            Json::Object(inner) if !is_option(&key) && tables().has_group(&group) => {
                flatten(inner, &group, keys);
            }
            _ => _ = keys.insert(key),
        }
    }
}

enum Line {
    Set(CString, Option<CString>),
    Load(Vec<u8>),
}

fn lines_of(data: &[u8]) -> Vec<Line> {
    let text = |bytes: &[u8]| {
        CString::new(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).unwrap()
    };
    let lines = data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(40);
    lines
        .map(|line| match line.first() {
            Some(b'{') => Line::Load(line.to_vec()),
            _ => {
                let mut sides = line.splitn(2, |byte| *byte == b'=');
                Line::Set(text(sides.next().unwrap()), sides.next().map(text))
            }
        })
        .collect()
}

// -------------------------------------------------------------------------------- requirement

/// Input: a requirement.
pub fn requirement(data: &[u8]) {
    const GRANTED: [&str; 4] = ["a", "b", "orders:read", "orders:write"];
    static HEADER: OnceLock<String> = OnceLock::new();
    let header = HEADER.get_or_init(|| {
        let grants = br#"","roles":["admin"],"realm_access":{"roles":["x y"]},"groups":{"g":{}},
            "permissions":"p","n":[1,true,"t"]"#;
        let more = [br#","scope":""#, GRANTED.join(" ").as_bytes(), grants].concat();
        format!("Bearer {}", signed(JOSE_HEADER, &payload_with(&more)))
    });
    let handle = standard();
    let judge = |header: &[u8], require: &[u8]| {
        let length = header.len() + require.len();
        answer(length, &|out, size| authorize_at(handle, header, require, out, size))
    };
    let invalid = Status::REQUIREMENT_INVALID as i32;
    let told = judge(header.as_bytes(), data);
    let known = told.status == 0 || told.status == invalid || (6001..=6005).contains(&told.status);
    assert!(known, "{told:?}");
    let parses = told.status != invalid;

    // What was accepted can be asked for more: with the same answer.
    let accepted = judge(header.as_bytes(), b"");
    let claims = accepted.text("claims").as_bytes();
    let later =
        answer(claims.len() + data.len(), &|out, size| require(handle, claims, data, out, size));
    assert_eq!((later.status, later.text("log")), (told.status, told.text("log")));
    assert_eq!(later.text("challenge"), told.text("challenge"));
    assert!(later.status != 0 || later.texts[1..].iter().all(String::is_empty), "code alone");

    // The caller's mistake is told before anything else, whatever the request.
    let nothing_sent = judge(b"", data).status;
    let expected = if parses { Status::HEADER_MISSING as i32 } else { invalid };
    assert_eq!(nothing_sent, expected);

    let text = std::str::from_utf8(data);
    let array = data.first() == Some(&b'[');
    let odd = text.is_err()
        || data.len() > 512
        || (!array && data.iter().any(|byte| byte.is_ascii_control()))
        || (!array && !data.is_empty() && data.split(|b| *b == b' ').any(<[u8]>::is_empty));
    assert!(!(odd && parses), "never \"nothing needed\": {data:?}");
    if let Ok(value) = CString::new(data) {
        let blank = text.is_ok_and(|text| text.trim().is_empty());
        let set = Handle::new().set(c"verdict.require", Some(&value));
        assert_eq!(set == 0, parses && !blank, "as an option");
    }
    let (Ok(text), true, false) = (text, parses, array) else {
        return;
    };
    let items: Vec<&str> = text.split(' ').filter(|item| !item.is_empty()).collect();
    // A scope that begins with a bracket can stand in any place but the first.
    if items.iter().any(|item| item.starts_with('[')) {
        return;
    }
    let mut all_granted = true;
    for item in items.iter().take(64) {
        let alone = judge(header.as_bytes(), item.as_bytes()).status;
        assert_ne!(alone, invalid, "an item of a good requirement is one: {item:?}");
        all_granted &= alone == 0;
    }
    if items.len() <= 64 {
        assert_eq!(told.status == 0, all_granted, "all items are needed, and no more: {text:?}");
    }
    let backwards: Vec<&str> = items.iter().rev().copied().collect();
    let backwards = judge(header.as_bytes(), backwards.join(" ").as_bytes()).status;
    assert_eq!(backwards == 0, told.status == 0, "the order makes no difference");

    const KINDS: [&str; 5] = ["role:", "permission:", "group:", "claim:", "scope:"];
    let plain = |item: &&str| {
        item.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\|[".contains(&byte))
            && !KINDS.iter().any(|kind| item.starts_with(kind))
    };
    if items.iter().all(plain) {
        let missing = items.iter().any(|item| !GRANTED.contains(item));
        assert_eq!(told.status, if missing { Status::SCOPE_MISSING as i32 } else { 0 });
        let mut once: Vec<&str> = Vec::new();
        for item in &items {
            if !once.contains(item) {
                once.push(item);
            }
        }
        let scope = format!("scope=\"{}\"", once.join(" "));
        assert_eq!(told.text("challenge").contains(&scope), missing, "{told:?}");
    }
}

// ------------------------------------------------------------------------------------- claims

const JOSE_HEADER: &[u8] = br#"{"alg":"EdDSA","typ":"at+jwt","kid":"EdDSA"}"#;
const JOSE_HEADER_JWT: &[u8] = br#"{"alg":"EdDSA","typ":"JWT","kid":"EdDSA"}"#;

/// Input: bits of the first byte: 1 `typ` is JWT, 2 the rest is a whole payload and not more
/// members of a good one, 4 no audience is asked for and no leeway given; then that rest. With 8,
/// it is a path, a requirement, and claims, for auth_claim and auth_require.
pub fn claims(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else {
        return;
    };
    if mode & 8 != 0 {
        let [path, require, claims] = parts(rest);
        return claims_alone(path, require, claims);
    }
    let jose = if mode & 1 == 0 { JOSE_HEADER } else { JOSE_HEADER_JWT };
    let payload = if mode & 2 == 0 { payload_with(rest) } else { rest.to_vec() };
    let lax = mode & 4 != 0;
    let handle = if lax { any_audience() } else { standard() };
    let leeway_s = if lax { 0.0 } else { LEEWAY_S };
    let token = signed(jose, &payload);
    if token.len() > TOKEN_MAX_BYTES {
        return;
    }
    let told = answer(token.len(), &|out, size| verify_at(handle, token.as_bytes(), out, size));
    let document = Document::read(&payload);
    if document.at_the_edge {
        return;
    }
    let Some(claims) = document.strict_object() else {
        assert_eq!(told.status, Status::TOKEN_MALFORMED as i32);
        return;
    };
    let claim = |name: &str| member(claims, name);
    if claim("iss") != Some(&Json::Text(ISSUER.into())) {
        assert_eq!(told.status, Status::ISSUER_INVALID as i32);
        return;
    }
    let time = |name: &str| match claim(name) {
        Some(Json::Number(seconds)) => Some(*seconds),
        _ => None,
    };
    let now = NOW as f64;
    let for_us = match claim("aud") {
        _ if lax => true,
        Some(Json::Text(aud)) => aud == AUDIENCE,
        Some(Json::Array(all)) => all.contains(&Json::Text(AUDIENCE.into())),
        _ => false,
    };
    let expired = time("exp").is_some_and(|exp| exp.floor() + leeway_s <= now);
    let early = time("nbf").is_some_and(|nbf| nbf.ceil() - leeway_s > now);
    let kinds = ["typ", "token_use", "token_type", "type", "events", "token_introspection"];
    let tells = kinds.iter().chain(&["nonce", "at_hash", "c_hash"]);
    let other_kind = tells.into_iter().any(|name| claim(name).is_some());
    let bound = claim("cnf").is_some();
    match Status::from_number(told.status).unwrap() {
        Status::OK => {
            assert!(!expired && !early && for_us && !bound, "{told:?}");
            accepted(&told, claims, lax);
            // A path cannot say every name.
            let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric());
            for (name, value) in claims.iter().filter(|(name, _)| plain(name)).take(8) {
                if (1..=256).contains(&name.len()) {
                    let path = CString::new(name.as_str()).unwrap();
                    claim_is(Some(value), claim_of(&payload, &path).as_deref());
                }
            }
            assert_eq!(told.text("claims").as_bytes(), payload, "byte for byte as signed");
            assert_eq!(told.text("header").as_bytes(), jose, "byte for byte as signed");
        }
        Status::CLAIM_MISSING => assert!(
            claim("exp").is_none() || claim("aud").is_none() || claim("sub").is_none(),
            "{told:?}"
        ),
        Status::CLAIM_MALFORMED => {}
        Status::NOT_AN_ACCESS_TOKEN => assert!(other_kind, "{told:?}"),
        Status::TOKEN_EXPIRED => assert!(expired, "{told:?}"),
        Status::TOKEN_NOT_YET_VALID => assert!(early, "{told:?}"),
        Status::AUDIENCE_INVALID => assert!(!for_us, "{told:?}"),
        Status::PROOF_REQUIRED => assert!(bound, "{told:?}"),
        _ => panic!("not of this stage: {told:?}"),
    }
}

/// Claims that nobody verified: the same strict reader, nothing but a status.
fn claims_alone(path: &[u8], need: &[u8], claims: &[u8]) {
    let handle = standard();
    let length = claims.len() + need.len();
    let told = answer(length, &|out, size| require(handle, claims, need, out, size));
    let document = Document::read(claims);
    let known = [0, 2008, 5002, 7007].contains(&told.status);
    assert!(known || (6001..=6005).contains(&told.status), "{told:?}");
    if told.status == 0 || (6001..=6005).contains(&told.status) {
        let object = document.strict_object();
        assert!(object.is_some() || document.at_the_edge, "no claims: {told:?}");
        if let Some(object) = object {
            assert_eq!(member(object, "iss"), Some(&Json::Text(ISSUER.into())));
        }
    }
    let Ok(path) = CString::new(path) else {
        return;
    };
    let found = claim_of(claims, &path);
    let name = path.to_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let Some(object) = document.strict_object() else {
        return;
    };
    if !name.is_empty() && name.len() <= 256 && name.iter().all(plain) {
        claim_is(member(object, std::str::from_utf8(name).unwrap()), found.as_deref());
    }
}

/// The claim as text, or as its JSON.
fn claim_is(expected: Option<&Json>, found: Option<&str>) {
    match (expected, found) {
        (Some(Json::Text(text)), Some(found)) if !text.contains('\0') => assert_eq!(found, text),
        (Some(value), Some(found)) => {
            assert_eq!(Document::read(found.as_bytes()).value.as_ref(), Ok(value), "as JSON");
        }
        (expected, found) => assert_eq!(expected.is_some(), found.is_some(), "{expected:?}"),
    }
}

/// auth_claim with too little room, with exactly enough, and without any.
fn claim_of(claims: &[u8], path: &CStr) -> Option<String> {
    let call = |out: *mut c_char, size| unsafe {
        auth_claim(chars(claims), claims.len(), path.as_ptr(), out, size)
    };
    let (needed, peak) = peak_of(|| call(ptr::null_mut(), 0));
    assert!(peak <= memory_for(claims.len()), "{peak} bytes for claims of {}", claims.len());
    if needed == usize::MAX {
        return None;
    }
    assert!(needed <= claims.len(), "no longer than where it stands");
    let mut room = vec![0xa5u8; needed + 2];
    assert_eq!(call(room.as_mut_ptr().cast(), needed), needed);
    assert!(room.iter().all(|byte| *byte == 0xa5), "all fits with its NUL, or nothing is written");
    assert_eq!(call(room.as_mut_ptr().cast(), needed + 1), needed);
    assert_eq!(room[needed..], [0, 0xa5]);
    room.truncate(needed);
    Some(String::from_utf8(room).expect("UTF-8"))
}

/// What the record tells of an accepted token follows from its claims.
fn accepted(told: &Answer, claims: &[(String, Json)], any_audience: bool) {
    let claim = |name: &str| member(claims, name);
    let Some(Json::Number(exp)) = claim("exp") else {
        panic!("accepted without exp");
    };
    assert!((0.0..=LAST_SECOND).contains(exp), "exp {exp}");
    // Two readers may differ in the last bit of a fraction.
    let difference = (told.expires_at as f64 - exp.floor()).abs();
    assert!(difference == 0.0 || (exp.fract() != 0.0 && difference <= 1.0), "exp {exp} {told:?}");
    for name in ["nbf", "iat"] {
        let good = match claim(name) {
            None => true,
            Some(Json::Number(seconds)) => (0.0..=LAST_SECOND).contains(seconds),
            Some(_) => false,
        };
        assert!(good, "{name} {:?}", claim(name));
    }
    match claim("aud") {
        Some(Json::Text(_)) => {}
        Some(Json::Array(all)) => assert!(all.iter().all(|one| matches!(one, Json::Text(_)))),
        other => assert!(any_audience && other.is_none(), "aud {other:?}"),
    }
    let name = |claim_name: &str| match claim(claim_name) {
        None => "",
        Some(Json::Text(text)) => {
            assert!(!text.is_empty() && text.len() <= NAME_MAX_BYTES && !text.contains('\0'));
            text
        }
        other => panic!("{claim_name} {other:?}"),
    };
    assert_eq!(told.text("subject"), name("sub"));
    let clients = ["client_id", "azp", "cid", "appid"].map(name);
    let first = clients.into_iter().find(|text| !text.is_empty()).unwrap_or("");
    assert_eq!(told.text("client_id"), first);

    let (mut scopes, mut known) = (Vec::new(), BTreeSet::new());
    for name in ["scope", "scp"] {
        let these: Vec<&str> = match claim(name) {
            None => Vec::new(),
            Some(Json::Text(text)) => text.split(' ').collect(),
            Some(Json::Array(list)) => list
                .iter()
                .map(|one| match one {
                    Json::Text(text) if !text.contains(char::is_whitespace) => text.as_str(),
                    other => panic!("a scope {other:?}"),
                })
                .collect(),
            other => panic!("{name} {other:?}"),
        };
        for one in these {
            if !one.is_empty() && known.insert(one) {
                scopes.push(one);
            }
        }
    }
    assert_eq!(told.text("scopes"), scopes.join(" "), "in one normal form");
    assert!(!told.text("scopes").contains(char::is_control));
}

// ------------------------------------------------------------------------------------- verify

/// Input: an even first byte, then options (as in `options`), the header's value, a requirement; or
/// an odd one, then options, JOSE header, payload, a requirement: these are signed here.
pub fn verify(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else {
        return;
    };
    let config = Handle::new();
    let own = [(c"issuer", ISSUER), (c"audience", AUDIENCE), (c"keys.jwks", JWKS)];
    for (key, value) in own {
        assert_eq!(config.set(key, Some(&CString::new(value).unwrap())), 0);
    }
    let built;
    let (options, header, require) = match mode & 1 {
        0 => {
            let [options, header, require] = parts(rest);
            (options, header, require)
        }
        _ => {
            let [options, jose, payload, require] = parts(rest);
            built = format!("Bearer {}", signed(jose, payload));
            (options, built.as_bytes(), require)
        }
    };
    let owed = Owed::after(&config, &lines_of(options));
    let judge = |require: &[u8]| {
        let call = |out: *mut auth_verdict, size| authorize_at(&config, header, require, out, size);
        let told = answer(header.len(), &call);
        // Exactly enough; one byte less tells how much.
        let mut exact = vec![0xa5; told.size as usize];
        assert_eq!(call(exact.as_mut_ptr().cast(), exact.len()) as i32, told.status);
        assert_eq!(Answer::read(&exact), told);
        let less = exact.len() - 1;
        exact.fill(0xa5);
        let small = call(exact.as_mut_ptr().cast(), less) as i32;
        assert_eq!(small, Status::OUT_TOO_SMALL as i32);
        assert_eq!(exact[less], 0xa5, "nothing is written behind the record");
        assert_eq!(u32::from_ne_bytes(exact[..4].try_into().unwrap()), told.size);
        assert_eq!(exact[24..HEAD_BYTES], [0; 88], "no text without room");
        told
    };
    let told = judge(require);
    let plain = if require.is_empty() { told.clone() } else { judge(b"") };
    assert!(owed.is_nothing() || (7002..=7004).contains(&told.status), "{owed:?} {told:?}");
    match told.status {
        0 => assert_eq!(told, plain, "a requirement only takes away"),
        6001..=7000 | 7007 => {}
        // A role that is asked for has to be readable.
        5002 if plain.status >= 5002 || plain.status == 0 => {}
        _ => assert_eq!(told, plain, "a requirement is judged last"),
    }
    if let (_, Some(token)) = extract(header)
        && !(7000..7100).contains(&plain.status)
    {
        let alone = answer(token.len(), &|out, size| verify_at(&config, token, out, size));
        assert_eq!(alone, plain, "auth_verify_at judges as auth_authorize_at");
    }
    if told.status == 0 {
        return;
    }
    // The signature, or what follows the last dot of anything else, is told nowhere but where a
    // value that may be quoted says the same.
    let values = quotable(header);
    let secret = header.rsplit(|byte| *byte == b'.').next().unwrap();
    told.tells_nothing_of(secret, |window| {
        let in_values = values.iter().any(|value| contains(value.as_bytes(), window));
        in_values || contains(options, window) || contains(require, window)
    });
}

/// The texts inside JOSE header and payload of a token.
fn quotable(header: &[u8]) -> Vec<String> {
    fn collect(value: &Json, texts: &mut Vec<String>) {
        match value {
            Json::Text(text) => texts.push(text.clone()),
            Json::Array(all) => all.iter().for_each(|one| collect(one, texts)),
            Json::Object(all) => all.iter().for_each(|(name, one)| {
                texts.push(name.clone());
                collect(one, texts);
            }),
            _ => {}
        }
    }
    let mut texts = Vec::new();
    let token = header.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    for part in token.split(|byte| *byte == b'.').take(2) {
        let json = from_base64url(part).map(|bytes| Document::read(&bytes));
        if let Some(Ok(value)) = json.map(|document| document.value) {
            collect(&value, &mut texts);
        }
    }
    texts
}

// ------------------------------------------------------------------------- keys, tokens, calls

/// RS256, ES256, EdDSA, `enc` (not for signatures), `declared` (with an alg of its own). All are
/// published test keys.
const JWKS: &str = include_str!("jwks.json");

/// Of the key `EdDSA`.
const SEED: [u8; 32] = [
    0xbf, 0x83, 0x36, 0x8f, 0xd0, 0x3a, 0x92, 0x5d, 0x17, 0x0d, 0xb4, 0x66, 0xc7, 0x32, 0x8c, 0x8d,
    0x13, 0x17, 0x7f, 0x28, 0xbe, 0x50, 0x0d, 0xae, 0x4b, 0x9a, 0x7a, 0xc8, 0xb7, 0x45, 0xed, 0x53,
];

/// A token by the key `EdDSA`, whatever it says of itself.
fn signed(jose: &[u8], payload: &[u8]) -> String {
    static KEY: OnceLock<Ed25519KeyPair> = OnceLock::new();
    let key = KEY.get_or_init(|| Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap());
    let covered = format!("{}.{}", base64url(jose), base64url(payload));
    let signature = key.sign(covered.as_bytes());
    format!("{covered}.{}", base64url(signature.as_ref()))
}

fn payload_with(more: &[u8]) -> Vec<u8> {
    let good = format!(r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","exp":{}"#, NOW + 300);
    [good.as_bytes(), more, b"}"].concat()
}

pub struct Handle(*mut Config);

// SAFETY: the header promises any number of calls at once.
unsafe impl Send for Handle {}
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        unsafe { auth_config_free(self.0) };
    }
}

impl Handle {
    fn new() -> Handle {
        let config = auth_config_new();
        assert!(!config.is_null());
        Handle(config)
    }

    /// The answer is told the same with a record and without.
    fn set(&self, key: &CStr, value: Option<&CStr>) -> i32 {
        let (value, value_bytes) =
            (value.map_or(ptr::null(), CStr::as_ptr), value.map(CStr::to_bytes));
        let set = |out, size| unsafe { auth_config_set(self.0, key.as_ptr(), value, out, size) };
        let mut memory = vec![0xa5; verdict_size(0)];
        let (status, peak) = peak_of(|| set(memory.as_mut_ptr().cast(), memory.len()) as i32);
        // An owner's list of one-letter names takes more than four times its text, and may.
        let length = value_bytes.map_or(0, <[u8]>::len);
        assert!(peak <= 8 * memory_for(length), "{peak} bytes for a value of {length}");
        let told = Answer::read(&memory);
        assert_eq!(told.status, status);
        told.is_consistent();
        status
    }
}

impl Handle {
    fn load(&self, json: &[u8]) -> i32 {
        let load = |out, size| unsafe {
            auth_config_load(self.0, chars(json), json.len(), out, size) as i32
        };
        let mut memory = vec![0xa5; verdict_size(0)];
        let status = load(memory.as_mut_ptr().cast(), memory.len());
        let told = Answer::read(&memory);
        assert_eq!(told.status, status);
        told.is_consistent();
        status
    }
}

/// Every option at its default, and local keys.
fn standard() -> &'static Handle {
    static HANDLE: OnceLock<Handle> = OnceLock::new();
    HANDLE.get_or_init(|| with_local_keys(&[(c"audience", AUDIENCE)]))
}

fn any_audience() -> &'static Handle {
    static HANDLE: OnceLock<Handle> = OnceLock::new();
    HANDLE.get_or_init(|| with_local_keys(&[(c"audience", "*"), (c"claims.leeway", "0")]))
}

fn with_local_keys(more: &[(&CStr, &str)]) -> Handle {
    let handle = Handle::new();
    for (key, value) in [(c"issuer", ISSUER), (c"keys.jwks", JWKS)].iter().chain(more) {
        assert_eq!(handle.set(key, Some(&CString::new(*value).unwrap())), 0, "{key:?}");
    }
    handle
}

fn chars(bytes: &[u8]) -> *const c_char {
    bytes.as_ptr().cast()
}

fn verify_at(config: &Handle, token: &[u8], out: *mut auth_verdict, size: usize) -> Status {
    unsafe { auth_verify_at(config.0, chars(token), token.len(), NOW, out, size) }
}

fn require(
    config: &Handle,
    claims: &[u8],
    require: &[u8],
    out: *mut auth_verdict,
    size: usize,
) -> Status {
    let (c, r) = (chars(claims), chars(require));
    unsafe { auth_require(config.0, c, claims.len(), r, require.len(), out, size) }
}

fn authorize_at(
    config: &Handle,
    header: &[u8],
    require: &[u8],
    out: *mut auth_verdict,
    size: usize,
) -> Status {
    let (h, r) = (chars(header), chars(require));
    unsafe { auth_authorize_at(config.0, h, header.len(), r, require.len(), NOW, out, size) }
}

/// Exactly so many parts of an input: missing ones are empty, the last takes all that is left.
fn parts<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut all = data.splitn(N, |byte| *byte == PART);
    [(); N].map(|()| all.next().unwrap_or_default())
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    // Byte by byte first: libFuzzer traces each comparison of slices.
    let starts = |at: &usize| haystack[*at] == needle[0] && haystack[*at..].starts_with(needle);
    (0..haystack.len().saturating_sub(needle.len() - 1)).any(|at| starts(&at))
}

// ------------------------------------------------------------------------------------- records

const HEAD_BYTES: usize = size_of::<auth_verdict>();
const TEXTS: [&str; 11] = [
    "code",
    "message",
    "log",
    "challenge",
    "problem",
    "claims",
    "header",
    "issuer",
    "subject",
    "client_id",
    "scopes",
];

/// AUTH_VERDICT_SIZE of the header.
const fn verdict_size(n: usize) -> usize {
    HEAD_BYTES + 2 * n + 4096
}

/// A record as a reader of any language sees it.
#[derive(Debug, Clone, PartialEq)]
struct Answer {
    size: u32,
    status: i32,
    http_status: i32,
    retry_after_s: u32,
    expires_at: i64,
    texts: Vec<String>,
}

/// Makes the call three times, with the room that the header promises to be enough for an input of
/// `n` bytes: into fresh memory at an odd address, again over the first answer, and without a
/// record. All three agree, and the second takes little memory (the first may freeze options).
fn answer(n: usize, call: &dyn Fn(*mut auth_verdict, usize) -> Status) -> Answer {
    const FENCE: usize = 16;
    let size = verdict_size(n);
    let mut memory = vec![0xa5; size + 2 * FENCE];
    let odd = FENCE + usize::from(memory.as_ptr().addr().is_multiple_of(2));
    let mut run = || {
        let place = memory[odd..].as_mut_ptr().cast();
        let (status, peak) = peak_of(|| call(place, size) as i32);
        let fences = memory[..odd].iter().chain(&memory[odd + size..]);
        assert!(fences.copied().all(|byte| byte == 0xa5), "written outside of the record");
        let told = Answer::read(&memory[odd..odd + size]);
        assert_eq!(told.status, status, "the record tells what was returned");
        (told, peak)
    };
    let (first, _) = run();
    let (second, peak) = run();
    assert_eq!(first, second, "the same twice in a row");
    assert!(peak <= memory_for(n), "{peak} bytes of memory for an input of {n}");
    assert_eq!(call(ptr::null_mut(), 0) as i32, first.status, "without a record");
    assert_ne!(first.status, Status::OUT_TOO_SMALL as i32, "AUTH_VERDICT_SIZE is enough");
    first.is_consistent();
    first
}

impl Answer {
    /// Every text lies inside `size` and behind the head, is UTF-8 with a NUL after it, or {0, 0}.
    fn read(bytes: &[u8]) -> Answer {
        let u32_at = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        let size = u32_at(0);
        assert!((HEAD_BYTES..=bytes.len()).contains(&(size as usize)), "size {size}");
        let (mut texts, mut used) = (Vec::new(), HEAD_BYTES);
        for (place, name) in TEXTS.iter().enumerate() {
            let (start, length) =
                (u32_at(24 + 8 * place) as usize, u32_at(28 + 8 * place) as usize);
            if length == 0 {
                assert_eq!(start, 0, "{name} is empty and so {{0, 0}}");
                texts.push(String::new());
                continue;
            }
            assert!(start >= HEAD_BYTES, "{name} lies behind the head");
            assert!(start + length < size as usize, "{name} and its NUL lie inside size");
            assert_eq!(bytes[start + length], 0, "a NUL follows {name}");
            let text = std::str::from_utf8(&bytes[start..start + length]);
            texts.push(text.unwrap_or_else(|_| panic!("{name} is UTF-8")).to_owned());
            used += length + 1;
        }
        assert_eq!(used, size as usize, "size is the head and the texts, no byte more");
        Answer {
            size,
            status: u32_at(4) as i32,
            http_status: u32_at(8) as i32,
            retry_after_s: u32_at(12),
            expires_at: i64::from_ne_bytes(bytes[16..24].try_into().unwrap()),
            texts,
        }
    }

    fn text(&self, name: &str) -> &str {
        &self.texts[TEXTS.iter().position(|text| *text == name).unwrap()]
    }

    fn is_consistent(&self) {
        let row = tables().statuses.get(&self.status).expect("a status of the table");
        assert_ne!(self.status, Status::INTERNAL as i32, "a panic was caught: {self:?}");
        assert_eq!(self.http_status, row.http_status);
        assert_eq!(self.text("code"), row.code);
        assert_eq!(self.retry_after_s > 0, self.http_status == 503, "{self:?}");
        if self.status == 0 {
            for name in ["message", "challenge", "problem"] {
                assert_eq!(self.text(name), "", "{name} of an answer that is OK");
            }
            // A warning, of the calls that set and check options.
            let log = self.text("log");
            assert!(log.len() <= 512 && log.bytes().all(|b| matches!(b, b' '..=b'~')), "{log:?}");
            for name in ["issuer", "subject", "client_id", "scopes"] {
                assert!(!self.text(name).contains('\0'), "{name}: C would stop reading");
            }
            return;
        }
        for name in ["claims", "header", "subject", "client_id", "scopes"] {
            assert_eq!(self.text(name), "", "{name} of a refusal");
        }
        let pending = self.status == Status::KEYS_PENDING as i32;
        assert_eq!(self.text("issuer").is_empty(), !pending, "{self:?}");
        assert_eq!(self.expires_at, 0);
        assert_eq!(self.text("message"), row.message);
        let log = self.text("log");
        assert!(!log.is_empty() && log.len() <= 512, "{log:?}");
        assert!(log.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{log:?}");
        assert!(self.size as usize <= verdict_size(0), "a refusal fits 4096 bytes");
        let problem: serde_json::Value = serde_json::from_str(self.text("problem")).unwrap();
        assert_eq!(problem["status"], self.http_status);
        assert_eq!(problem["code"], row.code);
        assert_eq!(problem["detail"], row.message);
        self.challenge_is_consistent();
    }

    /// RFC 9110 11.6.1, RFC 6750 3: `Bearer`, then name="value" separated by a comma.
    fn challenge_is_consistent(&self) {
        let challenge = self.text("challenge");
        let told = self.http_status == 401 || self.http_status == 403;
        assert_eq!(!challenge.is_empty(), told, "{self:?}");
        if !told || challenge == "Bearer" {
            return;
        }
        let mut rest = challenge.strip_prefix("Bearer ").expect("the scheme");
        let mut names = Vec::new();
        while !rest.is_empty() {
            let (name, after) = rest.split_once("=\"").expect("name=\"");
            let (value, after) = after.split_once('"').expect("value\"");
            assert!(after.is_empty() || (after.starts_with(", ") && after.len() > 2), "{after:?}");
            rest = after.strip_prefix(", ").unwrap_or("");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
            assert!(value.bytes().all(plain), "{challenge:?}");
            assert!(!names.contains(&name), "{name} twice");
            match name {
                "error_description" => assert_eq!(value, self.text("message")),
                "error" if self.http_status == 403 => assert_eq!(value, "insufficient_scope"),
                "error" if self.status == 1002 => assert_eq!(value, "invalid_request"),
                "error" => assert_eq!(value, "invalid_token"),
                "scope" => assert_eq!(self.http_status, 403),
                "realm" | "resource_metadata" => {}
                _ => panic!("{name} in a challenge"),
            }
            names.push(name);
        }
    }

    /// No twelve bytes of `secret` that a base64url text may have stand in what is told, unless
    /// `allowed`, or a word of our own sentences.
    fn tells_nothing_of(&self, secret: &[u8], allowed: impl Fn(&[u8]) -> bool) {
        const WINDOW: usize = 12;
        /// Long words of sentences and challenges that no table holds.
        const WORDS: &str = "Authorization Unauthorized introspection token_introspection \
            error_description insufficient_scope invalid_request invalid_token milliseconds \
            accessTokenAcceptedVersion organizations permissions_from realm_access subject_from \
            resource_metadata oauth-authorization-server openid-configuration uncompressed";
        let base64url = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        for text in self.texts.iter().map(|text| without_escapes(text)) {
            for window in text.as_bytes().windows(WINDOW) {
                let told = window.iter().all(base64url) && contains(secret, window);
                let known =
                    || contains(WORDS.as_bytes(), window) || contains(tables_text(), window);
                assert!(!told || known() || allowed(window), "{window:?} is told in {self:?}");
            }
        }
    }
}

/// `\xNN` and `\u{N}` of a log sentence as a blank each: their digits are no text of anybody.
fn without_escapes(text: &str) -> String {
    let pieces = text.split("\\x").enumerate().map(|(place, piece)| match place {
        0 => piece.to_owned(),
        _ => format!(" {}", piece.get(2..).unwrap_or("")),
    });
    let joined = pieces.collect::<String>();
    let pieces = joined.split("\\u{").enumerate().map(|(place, piece)| match place {
        0 => piece.to_owned(),
        _ => format!(" {}", piece.split_once('}').map_or("", |(_, rest)| rest)),
    });
    pieces.collect()
}

// -------------------------------------------------------------------------------------- tables

struct StatusRow {
    http_status: i32,
    code: String,
    message: String,
}

struct Tables {
    statuses: BTreeMap<i32, StatusRow>,
    options: BTreeSet<String>,
}

impl Tables {
    /// `keys.` is one.
    fn has_group(&self, group: &str) -> bool {
        self.options.iter().any(|key| key.starts_with(group))
    }
}

fn tables_text() -> &'static [u8] {
    unsafe { CStr::from_ptr(auth_tables_json()) }.to_bytes()
}

fn tables() -> &'static Tables {
    static TABLES_READ: OnceLock<Tables> = OnceLock::new();
    TABLES_READ.get_or_init(|| {
        let json: serde_json::Value = serde_json::from_slice(tables_text()).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let number = |value: &serde_json::Value| i32::try_from(value.as_i64().unwrap()).unwrap();
        let status = |row: &serde_json::Value| {
            let (http_status, code) = (number(&row["http_status"]), text(&row["code"]));
            (
                number(&row["number"]),
                StatusRow { http_status, code, message: text(&row["message"]) },
            )
        };
        Tables {
            statuses: json["statuses"].as_array().unwrap().iter().map(status).collect(),
            options: json["options"].as_array().unwrap().iter().map(|o| text(&o["key"])).collect(),
        }
    })
}

fn is_option(key: &str) -> bool {
    tables().options.contains(key)
}

// ----------------------------------------------------------------------------------- base64url

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64url(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 4 / 3 + 3);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..=group.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

/// None where writing the bytes again gives another text: padding, spare bits, foreign characters.
fn from_base64url(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut bits, mut count) = (0u32, 0);
    for character in text {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    (base64url(&bytes).as_bytes() == text).then_some(bytes)
}

// ---------------------------------------------------------------------------------------- JSON

#[derive(Debug, Clone, PartialEq)]
enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

fn member<'j>(object: &'j [(String, Json)], name: &str) -> Option<&'j Json> {
    object.iter().find(|(own, _)| own == name).map(|(_, value)| value)
}

fn member_text<'j>(object: &'j Json, name: &str) -> Option<&'j str> {
    match object {
        Json::Object(members) => match member(members, name) {
            Some(Json::Text(text)) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// A document, read slowly and by the letter of RFC 8259; what else must not be is told beside.
struct Document {
    value: Result<Json, ()>,
    duplicate: bool,
    lone_surrogate: bool,
    infinite: bool,
    /// Deeper than 32, the outer value counted; beyond 100 reading stops with an error.
    deep: bool,
    too_deep: bool,
    /// A number so near to the greatest double that two readers may differ.
    at_the_edge: bool,
}

impl Document {
    fn read(bytes: &[u8]) -> Document {
        let mut document = Document {
            value: Err(()),
            duplicate: false,
            lone_surrogate: false,
            infinite: false,
            deep: false,
            too_deep: false,
            at_the_edge: false,
        };
        if let Ok(text) = std::str::from_utf8(bytes) {
            let mut reader = Reader { text, at: 0, seen: &mut document };
            let value = reader.value(0).and_then(|value| {
                reader.blanks();
                if reader.at == text.len() { Ok(value) } else { Err(()) }
            });
            document.value = value;
        }
        let strict = serde_json::from_slice::<serde_json::Value>(bytes).is_ok();
        let ours = document.value.is_ok() && !document.lone_surrogate && !document.infinite;
        let sure = !document.at_the_edge && !document.too_deep;
        assert!(!sure || strict == ours, "two readers differ: {:?}", document.value);
        document
    }

    fn object(&self) -> Option<&[(String, Json)]> {
        match &self.value {
            Ok(Json::Object(members)) => Some(members),
            _ => None,
        }
    }

    /// An object in which nothing is wrong.
    fn strict_object(&self) -> Option<&[(String, Json)]> {
        let wrong = self.duplicate || self.lone_surrogate || self.infinite || self.deep;
        self.object().filter(|_| !wrong)
    }
}

struct Reader<'r> {
    text: &'r str,
    at: usize,
    seen: &'r mut Document,
}

impl Reader<'_> {
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn take(&mut self, word: &str) -> Result<(), ()> {
        let found = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        if found { Ok(()) } else { Err(()) }
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// `depth` of the value that holds this one.
    fn value(&mut self, depth: usize) -> Result<Json, ()> {
        self.blanks();
        match self.peek() {
            b'n' => self.take("null").map(|()| Json::Null),
            b't' => self.take("true").map(|()| Json::Bool(true)),
            b'f' => self.take("false").map(|()| Json::Bool(false)),
            b'"' => self.string().map(Json::Text),
            b'[' | b'{' => {
                self.seen.deep |= depth >= 32;
                self.seen.too_deep |= depth >= 100;
                match (depth >= 100, self.peek()) {
                    (true, _) => Err(()),
                    (_, b'[') => self.array(depth + 1),
                    _ => self.object(depth + 1),
                }
            }
            _ => self.number(),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, ()> {
        let mut all = Vec::new();
        self.take("[")?;
        self.blanks();
        if self.take("]").is_ok() {
            return Ok(Json::Array(all));
        }
        loop {
            all.push(self.value(depth)?);
            self.blanks();
            if self.take("]").is_ok() {
                return Ok(Json::Array(all));
            }
            self.take(",")?;
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, ()> {
        let mut all: Vec<(String, Json)> = Vec::new();
        self.take("{")?;
        self.blanks();
        if self.take("}").is_ok() {
            return Ok(Json::Object(all));
        }
        loop {
            self.blanks();
            let name = self.string()?;
            self.blanks();
            self.take(":")?;
            let value = self.value(depth)?;
            self.seen.duplicate |= all.iter().any(|(earlier, _)| *earlier == name);
            all.push((name, value));
            self.blanks();
            if self.take("}").is_ok() {
                return Ok(Json::Object(all));
            }
            self.take(",")?;
        }
    }

    /// As UTF-16, so that surrogates meet as RFC 8259 7 says.
    fn string(&mut self) -> Result<String, ()> {
        self.take("\"")?;
        let mut units: Vec<u16> = Vec::new();
        loop {
            let character = self.text[self.at..].chars().next().ok_or(())?;
            self.at += character.len_utf8();
            match character {
                '"' => break,
                '\\' => {
                    let escaped = self.text[self.at..].chars().next().ok_or(())?;
                    self.at += escaped.len_utf8();
                    units.push(match escaped {
                        '"' | '\\' | '/' => escaped as u16,
                        'b' => 8,
                        'f' => 12,
                        'n' => 10,
                        'r' => 13,
                        't' => 9,
                        'u' => {
                            let digits = self.text.get(self.at..self.at + 4).ok_or(())?;
                            self.at += 4;
                            let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                            hex.then(|| u16::from_str_radix(digits, 16)).ok_or(())?.unwrap()
                        }
                        _ => return Err(()),
                    });
                }
                '\0'..='\x1f' => return Err(()),
                _ => units.extend(character.encode_utf16(&mut [0; 2]).iter()),
            }
        }
        self.seen.lone_surrogate |= String::from_utf16(&units).is_err();
        Ok(String::from_utf16_lossy(&units))
    }

    /// RFC 8259 6.
    fn number(&mut self) -> Result<Json, ()> {
        let start = self.at;
        let _ = self.take("-");
        let digits = |reader: &mut Self| {
            let before = reader.at;
            while reader.peek().is_ascii_digit() {
                reader.at += 1;
            }
            if reader.at > before { Ok(()) } else { Err(()) }
        };
        if self.take("0").is_err() {
            digits(self)?;
        }
        if self.take(".").is_ok() {
            digits(self)?;
        }
        if self.take("e").is_ok() || self.take("E").is_ok() {
            let _ = self.take("+").or_else(|()| self.take("-"));
            digits(self)?;
        }
        let number: f64 = self.text[start..self.at].parse().map_err(|_| ())?;
        self.seen.infinite |= number.is_infinite();
        self.seen.at_the_edge |= number.is_finite() && number.abs() > 1.79e308;
        Ok(Json::Number(number))
    }
}

// -------------------------------------------------------------------------------------- memory

/// Four times the input, and what every call may take.
const fn memory_for(input_bytes: usize) -> usize {
    4 * input_bytes + 16 * 1024
}

/// Counts what each thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: the system's allocator, counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(place, layout) }
    }
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        unsafe { System.realloc(place, layout, size) }
    }
}

/// The most bytes that this thread held at a time during the call, above what it held before.
fn peak_of<T>(call: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let value = call();
    (value, usize::try_from(PEAK.get() - before).unwrap_or(0))
}
