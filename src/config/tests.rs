//! Tests of the handle.

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
    assert_eq!(config.runtime().unwrap().settings.issuers[0].rules.leeway_s, 300);
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
    assert_eq!(status(&[("issuer", "https://a https://b"), audience, url]), Status::OPTION_INVALID);
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
        ("claims.audience_from", by_name("claims.audience_from")),
        ("claims.roles_from", by_name("claims.roles_from")),
        ("claims.permissions_from", by_name("claims.permissions_from")),
        ("claims.groups_from", by_name("claims.groups_from")),
    ]);
    let (a, b) = (&default.runtime().unwrap().settings, &written.runtime().unwrap().settings);
    assert_eq!(a.algorithms, b.algorithms);
    assert_eq!((&a.types, a.type_absent), (&b.types, b.type_absent));
    assert_eq!(a.max_bytes, b.max_bytes);
    let rules = |settings: &Settings| format!("{:?}", settings.issuers[0].rules);
    assert_eq!(rules(a), rules(b));
}

fn load(json: &str) -> (Config, Result<(), Refusal>) {
    let config = Config::default();
    let loaded = config.load(json.as_bytes());
    (config, loaded)
}

#[test]
fn a_json_object_sets_nested_and_dotted_options() {
    let (config, loaded) = load(
        r#"{"issuer":"https://id.example","audience":["a","b"],"claims":{"leeway":60},
                "keys.ttl":"5m","keys":{"timeout":"3s","discovery":"oidc"},
                "verdict":{"require":["orders:read"]}}"#,
    );
    loaded.unwrap();
    let settings = &config.runtime().unwrap().settings;
    let rules = &settings.issuers[0].rules;
    assert_eq!(rules.leeway_s, 60);
    assert_eq!(rules.audience, Audience::AnyOf(vec!["a".into(), "b".into()]));
}

#[test]
fn a_load_is_all_or_nothing_and_tells_every_mistake() {
    let (config, loaded) = load(
        r#"{"issuer":"https://id.example","audience":null,"claims":{"leeway":"x","odd":1},
                "keys":{"ttl":1.5},"audence":"a"}"#,
    );
    let refusal = loaded.unwrap_err();
    for word in ["audience is null", "claims.leeway", "claims.odd", "keys.ttl", "audence"] {
        assert!(refusal.log.contains(word), "{word}: {}", refusal.log);
    }
    config.set(b"audience", Some(b"a")).unwrap();
    let told = config.check().unwrap_err().log;
    assert!(told.contains("issuer is not set"), "nothing was set: {told}");
    assert!(told.contains("audence"), "remembered: {told}");
}

#[test]
fn documents_that_set_nothing() {
    for json in [
        "",
        "[]",
        "null",
        "{",
        "{}x",
        "\u{feff}{}",
        r#"{"issuer":1}"#,
        r#"{"issuer":true}"#,
        r#"{"issuer":{"a":1}}"#,
        r#"{"audience":[1]}"#,
        r#"{"audience":"a\u0000b"}"#,
        r#"{"issuer":"https://a","issuer":"https://b"}"#,
        r#"{"keys":{"jwks":5}}"#,
        r#"{"keys":{"ttl":"5m"},"keys.ttl":"5m"}"#,
        r#"{"claims.leeway":-1}"#,
        &format!("{{\"x\":{}{}}}", "[".repeat(32), "]".repeat(32)),
    ] {
        let (config, loaded) = load(json);
        assert_eq!(loaded.unwrap_err().status, Status::OPTION_INVALID, "{json}");
        assert!(config.check().is_err(), "{json}");
    }
}

#[test]
fn a_later_right_load_takes_mistakes_back() {
    let (config, loaded) = load(r#"{"claims":{"leeway":"x"}}"#);
    assert!(loaded.is_err());
    let good = r#"{"issuer":"https://id.example","audience":"a","claims":{"leeway":"5s"}}"#;
    config.load(good.as_bytes()).unwrap();
    assert!(config.check().is_ok());
}

#[test]
fn a_document_that_cannot_be_read_is_remembered() {
    for json in ["{\"audience\":\"x\",}", "\u{feff}{}", "{\"audience\":\"x\",\"audience\":\"x\"}"] {
        let config = config(&GOOD);
        assert!(config.load(json.as_bytes()).is_err());
        assert_eq!(config.check().unwrap_err().status, Status::OPTION_INVALID, "{json}");
        config.set(b"audience", Some(b"y")).unwrap();
        assert!(config.check().is_err(), "a set cannot know what the document would have set");
        config.load(b"{}").unwrap();
        assert!(config.check().is_ok(), "a right load takes it back");
    }
}

#[test]
fn an_unknown_key_is_remembered_beside_any_number_of_mistakes() {
    let config = config(&GOOD);
    let others = || options::OPTIONS.iter().filter(|row| !matches!(row.key, "issuer" | "audience"));
    for row in others() {
        assert!(config.set(row.key.as_bytes(), Some(b"")).is_err());
    }
    assert!(config.set(b"claims.client", Some(b"mobile")).is_err());
    let unknown = config.check().unwrap_err();
    assert!(unknown.log.len() > 100);
    let mistakes = &config.draft.load().mistakes;
    assert!(mistakes.contains_key("claims.client"));
    assert_eq!(mistakes.len(), others().count() + 1);
}

#[test]
fn two_names_never_mean_the_same_token() {
    let audience = GOOD[1];
    let keys = ("keys.jwks_uri", "https://id.example/keys");
    for (issuer, tenants) in [
        ("https://id.example/t1 https://id.example/{tenant}", "t1"),
        ("https://id.example/{tenant} https://id.example/t1", "t1"),
        ("https://id.example/{tenant} https://id.example/t9", "*"),
        ("https://id.example/{tenant}/a https://id.example/{tenant}/x/a", "*"),
    ] {
        let set = [("issuer", issuer), audience, ("claims.tenants", tenants), keys];
        let expected = if issuer.contains("/x/a") { Status::OK } else { Status::OPTION_INVALID };
        let got = status(&set);
        assert!(got == Status::OPTION_INVALID || got == expected, "{issuer}: {got:?}");
    }
    let apart = ("issuer", "https://id.example/{tenant} https://other.example/{tenant}");
    assert_eq!(status(&[apart, audience, ("claims.tenants", "t1 t2"), keys]), Status::OK);
}

#[test]
fn what_is_allowed_and_should_be_meant_is_warned_about() {
    let warned = config(&[GOOD[0], ("audience", "*")]).check().unwrap();
    assert!(warned.concat().contains("audience=*"));
    assert!(config(&GOOD).check().unwrap().is_empty());
}

#[test]
fn a_password_in_a_url_is_not_told() {
    let config = config(&GOOD);
    let url = b"https://svc:hunter2@id.example/keys";
    let told = config.set(b"keys.jwks_uri", Some(url)).unwrap_err().log;
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn an_entry_may_have_its_own_source_of_keys() {
    let issuers = r#"[{"issuer":"https://a.example","keys":{"jwks_uri":"https://a.example/k"}},
        {"issuer":"https://b.example"}]"#;
    let outside = ("keys.discovery_url", "https://b.example/metadata");
    assert_eq!(status(&[("issuers", issuers), GOOD[1], outside]), Status::OK);
    let tenants = r#"[{"issuer":"https://a.example","claims.tenants":["t1"]}]"#;
    assert_eq!(status(&[("issuers", tenants), GOOD[1]]), Status::OPTION_INVALID);
}

#[test]
fn a_load_of_other_options_takes_nothing_back() {
    let config = config(&GOOD);
    assert!(config.set(b"audience", Some(b"")).is_err());
    config.load(br#"{"claims":{"leeway":5}}"#).unwrap();
    assert_eq!(config.check().unwrap_err().status, Status::OPTION_INVALID);
    config.load(br#"{"audience":"other"}"#).unwrap();
    assert!(config.check().is_ok());
}

#[test]
fn issuers_have_defaults() {
    let issuers = r#"[{"issuer":"https://a.example","audience":"x","claims":{"leeway":5}},
            {"issuer":"https://b.example","keys":{"jwks_uri":"https://b.example/keys"}}]"#;
    let config = config(&[("issuers", issuers), ("audience", "y"), ("claims.leeway", "7")]);
    let settings = &config.runtime().unwrap().settings;
    let of = |place: usize| &settings.issuers[place].rules;
    assert_eq!((of(0).leeway_s, of(1).leeway_s), (5, 7));
    assert_eq!(of(0).audience, Audience::AnyOf(vec!["x".into()]));
    assert_eq!(of(1).audience, Audience::AnyOf(vec!["y".into()]));
}

#[test]
fn mistakes_in_issuers_say_where() {
    for (issuers, status, word) in [
        (r#"[{"issuer":"https://a","audence":"x"}]"#, Status::OPTION_UNKNOWN, "issuers[0]"),
        (
            r#"[{"issuer":"https://a"},{"token":{"max_bytes":5}}]"#,
            Status::OPTION_INVALID,
            "issuers[1]",
        ),
        (r#"[{"issuer":"https://a","verdict.realm":"x"}]"#, Status::OPTION_INVALID, "outside"),
        (r#"[{"audience":"x"}]"#, Status::OPTION_MISSING, "issuers[0] has no issuer"),
        (r#"[{"issuer":"https://a"},{"issuer":"https://a"}]"#, Status::OPTION_INVALID, "twice"),
        (r#"[{"issuer":"https://a","audience":null}]"#, Status::OPTION_INVALID, "null"),
        (r#"[{"issuer":"https://a","issuer":"https://a"}]"#, Status::OPTION_INVALID, "twice"),
    ] {
        let refusal = config(&[("issuers", issuers), ("audience", "y")]).check().unwrap_err();
        assert_eq!(refusal.status, status, "{issuers}: {}", refusal.log);
        assert!(refusal.log.contains(word), "{issuers}: {}", refusal.log);
    }
    let both = [("issuers", r#"[{"issuer":"https://a"}]"#), GOOD[0], GOOD[1]];
    assert_eq!(status(&both), Status::OPTION_INVALID);
}

#[test]
fn a_template_is_filled_with_the_tenants() {
    let template = ("issuer", "https://id.example/{tenant}/v2.0");
    let audience = GOOD[1];
    assert_eq!(status(&[template, audience]), Status::OPTION_MISSING, "no tenants");
    let some = config(&[template, audience, ("claims.tenants", "t1 t2")]);
    let names: Vec<_> = some.runtime().unwrap().settings.issuers.iter().map(|i| &i.name).collect();
    assert_eq!(names.len(), 2);
    assert_eq!(names[1].trusts("https://id.example/t2/v2.0"), Some(Some("t2")));
    assert_eq!(names[1].trusts("https://id.example/t1/v2.0"), None);
    let any = [template, audience, ("claims.tenants", "*")];
    assert_eq!(status(&any), Status::OPTION_MISSING, "one key set for all is needed");
    let keys = ("keys.jwks_uri", "https://id.example/keys");
    let any = config(&[any[0], any[1], any[2], keys]);
    let name = &any.runtime().unwrap().settings.issuers[0].name;
    assert_eq!(name.trusts("https://id.example/t9/v2.0"), Some(Some("t9")));
    for tenant in ["", "..", ".", "a/b", "%2e", "a b", &"x".repeat(65)] {
        assert_eq!(name.trusts(&format!("https://id.example/{tenant}/v2.0")), None, "{tenant}");
    }
    assert_eq!(status(&[GOOD[0], audience, ("claims.tenants", "t1")]), Status::OPTION_INVALID);
    let twice = ("issuer", "https://id.example/{tenant}/{tenant}");
    assert_eq!(status(&[twice, audience, ("claims.tenants", "t1")]), Status::OPTION_INVALID);
}
