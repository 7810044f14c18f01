//! A path to a claim, and what stands there. A dotted path (`realm_access.roles`) or a JSON pointer
//! (RFC 6901: `/realm_access/roles`); a claim whose own name has dots in it is found first.

use std::borrow::Cow;

use crate::json;

/// A claim may have a long name (namespaced ones are URLs), but not any length.
pub const PATH_MAX_BYTES: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(String);

/// Why a claim cannot be read as a list of names.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

impl Path {
    pub fn parse(text: &str) -> Option<Path> {
        let steps_ok = match text.strip_prefix('/') {
            // RFC 6901 3: `~` is followed by 0 or 1.
            Some(_) => text.match_indices('~').all(|(at, _)| {
                matches!(text.as_bytes().get(at.saturating_add(1)), Some(b'0' | b'1'))
            }),
            None => text.split('.').all(|step| !step.is_empty()),
        };
        let fits = !text.is_empty() && text.len() <= PATH_MAX_BYTES;
        (fits && steps_ok && !text.contains(char::is_control)).then(|| Path(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The JSON text of what stands at the path; None for nothing, or where the way is blocked.
    pub fn find<'d>(&self, document: &'d str) -> Option<&'d str> {
        if let Some(pointer) = self.0.strip_prefix('/') {
            let step = |step: &str| step.replace("~1", "/").replace("~0", "~");
            return walk(document, pointer.split('/').map(step));
        }
        let own_name = json::member(document, &self.0);
        own_name.or_else(|| walk(document, self.0.split('.').map(str::to_owned)))
    }
}

fn walk(document: &str, steps: impl Iterator<Item = String>) -> Option<&str> {
    // A payload may begin with blanks (RFC 8259 2).
    let mut here = document.trim_start_matches([' ', '\t', '\n', '\r']);
    for step in steps {
        here = match here.as_bytes().first()? {
            b'{' => json::member(here, &step)?,
            b'[' => element(here, &step)?,
            _ => return None,
        };
    }
    Some(here)
}

/// RFC 6901 4: digits without a leading zero.
fn element<'d>(array: &'d str, index: &str) -> Option<&'d str> {
    let plain =
        index.bytes().all(|b| b.is_ascii_digit()) && (index == "0" || !index.starts_with('0'));
    let mut left = index.parse::<usize>().ok().filter(|_| plain)?;
    let mut found = None;
    let read = json::elements(array, &mut |value| {
        found = (left == 0).then_some(value);
        left = left.saturating_sub(1);
        found.is_none()
    });
    read.ok().and(found)
}

/// The names that stand in a value: one text, an array of texts, or the names of an object (as
/// Zitadel writes roles).
pub fn names(json: &str, each: &mut dyn FnMut(&str)) -> Result<(), Malformed> {
    match json.as_bytes().first() {
        Some(b'"') => {
            each(&json::text(json).ok_or(Malformed)?);
            Ok(())
        }
        Some(b'[') => {
            let mut all_texts = true;
            let read = json::elements(json, &mut |value| {
                match json::text(value) {
                    Some(text) => each(&text),
                    None => all_texts = false,
                }
                all_texts
            });
            if read.is_ok() && all_texts { Ok(()) } else { Err(Malformed) }
        }
        Some(b'{') => json::members(json, &mut |name, _| each(&name)).map_err(|_| Malformed),
        _ => Err(Malformed),
    }
}

/// Is one of the names of this value `wanted`?
pub fn has_name(json: &str, wanted: &str) -> Result<bool, Malformed> {
    let mut has = false;
    names(json, &mut |name| has = has || name == wanted)?;
    Ok(has)
}

/// The value is `wanted`, or an array that holds it: texts by their meaning, numbers and booleans
/// by their JSON text.
pub fn equals(json: &str, wanted: &str) -> bool {
    let one = |json: &str| match json.as_bytes().first() {
        Some(b'"') => json::text(json).is_some_and(|text| text == wanted),
        Some(b'{' | b'[') | None => false,
        Some(_) => json != "null" && json == wanted,
    };
    if !json.starts_with('[') {
        return one(json);
    }
    let mut holds = false;
    let read = json::elements(json, &mut |value| {
        holds = holds || one(value);
        !holds
    });
    read.is_ok() && holds
}

/// A value as text: a JSON string without U+0000 as what it stands for, anything else as its JSON.
pub fn as_text(json: &str) -> Cow<'_, str> {
    match json::text(json) {
        Some(text) if !text.contains('\0') => text,
        _ => Cow::Borrowed(json),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIMS: &str = r#"{"a":{"b":{"c":[1,"two",{"d":true}]}},"x.y":"own","x":{"y":"nested"},
        "https://id.example/roles":["admin"],"n":null,"t":"a\u0000b","~/":1}"#;

    fn find(path: &str) -> Option<&'static str> {
        Path::parse(path).unwrap().find(CLAIMS)
    }

    #[test]
    fn dotted_paths_and_pointers() {
        assert_eq!(find("a.b.c"), Some(r#"[1,"two",{"d":true}]"#));
        assert_eq!(find("/a/b/c/1"), Some("\"two\""));
        assert_eq!(find("/a/b/c/2/d"), Some("true"));
        assert_eq!(find("x.y"), Some("\"own\""), "a claim's own name comes first");
        assert_eq!(find("/x/y"), Some("\"nested\""));
        assert_eq!(find("https://id.example/roles"), Some(r#"["admin"]"#));
        assert_eq!(find("/~0~1"), Some("1"));
        for path in ["b", "a.c", "n.x", "t.x", "/a/b/c/01", "/a/b/c/3", "/a/b/c/-", "/"] {
            assert_eq!(find(path), None, "{path}");
        }
    }

    #[test]
    fn odd_paths_are_refused() {
        let long = "x".repeat(PATH_MAX_BYTES + 1);
        for path in ["", ".", "a.", ".a", "a..b", "/a~2", "/a~", "a\nb", &long] {
            assert_eq!(Path::parse(path), None, "{path}");
        }
    }

    #[test]
    fn names_are_texts_lists_and_object_keys() {
        for json in [r#""admin""#, r#"["x","admin"]"#, r#"{"admin":{"org":1}}"#, r#""\u0061dmin""#]
        {
            assert_eq!(has_name(json, "admin"), Ok(true), "{json}");
            assert_eq!(has_name(json, "adm"), Ok(false), "{json}");
        }
        for json in ["1", "true", "null", r#"["admin",1]"#, r#"[1,"admin"]"#, "[[\"admin\"]]"] {
            assert_eq!(has_name(json, "admin"), Err(Malformed), "{json}");
        }
    }

    #[test]
    fn values_are_compared_by_meaning_or_json_text() {
        for (json, wanted) in [
            (r#""t1""#, "t1"),
            ("5", "5"),
            ("true", "true"),
            (r#"[1,"a"]"#, "a"),
            (r#"["5"]"#, "5"),
            ("[5]", "5"),
            (r#""""#, ""),
        ] {
            assert!(equals(json, wanted), "{json}");
        }
        for (json, wanted) in [
            (r#""t1""#, "t"),
            ("5.0", "5"),
            ("null", "null"),
            (r#"{"a":1}"#, "a"),
            ("[[1]]", "1"),
            ("[null]", "null"),
            ("[]", ""),
        ] {
            assert!(!equals(json, wanted), "{json}");
        }
    }

    #[test]
    fn a_text_with_nul_stays_json() {
        assert_eq!(as_text(find("t").unwrap()), r#""a\u0000b""#);
        assert_eq!(as_text(find("x.y").unwrap()), "own");
        assert_eq!(as_text("[1]"), "[1]");
    }
}
