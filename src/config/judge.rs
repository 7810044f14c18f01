//! All options together → settings in force and the keys of each issuer, or every mistake at once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::reach::reach_of;
use super::sources::{is_source, keys_of};
use super::value::Value;
use super::{
    Audience, Draft, Issuer, Name, Required, Rules, Runtime, Settings, TENANT, invalid, missing,
    together,
};
use crate::options::{ISSUER_MAX_BYTES, Opt};
use crate::path::Path;
use crate::report::Events;
use crate::requirement::Requirement;
use crate::signature::{ALGORITHMS, Algorithm, AlgorithmSet};
use crate::token::bare_type;
use crate::verdict::{ChallengeTexts, Refusal, quote};

/// Of all issuers and tenants together: each has keys of its own.
const ISSUERS_MAX: usize = 1024;
/// Names that stand for any tenant: each is compared with all others.
const OPEN_MAX: usize = 32;

/// The values of one issuer: its own, else those of the top level.
pub struct Values<'v> {
    own: Option<&'v BTreeMap<Opt, Value>>,
    all: &'v BTreeMap<Opt, Arc<Value>>,
}

impl<'v> Values<'v> {
    pub fn get(&self, option: Opt) -> Option<&'v Value> {
        let own = self.own.and_then(|own| own.get(&option));
        let outside = || self.all.get(&option).filter(|_| !self.replaces(option));
        own.or_else(|| outside().map(Arc::as_ref))
    }

    /// The entry says itself where its keys are: what stands outside says it for the others.
    fn replaces(&self, option: Opt) -> bool {
        is_source(option) && self.own.is_some_and(|own| own.keys().any(|own| is_source(*own)))
    }

    pub fn list(&self, option: Opt) -> Option<&'v [String]> {
        match self.get(option) {
            Some(Value::List(list)) => Some(list),
            _ => None,
        }
    }

    pub fn number(&self, option: Opt, default: u64) -> u64 {
        match self.get(option) {
            Some(Value::Number(number)) => *number,
            _ => default,
        }
    }

    fn seconds(&self, option: Opt, default: u64) -> i64 {
        i64::try_from(self.number(option, default)).unwrap_or(i64::MAX)
    }

    pub fn text(&self, option: Opt) -> Option<&'v str> {
        match self.get(option) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn paths(&self, option: Opt, defaults: &[&str]) -> Vec<Path> {
        match self.list(option) {
            Some(paths) => paths.iter().filter_map(|path| Path::parse(path)).collect(),
            None => defaults.iter().filter_map(|path| Path::parse(path)).collect(),
        }
    }
}

impl Draft {
    /// Everything together: the first mistake's status, and the sentences of all.
    pub fn judge(&self) -> Result<Runtime, Refusal> {
        let mut mistakes: Vec<Refusal> =
            self.lost.iter().chain(self.mistakes.values()).cloned().collect();
        let top = Values { own: None, all: &self.values };
        let (mut issuers, mut keys) = (Vec::new(), Vec::new());
        let events = Arc::new(Events::new());
        for values in self.domains(&mut mistakes) {
            let rules = Arc::new(rules(&values));
            let reach = reach_of(&values, &mut mistakes);
            let names = self.names(&values, &mut mistakes);
            for name in names {
                let found = keys_of(&values, &name, &reach, &events, &mut mistakes);
                keys.extend(found);
                issuers.push(Issuer { name, rules: rules.clone() });
            }
            if issuers.len() > ISSUERS_MAX {
                let log = format!("there are more than {ISSUERS_MAX} issuers and tenants");
                return Err(invalid(log));
            }
        }
        if self.values.contains_key(&Opt::CLAIMS_TENANTS) && !issuers.iter().any(has_tenant) {
            mistakes.push(invalid(format!("claims.tenants is set, and no issuer has {TENANT}")));
        }
        if let Some(twice) = overlap(&issuers) {
            let log = format!("issuer {} stands twice: which options hold?", quote(&twice));
            mistakes.push(invalid(log));
        }
        let settings = self.settings(&top, issuers, &mut mistakes);
        match mistakes.is_empty() {
            true => Ok(Runtime::new(settings, keys, events)),
            false => Err(together(mistakes.iter())),
        }
    }

    /// The trust domains: the entries of `issuers`, or the one of the top level.
    fn domains(&self, mistakes: &mut Vec<Refusal>) -> Vec<Values<'_>> {
        let all = &self.values;
        let Some(Value::Issuers(entries)) = all.get(&Opt::ISSUERS).map(Arc::as_ref) else {
            let missing_here = !all.contains_key(&Opt::ISSUER);
            if missing_here && !self.mistaken("issuer") && !self.mistaken("issuers") {
                mistakes.push(missing("issuer is not set: the exact iss of the tokens to accept"));
            }
            let one = Values { own: None, all };
            self.audience_is_set(&one, mistakes);
            return vec![one];
        };
        if all.contains_key(&Opt::ISSUER) {
            mistakes.push(invalid("issuer and issuers are set: choose one of them"));
        }
        let domains: Vec<Values> =
            entries.iter().map(|own| Values { own: Some(own), all }).collect();
        for (place, domain) in domains.iter().enumerate() {
            let own = |option| domain.own.is_some_and(|own| own.contains_key(&option));
            let names = domain.list(Opt::ISSUER).unwrap_or_default();
            if own(Opt::CLAIMS_TENANTS) && !names.iter().any(|name| name.contains(TENANT)) {
                let log =
                    format!("issuers[{place}] has claims.tenants, and no issuer has {TENANT}");
                mistakes.push(invalid(log));
            }
            if domain.list(Opt::ISSUER).is_none() {
                mistakes.push(missing(format!("issuers[{place}] has no issuer")));
            }
            self.audience_is_set(domain, mistakes);
        }
        domains
    }

    fn audience_is_set(&self, values: &Values, mistakes: &mut Vec<Refusal>) {
        if values.list(Opt::AUDIENCE).is_none() && !self.mistaken("audience") {
            mistakes.push(missing("audience is not set: what aud must name to mean this API"));
        }
    }

    /// The names of one domain, templates filled with its tenants.
    fn names(&self, values: &Values, mistakes: &mut Vec<Refusal>) -> Vec<Name> {
        let mut names = Vec::new();
        for issuer in values.list(Opt::ISSUER).unwrap_or_default() {
            let Some((before, after)) = issuer.split_once(TENANT) else {
                if let Some(why) = trap(issuer) {
                    mistakes.push(invalid(format!("issuer {} {why}", quote(issuer))));
                }
                names.push(Name::Exact(issuer.clone()));
                continue;
            };
            let told = quote(issuer);
            match values.list(Opt::CLAIMS_TENANTS) {
                _ if after.contains(TENANT) => {
                    mistakes.push(invalid(format!("issuer {told} has {TENANT} twice")));
                }
                None if self.mistaken("claims.tenants") => {}
                None => mistakes.push(missing(format!(
                    "issuer {told} has {TENANT}, and claims.tenants is not set"
                ))),
                Some([any]) if any == "*" => {
                    let (before, after) = (before.to_owned(), after.to_owned());
                    names.push(Name::AnyTenant { before, after });
                }
                Some(tenants) => names.extend(tenants.iter().map(|tenant| Name::Tenant {
                    issuer: format!("{before}{tenant}{after}"),
                    tenant: tenant.clone(),
                    template: issuer.clone(),
                })),
            }
        }
        let too_long = |name: &&Name| name.text().len() > ISSUER_MAX_BYTES;
        if let Some(name) = names.iter().find(too_long) {
            mistakes.push(invalid(format!("issuer {} is too long", quote(&name.text()))));
        }
        names
    }

    fn settings(
        &self,
        top: &Values,
        issuers: Vec<Issuer>,
        mistakes: &mut Vec<Refusal>,
    ) -> Settings {
        let algorithms: Vec<Algorithm> = match top.list(Opt::TOKEN_ALGORITHMS) {
            None => ALGORITHMS.to_vec(),
            Some(names) => names.iter().filter_map(|name| Algorithm::from_name(name)).collect(),
        };
        let mut types: Vec<String> = match top.list(Opt::TOKEN_TYPES) {
            None => vec!["jwt".into(), "at+jwt".into(), "absent".into()],
            Some(types) => types.iter().map(|typ| bare_type(typ).to_ascii_lowercase()).collect(),
        };
        let type_absent = types.iter().any(|typ| typ == "absent");
        types.retain(|typ| typ != "absent");
        let require = self.text(Opt::VERDICT_REQUIRE).unwrap_or_default();
        let require = Requirement::parse(require.as_bytes()).map(Requirement::into_owned);
        Settings {
            algorithms: algorithms.into_iter().fold(AlgorithmSet::default(), AlgorithmSet::with),
            types,
            type_absent,
            rfc9068: top.text(Opt::TOKEN_PROFILE) == Some("rfc9068"),
            max_bytes: usize::try_from(top.number(Opt::TOKEN_MAX_BYTES, 16 * 1024)).unwrap_or(0),
            require: require.unwrap_or_else(|mistake| {
                mistakes.push(mistake);
                Requirement::default()
            }),
            challenge: self.challenge(),
            issuers,
        }
    }

    pub fn challenge(&self) -> ChallengeTexts {
        let text = |option| self.text(option).unwrap_or_default().to_owned();
        ChallengeTexts {
            realm: text(Opt::VERDICT_REALM),
            resource_metadata: text(Opt::VERDICT_RESOURCE_METADATA),
        }
    }

    fn text(&self, option: Opt) -> Option<&str> {
        Values { own: None, all: &self.values }.text(option)
    }

    /// The mistake of this key is told already.
    fn mistaken(&self, key: &str) -> bool {
        self.mistakes.contains_key(key)
    }
}

fn has_tenant(issuer: &Issuer) -> bool {
    !matches!(issuer.name, Name::Exact(_))
}

/// An issuer whose tokens two of the names would take, so that their order decided.
fn overlap(issuers: &[Issuer]) -> Option<String> {
    let mut texts: Vec<Cow<str>> = issuers.iter().map(|issuer| issuer.name.text()).collect();
    texts.sort_unstable();
    let equal = texts.windows(2).find(|pair| pair.first() == pair.last());
    if let Some(text) = equal.and_then(|pair| pair.first()) {
        return Some(text.to_string());
    }
    let open = issuers.iter().filter(|issuer| matches!(issuer.name, Name::AnyTenant { .. }));
    for (place, issuer) in open.enumerate() {
        let meets = |other: &&Issuer| match (&issuer.name, &other.name) {
            (Name::AnyTenant { before: a, after: x }, Name::AnyTenant { before: b, after: y }) => {
                let fronts = a.starts_with(b.as_str()) || b.starts_with(a.as_str());
                let ends = x.ends_with(y.as_str()) || y.ends_with(x.as_str());
                !std::ptr::eq(issuer, *other) && fronts && ends
            }
            (name, other) => name.trusts(&other.text()).is_some(),
        };
        if place >= OPEN_MAX {
            return Some(issuer.name.text().into_owned());
        }
        if let Some(other) = issuers.iter().find(meets) {
            return Some(other.name.text().into_owned());
        }
    }
    None
}

/// Issuers of known providers that no access token ever names.
fn trap(issuer: &str) -> Option<&'static str> {
    let (host, path) = issuer.strip_prefix("https://")?.split_once('/').unwrap_or((issuer, ""));
    let host = host.trim_start_matches("https://");
    let first = path.split('/').next().unwrap_or("");
    if host == "login.microsoftonline.com"
        && matches!(first, "common" | "organizations" | "consumers")
    {
        return Some(
            "is no tenant's: Entra tokens name their own tenant; write {tenant} there, and \
             claims.tenants",
        );
    }
    if [".okta.com", ".oktapreview.com", ".okta-emea.com"].iter().any(|end| host.ends_with(end))
        && first.is_empty()
    {
        return Some(
            "is Okta's org server, whose access tokens nobody else can verify; use a custom \
             authorization server such as /oauth2/default",
        );
    }
    None
}

const DEFAULT_ROLES: [&str; 2] = ["realm_access.roles", "roles"];
const DEFAULT_AUDIENCE_FROM: &str = "aud";
const DEFAULT_LEEWAY_S: u64 = 30;

impl Default for Rules {
    fn default() -> Rules {
        rules(&Values { own: None, all: &BTreeMap::new() })
    }
}

fn rules(values: &Values) -> Rules {
    let owned = |list: &[String]| list.to_vec();
    let required = values.list(Opt::CLAIMS_REQUIRED).unwrap_or_default();
    let scopes_from = values.list(Opt::CLAIMS_SCOPES_FROM);
    Rules {
        audience: match values.list(Opt::AUDIENCE) {
            Some([any]) if any == "*" => Audience::Any,
            some => Audience::AnyOf(some.map(owned).unwrap_or_default()),
        },
        audience_from: values
            .list(Opt::CLAIMS_AUDIENCE_FROM)
            .map_or_else(|| vec![DEFAULT_AUDIENCE_FROM.to_owned()], owned),
        leeway_s: values.seconds(Opt::CLAIMS_LEEWAY, DEFAULT_LEEWAY_S),
        max_age_s: values.get(Opt::CLAIMS_MAX_AGE).map(|_| values.seconds(Opt::CLAIMS_MAX_AGE, 0)),
        required: required.iter().filter_map(|item| Required::parse(item)).collect(),
        clients: values.list(Opt::CLAIMS_CLIENTS).map(owned).unwrap_or_default(),
        subject_from: values.text(Opt::CLAIMS_SUBJECT_FROM).and_then(Path::parse),
        scopes_from: scopes_from.map(|_| values.paths(Opt::CLAIMS_SCOPES_FROM, &[])),
        roles_from: values.paths(Opt::CLAIMS_ROLES_FROM, &DEFAULT_ROLES),
        permissions_from: values.paths(Opt::CLAIMS_PERMISSIONS_FROM, &["permissions"]),
        groups_from: values.paths(Opt::CLAIMS_GROUPS_FROM, &["groups"]),
    }
}
