//! Options → where the keys of one issuer come from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::judge::Values;
use super::value::{Value, quote_url};
use super::{Name, invalid, missing};
use crate::keys::Keys;
use crate::keys::cache::{Held, Rules};
use crate::keys::discovery::{self, Discovery};
use crate::keys::driver::{Driver, Setup};
use crate::keys::fetch::{Reach, Url, is_etag};
use crate::keys::file::KeysFile;
use crate::keys::remote::Remote;
use crate::keys::snapshot::Snapshot;
use crate::keys::source::HeldSet;
use crate::options::Opt;
use crate::os;
use crate::report::{EventKind, Events};
use crate::verdict::{Refusal, quote};

/// The keys can have one of these.
const SOURCES: [(Opt, &str); 4] = [
    (Opt::KEYS_JWKS, "keys.jwks"),
    (Opt::KEYS_FILE, "keys.file"),
    (Opt::KEYS_JWKS_URI, "keys.jwks_uri"),
    (Opt::KEYS_DISCOVERY_URL, "keys.discovery_url"),
];

/// Is it one of the options that say where the keys are?
pub fn is_source(option: Opt) -> bool {
    SOURCES.iter().any(|(source, _)| *source == option)
}

/// Given, or fetched from one place.
pub fn keys_of(
    values: &Values,
    name: &Name,
    reach: &Reach,
    events: &Arc<Events>,
    mistakes: &mut Vec<Refusal>,
) -> Option<Keys> {
    let before = mistakes.len();
    let set: Vec<&str> = SOURCES
        .iter()
        .filter(|(option, _)| values.get(*option).is_some())
        .map(|(_, key)| *key)
        .collect();
    if set.len() > 1 {
        let log = format!("{} are set: the keys can have one source", set.join(" and "));
        mistakes.push(invalid(log));
        return None;
    }
    if let Some(Value::KeySet(keys)) = values.get(Opt::KEYS_JWKS) {
        return Some(Keys::Local(keys.clone()));
    }
    if let Some(path) = values.text(Opt::KEYS_FILE) {
        return file(values, path, name, events, mistakes);
    }
    let places = places(values, name, reach, mistakes);
    let snapshot = snapshot(values, name, reach, places.as_ref(), mistakes);
    (mistakes.len() == before).then_some(())?;
    let (jwks_uri, metadata_urls) = places?;
    let rules = rules(values);
    let held = snapshot.as_ref().and_then(|kept| {
        recall(kept, reach, &rules).unwrap_or_else(|why| {
            events.add(EventKind::SnapshotIgnored, &name.text(), why, os::wall_s());
            None
        })
    });
    let issuer = name.clone();
    let reach = reach.clone();
    let remote = Remote { issuer, jwks_uri, metadata_urls, reach, snapshot };
    Some(driver(values, name, Box::new(remote), rules, events, held))
}

fn driver(
    values: &Values,
    name: &Name,
    source: Box<dyn crate::keys::source::Source>,
    rules: Rules,
    events: &Arc<Events>,
    held: Option<HeldSet>,
) -> Keys {
    let setup = Setup {
        issuer: name.text().into_owned(),
        source,
        rules,
        timeout_ms: milliseconds(values, Opt::KEYS_TIMEOUT, 5),
        events: events.clone(),
    };
    Keys::Driven(Driver::new(setup, held))
}

fn milliseconds(values: &Values, option: Opt, default_s: u64) -> u64 {
    values.number(option, default_s).saturating_mul(1_000)
}

fn rules(values: &Values) -> Rules {
    Rules {
        ttl_ms: milliseconds(values, Opt::KEYS_TTL, 600),
        stale_ms: milliseconds(values, Opt::KEYS_STALE, 86_400),
        cooldown_ms: milliseconds(values, Opt::KEYS_COOLDOWN, 2),
    }
}

fn max_bytes(values: &Values) -> u64 {
    values.number(Opt::KEYS_MAX_BYTES, 512 * 1024)
}

/// Read now, so that a mistake is told at the start.
fn file(
    values: &Values,
    path: &str,
    name: &Name,
    events: &Arc<Events>,
    mistakes: &mut Vec<Refusal>,
) -> Option<Keys> {
    // The working folder of a later moment is another.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    let source = KeysFile { path: absolute, max_bytes: max_bytes(values) };
    let (set, version) = match source.read() {
        Ok(read) => read,
        Err(why) => {
            mistakes.push(invalid(format!("keys.file {} {why}", quote(path))));
            return None;
        }
    };
    // What was given locally serves until something better stands there.
    let rules = Rules { stale_ms: u64::MAX, ..rules(values) };
    let now = os::boot_ms();
    let (set, until) = (Arc::new(set), Held::aged(&rules, 0, now));
    let held = HeldSet {
        set,
        from: None,
        version: Some(version),
        fetched_at: i64::try_from(now).unwrap_or(0),
        read_at: now,
        until,
    };
    Some(driver(values, name, Box::new(source), rules, events, Some(held)))
}

fn snapshot(
    values: &Values,
    name: &Name,
    reach: &Reach,
    places: Option<&(Option<Url>, Vec<Url>)>,
    mistakes: &mut Vec<Refusal>,
) -> Option<Snapshot> {
    let folder = values.text(Opt::KEYS_SNAPSHOT)?;
    let (jwks_uri, metadata_urls) = places?;
    let url = jwks_uri.as_ref().or(metadata_urls.first())?;
    let target = reach.target(url);
    // Who asks elsewhere for it (`keys.backchannel`) keeps apart what came from there.
    let url = match target == *url {
        true => url.as_text(),
        false => format!("{} {}", url.as_text(), target.as_text()),
    };
    let found = Snapshot::in_folder(Path::new(folder), &name.text(), &url);
    found
        .map_err(|why| mistakes.push(invalid(format!("keys.snapshot {} {why}", quote(folder)))))
        .ok()
}

/// The keys that an earlier process kept, with what is left of their time.
fn recall(kept: &Snapshot, reach: &Reach, rules: &Rules) -> Result<Option<HeldSet>, String> {
    let (now, now_s) = (os::boot_ms(), os::wall_s());
    let Some(kept) = kept.read(reach.max_bytes, now_s)? else { return Ok(None) };
    let ignored = |why: String| format!("the file of keys.snapshot is ignored: {why}");
    let from = reach
        .parse(&kept.jwks_uri)
        .map_err(|why| ignored(format!("its jwks_uri {} {why}", quote(&kept.jwks_uri))))?;
    let age_s = u64::try_from(now_s.saturating_sub(kept.fetched_at_s)).unwrap_or(0);
    let age_ms = age_s.saturating_mul(1_000);
    if age_ms >= rules.ttl_ms.saturating_add(rules.stale_ms) {
        let why = format!("it is {age_s} s old, more than keys.ttl and keys.stale together");
        return Err(ignored(why));
    }
    Ok(Some(HeldSet {
        set: kept.set,
        from: Some(from),
        version: kept.etag.filter(|etag| is_etag(etag)),
        fetched_at: i64::try_from(now).unwrap_or(0).saturating_sub_unsigned(age_ms),
        read_at: now.saturating_sub(age_ms),
        until: Held::aged(rules, age_ms, now),
    }))
}

/// The URL of the key set, or those of the metadata.
fn places(
    values: &Values,
    name: &Name,
    reach: &Reach,
    mistakes: &mut Vec<Refusal>,
) -> Option<(Option<Url>, Vec<Url>)> {
    let issuer = name.text();
    let mut url = |key: &str, text: &str| match reach.parse(text) {
        Ok(url) => Some(url),
        Err(why) => {
            mistakes.push(invalid(format!("{key} {} {why}", quote_url(text))));
            None
        }
    };
    if let Some(text) = values.text(Opt::KEYS_JWKS_URI) {
        return Some((Some(url("keys.jwks_uri", text)?), Vec::new()));
    }
    if let Name::AnyTenant { .. } = name {
        let log = "claims.tenants=* needs keys.jwks_uri, keys.jwks or keys.file: one key set for \
                   all tenants";
        mistakes.push(missing(log));
        return None;
    }
    let discovery = discovery_of(values);
    if let Some(text) = values.text(Opt::KEYS_DISCOVERY_URL) {
        let url = url("keys.discovery_url", text)?;
        if values.list(Opt::ISSUER).is_some_and(|issuers| issuers.len() > 1) {
            let log = "keys.discovery_url is set for several issuers: a document has only one";
            mistakes.push(invalid(log));
        }
        return Some((None, vec![url]));
    }
    if discovery == Discovery::Off {
        let log = "keys.discovery is off, and neither keys.jwks nor keys.jwks_uri is set";
        mistakes.push(missing(log));
        return None;
    }
    if url("issuer", &issuer)?.has_query() {
        mistakes.push(invalid(format!("issuer {} has a query", quote(&issuer))));
        return None;
    }
    let urls = discovery::urls(&issuer, discovery);
    let urls: Option<Vec<Url>> = urls.iter().map(|text| url("issuer", text)).collect();
    Some((None, urls?))
}

fn discovery_of(values: &Values) -> Discovery {
    match values.text(Opt::KEYS_DISCOVERY) {
        Some("oidc") => Discovery::Oidc,
        Some("oauth") => Discovery::OAuth,
        Some("off") => Discovery::Off,
        _ => Discovery::Auto,
    }
}
