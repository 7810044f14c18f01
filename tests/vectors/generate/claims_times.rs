//! Stage claims: exp, nbf, iat.

use super::token::token;
use super::{NOW, Topic};

const MALFORMED: &str = "CLAIM_MALFORMED";
const EXPIRED: &str = "TOKEN_EXPIRED";
const TYPES: [(&str, &str); 6] = [
    ("text", "\"1700000600\""),
    ("empty-text", "\"\""),
    ("true", "true"),
    ("null", "null"),
    ("array", "[1700000600]"),
    ("object", "{}"),
];
/// Numbers that are no time from 1970 to the end of 9999.
const OUTSIDE: [(&str, &str); 10] = [
    ("minus-1", "-1"),
    ("minus-a-fraction", "-0.5"),
    ("year-10000", "253402300800"),
    ("milliseconds", "1700000600000"),
    ("microseconds", "1700000600000000"),
    ("2-to-the-63", "9223372036854775808"),
    ("2-to-the-64", "18446744073709551616"),
    ("minus-2-to-the-63", "-9223372036854775808"),
    ("1e300", "1e300"),
    ("minus-1e300", "-1e300"),
];

pub fn topics() -> Vec<Topic> {
    vec![exp(), exp_edge(), nbf(), iat()]
}

fn exp() -> Topic {
    let mut topic = Topic::new("claims", "exp", "exp is there, a number, and a time");
    topic.row("claims.exp-missing").refuse("absent", "CLAIM_MISSING", token().no_claim("exp"));
    let other_case = token().no_claim("exp").claim("Exp", "1700000600");
    topic.refuse("other-case", "CLAIM_MISSING", other_case);
    let in_header = token().no_claim("exp").head("exp", "1700000600");
    topic.refuse("in-the-header-alone", "CLAIM_MISSING", in_header);
    topic.row("claims.exp-type");
    for (name, value) in TYPES {
        topic.refuse(name, MALFORMED, token().claim("exp", value));
    }
    topic.row("claims.exp-range");
    for (name, value) in OUTSIDE {
        topic.refuse(name, MALFORMED, token().claim("exp", value));
    }
    let last = 253_402_300_799;
    topic.accept("last-second-of-9999", token().claim("exp", "253402300799")).expires_at(last);
    topic
        .accept("last-second-as-fraction", token().claim("exp", "2.53402300799e11"))
        .expires_at(last);
    topic.row("claims.exp-zero");
    for (name, value) in
        [("0", "0"), ("minus-0", "-0"), ("0.0", "0.0"), ("minus-0.0", "-0.0"), ("1e-400", "1e-400")]
    {
        topic.refuse(name, EXPIRED, token().claim("exp", value));
    }
    topic.refuse("one", EXPIRED, token().claim("exp", "1"));
    topic.row("claims.exp-fraction");
    let at = |value: &str| token().claim("exp", value);
    for (name, value, whole) in [
        ("9-tenths", "1700000600.9", NOW + 600),
        ("many-digits", "1700000600.999999", NOW + 600),
        ("point-zero", "1700000600.0", NOW + 600),
        ("exponent", "1.7000006e9", NOW + 600),
        ("exponent-of-a-whole", "17000006E+2", NOW + 600),
        ("negative-exponent", "17000006000e-1", NOW + 600),
        ("1.7e9", "1.7e9", NOW),
    ] {
        topic.accept(name, at(value)).now(NOW - 10).expires_at(whole);
    }
    topic
        .accept("floor-last-second", at("1700000000.9"))
        .option("claims.leeway", "0")
        .now(NOW - 1)
        .expires_at(NOW);
    topic.refuse("floor", EXPIRED, at("1700000000.9")).option("claims.leeway", "0");
    topic
}

fn exp_edge() -> Topic {
    let mut topic = Topic::new("claims", "exp-edge", "exp and leeway");
    topic.note("Leeway", "valid while now < exp + leeway");
    topic.row("claims.exp-edge");
    let exp = NOW + 600;
    topic.accept("now-equals-exp-plus-29", token()).now(exp + 29);
    topic.refuse("now-equals-exp-plus-leeway", EXPIRED, token()).now(exp + 30);
    topic.refuse("a-day-later", EXPIRED, token()).now(exp + 86_400);
    topic.refuse("at-the-end-of-numbers", EXPIRED, token()).now(9_007_199_254_740_991);
    topic.accept("long-before-iat", token()).now(0);
    for (text, leeway) in [("0", 0), ("1s", 1), ("300", 300), ("5m", 300)] {
        topic
            .accept(&format!("leeway-{text}-last-second"), token())
            .option("claims.leeway", text)
            .now(exp + leeway - 1);
        topic
            .refuse(&format!("leeway-{text}"), EXPIRED, token())
            .option("claims.leeway", text)
            .now(exp + leeway);
    }
    topic
}

fn nbf() -> Topic {
    let mut topic = Topic::new("claims", "nbf", "nbf, where it is there");
    topic.note("Leeway", "valid when now >= nbf - leeway; a fraction counts as the next second");
    let early = "TOKEN_NOT_YET_VALID";
    let at = |nbf: i64| token().claim("nbf", &nbf.to_string());
    topic.row("claims.nbf-edge");
    topic.accept("past", at(NOW - 60));
    topic.accept("now", at(NOW));
    topic.accept("0", at(0));
    topic.accept("now-plus-leeway", at(NOW + 30));
    topic.refuse("now-plus-leeway-and-1", early, at(NOW + 31));
    topic.refuse("in-2100", early, at(4_102_444_800));
    topic.accept("fraction-to-leeway", token().claim("nbf", "1700000029.5"));
    topic.refuse("fraction-beyond-leeway", early, token().claim("nbf", "1700000030.1"));
    topic.accept("exponent", token().claim("nbf", "1.7e9"));
    topic
        .accept(
            "after-exp-within-leeway",
            token().claim("nbf", "1700000020").claim("exp", "1700000010"),
        )
        .expires_at(NOW + 10);
    for (text, leeway) in [("0", 0), ("300s", 300)] {
        let (good, bad) = (at(NOW + leeway), at(NOW + leeway + 1));
        topic.accept(&format!("leeway-{text}"), good).option("claims.leeway", text);
        topic.refuse(&format!("leeway-{text}-and-1"), early, bad).option("claims.leeway", text);
    }
    topic.row("claims.nbf-type");
    for (name, value) in TYPES.into_iter().chain(OUTSIDE) {
        topic.refuse(name, MALFORMED, token().claim("nbf", value));
    }
    topic
}

fn iat() -> Topic {
    let mut topic = Topic::new("claims", "iat", "iat informs, and is a time where it is there");
    topic.row("claims.iat").accept("absent", token().no_claim("iat"));
    for (name, value) in
        [("future", "1700000900"), ("in-2100", "4102444800"), ("0", "0"), ("fraction", "1.5")]
    {
        topic.accept(name, token().claim("iat", value));
    }
    for (name, value) in TYPES.into_iter().chain(OUTSIDE) {
        topic.refuse(name, MALFORMED, token().claim("iat", value));
    }
    topic
}
