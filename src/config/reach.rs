//! How the keys of one issuer are reached: the options of that, the files and the environment that
//! they name, read at the freeze.

use std::path::Path;
use std::sync::Arc;

use super::invalid;
use super::judge::Values;
use super::value::quote_url;
use crate::keys::fetch::Reach;
use crate::keys::proxy::{self, Environment, Proxies};
use crate::keys::trust::{self, Trust};
use crate::keys::url::{PlainHttp, Url};
use crate::options::Opt;
use crate::os;
use crate::verdict::{Refusal, quote};

pub(super) fn reach_of(values: &Values, mistakes: &mut Vec<Refusal>) -> Reach {
    let http = plain_http(values);
    let mut told = |log: String| {
        // Several trust domains may have it from one place.
        if !mistakes.iter().any(|mistake| mistake.log == log) {
            mistakes.push(invalid(log));
        }
    };
    let own = values.text(Opt::KEYS_CA_FILE).map(|path| {
        let read = trust::read_ca_file(Path::new(path));
        read.unwrap_or_else(|why| {
            told(format!("keys.ca_file {} {why}", quote(path)));
            Vec::new()
        })
    });
    let mut backchannel = Vec::new();
    for item in values.list(Opt::KEYS_BACKCHANNEL).unwrap_or_default() {
        // The form was judged when it was set.
        let Some((public, inside)) = origins(item) else { continue };
        if let Err(why) = inside.check(http) {
            told(format!("keys.backchannel has {}, which {why}", quote_url(&inside.as_text())));
        }
        backchannel.push((public, inside));
    }
    Reach {
        http,
        max_bytes: values.number(Opt::KEYS_MAX_BYTES, 512 * 1024),
        trust: Trust::new(own.unwrap_or_default(), os::variable),
        proxies: match values.text(Opt::KEYS_PROXY) {
            None | Some("env") => Proxies::Environment(Arc::new(Environment::read(os::variable))),
            Some(text) => proxy::parse(text).map_or(Proxies::Off, Proxies::One),
        },
        backchannel: Arc::new(backchannel),
    }
}

pub(super) fn plain_http(values: &Values) -> PlainHttp {
    match values.text(Opt::KEYS_HTTP) {
        Some("always") => PlainHttp::Always,
        Some("never") => PlainHttp::Never,
        _ => PlainHttp::Loopback,
    }
}

/// `https://id.example=http://keycloak:8080`
pub(super) fn origins(item: &str) -> Option<(Url, Url)> {
    let (public, inside) = item.split_once('=')?;
    let origin = |text: &str| {
        let url = Url::parse(text, PlainHttp::Always).ok()?;
        (url.is_origin() && !text.ends_with('/')).then_some(url)
    };
    Some((origin(public)?, origin(inside)?))
}
