//! auth_config_load_env. A process has one environment: each test runs a child of its own.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::Command;

use auth::options::OPTIONS;
use auth::status::Status;

use crate::common::*;
use crate::freeze::right_values;

/// What the child is told to do, one step a line.
const SCRIPT: &str = "TEST_SCRIPT";
const TOKEN: &str = "TEST_TOKEN";

#[derive(Debug)]
struct Told {
    status: String,
    log: String,
}

impl Told {
    #[track_caller]
    fn is(&self, status: Status, log: &str) {
        assert_eq!(self.status, format!("{status:?}"), "{}", self.log);
        assert!(self.log.contains(log), "{:?} is not in {:?}", log, self.log);
    }
}

/// Runs the script under these variables and no others.
fn child<K: AsRef<OsStr>, V: AsRef<OsStr>>(variables: &[(K, V)], script: &str) -> Vec<Told> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "environment::does_what_it_is_told", "--ignored", "--nocapture"]);
    command.env_clear().env(SCRIPT, script).env(TOKEN, good_token("EdDSA"));
    for (name, value) in variables {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    let read = |line: &str| {
        let (status, log) = line.split_once('|').unwrap();
        Told { status: status.to_owned(), log: log.to_owned() }
    };
    let told: Vec<Told> =
        told.lines().filter_map(|line| line.strip_prefix("@")).map(read).collect();
    assert_eq!(told.len(), script.lines().count(), "{told:?}");
    told
}

#[test]
#[ignore = "run by the other tests of this file"]
fn does_what_it_is_told() {
    let (script, token) = (std::env::var(SCRIPT).unwrap(), std::env::var(TOKEN).unwrap());
    let handle = Handle::empty();
    for line in script.lines() {
        let answer = match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["env"] => answer_of(&|out, size| load_env(handle.config(), out, size)),
            ["check"] => handle.checked(),
            ["verify"] => handle.verify_at(&token),
            ["load", json] => handle.load(json),
            ["set", key, value] => answer_of(&|out, size| {
                set(handle.config(), key.as_bytes(), Some(value.as_bytes()), out, size)
            }),
            other => panic!("{other:?}"),
        };
        let status = Status::from_number(answer.status).unwrap();
        if status != Status::OK {
            answer.assert_refused(status);
        } else if line == "env" {
            // A warning and nothing else.
            let log = answer.text("log");
            assert!(log.len() <= 512 && log.bytes().all(|b| matches!(b, b' '..=b'~')), "{log:?}");
            let told = TEXTS.iter().filter(|name| !answer.text(name).is_empty()).count();
            assert_eq!((answer.text("code"), told), ("ok", 1 + usize::from(!log.is_empty())));
        }
        println!("\n@{status:?}|{}", answer.text("log"));
    }
}

fn own<'v>(more: &[(&'v str, &'v str)]) -> Vec<(&'v str, &'v str)> {
    let own =
        [("LIBAUTH_ISSUER", ISSUER), ("LIBAUTH_AUDIENCE", AUDIENCE), ("LIBAUTH_KEYS_JWKS", jwks())];
    own.iter().chain(more).copied().collect()
}

fn name_of(key: &str) -> String {
    format!("LIBAUTH_{}", key.replace('.', "_").to_uppercase())
}

#[test]
fn nothing_is_set_by_an_empty_environment() {
    let told = child::<&str, &str>(&[], "env\ncheck");
    told[0].is(Status::OK, "");
    assert_eq!(told[0].log, "");
    told[1].is(Status::OPTION_MISSING, "issuer is not set");
}

#[test]
fn a_handle_is_set_by_the_environment_alone() {
    let pem = pem();
    let by_pem =
        [("LIBAUTH_ISSUER", ISSUER), ("LIBAUTH_AUDIENCE", AUDIENCE), ("LIBAUTH_KEYS_JWKS", &pem)];
    for variables in [own(&[]), own(&[("LIBAUTH_KEYS_TTL", "5m")]), by_pem.to_vec()] {
        let told = child(&variables, "env\ncheck\nverify\nenv\nverify");
        assert_eq!(told[0].log, "");
        for step in [0, 1, 2, 4] {
            told[step].is(Status::OK, "");
        }
        told[3].is(Status::CONFIG_FROZEN, "");
    }
}

#[test]
fn every_option_has_its_variable() {
    let names: Vec<String> = OPTIONS.iter().map(|row| name_of(row.key)).collect();
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), names.len(), "no two options share a variable");
    let right = right_values();
    let variables: Vec<(String, &str)> =
        right.iter().map(|(key, value)| (name_of(key), value.as_str())).collect();
    let told = child(&variables, "env\ncheck\nverify");
    assert_eq!(told[0].log, "", "none of them is unknown");
    told.iter().for_each(|told| told.is(Status::OK, ""));
    // Of those that do not go together with the others too: an empty one is that option's mistake.
    for row in OPTIONS {
        let told = child(&own(&[(&name_of(row.key), " ")]), "env\ncheck");
        told[0].is(Status::OPTION_INVALID, &format!("{} is empty", row.key));
        told[1].is(Status::OPTION_INVALID, &format!("{} is empty", row.key));
    }
}

#[test]
fn an_unknown_variable_is_a_warning_with_the_nearest() {
    for (name, told_as) in [
        ("LIBAUTH_AUDIENC", "\"LIBAUTH_AUDIENC\" is no option; did you mean LIBAUTH_AUDIENCE?"),
        ("LIBAUTH_KEYS_TTTL", "did you mean LIBAUTH_KEYS_TTL?"),
        ("LIBAUTH_KEYS.TTL", "did you mean LIBAUTH_KEYS_TTL?"),
        ("LIBAUTH_JWKS_URI", "did you mean LIBAUTH_KEYS_JWKS_URI?"),
        ("LIBAUTH_CLOCKTOLERANCE", "did you mean LIBAUTH_CLAIMS_LEEWAY?"),
        ("LIBAUTH_LIBAUTH_AUDIENCE", "did you mean LIBAUTH_AUDIENCE?"),
        ("LIBAUTH_audience", "did you mean LIBAUTH_AUDIENCE?"),
        ("LIBAUTH_", "\"LIBAUTH_\" is no option"),
        ("LIBAUTH_TOKENS", "LIBAUTH_TOKENS"),
        ("LIBAUTH_\u{202e}\n\u{1b}[31m", r#""LIBAUTH_\u{202e}\x0a\x1b[31m" is no option"#),
    ] {
        let told = child(&own(&[(name, "x")]), "env\ncheck\nverify");
        told[0].is(Status::OK, told_as);
        told[1].is(Status::OK, "");
        told[2].is(Status::OK, "");
    }
    let none = OsString::from_vec(b"LIBAUTH_\xff".to_vec());
    let told = child(&[(none.as_os_str(), OsStr::new("x"))], "env");
    told[0].is(Status::OK, "");
}

#[test]
fn variables_of_others_are_none_of_ours() {
    let told = child(
        &own(&[
            ("LIBAUTH_TOKEN", "a.b.c"),
            ("LIBAUTH_LIBRARY", "/lib/libauth.so"),
            ("libauth_audience", "other"),
            ("LIBAUTHAUDIENCE", "other"),
            ("LIBAUTH", "other"),
            ("XLIBAUTH_AUDIENCE", "other"),
            ("AUDIENCE", "other"),
        ]),
        "env\ncheck\nverify",
    );
    assert_eq!(told[0].log, "");
    told.iter().for_each(|told| told.is(Status::OK, ""));
}

#[test]
fn very_many_unknown_variables_are_a_short_warning() {
    let names: Vec<String> = (0..3_000).map(|n| format!("LIBAUTH_\u{1f600}{n:05}")).collect();
    let variables: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    let told = child(&own(&variables), "env\nverify");
    told[0].is(Status::OK, "is no option");
    told[1].is(Status::OK, "");
}

#[test]
fn an_empty_value_is_remembered_until_it_is_set_right() {
    let right = format!("set audience {AUDIENCE}");
    let load = format!(r#"load {{"audience":"{AUDIENCE}"}}"#);
    for (value, why) in [("", "is empty"), (" \t", "is empty"), ("* x", "beside a value")] {
        for put_right in [&right, &load] {
            let variables = own(&[("LIBAUTH_AUDIENCE", value)]);
            let told = child(
                &variables,
                &format!(
                    "env\ncheck\nverify\nset claims.leeway 5s\nload {{}}\ncheck\n{put_right}\n\
                     set issuer {ISSUER}\ncheck"
                ),
            );
            told[0].is(Status::OPTION_INVALID, why);
            told[1].is(Status::OPTION_INVALID, why);
            told[2].is(Status::OPTION_INVALID, why);
            told[3].is(Status::OK, "");
            told[4].is(Status::OK, "");
            told[5].is(Status::OPTION_INVALID, why);
            told[6].is(Status::OK, "");
            told[8].is(Status::OK, "");
        }
    }
}

#[test]
fn a_mistake_of_a_set_is_taken_back_by_its_variable_alone() {
    let script = "set audience x\nset audience \ncheck\nenv\ncheck";
    let told = child(&own(&[]), script);
    told[1].is(Status::OPTION_INVALID, "");
    told[3].is(Status::OK, "");
    told[4].is(Status::OK, "");
    let told = child(&[("LIBAUTH_ISSUER", ISSUER)], script);
    told[3].is(Status::OK, "");
    told[4].is(Status::OPTION_INVALID, "audience");
}

#[test]
fn a_value_that_is_no_text_is_invalid() {
    for value in [b"\xff".as_slice(), b"https://api.example\xc0\xaf", b"\xed\xa0\x80"] {
        let mut variables: Vec<(&OsStr, &OsStr)> = own(&[])
            .into_iter()
            .map(|(name, value)| (OsStr::new(name), OsStr::new(value)))
            .collect();
        variables.push((OsStr::new("LIBAUTH_AUDIENCE"), OsStr::from_bytes(value)));
        let told = child(&variables, &format!("env\ncheck\nset audience {AUDIENCE}\ncheck"));
        told[0].is(Status::OPTION_INVALID, "audience is not UTF-8");
        told[1].is(Status::OPTION_INVALID, "audience is not UTF-8");
        told[3].is(Status::OPTION_MISSING, "issuer");
    }
}

#[test]
fn mistakes_are_told_together_and_nothing_is_set() {
    let wrong = [("LIBAUTH_KEYS_TTL", "0"), ("LIBAUTH_CLAIMS_LEEWAY", "5 minutes")];
    let told = child(&own(&wrong), "env\nset keys.ttl 5m\ncheck\nset claims.leeway 5m\ncheck");
    told[0].is(Status::OPTION_INVALID, "keys.ttl");
    told[0].is(Status::OPTION_INVALID, "claims.leeway");
    told[2].is(Status::OPTION_INVALID, "claims.leeway");
    assert!(!told[2].log.contains("keys.ttl"), "{told:?}");
    told[4].is(Status::OPTION_MISSING, "issuer is not set");
    told[4].is(Status::OPTION_MISSING, "audience is not set");
}

#[test]
fn the_later_of_environment_and_set_is_in_force() {
    let variables = own(&[]);
    let told = child(&variables, "set audience other\nenv\nverify");
    told[2].is(Status::OK, "");
    let told = child(&variables, "env\nset audience other\nverify");
    told[2].is(Status::AUDIENCE_INVALID, "");
    let told = child(&variables, "env\nload {\"audience\":\"other\"}\nverify");
    told[2].is(Status::AUDIENCE_INVALID, "");
    let told = child(&own(&[("LIBAUTH_KEYS_TTL", "x")]), "env\nset audence x\ncheck");
    told[2].is(Status::OPTION_UNKNOWN, "");
}
