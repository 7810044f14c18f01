//! Stage token: the JSON of header and payload.

use serde_json::json;

use super::Topic;
use super::token::{Token, token};

const MALFORMED: &str = "TOKEN_MALFORMED";

pub fn topics() -> Vec<Topic> {
    vec![text(), objects(), depth(), names(), many_names(), numbers(), escapes()]
}

/// The good payload with these members before its end.
fn payload_and(members: impl AsRef<[u8]>) -> Token {
    let mut payload = token().payload();
    payload.pop();
    token().payload_bytes([payload.as_slice(), b",", members.as_ref(), b"}"].concat())
}

fn header_and(members: impl AsRef<[u8]>) -> Token {
    let mut header = token().header();
    header.pop();
    token().header_bytes([header.as_slice(), b",", members.as_ref(), b"}"].concat())
}

fn text() -> Topic {
    let mut topic =
        Topic::new("token", "text", "UTF-8 without BOM and lone surrogates, everywhere");
    topic.row("token.utf8");
    for (name, bytes) in [
        ("ff", b"\xff".as_slice()),
        ("overlong-slash", b"\xc0\xaf"),
        ("overlong-nul", b"\xc0\x80"),
        ("truncated", b"\xe2\x82"),
        ("continuation-alone", b"\x80"),
        ("surrogate", b"\xed\xa0\x80"),
        ("above-10ffff", b"\xf4\x90\x80\x80"),
        ("latin-1", b"caf\xe9"),
    ] {
        let value = [b"\"x\":\"", bytes, b"\""].concat();
        topic.refuse(&format!("{name}-in-payload"), MALFORMED, payload_and(&value));
        topic.refuse(&format!("{name}-in-header"), MALFORMED, header_and(&value));
    }
    topic.refuse("ff-in-name", MALFORMED, payload_and(b"\"\xff\":1"));
    topic.refuse("ff-deep", MALFORMED, payload_and(b"\"x\":[{\"y\":[\"\xff\"]}]"));
    let sub = b"{\"iss\":\"https://id.example\",\"sub\":\"\xff\"}";
    topic.refuse("ff-in-sub", MALFORMED, token().payload_bytes(sub));
    let wide = |text: &[u8], little: bool| -> Vec<u8> {
        let pair = |byte: &u8| if little { [*byte, 0] } else { [0, *byte] };
        text.iter().flat_map(pair).collect()
    };
    for (name, little) in [("utf-16le", true), ("utf-16be", false)] {
        let (header, payload) = (token().header(), token().payload());
        let name = |place: &str| format!("{name}-{place}");
        topic.refuse(&name("header"), MALFORMED, token().header_bytes(wide(&header, little)));
        topic.refuse(&name("payload"), MALFORMED, token().payload_bytes(wide(&payload, little)));
    }

    topic.row("token.bom");
    let bom = |text: Vec<u8>| [b"\xef\xbb\xbf", text.as_slice()].concat();
    topic.refuse("header", MALFORMED, token().header_bytes(bom(token().header())));
    topic.refuse("payload", MALFORMED, token().payload_bytes(bom(token().payload())));
    topic.refuse("after-the-bracket", MALFORMED, {
        token().payload_bytes([b"{\xef\xbb\xbf", &token().payload()[1..]].concat())
    });

    topic.row("token.surrogate");
    for (name, escape) in [
        ("high-alone", r"\ud800"),
        ("low-alone", r"\udc00"),
        ("low-before-high", r"\udc00\ud800"),
        ("high-twice", r"\ud800\ud800"),
        ("high-and-letter", r"\ud800x"),
        ("high-and-other-escape", r"\ud800\n"),
    ] {
        let value = format!(r#""x":"{escape}""#);
        topic.refuse(&format!("{name}-in-value"), MALFORMED, payload_and(&value));
        topic.refuse(&format!("{name}-in-name"), MALFORMED, {
            payload_and(format!(r#""{escape}":"x""#))
        });
        topic.refuse(&format!("{name}-in-header"), MALFORMED, header_and(&value));
        topic.refuse(&format!("{name}-deep"), MALFORMED, {
            payload_and(format!(r#""x":{{"y":[1,{{"{escape}":0}}]}}"#))
        });
    }
    topic.refuse("in-sub", MALFORMED, token().claim("sub", r#""\ud800""#));
    topic.accept("pair", payload_and(r#""x":"\ud83d\ude00""#));
    topic
}

fn objects() -> Topic {
    let mut topic = Topic::new("token", "objects", "header and payload are one JSON object each");
    topic.row("token.not-object");
    for (name, text) in [
        ("array", "[]"),
        ("array-of-object", r#"[{"alg":"EdDSA","iss":"https://id.example"}]"#),
        ("text", r#""x""#),
        ("number", "1"),
        ("null", "null"),
        ("true", "true"),
        ("blank", " "),
        ("word", "x"),
    ] {
        topic.refuse(&format!("header-{name}"), MALFORMED, token().header_bytes(text));
        topic.refuse(&format!("payload-{name}"), MALFORMED, token().payload_bytes(text));
    }
    let [header, payload] = [token().header(), token().payload()];
    let good = String::from_utf8(payload.clone()).unwrap();
    topic.row("token.trailing");
    for (name, after) in [
        ("letter", "x"),
        ("object", "{}"),
        ("comma", ","),
        ("bracket", "}"),
        ("nul", "\0"),
        ("line-comment", "//x"),
        ("comment", "/**/"),
        ("no-break-space", "\u{a0}"),
        ("form-feed", "\u{c}"),
    ] {
        let both = |text: &[u8]| [text, after.as_bytes()].concat();
        topic.refuse(&format!("header-{name}"), MALFORMED, token().header_bytes(both(&header)));
        topic.refuse(&format!("payload-{name}"), MALFORMED, token().payload_bytes(both(&payload)));
    }
    for (name, text) in [
        ("comma-before-the-end", good.replace('}', ",}")),
        ("comma-first", good.replace('{', "{,")),
        ("comment-inside", good.replace('{', "{/**/")),
        ("single-quotes", good.replace('"', "'")),
        ("name-without-quotes", good.replace("\"sub\"", "sub")),
        ("cut", good.replace('}', "")),
        ("cut-in-a-text", good[..30].into()),
        ("no-comma", good.replace("\",\"aud", "\" \"aud")),
        ("no-colon", good.replace("\"sub\":", "\"sub\" ")),
        ("control-in-a-text", good.replace("user-1", "user\u{1}")),
        ("line-break-in-a-text", good.replace("user-1", "user\n1")),
        ("unknown-escape", good.replace("user-1", r"user\x31")),
        ("short-escape", good.replace("user-1", r"\u00")),
        ("word-as-value", good.replace("\"user-1\"", "undefined")),
        ("true-in-capitals", good.replace("\"user-1\"", "True")),
    ] {
        topic.refuse(name, MALFORMED, token().payload_bytes(text));
    }
    // JSON white space is allowed in the JSON, if not in the base64url.
    let spaced = |text: &[u8]| [b" \r\n\t", text, b"\r\n \t"].concat();
    topic.accept("white-space-around", {
        token().header_bytes(spaced(&header)).payload_bytes(spaced(&payload))
    });
    let pretty = good.replace(',', ",\r\n\t").replace("\":", "\" : ");
    topic.accept("white-space-inside", token().payload_bytes(pretty));

    topic.row("token.nested");
    let inner = token().text();
    topic.refuse("token-as-payload", MALFORMED, token().payload_bytes(&inner));
    topic.refuse("token-in-quotes", MALFORMED, token().payload_bytes(format!("\"{inner}\"")));
    topic.refuse("with-cty", MALFORMED, token().head("cty", "\"JWT\"").payload_bytes(&inner));
    topic
}

fn depth() -> Topic {
    let mut topic = Topic::new("token", "depth", "32 levels, the outer object counted");
    topic.row("token.depth");
    let arrays = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let objects = |levels: usize| "{\"x\":".repeat(levels - 1) + "{}" + &"}".repeat(levels - 1);
    let mixed = |levels: usize| "[{\"x\":".repeat(levels / 2) + "[]" + &"}]".repeat(levels / 2);
    topic.accept("32-arrays", token().claim("x", &arrays(31)));
    topic.accept("32-objects", token().claim("x", &objects(31)));
    topic.accept("32-mixed", token().claim("x", &mixed(30)));
    topic.accept("32-in-header", token().head("x", &arrays(31)));
    topic.refuse("33-arrays", MALFORMED, token().claim("x", &arrays(32)));
    topic.refuse("33-objects", MALFORMED, token().claim("x", &objects(32)));
    topic.refuse("33-mixed", MALFORMED, token().claim("x", &mixed(32)));
    topic.refuse("33-in-header", MALFORMED, token().head("x", &arrays(32)));
    topic.refuse("33-in-a-claim-that-is-read", MALFORMED, token().claim("aud", &arrays(32)));
    topic.refuse("10000-brackets", MALFORMED, token().claim("x", &arrays(5_000)));
    topic.refuse("10000-brackets-open", MALFORMED, token().claim("x", &"[".repeat(10_000)));
    topic.refuse("1000-objects", MALFORMED, token().claim("x", &objects(1_000)));
    let wide = format!("[{}[]]", "[],".repeat(2_000));
    topic.accept("2000-beside-each-other", token().claim("x", &wide));
    topic
}

fn names() -> Topic {
    let mut topic = Topic::new("token", "names", "a name once in an object, at every level");
    topic.note("Names", "compared after unescaping, by their bytes");
    topic.row("token.dup-header");
    for (name, members) in [
        ("alg", r#""alg":"EdDSA""#),
        ("alg-none", r#""alg":"none""#),
        ("kid", r#""kid":"ed-1""#),
        ("typ", r#""typ":"at+jwt""#),
        ("unknown", r#""x":1,"x":1"#),
        ("deep", r#""x":[{"y":{"z":1,"z":2}}]"#),
    ] {
        topic.refuse(name, MALFORMED, header_and(members));
    }
    let none_first = r#"{"alg":"none","alg":"EdDSA","kid":"ed-1"}"#;
    topic.refuse("alg-none-first", MALFORMED, token().header_bytes(none_first));

    topic.row("token.dup-claim");
    for claim in ["iss", "sub", "aud", "exp", "scope", "client_id"] {
        let payload = String::from_utf8(token().payload()).unwrap();
        let value = payload.split_once(&format!("\"{claim}\":")).unwrap().1;
        let value = value.split([',', '}']).next().unwrap();
        topic.refuse(&format!("{claim}-same"), MALFORMED, token().claim_again(claim, value));
        let other = if claim == "exp" { "1" } else { "\"other\"" };
        topic.refuse(&format!("{claim}-other"), MALFORMED, token().claim_again(claim, other));
    }
    for (name, members) in [
        ("unknown", r#""x":1,"x":1"#),
        ("unknown-null", r#""x":null,"x":null"#),
        ("empty-name", r#""":1,"":1"#),
        ("two-levels", r#""realm_access":{"roles":["a"],"roles":["admin"]}"#),
        ("three-levels", r#""resource_access":{"api":{"roles":[],"roles":["admin"]}}"#),
        ("in-an-array", r#""x":[0,{"y":1,"y":1}]"#),
        ("four-levels", r#""x":{"x":{"x":{"y":0,"y":0}}}"#),
    ] {
        topic.refuse(name, MALFORMED, payload_and(members));
    }
    topic.accept("the-same-name-on-other-levels", payload_and(r#""x":{"x":{"x":{"iss":1}}}"#));
    topic.accept("the-same-name-beside", payload_and(r#""x":[{"y":1},{"y":1}],"z":{"y":1}"#));

    topic.row("token.dup-escaped");
    for (name, members) in [
        ("aud", r#""\u0061ud":"x""#),
        ("aud-all-escaped", r#""\u0061\u0075\u0064":"x""#),
        ("exp", r#""e\u0078p":1"#),
        ("unknown", r#""a\/b":1,"a/b":1"#),
        ("hex-case", r#""\u00e9":1,"\u00E9":1"#),
        ("escape-and-utf-8", "\"\\u00e9\":1,\"\u{e9}\":1"),
        ("pair-and-utf-8", "\"\\ud83d\\ude00\":1,\"\u{1f600}\":1"),
        ("nul", r#""\u0000":1,"\u0000":1"#),
        ("deep", r#""x":{"y":1,"\u0079":1}"#),
    ] {
        topic.refuse(name, MALFORMED, payload_and(members));
    }
    topic.refuse("header-alg", MALFORMED, header_and(r#""\u0061lg":"none""#));
    topic.accept("other-case", payload_and(r#""Aud":"x","AUD":"x","aUd":1"#));
    topic.accept("other-normal-form", payload_and("\"\u{e9}\":1,\"e\u{301}\":1"));
    topic.accept("nul-and-empty", payload_and(r#""\u0000":1,"":1"#));

    topic.row("token.proto");
    for name in ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"] {
        topic.accept(name, token().claim(name, r#"{"scope":"admin","isAdmin":true}"#));
    }
    topic
        .refuse("grants-nothing", "SCOPE_MISSING", {
            token().claim("__proto__", r#"{"scope":"admin"}"#)
        })
        .require("admin")
        .challenge_scope("admin");
    topic
}

fn many_names() -> Topic {
    let mut topic =
        Topic::new("token", "many-names", "names beyond those that are compared one by one");
    topic.option("token.max_bytes", json!("32k"));
    let members = |count: usize| -> String {
        let names: Vec<String> = (0..count).map(|name| format!("\"{name:x}\":1")).collect();
        names.join(",")
    };
    topic.row("token.many-names");
    topic.accept("40", payload_and(members(40)));
    topic.accept("1900", payload_and(members(1_900)));
    topic.accept("1900-deep", payload_and(format!("\"x\":{{{}}}", members(1_900))));
    topic.accept("200-in-header", header_and(members(200)));
    topic.row("token.dup-claim");
    for (name, repeated) in [("first", "\"0\":1"), ("31st", "\"1e\":1"), ("33rd", "\"20\":1")] {
        let text = format!("{},{repeated}", members(40));
        topic.refuse(&format!("{name}-again-after-40"), MALFORMED, payload_and(text));
    }
    let last_two = format!("{},\"y\":1,\"y\":1", members(1_900));
    topic.refuse("last-two-of-1900", MALFORMED, payload_and(last_two));
    topic.refuse("first-and-last-of-1900", MALFORMED, {
        payload_and(format!("\"y\":1,{},\"y\":1", members(1_900)))
    });
    topic.refuse("iss-after-40", MALFORMED, {
        payload_and(format!("{},\"iss\":\"https://id.example\"", members(40)))
    });
    topic.refuse("deep-after-40", MALFORMED, {
        payload_and(format!("\"x\":[{{{},\"27\":1}}]", members(40)))
    });
    topic
}

fn numbers() -> Topic {
    let mut topic = Topic::new("token", "numbers", "the grammar of RFC 8259 6, and finite");
    topic.row("token.number");
    for number in [
        "01",
        "-01",
        "+1",
        "1.",
        ".5",
        "-.5",
        "NaN",
        "Infinity",
        "-Infinity",
        "-",
        "--1",
        "0x10",
        "1e",
        "1e+",
        "1_000",
        "1,0",
        "0b1",
        "1f",
        "\u{661}",
    ] {
        topic.refuse(&format!("form {number}"), MALFORMED, token().claim("x", number));
    }
    for number in ["1e309", "-1e309", "1e400", "1.8e308", "1e99999999999999999999"] {
        topic.refuse(&format!("beyond {number}"), MALFORMED, token().claim("x", number));
    }
    let digits = "9".repeat(400);
    topic.refuse("beyond 400-digits", MALFORMED, token().claim("x", &digits));
    topic.refuse("beyond deep", MALFORMED, token().claim("x", r#"[{"y":[1e309]}]"#));
    topic.refuse("beyond in-header", MALFORMED, token().head("x", "1e309"));
    topic.refuse("form in-header", MALFORMED, token().head("x", "01"));
    topic.refuse("beyond in-exp", MALFORMED, token().claim("exp", "1e309"));
    topic.refuse("form in-exp", MALFORMED, token().claim("exp", "01700000600"));
    for number in ["0", "-0", "1e308", "-1e308", "1E2", "1e-400", "0.1e+1", "1.0000000000000000001"]
    {
        topic.accept(&format!("good {number}"), token().claim("x", number));
    }
    topic.accept("good 300-digits", token().claim("x", &"9".repeat(300)));
    topic
}

fn escapes() -> Topic {
    let mut topic = Topic::new("token", "escapes", "values are read after unescaping");
    topic.row("token.escape-in-value");
    topic.accept("iss-as-php-writes-it", token().claim("iss", r#""https:\/\/id.example""#));
    topic.accept("iss-by-number", token().claim("iss", r#""\u0068ttps://id.example""#));
    topic.accept("aud", token().claim("aud", r#""https:\/\/api.example""#));
    topic.accept("aud-in-array", token().claim("aud", r#"["x","https:\/\/api.example"]"#));
    topic.accept("sub", token().claim("sub", r#""user\u002d1""#));
    topic.accept("scope", token().claim("scope", r#""orders\u003aread""#)).require("orders:read");
    topic.accept("client-id", token().claim("client_id", r#""app\u002D1""#));
    topic.accept("alg", token().head("alg", r#""Ed\u0044SA""#));
    topic.accept("kid", token().head("kid", r#""ed\u002d1""#));
    topic.accept("typ", token().head("typ", r#""J\u0057T""#));
    topic.accept("names", token().no_claim("iss").claim(r"\u0069ss", "\"https://id.example\""));
    topic.accept("name-of-alg", {
        token().header_bytes(r#"{"\u0061lg":"EdDSA","\u006bid":"ed-1"}"#)
    });
    topic.refuse("crit-escaped", "CRITICAL_UNSUPPORTED", token().head(r"\u0063rit", "[\"exp\"]"));
    topic.refuse("cnf-escaped", "PROOF_REQUIRED", token().claim(r"c\u006ef", "{}"));
    topic.refuse("alg-none-escaped", "ALGORITHM_NOT_ALLOWED", {
        token().head("alg", r#""n\u006fne""#).signature_part("")
    });
    topic
}
