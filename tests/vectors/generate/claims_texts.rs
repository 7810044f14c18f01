//! Stage claims: audience, names, scopes, kinds of token.

use super::token::{Token, token};
use super::{Topic, quoted};

const MALFORMED: &str = "CLAIM_MALFORMED";

pub fn topics() -> Vec<Topic> {
    vec![audience(), subject(), client(), scopes(), other_kinds(), bound()]
}

fn audience() -> Topic {
    let mut topic = Topic::new("claims", "audience", "aud names one of ours, byte for byte");
    let aud = |value: &str| token().claim("aud", value);
    topic.row("claims.aud-missing").refuse("absent", "CLAIM_MISSING", token().no_claim("aud"));
    topic.refuse("other-case", "CLAIM_MISSING", {
        token().no_claim("aud").claim("Aud", "\"https://api.example\"")
    });
    topic.refuse("client-id-is-ours", "CLAIM_MISSING", {
        token().no_claim("aud").claim("client_id", "\"https://api.example\"")
    });
    topic.row("claims.aud-type");
    let types = [
        ("number", "5"),
        ("object", r#"{"https://api.example":1}"#),
        ("null", "null"),
        ("true", "true"),
        ("text-and-number", r#"["x",5]"#),
        ("ours-and-number", r#"["https://api.example",5]"#),
        ("ours-and-null", r#"["https://api.example",null]"#),
        ("array-in-array", r#"[["https://api.example"]]"#),
        ("object-in-array", r#"[{"aud":"https://api.example"}]"#),
    ];
    for (name, value) in types {
        topic.refuse(name, MALFORMED, aud(value));
    }
    topic.row("claims.aud-value");
    for (name, value) in [
        ("other", "https://other.example"),
        ("empty", ""),
        ("shorter", "https://api.exampl"),
        ("longer", "https://api.example.evil.example"),
        ("slash-more", "https://api.example/"),
        ("http", "http://api.example"),
        ("case", "https://API.example"),
        ("port", "https://api.example:443"),
        ("blank-after", "https://api.example "),
        ("two-in-one-text", "https://api.example https://other.example"),
        ("comma", "https://api.example,https://other.example"),
        ("nul-after", "https://api.example\0"),
        ("star", "*"),
        ("cyrillic", "https://\u{430}pi.example"),
        ("client-id", "app-1"),
        ("issuer", "https://id.example"),
    ] {
        topic.refuse(name, "AUDIENCE_INVALID", aud(&quoted(value)));
    }
    for (name, value) in [
        ("none-in-array", "[]"),
        ("empty-in-array", r#"[""]"#),
        ("others-in-array", r#"["a","b","c","d"]"#),
        ("near-in-array", r#"["https://api.example/","api.example"]"#),
    ] {
        topic.refuse(name, "AUDIENCE_INVALID", aud(value));
    }
    topic.row("claims.aud-any");
    for (name, value) in [
        ("alone-in-array", r#"["https://api.example"]"#),
        ("first", r#"["https://api.example","a"]"#),
        ("last", r#"["a","b","https://api.example"]"#),
        ("twice", r#"["https://api.example","https://api.example"]"#),
        ("beside-empty", r#"["","https://api.example"]"#),
    ] {
        topic.accept(name, aud(value));
    }
    let two = "https://one.example https://two.example";
    for (name, value) in [
        ("second-of-ours", r#""https://two.example""#),
        ("both", r#"["https://two.example","https://one.example"]"#),
    ] {
        topic.accept(name, aud(value)).option("audience", two);
    }
    topic.refuse("list-as-one-text", "AUDIENCE_INVALID", aud(&quoted(two))).option("audience", two);
    topic.accept("with-a-blank", aud("\"my api\"")).option("audience", "[\"my api\"]");
    topic
        .refuse("half-of-a-text-with-a-blank", "AUDIENCE_INVALID", aud("\"my\""))
        .option("audience", "[\"my api\"]");
    topic.row("claims.aud-star");
    topic.accept("absent", token().no_claim("aud")).option("audience", "*");
    for (name, value) in [("other", "\"x\""), ("array", "[\"x\",\"y\"]"), ("empty", "[]")] {
        topic.accept(name, aud(value)).option("audience", "*");
    }
    for (name, value) in types {
        topic.refuse(name, MALFORMED, aud(value)).option("audience", "*");
    }
    topic
        .refuse("is-no-pattern", "AUDIENCE_INVALID", aud("\"https://api.example\""))
        .option("audience", "https://*.example");
    topic
}

const NAME_TYPES: [(&str, &str); 6] = [
    ("empty", "\"\""),
    ("number", "42"),
    ("null", "null"),
    ("false", "false"),
    ("array", "[\"user-1\"]"),
    ("object", "{\"id\":\"user-1\"}"),
];

fn subject() -> Topic {
    let mut topic =
        Topic::new("claims", "subject", "sub, where it is there, is a text that is not empty");
    let sub = |value: &str| token().claim("sub", value);
    topic.row("claims.sub").accept("absent", token().no_claim("sub")).subject("");
    for (name, value) in NAME_TYPES {
        topic.refuse(name, MALFORMED, sub(value));
    }
    let long = "s".repeat(1024);
    topic.accept("1024-bytes", sub(&quoted(&long))).subject(&long);
    topic.refuse("1025-bytes", MALFORMED, sub(&quoted(&"s".repeat(1025))));
    topic.refuse("1026-bytes-of-342-characters", MALFORMED, sub(&quoted(&"\u{20ac}".repeat(342))));
    topic.accept("blank", sub("\" \"")).subject(" ");
    topic.row("claims.unicode");
    for (name, text) in [
        ("composed", "Ren\u{e9}"),
        ("decomposed", "Rene\u{301}"),
        ("right-to-left", "\u{5d0}\u{5d1}\u{202e}abc"),
        ("emoji", "\u{1f469}\u{200d}\u{1f4bb}"),
        ("chinese", "\u{7528}\u{6237}"),
        ("bom", "\u{feff}user"),
        ("last-character", "\u{10ffff}"),
        ("zero-width", "us\u{200b}er"),
    ] {
        topic.accept(name, sub(&quoted(text))).subject(text);
    }
    topic.accept("escaped-pair", sub(r#""\ud83d\ude00""#)).subject("\u{1f600}");
    topic
        .accept("escapes", sub(r#""a\"b\\c\/\b\f\n\r\t\u0001""#))
        .subject("a\"b\\c/\u{8}\u{c}\n\r\t\u{1}");
    topic.row("claims.nul");
    for name in ["sub", "client_id", "azp", "cid", "appid"] {
        for (place, value) in [
            ("after", r#""admin\u0000""#),
            ("inside", r#""admin\u0000x""#),
            ("before", r#""\u0000admin""#),
            ("alone", r#""\u0000""#),
        ] {
            topic.refuse(&format!("{name}-{place}"), MALFORMED, token().claim(name, value));
        }
    }
    for (name, claim, value) in [
        ("scope", "scope", r#""admin\u0000""#),
        ("scope-between", "scope", r#""a\u0000b""#),
        ("scope-in-array", "scope", r#"["a","admin\u0000"]"#),
        ("scp", "scp", r#""admin\u0000""#),
        ("scp-in-array", "scp", r#"["admin\u0000x"]"#),
    ] {
        topic.refuse(name, MALFORMED, token().claim(claim, value));
    }
    topic.accept("in-a-claim-that-stays-json", token().claim("x", r#""a\u0000b""#));
    topic.row("claims.jti");
    for (name, value) in [("text", "\"a\""), ("empty", "\"\""), ("number", "1"), ("null", "null")] {
        topic.accept(name, token().claim("jti", value));
    }
    topic.accept("the-same-again", token().claim("jti", "\"a\""));
    topic
}

fn client() -> Topic {
    let mut topic =
        Topic::new("claims", "client", "the client: first of client_id, azp, cid, appid");
    topic.row("claims.client");
    let none = || token().no_claim("client_id");
    topic.accept("none", none()).client_id("");
    for name in ["client_id", "azp", "cid", "appid"] {
        let one = |value: &str| none().claim(name, value);
        topic.accept(&format!("{name}-alone"), one("\"a\"")).client_id("a");
        for (form, value) in NAME_TYPES {
            topic.refuse(&format!("{name}-{form}"), MALFORMED, one(value));
        }
        let long = "c".repeat(1024);
        topic.accept(&format!("{name}-1024-bytes"), one(&quoted(&long))).client_id(&long);
        topic.refuse(&format!("{name}-1025-bytes"), MALFORMED, one(&quoted(&"c".repeat(1025))));
    }
    let all = none().claim("appid", "\"d\"").claim("cid", "\"c\"").claim("azp", "\"b\"");
    topic.accept("azp-before-cid", all.clone()).client_id("b");
    topic.accept("cid-before-appid", all.clone().no_claim("azp")).client_id("c");
    topic.accept("client_id-before-azp", all.claim("client_id", "\"a\"")).client_id("a");
    topic.refuse("second-malformed", MALFORMED, token().claim("azp", "1"));
    topic
}

fn scopes() -> Topic {
    let mut topic =
        Topic::new("claims", "scopes", "scope and scp: a text or a list, in one normal form");
    topic.row("claims.scope-type");
    for claim in ["scope", "scp"] {
        let one = |value: &str| token().no_claim("scope").claim(claim, value);
        for (name, value) in [
            ("number", "1"),
            ("null", "null"),
            ("true", "true"),
            ("object", "{\"admin\":true}"),
            ("text-and-number", "[\"a\",1]"),
            ("null-in-array", "[null]"),
            ("array-in-array", "[[\"a\"]]"),
            ("blank-in-member", "[\"a b\"]"),
            ("blank-before-member", "[\" a\"]"),
            ("blank-alone", "[\" \"]"),
            ("tab-in-member", "[\"a\\tb\"]"),
            ("line-break-in-member", "[\"a\\n\"]"),
            ("del-in-member", "[\"a\\u007f\"]"),
        ] {
            topic.refuse(&format!("{claim}-{name}"), MALFORMED, one(value));
        }
    }
    topic.row("claims.scope-form");
    topic.accept("absent", token().no_claim("scope")).scopes("");
    for (name, text, scopes) in [
        ("empty", "", ""),
        ("blank", " ", ""),
        ("two-blanks", "a  b", "a b"),
        ("leading-blank", " a b", "a b"),
        ("trailing-blank", "a b ", "a b"),
        ("repeated", "a b a", "a b"),
        ("repeated-later-first", "b a b", "b a"),
        ("case-differs", "a A", "a A"),
        ("urls", "https://x.example/a openid", "https://x.example/a openid"),
        ("comma-is-no-blank", "a,b", "a,b"),
        ("bar-is-no-blank", "a|b", "a|b"),
    ] {
        for claim in ["scope", "scp"] {
            let token = token().no_claim("scope").claim(claim, &quoted(text));
            topic.accept(&format!("{claim}-{name}"), token).scopes(scopes);
        }
    }
    for (name, text) in [
        ("tab", "a\tb"),
        ("line-break", "a\nb"),
        ("carriage-return", "a\r"),
        ("vertical-tab", "\u{b}a"),
        ("del", "a\u{7f}b"),
    ] {
        topic.refuse(name, MALFORMED, token().claim("scope", &quoted(text)));
    }
    for (name, value, scopes) in [
        ("array", r#"["a","b"]"#, "a b"),
        ("array-empty", "[]", ""),
        ("array-with-empty", r#"["","a",""]"#, "a"),
        ("array-repeated", r#"["b","a","b"]"#, "b a"),
    ] {
        topic.accept(name, token().claim("scope", value)).scopes(scopes);
    }
    for (name, scope, scp, scopes) in [
        ("both-texts", "\"a b\"", "\"c\"", "a b c"),
        ("both-arrays", r#"["a","b"]"#, r#"["c"]"#, "a b c"),
        ("text-and-array", "\"a\"", r#"["b","a"]"#, "a b"),
        ("array-and-text", r#"["a"]"#, "\"b a\"", "a b"),
        ("first-empty", "\"\"", "\"a\"", "a"),
        ("second-empty", "\"a\"", "[]", "a"),
    ] {
        topic.accept(name, token().claim("scope", scope).claim("scp", scp)).scopes(scopes);
    }
    topic.refuse("second-malformed", MALFORMED, token().claim("scp", "1"));
    let many: Vec<String> = (0..100).map(|scope| format!("s{scope}")).collect();
    let many = many.join(" ");
    topic.accept("100", token().claim("scope", &quoted(&many))).scopes(&many);
    let twice = quoted(&format!("{many} {many}"));
    topic.accept("100-twice", token().claim("scope", &twice)).scopes(&many);
    topic
}

fn other_kinds() -> Topic {
    let mut topic = Topic::new("claims", "other-kinds", "tokens that are no access tokens");
    let status = "NOT_AN_ACCESS_TOKEN";
    // An ID token as providers write it: no scope, no client_id.
    let id = || token().no_claim("scope").no_claim("client_id").claim("azp", "\"app-1\"");
    let nonce = || id().claim("nonce", "\"n\"");
    topic.row("claims.id-token");
    for typ in ["ID", "id", "Id"] {
        topic.refuse(&format!("typ-{typ}"), status, token().claim("typ", &quoted(typ)));
    }
    for word in ["id", "ID"] {
        topic.refuse(
            &format!("token_use-{word}"),
            status,
            token().claim("token_use", &quoted(word)),
        );
    }
    for name in ["nonce", "at_hash", "c_hash"] {
        topic.refuse(name, status, id().claim(name, "\"n\""));
        let all = id().claim(name, "\"n\"");
        for (claim, value, scopes) in [
            ("scope", "\"openid\"", "openid"),
            ("scp", "[\"openid\"]", "openid"),
            ("client_id", "\"app-1\"", ""),
            ("typ", "\"Bearer\"", ""),
        ] {
            topic
                .accept(&format!("{name}-and-{claim}"), all.clone().claim(claim, value))
                .scopes(scopes);
        }
        let at = all.clone().head("typ", "\"at+jwt\"");
        topic.accept(&format!("{name}-and-at-jwt"), at).scopes("");
        let at = all.head("typ", "\"application/AT+JWT\"");
        topic.accept(&format!("{name}-and-application-at-jwt"), at).scopes("");
    }
    topic.refuse("nonce-without-typ", status, nonce().no_head("typ"));
    topic.refuse("nonce-and-payload-typ-JWT", status, nonce().claim("typ", "\"JWT\""));
    topic.refuse("typ-ID-and-scope", status, token().claim("typ", "\"ID\""));
    topic.refuse("typ-ID-and-at-jwt", status, {
        token().claim("typ", "\"ID\"").head("typ", "\"at+jwt\"")
    });
    topic.accept("no-sign-of-a-kind", id()).scopes("");
    topic.accept("token_use-access", token().claim("token_use", "\"access\""));
    topic.row("claims.nonce-old-keycloak");
    let keycloak = nonce().claim("typ", "\"Bearer\"").claim("session_state", "\"s\"");
    topic
        .accept("scope", keycloak.clone().claim("scope", "\"openid email\""))
        .scopes("openid email");
    topic.accept("no-scope", keycloak).scopes("");
    topic.row("claims.dex");
    let dex =
        nonce().no_claim("azp").no_head("typ").claim("at_hash", "\"x\"").claim("email", "\"a@b\"");
    topic.refuse("access-token", status, dex);

    topic.row("claims.refresh");
    for claim in ["typ", "token_use", "token_type", "type"] {
        for word in ["refresh", "offline", "logout", "Refresh", "OFFLINE", "Logout"] {
            topic.refuse(&format!("{claim}-{word}"), status, token().claim(claim, &quoted(word)));
        }
        topic.accept(&format!("{claim}-Bearer"), token().claim(claim, "\"Bearer\""));
        topic.accept(&format!("{claim}-number"), token().claim(claim, "1"));
    }
    topic.refuse("and-at-jwt", status, {
        token().claim("typ", "\"Refresh\"").head("typ", "\"at+jwt\"")
    });
    topic.row("claims.logout");
    let events = r#"{"http://schemas.openid.net/event/backchannel-logout":{}}"#;
    topic.refuse("backchannel", status, id().claim("events", events).claim("sid", "\"s\""));
    topic.refuse("security-event", status, token().claim("events", events));
    topic.refuse("empty", status, token().claim("events", "{}"));
    topic.refuse("and-at-jwt", status, token().claim("events", "{}").head("typ", "\"at+jwt\""));
    topic.row("claims.introspection");
    let answer = r#"{"active":true,"scope":"orders:read"}"#;
    topic.refuse("answer", status, token().claim("token_introspection", answer));
    topic.refuse("empty", status, token().claim("token_introspection", "{}"));
    topic
}

fn bound() -> Topic {
    let mut topic = Topic::new("claims", "bound", "a token bound to a key is no bearer token");
    let thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let with = |cnf: &str| -> Token { token().claim("cnf", cnf) };
    topic.row("claims.cnf");
    for (name, cnf) in [
        ("jkt", format!("{{\"jkt\":\"{thumbprint}\"}}")),
        ("x5t-s256", format!("{{\"x5t#S256\":\"{thumbprint}\"}}")),
        ("jwk", "{\"jwk\":{\"kty\":\"oct\"}}".into()),
        ("kid", "{\"kid\":\"k\"}".into()),
        ("empty", "{}".into()),
        ("null", "null".into()),
        ("text", "\"x\"".into()),
        ("number", "0".into()),
        ("array", "[]".into()),
        ("false", "false".into()),
    ] {
        topic.refuse(name, "PROOF_REQUIRED", with(&cnf));
    }
    topic.refuse("any-audience", "PROOF_REQUIRED", with("{}")).option("audience", "*");
    topic.accept("other-case", token().claim("Cnf", "{}"));
    topic
}
