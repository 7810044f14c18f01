//! What the head of an answer says, and must not be believed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use auth::keys::fetch::{Answer, Client, Reach, Stop, Url};
use auth::keys::url::PlainHttp;
use auth::status::Status;

use crate::net::{Server, field, reply};
use crate::provider::*;

/// A cache on the way passes on when the answer was made (`Date`), and how long it has kept it
/// (`Age`, RFC 9111 4.2.3): Google's keys come so.
#[test]
fn an_answer_from_a_cache_does_not_make_the_clock_wrong() {
    let made = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(3_000));
    let server =
        Server::plain(move |_| reply("200 OK", &[&format!("Date: {made}"), "Age: 3000"], b"{}"));
    let reach = Reach { max_bytes: 1024, ..Reach::default() };
    let url = format!("http://127.0.0.1:{}/x", server.port);
    let url = Url::parse(&url, PlainHttp::Always).unwrap();
    let client = Client::new(&reach, &Stop::default());
    match client.get(&url, None, Duration::from_secs(10)) {
        Ok(Answer::Document(document)) => {
            let offset_s = document.clock_offset_s.unwrap_or(0);
            assert!(offset_s.abs() <= 20, "{offset_s}: the alert AuthClockOff of docs/report.md");
        }
        _ => panic!("no document"),
    }
}
