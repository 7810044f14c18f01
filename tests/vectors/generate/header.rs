//! Stage header: the value of the Authorization field.

use super::Topic;
use super::token::token;

pub fn topics() -> Vec<Topic> {
    vec![absent(), scheme(), one_token(), bytes(), long()]
}

fn absent() -> Topic {
    let mut topic = Topic::new("header", "absent", "nothing sent: a bare challenge");
    topic.row("header.absent").no_header("no-field", "HEADER_MISSING");
    for (name, value) in [("empty", ""), ("blank", " "), ("blanks", "    "), ("tab", "\t")] {
        topic.refuse_header(name, "HEADER_MISSING", value);
    }
    // A token in query, form or cookie: nothing but the value of the field is read.
    topic.row("header.query").no_header("token-elsewhere", "HEADER_MISSING");
    let text = token().text();
    for name in ["access_token", "?access_token", "token", "Cookie: access_token"] {
        let parameter = format!("{name}={text}");
        topic.refuse_header(name, "HEADER_MALFORMED", parameter);
    }
    topic
}

fn scheme() -> Topic {
    let mut topic = Topic::new("header", "scheme", "the first word of the field");
    let text = token().text();
    topic.row("header.one-word");
    for (name, value) in [
        ("scheme-alone", "Bearer"),
        ("scheme-lower-case-alone", "bearer"),
        ("scheme-and-blank", "Bearer "),
        ("scheme-and-blanks", "Bearer     "),
        ("other-scheme-alone", "Basic"),
        ("token-alone", &text),
        ("opaque-token-alone", "2YotnFZFEjr1zCsicMWpAA"),
        ("query-form", &format!("access_token={text}")),
        ("colon", &format!("Bearer:{text}")),
        ("equals-sign", &format!("Bearer={text}")),
    ] {
        topic.refuse_header(name, "HEADER_MALFORMED", value);
    }
    topic.row("header.scheme-other");
    for (name, value) in [
        ("basic", "Basic dXNlcjpwYXNz"),
        ("basic-lower-case", "basic dXNlcjpwYXNz"),
        ("basic-and-nothing", "Basic "),
        ("digest", "Digest username=\"a\", realm=\"b\", nonce=\"c\""),
        ("negotiate", "Negotiate YIIJ"),
        ("dpop", &format!("DPoP {text}")),
        ("token", &format!("Token {text}")),
        ("jwt", &format!("JWT {text}")),
        ("bearer-and-a-letter", &format!("Bearerx {text}")),
        ("a-letter-and-bearer", &format!("xBearer {text}")),
        ("bearer-hyphen", &format!("Bearer-token {text}")),
        ("bearer-cut", &format!("Beare {text}")),
    ] {
        topic.refuse_header(name, "SCHEME_UNSUPPORTED", value);
    }
    topic.row("header.scheme-case");
    for scheme in ["bearer", "BEARER", "bEaReR"] {
        topic.accept(scheme, token()).header(format!("{scheme} {text}"));
    }
    topic
}

fn one_token() -> Topic {
    let mut topic = Topic::new("header", "one-token", "blanks, then one b64token and nothing else");
    let text = token().text();
    topic.row("header.spaces");
    for blanks in [2, 10, 200] {
        let header = format!("Bearer{}{text}", " ".repeat(blanks));
        topic.accept(&format!("{blanks}-blanks-between"), token()).header(header);
    }
    for (name, value) in [
        ("tab-between", format!("Bearer\t{text}")),
        ("blank-and-tab-between", format!("Bearer \t{text}")),
        ("tab-and-blank-between", format!("Bearer\t {text}")),
        ("no-break-space-between", format!("Bearer\u{a0}{text}")),
        ("ideographic-space-between", format!("Bearer \u{3000}{text}")),
        ("leading-blank", format!(" Bearer {text}")),
        ("leading-tab", format!("\tBearer {text}")),
        ("trailing-blank", format!("Bearer {text} ")),
        ("trailing-tab", format!("Bearer {text}\t")),
    ] {
        topic.refuse_header(name, "HEADER_MALFORMED", value);
    }
    topic.row("header.two-tokens");
    for (name, value) in [
        ("one-after-the-other", format!("Bearer {text} {text}")),
        ("a-word-before", format!("Bearer x {text}")),
        ("a-word-after", format!("Bearer {text} x")),
        ("scheme-twice", format!("Bearer Bearer {text}")),
        ("double-quotes", format!("Bearer \"{text}\"")),
        ("single-quotes", format!("Bearer '{text}'")),
        ("as-parameter", format!("Bearer token=\"{text}\"")),
        ("semicolon", format!("Bearer {text};")),
        ("angle-brackets", format!("Bearer <{text}>")),
    ] {
        topic.refuse_header(name, "HEADER_MALFORMED", value);
    }
    topic.row("header.comma-list");
    for (name, value) in [
        ("two-bearers", format!("Bearer {text}, Bearer {text}")),
        ("bearer-and-basic", format!("Bearer {text}, Basic dXNlcjpwYXNz")),
        ("without-blank", format!("Bearer {text},Bearer {text}")),
        ("trailing-comma", format!("Bearer {text},")),
        ("leading-comma", format!("Bearer ,{text}")),
        ("empty-item", format!("Bearer {text}, ,")),
    ] {
        topic.refuse_header(name, "HEADER_MALFORMED", value);
    }
    topic.row("header.equals");
    for (name, value) in [("one", "Bearer abc="), ("two", "Bearer abc=="), ("three", "Bearer a===")]
    {
        topic.refuse_header(name, "TOKEN_OPAQUE", value);
    }
    for padding in ["=", "=="] {
        let name = format!("jwt-and-{}", padding.len());
        topic.refuse_header(&name, "TOKEN_MALFORMED", format!("Bearer {text}{padding}"));
    }
    let inside = text.replacen('.', "=.", 1);
    for (name, value) in [
        ("inside", "Bearer a=b"),
        ("inside-a-jwt", &format!("Bearer {inside}")),
        ("alone", "Bearer ="),
        ("first", "Bearer =abc"),
    ] {
        topic.refuse_header(name, "HEADER_MALFORMED", value);
    }
    topic
}

fn bytes() -> Topic {
    let mut topic = Topic::new("header", "bytes", "bytes that no token has, in three places");
    let text = token().text();
    let (start, end) = text.split_at(40);
    topic.row("header.control");
    for (name, bytes) in [
        ("nul", "\0".as_bytes()),
        ("0x01", b"\x01"),
        ("cr", b"\r"),
        ("lf", b"\n"),
        ("crlf", b"\r\n"),
        ("escape", b"\x1b[0m"),
        ("del", b"\x7f"),
        ("0x80", b"\x80"),
        ("0xff", b"\xff"),
        ("e-acute-latin-1", b"\xe9"),
        ("e-acute-utf-8", "\u{e9}".as_bytes()),
        ("zero-width-space", "\u{200b}".as_bytes()),
        ("fullwidth-letter", "\u{ff21}".as_bytes()),
    ] {
        let places = [
            ("before", [b"Bearer ", bytes, text.as_bytes()].concat()),
            ("inside", [b"Bearer ", start.as_bytes(), bytes, end.as_bytes()].concat()),
            ("after", [b"Bearer ", text.as_bytes(), bytes].concat()),
        ];
        for (place, value) in places {
            topic.refuse_header(&format!("{name}-{place}"), "HEADER_MALFORMED", value);
        }
    }
    topic.refuse_header("crlf-and-a-field", "HEADER_MALFORMED", format!("Bearer {text}\r\nX: y"));
    topic
}

fn long() -> Topic {
    let mut topic = Topic::new("header", "long", "long values: one scan, no copy");
    let (text, blanks) = (token().text(), " ".repeat(20_000));
    topic.row("header.huge");
    topic.refuse_header("blanks", "HEADER_MALFORMED", format!("Bearer{blanks}"));
    topic.refuse_header(
        "opaque-token",
        "TOKEN_TOO_LARGE",
        format!("Bearer {}", "a".repeat(20_000)),
    );
    topic.refuse_header("jwt", "TOKEN_TOO_LARGE", format!("Bearer {text}{}", "A".repeat(20_000)));
    topic.refuse_header("word", "HEADER_MALFORMED", "a".repeat(20_000));
    topic.refuse_header("other-scheme", "SCHEME_UNSUPPORTED", format!("Basic {blanks}"));
    topic.accept("blanks-do-not-count", token()).header(format!("Bearer{blanks}{text}"));
    topic
}
