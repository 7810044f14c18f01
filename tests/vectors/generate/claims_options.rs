//! Stage claims: what the options of `claims.*` demand, and where they have names read from.

use super::token::{Token, token};
use super::{NOW, Topic, quoted};

const MALFORMED: &str = "CLAIM_MALFORMED";
const MISSING: &str = "CLAIM_MISSING";

pub fn topics() -> Vec<Topic> {
    vec![required(), max_age(), audience_from(), clients(), subject_from(), scopes_from()]
}

/// A payload claim that holds other claims, and one whose own name has dots.
fn rich() -> Token {
    token()
        .claim("org", r#"{"id":"o-1","level":3,"names":["a","b"],"my.own":{"x":"deep"}}"#)
        .claim("https://x.example/org", "\"ns-1\"")
        .claim("a.b", "\"own\"")
        .claim("a", "{\"b\":\"nested\"}")
        .claim("list", r#"["x",5,true,null,{"y":1}]"#)
}

fn required() -> Topic {
    let mut topic = Topic::new("claims", "required", "claims.required: presence, or name=value");
    topic.note("Null", "a claim that is null counts as missing");
    topic.row("claims.required");
    let key = "claims.required";
    for (name, item) in [
        ("there", "sub"),
        ("object", "org"),
        ("dotted", "org.id"),
        ("pointer", "/org/level"),
        ("pointer-into-a-list", "/org/names/1"),
        ("pointer-name-with-dots", "/org/my.own/x"),
        ("name-with-dots", "https://x.example/org"),
        ("several", "sub org.id list"),
    ] {
        topic.accept(&format!("present-{name}"), rich()).option(key, item);
    }
    for (name, item, token) in [
        ("absent", "email", rich()),
        ("null", "email", rich().claim("email", "null")),
        ("other-case", "Org", rich()),
        ("one-of-two", "sub email", rich()),
        ("way-missing", "org.x.y", rich()),
        ("text-on-the-way", "org.id.x", rich()),
        ("number-on-the-way", "org.level.x", rich()),
        ("null-at-the-end", "/list/3", rich()),
        ("beyond-the-list", "/list/5", rich()),
        ("leading-zero", "/list/01", rich()),
        ("pointer-splits-no-dots", "/org.id", rich()),
        ("value-of-an-absent-one", "email=a", rich()),
        ("value-of-a-null", "email=null", rich().claim("email", "null")),
    ] {
        topic.refuse(name, MISSING, token).option(key, item);
    }
    topic.accept("empty-text-is-there", token().claim("x", "\"\"")).option(key, "x");
    topic.accept("false-is-there", token().claim("x", "false")).option(key, "x");
    topic.accept("0-is-there", token().claim("x", "0")).option(key, "x");
    for (name, value, json) in [
        ("text", "v", "\"v\""),
        ("text-with-escapes", "v", "\"\\u0076\""),
        ("text-of-digits", "5", "\"5\""),
        ("number", "5", "5"),
        ("number-negative", "-5", "-5"),
        ("number-fraction", "5.0", "5.0"),
        ("number-exponent", "1e3", "1e3"),
        ("true", "true", "true"),
        ("false", "false", "false"),
        ("in-a-list", "v", "[\"u\",\"v\"]"),
        ("number-in-a-list", "5", "[1,5]"),
        ("true-in-a-list", "true", "[true]"),
        ("with-equals-signs", "a=b==", "\"a=b==\""),
    ] {
        let token = token().claim("x", json);
        topic.accept(&format!("equal-{name}"), token).option(key, format!("x={value}"));
    }
    for (name, value, json) in [
        ("text-longer", "v", "\"vv\""),
        ("text-shorter", "vv", "\"v\""),
        ("text-case", "v", "\"V\""),
        ("text-empty", "v", "\"\""),
        ("text-blank-after", "v", "\"v \""),
        ("number-as-fraction", "5", "5.0"),
        ("number-as-exponent", "1000", "1e3"),
        ("number-with-zero-before", "05", "5"),
        ("true-in-capitals", "TRUE", "true"),
        ("1-for-true", "1", "true"),
        ("list-without", "v", "[\"u\"]"),
        ("list-empty", "v", "[]"),
        ("list-in-a-list", "v", "[[\"v\"]]"),
        ("list-written-as-json", "[\"v\"]", "[\"v\"]"),
        ("object-key", "v", "{\"v\":1}"),
        ("text-in-quotes", "\"v\"", "\"v\""),
        ("null-in-a-list", "null", "[null]"),
    ] {
        let token = token().claim("x", json);
        let items = serde_json::json!([format!("x={value}")]);
        topic.refuse(&format!("differs-{name}"), "CLAIM_INVALID", token).option(key, items);
    }
    topic.accept("equal-dotted", rich()).option(key, "org.id=o-1 /org/level=3");
    topic.accept("own-name-before-path", rich()).option(key, "a.b=own /a/b=nested");
    topic.refuse("path-behind-own-name", "CLAIM_INVALID", rich()).option(key, "a.b=nested");
    topic.refuse("second-differs", "CLAIM_INVALID", rich()).option(key, "org.id=o-1 list=z");
    let blank = token().claim("x", "\"a b\"");
    topic.accept("equal-with-a-blank", blank).option(key, serde_json::json!(["x=a b"]));
    // The order of the statuses: missing is told first, another value nearly last.
    let expired = || token().claim("exp", "1");
    topic.refuse("missing-before-malformed", MISSING, token().claim("sub", "1")).option(key, "x");
    topic.refuse("missing-before-expired", MISSING, expired()).option(key, "x");
    let differs = "client_id=other";
    topic.refuse("differs-after-expired", "TOKEN_EXPIRED", expired()).option(key, differs);
    let aud = token().claim("aud", "\"x\"");
    topic.refuse("differs-after-audience", "AUDIENCE_INVALID", aud).option(key, differs);
    topic
        .refuse("differs-after-client", "CLIENT_NOT_ALLOWED", token())
        .option(key, differs)
        .option("claims.clients", "x");
    let bound = token().claim("cnf", "{}");
    topic.refuse("differs-before-bound", "CLAIM_INVALID", bound).option(key, differs);
    topic
}

fn max_age() -> Topic {
    let mut topic = Topic::new("claims", "max-age", "claims.max_age: how long ago iat may be");
    topic.note(
        "Age",
        "too old when now - iat > max_age + leeway; iat ahead by more than leeway: not yet valid",
    );
    topic.option("claims.max_age", "1h".into());
    topic.row("claims.age");
    let at = |iat: i64| token().claim("iat", &iat.to_string());
    let raw = |iat: &str| token().claim("iat", iat);
    let old = "TOKEN_TOO_OLD";
    topic.accept("new", at(NOW));
    topic.accept("an-hour", at(NOW - 3_600));
    topic.accept("an-hour-and-leeway", at(NOW - 3_630));
    topic.refuse("an-hour-and-leeway-and-1", old, at(NOW - 3_631)).log_has("3631 s ago");
    topic.refuse("1970", old, at(0));
    topic.accept("fraction-within", raw("1699996370.5"));
    topic.refuse("fraction-beyond", old, raw("1699996369.5"));
    topic.accept("exponent", raw("1.7e9"));
    topic.refuse("missing", MISSING, token().no_claim("iat")).log_has("iat");
    topic.refuse("null", MALFORMED, raw("null"));
    topic.refuse("text", MALFORMED, raw("\"1700000000\""));
    let ahead = "TOKEN_NOT_YET_VALID";
    topic.accept("ahead-by-leeway", at(NOW + 30));
    topic.refuse("ahead-by-leeway-and-1", ahead, at(NOW + 31)).log_has("31 s");
    topic.refuse("ahead-by-a-fraction-more", ahead, raw("1700000030.5"));
    topic.refuse("in-2100", ahead, at(4_102_444_800));
    for (text, age) in [("1", 1), ("60", 60), ("1d", 86_400), ("3650d", 315_360_000)] {
        topic.accept(&format!("max-{text}"), at(NOW - age - 30)).option("claims.max_age", text);
        topic
            .refuse(&format!("max-{text}-and-1"), old, at(NOW - age - 31))
            .option("claims.max_age", text);
    }
    for (text, leeway) in [("0", 0), ("300", 300)] {
        let key = "claims.leeway";
        let case = |end: &str| format!("leeway-{text}{end}");
        topic.accept(&case(""), at(NOW - 3_600 - leeway)).option(key, text);
        topic.refuse(&case("-and-1"), old, at(NOW - 3_601 - leeway)).option(key, text);
        topic.refuse(&case("-ahead"), ahead, at(NOW + leeway + 1)).option(key, text);
    }
    let exp = (NOW - 30).to_string();
    topic.refuse("expired-first", "TOKEN_EXPIRED", at(0).claim("exp", &exp));
    topic.refuse("not-yet-first", ahead, at(0).claim("nbf", "4102444800"));
    topic.refuse("too-old-before-audience", old, at(0).claim("aud", "\"x\""));
    topic.refuse("id-token-first", "NOT_AN_ACCESS_TOKEN", at(0).claim("typ", "\"ID\""));
    topic
}

fn audience_from() -> Topic {
    let mut topic =
        Topic::new("claims", "audience-from", "claims.audience_from: read from other claims too");
    let key = "claims.audience_from";
    topic.option("audience", "app-1".into());
    topic.option(key, "aud client_id".into());
    topic.row("claims.aud-from");
    let none = || token().no_claim("aud");
    topic.accept("client-id-alone", none());
    topic.accept("client-id-beside-other-aud", token());
    let other = |aud: &str| token().claim("client_id", "\"x\"").claim("aud", aud);
    topic.accept("aud-beside-other-client-id", other("\"app-1\"")).client_id("x");
    topic.accept("aud-list", other("[\"z\",\"app-1\"]")).client_id("x");
    topic.accept("aud-alone", other("\"app-1\"").no_claim("client_id")).client_id("");
    topic.refuse("neither", MISSING, none().no_claim("client_id")).log_has("client_id");
    topic.refuse("none-matches", "AUDIENCE_INVALID", other("\"y\""));
    topic.refuse("client-id-differs", "AUDIENCE_INVALID", other("\"y\"").no_claim("aud"));
    topic.refuse("empty-list", "AUDIENCE_INVALID", other("[]"));
    topic.refuse("case", "AUDIENCE_INVALID", none().claim("client_id", "\"App-1\""));
    topic.refuse("other-client-claims-are-not-read", "AUDIENCE_INVALID", {
        other("\"y\"").claim("azp", "\"app-1\"").claim("cid", "\"app-1\"")
    });
    topic.refuse("not-configured", "AUDIENCE_INVALID", token()).option(key, "aud");
    topic.refuse("not-configured-and-no-aud", MISSING, none()).option(key, "aud");
    for (name, value) in [("number", "5"), ("null", "null"), ("object", "{}"), ("mixed", "[1]")] {
        topic.refuse(&format!("aud-{name}"), MALFORMED, token().claim("aud", value));
    }
    // A claim of its own: a text or a list of texts, as aud.
    let own = |value: &str| token().claim("https://x.example/aud", value);
    let mut with = |name: &str, status: &str, value: &str| {
        let case = match status {
            "OK" => topic.accept(name, own(value)),
            _ => topic.refuse(name, status, own(value)),
        };
        case.option(key, "https://x.example/aud");
    };
    with("own-text", "OK", "\"app-1\"");
    with("own-list", "OK", "[\"app-1\",\"x\"]");
    with("own-other", "AUDIENCE_INVALID", "\"x\"");
    with("own-empty-list", "AUDIENCE_INVALID", "[]");
    with("own-number", MALFORMED, "5");
    with("own-null", MALFORMED, "null");
    with("own-true", MALFORMED, "true");
    with("own-object", MALFORMED, "{\"app-1\":1}");
    with("own-number-in-list", MALFORMED, "[\"app-1\",5]");
    with("own-list-in-list", MALFORMED, "[[\"app-1\"]]");
    let own_alone = own("\"app-1\"").no_claim("aud");
    topic.accept("own-and-no-aud", own_alone).option(key, "https://x.example/aud");
    topic.refuse("own-missing", MISSING, token()).option(key, "https://x.example/aud");
    topic
        .refuse("aud-is-typed-also-where-it-is-not-read", MALFORMED, token().claim("aud", "5"))
        .option(key, "client_id");
    topic.accept("star", other("\"y\"")).option("audience", "*").client_id("x");
    topic
        .accept("star-and-neither", none().no_claim("client_id"))
        .option("audience", "*")
        .client_id("");
    topic
}

fn clients() -> Topic {
    let mut topic = Topic::new("claims", "clients", "claims.clients: all that are named are in it");
    topic.option("claims.clients", "app-1 app-2".into());
    let status = "CLIENT_NOT_ALLOWED";
    topic.row("claims.client");
    let none = || token().no_claim("client_id");
    let names = ["client_id", "azp", "cid", "appid"];
    for name in names {
        let one = |client: &str| none().claim(name, &quoted(client));
        topic.accept(&format!("list-{name}"), one("app-2")).client_id("app-2");
        topic.refuse(&format!("list-{name}-other"), status, one("app-3")).log_has("app-3");
        topic.refuse(&format!("list-{name}-case"), status, one("APP-1"));
        topic.refuse(&format!("list-{name}-longer"), status, one("app-11"));
        topic.refuse(&format!("list-{name}-blank"), status, one("app-1 app-2"));
        topic.refuse(&format!("list-{name}-number"), MALFORMED, none().claim(name, "1"));
    }
    topic.refuse("list-none", status, none());
    topic.refuse("list-sub-is-no-client", status, none().claim("sub", "\"app-1\""));
    for second in &names[1..] {
        let both = |client: &str| token().claim(second, &quoted(client));
        topic.accept(&format!("list-and-{second}"), both("app-2"));
        topic.refuse(&format!("list-and-{second}-other"), status, both("app-3"));
    }
    let all = names.iter().fold(token(), |token, name| token.claim(name, "\"app-2\""));
    topic.accept("list-all-four", all).client_id("app-2");
    topic.refuse("list-after-audience", "AUDIENCE_INVALID", none().claim("aud", "\"x\""));
    topic.refuse("list-before-bound", status, none().claim("cnf", "{}"));
    let blank = token().claim("client_id", "\"my app\"");
    let list = serde_json::json!(["my app"]);
    topic.accept("list-with-a-blank", blank).option("claims.clients", list).client_id("my app");
    topic.refuse("list-star-is-no-pattern", status, token()).option("claims.clients", "*");
    topic
}

fn subject_from() -> Topic {
    let mut topic = Topic::new("claims", "subject-from", "claims.subject_from: who the caller is");
    let key = "claims.subject_from";
    topic.row("claims.sub");
    for (name, path, subject) in [
        ("sub", "sub", "user-1"),
        ("claim", "client_id", "app-1"),
        ("dotted", "org.id", "o-1"),
        ("pointer", "/org/my.own/x", "deep"),
        ("element", "/list/0", "x"),
        ("name-with-dots", "https://x.example/org", "ns-1"),
        ("own-name-before-path", "a.b", "own"),
        ("pointer-into-the-nested", "/a/b", "nested"),
    ] {
        topic.accept(&format!("from-{name}"), rich()).option(key, path).subject(subject);
    }
    topic
        .accept("from-another-and-no-sub", token().no_claim("sub"))
        .option(key, "client_id")
        .subject("app-1");
    topic
        .accept("from-with-escapes", token().claim("x", "\"\\u0061\\/\""))
        .option(key, "x")
        .subject("a/");
    let unicode = token().claim("x", "\"Ren\\u00e9\"");
    topic.accept("from-unicode", unicode).option(key, "x").subject("Ren\u{e9}");
    topic.refuse("from-sub-absent", MISSING, token().no_claim("sub")).option(key, "sub");
    for (name, path) in
        [("absent", "email"), ("way-missing", "org.x"), ("text-on-the-way", "org.id.x")]
    {
        topic.refuse(&format!("from-{name}"), MISSING, rich()).option(key, path);
    }
    for (name, value) in [
        ("number", "5"),
        ("null", "null"),
        ("true", "true"),
        ("list", "[\"a\"]"),
        ("object", "{\"a\":\"b\"}"),
        ("empty", "\"\""),
        ("nul", "\"admin\\u0000x\""),
    ] {
        let token = token().claim("x", value);
        topic.refuse(&format!("from-{name}"), MALFORMED, token).option(key, "x");
    }
    let long = |bytes: usize| token().claim("x", &quoted(&"s".repeat(bytes)));
    topic.accept("from-1024-bytes", long(1024)).option(key, "x").subject(&"s".repeat(1024));
    topic.refuse("from-1025-bytes", MALFORMED, long(1025)).option(key, "x");
    topic
        .refuse("from-another-and-sub-malformed", MALFORMED, token().claim("sub", "5"))
        .option(key, "client_id");
    topic
}

fn scopes_from() -> Topic {
    let mut topic = Topic::new("claims", "scopes-from", "claims.scopes_from: where scopes stand");
    let key = "claims.scopes_from";
    topic.option(key, "perms".into());
    topic.row("claims.scope-form");
    let with = |value: &str| token().claim("perms", value);
    for (name, value, scopes) in [
        ("text", "\"a b\"", "a b"),
        ("text-blanks", "\"  a   b a \"", "a b"),
        ("text-empty", "\"\"", ""),
        ("list", "[\"a\",\"b\",\"a\"]", "a b"),
        ("list-empty", "[]", ""),
        ("object-keys", "{\"a\":1,\"b\":{\"c\":2}}", "a b"),
        ("object-empty", "{}", ""),
        ("escapes", "[\"\\u0061\"]", "a"),
    ] {
        topic.accept(&format!("from-{name}"), with(value)).scopes(scopes);
    }
    topic.accept("from-absent", token()).scopes("");
    topic.accept("scope-and-scp-are-not-read", with("\"a\"").claim("scp", "\"b\"")).scopes("a");
    topic
        .refuse("scope-does-not-count", "SCOPE_MISSING", with("\"a\""))
        .require("orders:read")
        .challenge_scope("orders:read");
    topic.accept("is-granted", with("[\"a\"]")).require("a").scopes("a");
    let rich = rich().claim("org", r#"{"scopes":["a","b"],"n":5,"t":"x"}"#);
    for (name, paths, scopes) in [
        ("dotted", "org.scopes", "a b"),
        ("pointer", "/org/scopes", "a b"),
        ("element", "/org/scopes/1", "b"),
        ("joined", "scope org.scopes", "orders:read a b"),
        ("joined-in-the-order-named", "org.scopes scope", "a b orders:read"),
        ("one-absent", "scope nowhere", "orders:read"),
        ("number-on-the-way", "org.n.x", ""),
        ("text-on-the-way", "org.t.x", ""),
        ("list-on-the-way", "org.scopes.x", ""),
    ] {
        topic.accept(&format!("path-{name}"), rich.clone()).option(key, paths).scopes(scopes);
    }
    topic.row("claims.scope-type");
    for (name, value) in [
        ("number", "5"),
        ("true", "true"),
        ("null", "null"),
        ("number-in-a-list", "[\"a\",5]"),
        ("null-in-a-list", "[null]"),
        ("list-in-a-list", "[[\"a\"]]"),
        ("blank-in-a-member", "[\"a b\"]"),
        ("blank-in-a-key", "{\"a b\":1}"),
        ("tab-in-a-text", "\"a\\tb\""),
        ("line-break-in-a-member", "[\"a\\n\"]"),
        ("nul-in-a-text", "\"a\\u0000\""),
        ("nul-in-a-key", "{\"a\\u0000b\":1}"),
    ] {
        topic.refuse(&format!("from-{name}"), MALFORMED, with(value));
    }
    topic.refuse("scope-is-typed-all-the-same", MALFORMED, with("\"a\"").claim("scope", "5"));
    topic.refuse("scp-is-typed-all-the-same", MALFORMED, with("\"a\"").claim("scp", "{}"));
    topic.refuse("number-at-the-end", MALFORMED, rich).option(key, "scope org.n");
    topic
}
