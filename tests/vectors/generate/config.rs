//! Stage language: the options, judged one by one and together.

use serde_json::{Value, json};

use super::sign::key;
use super::{AUDIENCE, Case, ISSUER, Topic, key_set};

pub const INVALID: &str = "OPTION_INVALID";
const MISSING: &str = "OPTION_MISSING";
const UNKNOWN: &str = "OPTION_UNKNOWN";

pub fn topics() -> Vec<Topic> {
    vec![required(), values(), urls(), keys(), together()]
}

pub fn good() -> Vec<(&'static str, Value)> {
    vec![("issuer", json!(ISSUER)), ("audience", json!(AUDIENCE))]
}

/// The good options with this one.
pub fn one<'t>(
    topic: &'t mut Topic,
    name: &str,
    status: &str,
    key: &str,
    value: impl Into<Value>,
) -> &'t mut Case {
    let mut options = good();
    options.retain(|(known, _)| *known != key);
    options.push((key, value.into()));
    topic.configuration(name, status, &options)
}

fn required() -> Topic {
    let mut topic = Topic::bare("language", "required", "issuer and audience; unknown options");
    topic.row("config.audience");
    topic.configuration("missing", MISSING, &good()[..1]);
    one(&mut topic, "star", "OK", "audience", "*").log_has("audience=*");
    one(&mut topic, "list", "OK", "audience", "a b");
    one(&mut topic, "array", "OK", "audience", json!(["a", "b c"]));
    for (name, value) in [
        ("empty", json!("")),
        ("blank", json!(" ")),
        ("empty-array", json!("[]")),
        ("empty-in-array", json!([""])),
        ("empty-beside", json!(["a", ""])),
        ("number-in-array", json!(["a", 1])),
        ("null-in-array", json!([null])),
        ("array-in-array", json!([["a"]])),
        ("array-cut", json!("[\"a\"")),
    ] {
        one(&mut topic, name, INVALID, "audience", value);
    }
    topic.row("config.issuer");
    topic.configuration("missing", MISSING, &good()[1..]);
    topic.configuration("both-missing", MISSING, &[]);
    for (name, value) in [
        ("empty", json!("")),
        ("blank", json!("\t")),
        ("empty-in-array", json!([""])),
        ("number-in-array", json!([1])),
        ("http", json!("http://id.example")),
        ("query", json!("https://id.example?x=1")),
        ("query-empty", json!("https://id.example/?")),
        ("fragment", json!("https://id.example#x")),
        ("userinfo", json!("https://a:b@id.example")),
        ("no-url", json!("id.example")),
        ("path-alone", json!("/realms/a")),
        ("no-host", json!("https://")),
        ("1025-bytes", json!(format!("https://id.example/{}", "a".repeat(1006)))),
    ] {
        one(&mut topic, name, INVALID, "issuer", value);
    }
    for (name, value) in [
        ("path", "https://id.example/realms/a"),
        ("slash", "https://id.example/"),
        ("port", "https://id.example:8443"),
        ("two", "https://one.example https://two.example"),
        ("loopback-address", "http://127.0.0.1:8080"),
        ("loopback-ipv6", "http://[::1]:8080/a"),
        ("localhost", "http://localhost:8080"),
    ] {
        one(&mut topic, &format!("good-{name}"), "OK", "issuer", value);
    }
    topic.row("config.unknown");
    for (name, key) in [
        ("near-audience", "audence"),
        ("near-algorithms", "token.algorithm"),
        ("other-library", "clockTolerance"),
        ("capital", "Issuer"),
        ("blank-before", " audience"),
        ("empty", ""),
        ("dot", "."),
        ("group", "claims"),
        ("verify", "verify"),
        ("no-verify", "token.verify"),
        ("insecure", "insecure"),
        ("skip", "claims.ignore_exp"),
    ] {
        one(&mut topic, name, UNKNOWN, key, "x");
    }
    one(&mut topic, "empty-value", UNKNOWN, "audence", "");
    topic
}

fn values() -> Topic {
    let mut topic = Topic::bare("language", "values", "types and ranges of options");
    algorithms(&mut topic);
    limits(&mut topic);
    challenge_texts(&mut topic);
    topic
}

fn algorithms(topic: &mut Topic) {
    topic.row("config.algorithms");
    for (name, value) in [
        ("none", "none"),
        ("None", "None"),
        ("none-beside", "RS256 none"),
        ("hs256", "HS256"),
        ("hs512-beside", "RS256 HS512"),
        ("unknown", "RS128"),
        ("es256k", "ES256K"),
        ("star", "*"),
        ("lower-case", "rs256"),
        ("comma", "RS256,ES256"),
        ("empty", ""),
        ("empty-array", "[]"),
    ] {
        one(topic, name, INVALID, "token.algorithms", value);
    }
    let all = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519";
    one(topic, "all", "OK", "token.algorithms", all);
    one(topic, "array", "OK", "token.algorithms", json!(["RS256", "ES256"]));
}

fn limits(topic: &mut Topic) {
    topic.row("config.limits");
    for (key, bad, good) in [
        (
            "claims.leeway",
            [
                "301",
                "301s",
                "6m",
                "1h",
                "-1",
                "+1",
                "99999999999d",
                "18446744073709551616",
                "1.5",
                "1e2",
                "s",
                "30 s",
                "30ms",
                "0x10",
                "x",
            ]
            .as_slice(),
            ["0", "300", "300s", "5m", "0s"].as_slice(),
        ),
        (
            "token.max_bytes",
            &["1048577", "2m", "1g", "0", "-1", "1.5k", "k"],
            &["1m", "1024k", "1048576", "16k"],
        ),
        ("keys.ttl", &["0", "0s", "8d", "604801"], &["1", "7d", "10m"]),
        ("keys.stale", &["31d", "2592001", "-1"], &["0", "30d"]),
        ("keys.timeout", &["0", "0s", "-1"], &["1", "5s"]),
        ("keys.max_bytes", &["-1", "x", "99999999999m"], &["512k", "1m"]),
        ("keys.cooldown", &["-1", "x"], &["2", "1m"]),
    ] {
        for value in bad {
            one(topic, &format!("{key}-{value}"), INVALID, key, *value);
        }
        for value in good {
            one(topic, &format!("{key}-good-{value}"), "OK", key, *value);
        }
    }
    for key in [
        "token.types",
        "token.max_bytes",
        "keys.discovery",
        "keys.discovery_url",
        "keys.jwks_uri",
        "keys.jwks",
        "keys.ttl",
        "keys.stale",
        "keys.cooldown",
        "keys.timeout",
        "keys.max_bytes",
        "keys.http",
        "keys.ca_file",
        "keys.proxy",
        "keys.backchannel",
        "claims.leeway",
        "verdict.require",
        "verdict.realm",
        "verdict.resource_metadata",
    ] {
        one(topic, &format!("{key}-empty"), INVALID, key, "");
    }
    for (key, value) in [
        ("keys.discovery", "on"),
        ("keys.discovery", "OIDC"),
        ("keys.http", "yes"),
        ("keys.http", "Always"),
    ] {
        one(topic, &format!("{key}-{value}"), INVALID, key, value);
    }
}

fn challenge_texts(topic: &mut Topic) {
    topic.row("verdict.split");
    for (name, value) in [
        ("crlf", "a\r\nSet-Cookie: x"),
        ("lf", "a\nb"),
        ("tab", "a\tb"),
        ("quote", "a\"b"),
        ("backslash", "a\\b"),
        ("e-acute", "caf\u{e9}"),
        ("del", "a\u{7f}"),
        ("129-bytes", &"x".repeat(129)),
    ] {
        one(topic, &format!("realm-{name}"), INVALID, "verdict.realm", value);
        let url = format!(
            "https://api.example/{value}{}",
            "x".repeat(if name == "129-bytes" { 364 } else { 0 })
        );
        one(topic, &format!("metadata-{name}"), INVALID, "verdict.resource_metadata", url);
    }
    one(topic, "realm-128-bytes", "OK", "verdict.realm", "x".repeat(128));
    one(topic, "metadata-no-url", INVALID, "verdict.resource_metadata", "x");
    one(topic, "metadata-good", "OK", "verdict.resource_metadata", "https://api.example/x?y=z");
}

fn urls() -> Topic {
    let mut topic =
        Topic::bare("language", "urls", "URLs of options: https, plain, no credentials");
    let places = ["keys.jwks_uri", "keys.discovery_url"];
    let mut refuse = |row, name: &str, url: &str| {
        topic.row(row);
        for place in places {
            one(&mut topic, &format!("{name}-{place}"), INVALID, place, url);
        }
        one(&mut topic, &format!("{name}-issuer"), INVALID, "issuer", url);
    };
    for scheme in ["file", "ftp", "data", "gopher", "ws", "FILE", "Gopher"] {
        refuse("fetch.scheme", scheme, &format!("{scheme}://id.example/jwks"));
    }
    refuse("fetch.scheme", "file-path", "file:///etc/passwd");
    refuse("fetch.scheme", "none", "//id.example/jwks");
    refuse("fetch.http", "http", "http://id.example/jwks");
    refuse("fetch.http", "http-looks-like-loopback", "http://127.0.0.1.example/jwks");
    refuse("fetch.http", "http-localhost-as-user", "http://localhost@id.example/jwks");
    refuse("fetch.http", "http-private-address", "http://192.168.1.1/jwks");
    refuse("fetch.userinfo", "name-and-password", "https://a:b@id.example/jwks");
    refuse("fetch.userinfo", "name", "https://good.example@evil.example/jwks");
    refuse("fetch.userinfo", "empty", "https://@id.example/jwks");
    refuse("fetch.url-odd", "fragment", "https://id.example/jwks#x");
    refuse("fetch.url-odd", "backslash", "https://id.example\\@evil.example/jwks");
    refuse("fetch.url-odd", "control", "https://id.example/\u{1}jwks");
    refuse("fetch.url-odd", "ideographic-full-stop", "https://id\u{3002}example/jwks");
    refuse("fetch.url-odd", "port-0", "https://id.example:0/jwks");
    refuse("fetch.url-odd", "port-too-large", "https://id.example:65536/jwks");
    refuse("fetch.url-odd", "port-empty", "https://id.example:/jwks");
    refuse("fetch.url-odd", "no-host", "https:///jwks");
    for place in places {
        one(&mut topic, &format!("blank-{place}"), INVALID, place, "https://id.example/a b");
        one(&mut topic, &format!("query-is-fine-{place}"), "OK", place, "https://id.example/a?b=c");
    }
    topic.row("fetch.http");
    let http = |topic: &mut Topic, name: &str, status: &str, url: &str, allowed: &str| {
        let mut options = good();
        options.push(("keys.jwks_uri", json!(url)));
        options.push(("keys.http", json!(allowed)));
        topic.configuration(name, status, &options);
    };
    http(&mut topic, "always", "OK", "http://id.example/jwks", "always");
    http(&mut topic, "loopback", "OK", "http://127.0.0.1:80/jwks", "loopback");
    http(&mut topic, "loopback-127.8", "OK", "http://127.8.8.8/jwks", "loopback");
    http(&mut topic, "loopback-ipv6", "OK", "http://[::1]/jwks", "loopback");
    http(&mut topic, "loopback-other", INVALID, "http://id.example/jwks", "loopback");
    http(&mut topic, "never-loopback", INVALID, "http://127.0.0.1/jwks", "never");
    http(&mut topic, "never-localhost", INVALID, "http://localhost/jwks", "never");
    http(&mut topic, "never-https", "OK", "https://id.example/jwks", "never");
    topic
}

fn keys() -> Topic {
    let mut topic = Topic::bare("language", "keys", "key sets given as an option");
    let jwk = key("ed-1").public().to_string();
    topic.row("config.json");
    for (name, value) in [
        ("no-json", "x".to_owned()),
        ("array", format!("[{jwk}]")),
        ("one-key-alone", jwk.clone()),
        ("no-keys-member", "{}".into()),
        ("keys-object", format!("{{\"keys\":{jwk}}}")),
        ("keys-null", "{\"keys\":null}".into()),
        ("keys-text", "{\"keys\":\"x\"}".into()),
        ("keys-empty", "{\"keys\":[]}".into()),
        ("other-case", format!("{{\"Keys\":[{jwk}]}}")),
        ("trailing", format!("{{\"keys\":[{jwk}]}}x")),
        ("trailing-comma", format!("{{\"keys\":[{jwk},]}}")),
        ("cut", format!("{{\"keys\":[{jwk}")),
        ("bom", format!("\u{feff}{{\"keys\":[{jwk}]}}")),
    ] {
        one(&mut topic, name, INVALID, "keys.jwks", value);
    }
    one(&mut topic, "nul-in-a-list", INVALID, "audience", r#"["a\u0000b"]"#);
    one(&mut topic, "issuer-nul-in-a-list", INVALID, "issuer", r#"["https://id.example\u0000"]"#);
    let depth = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let set = format!("{{\"keys\":[{jwk}],\"x\":{}}}", depth(33));
    one(&mut topic, "depth-beyond-32", INVALID, "keys.jwks", set);
    one(&mut topic, "unknown-member", "OK", "keys.jwks", format!("{{\"keys\":[{jwk}],\"x\":[1]}}"));
    topic.row("keys.dup-in-jwk");
    let twice = format!("{{\"keys\":[{jwk}],\"keys\":[{jwk}]}}");
    one(&mut topic, "outer-keys", INVALID, "keys.jwks", twice);
    let twice = format!("{{\"keys\":[{jwk}],\"x\":1,\"x\":2}}");
    one(&mut topic, "outer-unknown", INVALID, "keys.jwks", twice);
    // A set in which no key can be used is a mistake, not a revocation of everything.
    for (row, name, jwk) in [
        ("keys.use-enc", "alone", key("ed-1").public_with(json!({ "use": "enc" }))),
        ("keys.rsa-small", "alone", key("rsa-1024").public()),
        ("keys.unknown-kty", "alone", json!({ "kty": "AKP", "kid": "a" })),
        ("keys.oct-in-set", "alone", json!({ "kty": "oct", "kid": "a", "k": "c2VjcmV0" })),
        ("keys.unknown-kty", "null-alone", Value::Null),
    ] {
        topic.row(row);
        one(&mut topic, name, INVALID, "keys.jwks", key_set([jwk]));
    }
    topic
}

fn together() -> Topic {
    let mut topic = Topic::bare("language", "together", "options judged together");
    let set = key_set([key("ed-1").public()]);
    let uri = ("keys.jwks_uri", json!("https://id.example/jwks"));
    let jwks = ("keys.jwks", set);
    let mut with = |name: &str, status: &str, more: &[(&str, Value)]| {
        topic.row("config.together");
        topic.configuration(name, status, &[good().as_slice(), more].concat());
    };
    with("defaults", "OK", &[]);
    with("jwks", "OK", std::slice::from_ref(&jwks));
    with("jwks-uri", "OK", std::slice::from_ref(&uri));
    with("jwks-and-jwks-uri", INVALID, &[jwks.clone(), uri.clone()]);
    with("discovery-off", MISSING, &[("keys.discovery", json!("off"))]);
    with("discovery-off-and-jwks", "OK", &[("keys.discovery", json!("off")), jwks.clone()]);
    with("discovery-off-and-jwks-uri", "OK", &[("keys.discovery", json!("off")), uri]);
    for (name, require) in [
        ("blanks", "a  b"),
        ("bar", "|"),
        ("quote", "\"a\""),
        ("crlf", "a\r\nb"),
        ("513-bytes", &"a".repeat(513)),
    ] {
        with(&format!("require-{name}"), INVALID, &[("verdict.require", json!(require))]);
    }
    with("require-good", "OK", &[("verdict.require", json!("orders:read https://x.example/y"))]);
    let any =
        |issuer: &str| vec![("issuer", json!(issuer)), ("audience", json!(AUDIENCE)), jwks.clone()];
    topic.row("config.issuer");
    for (name, issuer) in [
        ("urn", "urn:issuer"),
        ("word", "joe"),
        ("http", "http://id.example"),
        ("query", "https://id.example?x=1"),
    ] {
        topic.configuration(&format!("any-text-with-keys-{name}"), "OK", &any(issuer));
    }
    topic
}
