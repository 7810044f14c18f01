//! The handle: options are set one by one, judged together, and frozen by the first use.

mod judge;
mod load;
mod lock;
mod reach;
mod runtime;
mod sources;
#[cfg(test)]
mod tests;
mod value;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use once_cell::race::OnceBox;

use crate::options::{self, Opt};
use crate::path::Path;
use crate::report::Report;
use crate::requirement::Requirement;
use crate::signature::AlgorithmSet;
use crate::status::Status;
use crate::verdict::{ChallengeTexts, Refusal, quote};
use lock::ForkLock;
pub use runtime::Runtime;
use value::Value;

/// So many unknown keys are remembered: the first of them refuses the handle for good.
const MISTAKES_MAX: usize = 16;
/// Longer than every key of the table: what is cut off cannot make it one.
const KEY_MAX_BYTES: usize = 256;
/// What stands in `issuer` for each of `claims.tenants`.
const TENANT: &str = "{tenant}";

/// What `auth_config *` points to. Threads: sets take a lock; once frozen, reads take none. A fork
/// at any moment leaves the child with a whole draft and a free lock.
#[derive(Default)]
pub struct Config {
    lock: ForkLock,
    draft: ArcSwap<Draft>,
    runtime: OnceBox<Runtime>,
    /// In a debug build: it was freed, and what is left is an empty husk.
    freed: bool,
}

/// Options as they were set, and the mistakes that were made in setting them.
#[derive(Clone, Default)]
struct Draft {
    /// Shared by the copies that every change makes.
    values: BTreeMap<Opt, Arc<Value>>,
    /// By key. A later, right set of the key takes a mistake back; an unknown key has none.
    mistakes: BTreeMap<String, Refusal>,
    /// Of a document or call as a whole: which options it would have set is not known. A later,
    /// right load takes it back.
    lost: Option<Refusal>,
}

/// Options in force for every token.
pub struct Settings {
    pub algorithms: AlgorithmSet,
    /// Lower case, without `application/`.
    pub types: Vec<String>,
    /// A token without `typ` is accepted.
    pub type_absent: bool,
    /// `token.profile` is rfc9068.
    pub rfc9068: bool,
    pub max_bytes: usize,
    pub require: Requirement<'static>,
    challenge: ChallengeTexts,
    /// Whose tokens are accepted; never one as the fallback for another.
    pub issuers: Vec<Issuer>,
}

/// One trusted issuer, with what is demanded of its tokens.
pub struct Issuer {
    pub name: Name,
    pub rules: std::sync::Arc<Rules>,
}

/// The `iss` that is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    Exact(String),
    /// `{tenant}` filled with one of `claims.tenants`, which `tid` has to name as well.
    Tenant {
        issuer: String,
        tenant: String,
        template: String,
    },
    /// `claims.tenants=*`: any tenant between these two texts.
    AnyTenant {
        before: String,
        after: String,
    },
}

/// What is demanded of the tokens of one issuer: `audience` and `claims.*`.
#[derive(Debug)]
pub struct Rules {
    pub audience: Audience,
    pub audience_from: Vec<String>,
    pub leeway_s: i64,
    pub max_age_s: Option<i64>,
    pub required: Vec<Required>,
    /// Empty: any.
    pub clients: Vec<String>,
    pub subject_from: Option<Path>,
    /// None: `scope` and `scp`.
    pub scopes_from: Option<Vec<Path>>,
    pub roles_from: Vec<Path>,
    pub permissions_from: Vec<Path>,
    pub groups_from: Vec<Path>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Audience {
    AnyOf(Vec<String>),
    /// `audience=*`
    Any,
}

/// An item of `claims.required`.
#[derive(Debug)]
pub struct Required {
    pub path: Path,
    pub value: Option<String>,
}

impl Name {
    /// The tenant of a trusted `iss`: Some(None) where there are none. None: not trusted.
    pub fn trusts<'i>(&'i self, iss: &'i str) -> Option<Option<&'i str>> {
        match self {
            Name::Exact(issuer) => (issuer == iss).then_some(None),
            Name::Tenant { issuer, tenant, .. } => (issuer == iss).then_some(Some(tenant)),
            Name::AnyTenant { before, after } => {
                let tenant = iss.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?;
                is_tenant(tenant).then_some(Some(tenant))
            }
        }
    }

    /// May a metadata document call the issuer so? Entra's writes `{tenantid}` for the tenant.
    pub fn is_published_as(&self, said: &str) -> bool {
        match self {
            Name::Exact(issuer) => issuer == said,
            Name::Tenant { issuer, template, .. } => {
                issuer == said || template.replace(TENANT, "{tenantid}") == said
            }
            Name::AnyTenant { .. } => false,
        }
    }

    /// As it was configured.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Name::Exact(issuer) | Name::Tenant { issuer, .. } => Cow::Borrowed(issuer),
            Name::AnyTenant { before, after } => Cow::Owned(format!("{before}{{tenant}}{after}")),
        }
    }
}

/// One path segment and no more: what stands there never leads elsewhere.
pub fn is_tenant(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(plain) && text.bytes().any(|b| b != b'.')
}

impl Audience {
    fn names(&self, name: &str) -> bool {
        matches!(self, Audience::AnyOf(names) if names.iter().any(|other| other == name))
    }
}

// One handle serves all threads of a program.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Config>();
};

impl Config {
    /// What a debug build leaves in the place of a freed handle.
    pub fn husk() -> Config {
        Config { freed: true, ..Config::default() }
    }

    pub fn is_husk(&self) -> bool {
        cfg!(debug_assertions) && self.freed
    }

    /// Sets one option; None is a value that was not there (a NULL).
    pub fn set(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), Refusal> {
        let key = key.get(..KEY_MAX_BYTES).unwrap_or(key);
        self.edit(|draft| draft.set(&String::from_utf8_lossy(key), value))
    }

    /// A call that should have set something and could not even be read.
    pub fn lose(&self, mistake: &Refusal) {
        // A frozen handle has lost nothing.
        let _ = self.edit(|draft| {
            draft.lost = Some(mistake.clone());
            Ok(())
        });
    }

    /// Sets the members of a JSON object, all or none.
    pub fn load(&self, json: &[u8]) -> Result<(), Refusal> {
        self.edit(|draft| draft.apply(|draft| load::json(draft, json)))
    }

    /// Sets what the environment has, all or none; says what it did not know.
    pub fn load_env(&self) -> Result<Vec<String>, Refusal> {
        let mut warnings = Vec::new();
        self.edit(|draft| {
            draft.apply(|draft| {
                warnings = load::environment(draft);
                Ok(())
            })
        })?;
        Ok(warnings)
    }

    /// Judges all options together; gives warnings. Freezes nothing.
    pub fn check(&self) -> Result<Vec<String>, Refusal> {
        match self.runtime.get() {
            Some(runtime) => Ok(runtime.warnings()),
            None => self.draft.load().judge().map(|runtime| runtime.warnings()),
        }
    }

    /// The frozen configuration: the first call freezes it, or says why it cannot.
    pub fn runtime(&self) -> Result<&Runtime, Refusal> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        // Held until the cell is set, so that a set is either in force or told CONFIG_FROZEN.
        self.lock.hold(|| self.runtime.get_or_try_init(|| self.draft.load().judge().map(Box::new)))
    }

    /// How the handle is; of one that is not frozen, what its options would warn of.
    pub fn report(&self) -> Report {
        if let Some(runtime) = self.runtime.get() {
            return runtime.report();
        }
        Report {
            version: env!("CARGO_PKG_VERSION"),
            ready: false,
            warnings: self.check().unwrap_or_else(|refusal| vec![refusal.log.into_owned()]),
            decisions: Vec::new(),
            issuers: Vec::new(),
            events: Vec::new(),
        }
    }

    /// For refusals, also those of a handle that cannot be frozen.
    pub fn challenge_texts(&self) -> ChallengeTexts {
        match self.runtime.get() {
            Some(runtime) => runtime.settings.challenge.clone(),
            None => self.draft.load().challenge(),
        }
    }

    /// Changes a copy and puts it in place, what was refused included.
    fn edit(&self, change: impl FnOnce(&mut Draft) -> Result<(), Refusal>) -> Result<(), Refusal> {
        self.lock.hold(|| {
            if self.runtime.get().is_some() {
                let log = "the handle has verified a token: make a new one with the new options";
                return Err(Refusal::new(Status::CONFIG_FROZEN, log));
            }
            let mut draft = Draft::clone(&self.draft.load());
            let changed = change(&mut draft);
            self.draft.store(Arc::new(draft));
            changed
        })
    }
}

impl Draft {
    fn set(&mut self, key: &str, value: Option<&[u8]>) -> Result<(), Refusal> {
        let read = match options::find(key) {
            None => Err(unknown(key)),
            Some(row) => value::read(row, value).map(|value| (row.option, Arc::new(value))),
        };
        match read {
            Ok((option, value)) => {
                self.values.insert(option, value);
                self.mistakes.remove(key);
                Ok(())
            }
            Err(mistake) => {
                self.remember(key, mistake.clone());
                Err(mistake)
            }
        }
    }

    fn remember(&mut self, key: &str, mistake: Refusal) {
        // A known key always: its mistake can be taken back, and must not be lost before.
        let unknown = |key: &&String| options::find(key).is_none();
        let room = self.mistakes.keys().filter(unknown).count() < MISTAKES_MAX;
        if options::find(key).is_some() || room {
            self.mistakes.insert(key.chars().take(64).collect(), mistake);
        }
    }

    /// Several sets: all of them, or none but their mistakes, which are told together.
    fn apply(
        &mut self,
        sets: impl FnOnce(&mut Draft) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut next = Draft::default();
        let (read, keys) = (sets(&mut next), next.mistakes.len());
        match (read, keys) {
            (Ok(()), 0) => {
                let put_right = |key: &String| {
                    options::find(key).is_some_and(|row| next.values.contains_key(&row.option))
                };
                self.mistakes.retain(|key, _| !put_right(key));
                self.lost = None;
                self.values.extend(next.values);
                Ok(())
            }
            (read, _) => {
                for (key, mistake) in next.mistakes.clone() {
                    self.remember(&key, mistake);
                }
                if let Err(lost) = &read {
                    self.lost = Some(lost.clone());
                }
                read?;
                Err(together(next.mistakes.values()))
            }
        }
    }
}

/// The first mistake's status, and the sentences of all.
fn together<'m>(mistakes: impl Iterator<Item = &'m Refusal> + Clone) -> Refusal {
    let told: Vec<&str> = mistakes.clone().map(|mistake| mistake.log.as_ref()).collect();
    let status = mistakes.map(|mistake| mistake.status).next().unwrap_or_default();
    Refusal::new(status, told.join("; "))
}

fn missing(log: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::new(Status::OPTION_MISSING, log)
}

fn invalid(log: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::new(Status::OPTION_INVALID, log)
}

fn unknown(key: &str) -> Refusal {
    let hint = match options::nearest(key) {
        Some(nearest) => format!("; did you mean {nearest}?"),
        None => "; docs/options.md lists all".to_owned(),
    };
    Refusal::new(Status::OPTION_UNKNOWN, format!("there is no option {}{hint}", quote(key)))
}
