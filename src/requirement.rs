//! What a request needs beside a valid token, and whether the claims grant it: part of stage
//! verdict.
//!
//! Items separated by one space, or a JSON array of them; all are needed. `a|b` is one of. An item
//! is a scope unless it begins with `role:`, `permission:`, `group:`, `claim:path=value` or
//! `scope:`.

use std::borrow::Cow;

use crate::config::Rules;
use crate::json;
use crate::options::REQUIREMENT_MAX_BYTES;
use crate::path::{self, Path};
use crate::status::Status;
use crate::verdict::{Refusal, quote};

/// One thing that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Need<'r> {
    Scope(Cow<'r, str>),
    Name(Reader, Cow<'r, str>),
    Claim(Path, Cow<'r, str>),
}

/// A list of names that the claims hold, where the options say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Roles,
    Permissions,
    Groups,
}

#[derive(Clone, Debug, Default)]
pub struct Requirement<'r> {
    /// True where an item begins; its alternatives follow.
    needs: Vec<(bool, Need<'r>)>,
}

/// What a token was granted.
pub struct Grants<'g> {
    /// In their normal form.
    pub scopes: &'g str,
    pub lists: &'g Lists<'g>,
    /// The payload.
    pub claims: &'g str,
}

impl<'r> Requirement<'r> {
    /// Anything that does not parse is an error, never "nothing needed".
    pub fn parse(text: &'r [u8]) -> Result<Requirement<'r>, Refusal> {
        if text.len() > REQUIREMENT_MAX_BYTES {
            return Err(invalid(format!("is longer than {REQUIREMENT_MAX_BYTES} bytes")));
        }
        let text = std::str::from_utf8(text).map_err(|_| invalid("is not UTF-8".into()))?;
        let mut requirement = Requirement::default();
        if text.is_empty() {
            return Ok(requirement);
        }
        if text.starts_with('[') {
            requirement.read_array(text)?;
        } else {
            for item in text.split(' ') {
                requirement.read_item(Cow::Borrowed(item))?;
            }
        }
        Ok(requirement)
    }

    pub fn into_owned(self) -> Requirement<'static> {
        let own = |text: Cow<str>| Cow::Owned(text.into_owned());
        let needs = self.needs.into_iter().map(|(begins, need)| {
            let need = match need {
                Need::Scope(scope) => Need::Scope(own(scope)),
                Need::Name(reader, name) => Need::Name(reader, own(name)),
                Need::Claim(path, value) => Need::Claim(path, own(value)),
            };
            (begins, need)
        });
        Requirement { needs: needs.collect() }
    }

    /// Names of this kind are asked for: where they are read from has to be readable.
    pub fn asks(&self, reader: Reader) -> bool {
        self.needs.iter().any(|(_, need)| matches!(need, Need::Name(own, _) if *own == reader))
    }

    fn read_array(&mut self, text: &'r str) -> Result<(), Refusal> {
        let mut read = Ok(());
        let mut any = false;
        let syntax = json::elements(text, &mut |element| {
            any = true;
            read = match json::text(element) {
                Some(item) => self.read_item(item),
                None => Err(invalid("has an element that is not a text".into())),
            };
            read.is_ok()
        });
        read?;
        syntax.map_err(|_| invalid("is not a JSON array of texts".into()))?;
        if any { Ok(()) } else { Err(invalid("is an empty array".into())) }
    }

    fn read_item(&mut self, item: Cow<'r, str>) -> Result<(), Refusal> {
        let mut begins = true;
        let mut read = |alternative: Cow<'r, str>| {
            self.needs.push((begins, Need::parse(alternative)?));
            begins = false;
            Ok(())
        };
        match item {
            Cow::Borrowed(item) => item.split('|').try_for_each(|one| read(Cow::Borrowed(one))),
            Cow::Owned(item) => item.split('|').try_for_each(|one| read(Cow::Owned(one.into()))),
        }
    }

    /// Every scope that is named, for the challenge.
    fn scopes(&self) -> impl Iterator<Item = &str> {
        self.needs.iter().filter_map(|(_, need)| match need {
            Need::Scope(scope) => Some(scope.as_ref()),
            _ => None,
        })
    }

    /// The first need of each item that is not met.
    fn unmet<'s>(&'s self, grants: &Grants) -> Vec<&'s Need<'r>> {
        let mut unmet = Vec::new();
        let mut met = true;
        let mut first = None;
        for (begins, need) in &self.needs {
            if *begins {
                unmet.extend(first.take().filter(|_| !met));
                (first, met) = (Some(need), false);
            }
            met = met || need.is_met(grants);
        }
        unmet.extend(first.filter(|_| !met));
        unmet
    }
}

fn invalid(why: String) -> Refusal {
    Refusal::new(Status::REQUIREMENT_INVALID, format!("the requirement {why}"))
}

/// Splits at the kind's word; a borrowed text stays borrowed.
fn after<'r>(item: &Cow<'r, str>, kind: &str) -> Option<Cow<'r, str>> {
    match item {
        Cow::Borrowed(text) => text.strip_prefix(kind).map(Cow::Borrowed),
        Cow::Owned(text) => text.strip_prefix(kind).map(|rest| Cow::Owned(rest.to_owned())),
    }
}

impl<'r> Need<'r> {
    fn parse(item: Cow<'r, str>) -> Result<Need<'r>, Refusal> {
        let odd = |c: char| c.is_control() || matches!(c, '"' | '\\');
        if item.is_empty() || item.contains(odd) {
            let log = "has an empty item, a control character, a quote or a backslash";
            return Err(invalid(log.into()));
        }
        let readers = [
            ("role:", Reader::Roles),
            ("permission:", Reader::Permissions),
            ("group:", Reader::Groups),
        ];
        for (kind, reader) in readers {
            if let Some(name) = after(&item, kind) {
                return match name.is_empty() {
                    false => Ok(Need::Name(reader, name)),
                    true => Err(invalid(format!("has {} without a name", quote(&item)))),
                };
            }
        }
        if let Some(rest) = after(&item, "claim:") {
            let claim = rest.split_once('=').filter(|(_, value)| !value.is_empty());
            let claim =
                claim.and_then(|(path, value)| Some((Path::parse(path)?, value.to_owned())));
            let Some((path, value)) = claim else {
                return Err(invalid(format!("has {}, not claim:path=value", quote(&item))));
            };
            return Ok(Need::Claim(path, Cow::Owned(value)));
        }
        let scope = after(&item, "scope:").unwrap_or_else(|| item.clone());
        // RFC 6749 3.3: `%x21 / %x23-5B / %x5D-7E`.
        match !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Need::Scope(scope)),
            false => Err(invalid(format!("has {}, which is not a scope", quote(&item)))),
        }
    }

    fn is_met(&self, grants: &Grants) -> bool {
        match self {
            Need::Scope(needed) => grants.scopes.split(' ').any(|scope| scope == needed),
            Need::Name(reader, name) => grants.lists.has(*reader, name),
            Need::Claim(path, value) => {
                path.find(grants.claims).is_some_and(|json| path::equals(json, value))
            }
        }
    }

    fn refusal(&self) -> Refusal {
        let (status, what, name) = match self {
            Need::Scope(scope) => (Status::SCOPE_MISSING, "scope", quote(scope)),
            Need::Name(Reader::Roles, name) => (Status::ROLE_MISSING, "role", quote(name)),
            Need::Name(Reader::Permissions, name) => {
                (Status::PERMISSION_MISSING, "permission", quote(name))
            }
            Need::Name(Reader::Groups, name) => (Status::GROUP_MISSING, "group", quote(name)),
            Need::Claim(path, value) => {
                let claim = format!("{}={value}", path.as_str());
                (Status::CLAIM_NOT_GRANTED, "claim", quote(&claim))
            }
        };
        Refusal::new(status, format!("{what} {name} is not granted"))
    }
}

impl Reader {
    fn paths(self, rules: &Rules) -> (&[Path], &'static str) {
        match self {
            Reader::Roles => (&rules.roles_from, "claims.roles_from"),
            Reader::Permissions => (&rules.permissions_from, "claims.permissions_from"),
            Reader::Groups => (&rules.groups_from, "claims.groups_from"),
        }
    }
}

/// The lists of names that the claims hold, as JSON, of the readers that are asked for.
#[derive(Debug, Default)]
pub struct Lists<'g> {
    found: Vec<(Reader, &'g str)>,
}

impl<'g> Lists<'g> {
    /// Every path of an asked reader leads to nothing, or to something that holds names.
    pub fn read(
        claims: &'g str,
        rules: &Rules,
        asks: &[&Requirement],
    ) -> Result<Lists<'g>, Refusal> {
        let mut lists = Lists::default();
        for reader in [Reader::Roles, Reader::Permissions, Reader::Groups] {
            if !asks.iter().any(|requirement| requirement.asks(reader)) {
                continue;
            }
            let (paths, option) = reader.paths(rules);
            for path in paths {
                let Some(json) = path.find(claims) else { continue };
                path::names(json, &mut |_| {}).map_err(|_| {
                    let claim = quote(path.as_str());
                    let log = format!("{claim} ({option}) holds no text, list of texts or object");
                    Refusal::new(Status::CLAIM_MALFORMED, log)
                })?;
                lists.found.push((reader, json));
            }
        }
        Ok(lists)
    }

    fn has(&self, reader: Reader, name: &str) -> bool {
        let mut own = self.found.iter().filter(|(own, _)| *own == reader);
        own.any(|(_, json)| path::has_name(json, name) == Ok(true))
    }
}

/// Everything that the configuration and the call need is granted. Of several unmet items the
/// lowest status is told.
pub fn granted(grants: &Grants, asks: &[&Requirement]) -> Result<(), Refusal> {
    let unmet = asks.iter().flat_map(|requirement| requirement.unmet(grants));
    let refusals = unmet.map(Need::refusal);
    let Some(mut refusal) = refusals.min_by_key(|refusal| refusal.status as i32) else {
        return Ok(());
    };
    if refusal.status == Status::SCOPE_MISSING {
        let mut told: Vec<&str> = Vec::new();
        for scope in asks.iter().flat_map(|requirement| requirement.scopes()) {
            if !told.contains(&scope) {
                told.push(scope);
            }
        }
        refusal.scope = told.join(" ");
    }
    Err(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(text: &'static str) -> Requirement<'static> {
        Requirement::parse(text.as_bytes()).unwrap()
    }

    fn judge(scopes: &str, claims: &str, text: &'static str) -> Result<(), Refusal> {
        let need = need(text);
        let lists = Lists::read(claims, &Rules::default(), &[&need])?;
        granted(&Grants { scopes, claims, lists: &lists }, &[&need])
    }

    fn status(scopes: &str, claims: &str, text: &'static str) -> Status {
        judge(scopes, claims, text).err().map_or(Status::OK, |refusal| refusal.status)
    }

    #[test]
    fn what_does_not_parse_is_never_nothing() {
        let long = "a".repeat(513);
        for text in [
            " ",
            "a  b",
            " a",
            "a ",
            "a|",
            "|a",
            "a||b",
            "|",
            "a\tb",
            "a\r\n",
            "\"a\"",
            "a\\b",
            "role:",
            "permission:",
            "group:",
            "scope:",
            "claim:",
            "claim:a",
            "claim:=a",
            "claim:a=",
            "claim:a..b=c",
            "a\0",
            "é",
            "[",
            "[]",
            "[1]",
            "[\"\"]",
            "[\"a b\"]",
            "[\"a\"]x",
            &long,
        ] {
            let refusal = Requirement::parse(text.as_bytes()).unwrap_err();
            assert_eq!(refusal.status, Status::REQUIREMENT_INVALID, "{text:?}");
        }
        assert!(Requirement::parse(b"\xff").is_err());
    }

    #[test]
    fn scopes_are_compared_whole() {
        for scopes in ["read:all", "unread", "READ", "read,write", ""] {
            assert_eq!(status(scopes, "{}", "read"), Status::SCOPE_MISSING, "{scopes}");
        }
        assert_eq!(status("write read", "{}", "read write"), Status::OK);
        assert_eq!(status("role:x", "{}", "scope:role:x"), Status::OK);
        assert_eq!(status("orders:read", "{}", "orders:read"), Status::OK);
    }

    #[test]
    fn one_alternative_is_enough_and_an_unmet_one_counts_as_its_first() {
        let claims = r#"{"roles":["admin"]}"#;
        assert_eq!(status("a", "{}", "b|a"), Status::OK);
        assert_eq!(status("", claims, "x|role:admin"), Status::OK);
        assert_eq!(status("", claims, "role:boss|x"), Status::ROLE_MISSING);
        assert_eq!(status("", claims, "role:admin x"), Status::SCOPE_MISSING);
        assert_eq!(status("", "{}", "claim:a=b group:g role:r"), Status::ROLE_MISSING, "lowest");
        assert_eq!(status("", "{}", "role:r|b a"), Status::SCOPE_MISSING, "lowest");
        let refusal = judge("", "{}", "a|b role:r c a").unwrap_err();
        assert_eq!(refusal.scope, "a b c", "every scope, in order, once");
        assert_eq!(judge("", "{}", "role:r|a").unwrap_err().scope, "", "no scope beside a role");
    }

    #[test]
    fn kinds_do_not_stand_for_one_another() {
        let claims = r#"{"roles":"admin","permissions":["p"],"groups":{"g":{}},"t":[1,true,"x"]}"#;
        assert_eq!(status("", claims, "role:admin permission:p group:g"), Status::OK);
        assert_eq!(status("", claims, "admin"), Status::SCOPE_MISSING);
        assert_eq!(status("admin", "{}", "role:admin"), Status::ROLE_MISSING);
        assert_eq!(status("", claims, "permission:admin"), Status::PERMISSION_MISSING);
        assert_eq!(status("", claims, "group:p"), Status::GROUP_MISSING);
        assert_eq!(status("", claims, "claim:t=1 claim:t=true claim:/t/2=x"), Status::OK);
        assert_eq!(status("", claims, "claim:t=2"), Status::CLAIM_NOT_GRANTED);
        assert_eq!(status("", r#"{"roles":5}"#, "role:admin"), Status::CLAIM_MALFORMED);
    }

    #[test]
    fn names_with_blanks_stand_in_an_array() {
        let claims = r#"{"roles":["order manager","Verkäufer"]}"#;
        assert_eq!(status("", claims, r#"["role:order manager"]"#), Status::OK);
        assert_eq!(status("", claims, r#"["role:x|role:Verkäufer"]"#), Status::OK);
        assert_eq!(status("", claims, r#"["role:order"]"#), Status::ROLE_MISSING);
    }
}
