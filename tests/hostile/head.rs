//! What the head of an answer says, and must not be believed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use auth::keys::fetch::{Answer, Client, Reach, Stop, Url};
use auth::keys::url::PlainHttp;
use auth::status::Status;

use crate::net::{Server, field, reply};
use crate::provider::*;

/// `If-None-Match: *` means: whatever is there (RFC 9110 13.1.2). Once it was taken for a tag, no
/// key that is withdrawn would ever be noticed again, in later processes neither.
#[test]
fn a_star_is_no_tag() {
    let (good, evil) = (provider(), provider());
    let poisoned = Arc::new(AtomicBool::new(true));
    let (good_set, evil_set) = (good.jwks().to_string(), evil.jwks().to_string());
    let now = poisoned.clone();
    let server = Server::plain(move |head| match now.load(Ordering::SeqCst) {
        true => reply("200 OK", &["ETag: *"], evil_set.as_bytes()),
        false if field(head, "if-none-match") == Some("*") => {
            reply("304 Not Modified", &["ETag: \"7\""], b"")
        }
        false => reply("200 OK", &["ETag: \"7\""], good_set.as_bytes()),
    });
    let uri = format!("http://127.0.0.1:{}/jwks", server.port);
    let config = handle(&good, &[("keys.jwks_uri", &uri), ("keys.ttl", "1s")]);
    let forged = token_in_the_name_of(&good.url(), &evil);
    assert_eq!(status(&config, &forged), Status::OK);
    poisoned.store(false, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(2_100));
    config.runtime().unwrap().refresh(None).unwrap();
    assert_eq!(status(&config, &forged), Status::KEY_NOT_FOUND);
    assert_eq!(status(&config, &token(&good)), Status::OK);
}

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
