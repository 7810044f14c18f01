//! How keys are reached: `keys.ca_file`, `keys.proxy`, `keys.backchannel`, without a fetch.

use serde_json::json;

use super::Topic;
use super::config::{INVALID, good, one};

pub fn topics() -> Vec<Topic> {
    let mut topic =
        Topic::bare("language", "reach", "options of how keys are reached: proxy, backchannel");
    ca_file(&mut topic);
    places_on_disk(&mut topic);
    proxy(&mut topic);
    backchannel(&mut topic);
    vec![topic]
}

fn ca_file(topic: &mut Topic) {
    topic.row("fetch.ca-file");
    one(topic, "is-not-there", INVALID, "keys.ca_file", "/is/not/there.pem")
        .log_has("keys.ca_file");
    one(topic, "folder", INVALID, "keys.ca_file", "/").log_has("is not a file");
    one(topic, "device", INVALID, "keys.ca_file", "/dev/zero").log_has("is not a file");
    one(topic, "control", INVALID, "keys.ca_file", "/a\nb").log_has("control character");
}

fn places_on_disk(topic: &mut Topic) {
    for (key, row) in [("keys.file", "fetch.keys-file"), ("keys.snapshot", "fetch.snapshot-read")] {
        topic.row(row);
        for (name, path) in [("is-not-there", "/is/not/there"), ("device", "/dev/null")] {
            one(topic, &format!("{key}-{name}"), INVALID, key, path).log_has(key);
        }
        one(topic, &format!("{key}-empty"), INVALID, key, " ").log_has(key);
    }
}

fn proxy(topic: &mut Topic) {
    topic.row("fetch.proxy");
    for good in ["env", "off", "http://proxy:3128", "https://user:pass%20word@proxy.example"] {
        one(topic, &format!("good-{good}"), "OK", "keys.proxy", good);
    }
    for bad in [
        "",
        "Off",
        "none",
        "proxy:3128",
        "http://",
        "http://proxy:0",
        "http://proxy/path",
        "http://proxy?query",
        "socks5://proxy:1080",
        "ftp://proxy",
        "http://pro xy",
    ] {
        one(topic, &format!("bad-{bad}"), INVALID, "keys.proxy", bad).log_has("keys.proxy");
    }
}

fn backchannel(topic: &mut Topic) {
    topic.row("fetch.backchannel");
    let key = "keys.backchannel";
    let https = "https://id.example=https://keycloak:8443";
    one(topic, "https", "OK", key, https);
    one(topic, "list", "OK", key, json!([https, "https://b.example:8443=https://b"]));
    one(topic, "blanks", "OK", key, format!("{https} https://b.example=https://b"));
    one(topic, "loopback", "OK", key, "https://id.example=http://127.0.0.1:8080");
    let plain = "https://id.example=http://keycloak:8080";
    one(topic, "plain-http", INVALID, key, plain).log_has("keys.http");
    let mut options = good();
    options.extend([(key, json!(plain)), ("keys.http", json!("always"))]);
    topic.configuration("plain-http-always", "OK", &options);
    for (name, bad) in [
        ("no-target", "https://id.example"),
        ("empty-target", "https://id.example="),
        ("path", "https://id.example/a=https://keycloak"),
        ("slash", "https://id.example/=https://keycloak"),
        ("target-path", "https://id.example=https://keycloak/auth"),
        ("query", "https://id.example?a=https://keycloak"),
        ("user", "https://id.example=https://user:secret@keycloak"),
        ("no-scheme", "id.example=keycloak"),
        ("port-0", "https://id.example=https://keycloak:0"),
        ("twice", "https://id.example=https://a https://ID.example:443=https://b"),
    ] {
        one(topic, name, INVALID, key, bad).log_has(key);
    }
}
